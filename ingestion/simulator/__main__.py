"""`python -m ingestion.simulator --port 0 --seed 7`: serve a world of simulated platforms.

Prints one JSON line with the chosen URL, then serves until interrupted.
"""

import argparse
import json
import sys
import threading
from datetime import datetime

from ingestion.simulator.config import demo_config, demo_world
from ingestion.simulator.server import SimulatorServer, create_simulator

__all__ = ["main"]


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m ingestion.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument(
        "--demo", action="store_true", help="the world of the demo; the next three do not apply"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--now", type=datetime.fromisoformat, help="start instant, ISO 8601 with an offset"
    )
    parser.add_argument("--campaigns", type=int, default=12, help="campaigns per account")
    parser.add_argument(
        "--until-input-ends", action="store_true", help="serve as long as standard input is open"
    )
    given = parser.parse_args()
    config = (
        demo_world()
        if given.demo
        else demo_config(seed=given.seed, now=given.now, campaigns=given.campaigns)
    )
    server = SimulatorServer(create_simulator(config), port=given.port)
    sys.stdout.write(json.dumps({"url": server.url}) + "\n")
    sys.stdout.flush()
    if given.until_input_ends:
        threading.Thread(target=_stop_with_input, args=(server,), daemon=True).start()
    server.serve()


def _stop_with_input(server: SimulatorServer) -> None:
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
