"""`python -m bench [NAME ...]`: run some or all measurements."""

import importlib
import sys
from typing import Final

from bench.harness import run_bench

BENCHES: Final = (
    "gateway",
    "extraction",
    "loading",
    "features",
    "forecast",
    "training",
    "auth",
    "audit",
    "erasure",
    "consent",
    "budget",
    "anomalies",
)


def main() -> None:
    """Run the named benches, or all."""
    names = sys.argv[1:] or BENCHES
    for name in names:
        if name not in BENCHES:
            sys.exit(f"there is no bench {name!r}; there are {', '.join(BENCHES)}")
        run_bench(name, importlib.import_module(f"bench.{name}").main)


if __name__ == "__main__":
    main()
