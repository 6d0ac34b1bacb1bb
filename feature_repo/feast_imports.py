"""Importing Feast without its run-time type checks: in a quarter of the time.

Feast marks its objects with typeguard's `typechecked`, which parses and compiles each of their
methods anew at import: three quarters of what importing Feast takes. typeguard has no switch for
it but `python -O`. What we hand to Feast is checked by mypy and by
`feature_repo/definition_rules.py`.

Seen in: `python -X importtime -c 'import feast'`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typeguard

__all__ = ["unchecked_imports"]


@contextmanager
def unchecked_imports() -> Iterator[None]:
    """Import Feast within this; what is imported already stays as it is."""
    checking = typeguard.typechecked
    typeguard.typechecked = _as_it_is
    try:
        yield
    finally:
        typeguard.typechecked = checking


def _as_it_is(target: Any = None, **_options: Any) -> Any:
    return _as_it_is if target is None else target
