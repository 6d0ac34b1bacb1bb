"""The simulated platforms on a local port: `bosco simulate`.

    demo world -> simulator on a port -> the commands that connect to it -> until Ctrl-C

It needs no runtime: the commands are for another terminal.
"""

import datetime as dt
import json
import os
import shlex
import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated, Final

import typer

from api.cli.render import open_console
from domain.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.commands.connections import NewConnection
    from ingestion.simulator.server import SimulatorServer

__all__ = ["simulate"]

_PORT: Final = 9000

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")]


def simulate(port: Port = _PORT) -> None:
    """Serve simulated platforms until Ctrl-C, and tell how to connect to them."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    console = open_console(sys.stdout)
    with _serve(port) as server:
        for line in _introduction(server.url):
            console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)
        stop.wait()


def _serve(port: int) -> "SimulatorServer":
    from ingestion.simulator.config import demo_world  # noqa: PLC0415  # only here
    from ingestion.simulator.server import (  # noqa: PLC0415  # only here
        SimulatorServer,
        create_simulator,
    )

    try:
        return SimulatorServer(create_simulator(demo_world()), port=port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConflictError(
            f"port {port} cannot be used: {reason}", hint="choose another: --port 0"
        ) from None


def _introduction(url: str) -> "Iterator[str]":
    from api.commands.demo_accounts import demo_accounts, demo_slug  # noqa: PLC0415  # only here
    from ingestion.simulator.config import DEMO_AGENCIES  # noqa: PLC0415  # only here

    agency = DEMO_AGENCIES[0]
    client = agency.clients[0]
    slug = demo_slug(agency)
    yield f"simulated platforms at {url}; Ctrl-C stops"
    yield "an agency and a client, unless they are there already (the demo makes them too):"
    yield ""
    yield shlex.join(
        (
            *("bosco", "tenants", "add", slug, "--name", agency.name),
            *("--currency", agency.currency, "--time-zone", agency.time_zone),
        )
    )
    yield shlex.join(["bosco", "clients", "add", slug, client.shop, "--name", client.name])
    start = dt.date.min  # not shown: `connections add` has a default of its own
    for new in demo_accounts(agency, client, url, start):
        yield ""
        yield from _connecting(slug, new)


def _connecting(slug: str, new: "NewConnection") -> "Iterator[str]":
    file = f"{new.source}.json"
    yield f"{new.source}: write this to {file} (it opens nothing but the simulator)"
    yield json.dumps(dict(new.credentials))
    words = ["bosco", "connections", "add", slug, new.client, new.source, new.account_id]
    words += ["--credentials", file]
    for name, value in new.settings.items():
        words += ["--set", f"{name}={value}"]
    yield shlex.join([*words, "--endpoint", new.endpoint])
