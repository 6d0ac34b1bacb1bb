"""An owner to be killed: starts servers, says so on stdout, and waits for its own end."""

import json
import signal
import sys
from pathlib import Path

from api.embedded.servers import launch_servers


def main() -> None:
    servers = launch_servers(Path(sys.argv[1]))
    print(json.dumps({"supervisor": servers.supervisor_pid}), flush=True)  # noqa: T201
    print(json.dumps(servers.wait_ready()), flush=True)  # noqa: T201
    signal.pause()


if __name__ == "__main__":
    main()
