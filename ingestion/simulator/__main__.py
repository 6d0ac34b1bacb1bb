"""`python -m ingestion.simulator --port 0 --seed 7`: serve the demo world.

Prints one JSON line with the chosen URL, then serves until interrupted.
"""

import argparse
import json
import sys
from datetime import datetime

from ingestion.simulator.config import demo_config
from ingestion.simulator.server import SimulatorServer, create_simulator

__all__ = ["main"]


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m ingestion.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--now", type=datetime.fromisoformat, help="start instant, ISO 8601 with an offset"
    )
    parser.add_argument("--campaigns", type=int, default=12, help="campaigns per account")
    given = parser.parse_args()
    config = demo_config(seed=given.seed, now=given.now, campaigns=given.campaigns)
    server = SimulatorServer(create_simulator(config), port=given.port)
    sys.stdout.write(json.dumps({"url": server.url}) + "\n")
    sys.stdout.flush()
    server.serve()


if __name__ == "__main__":
    main()
