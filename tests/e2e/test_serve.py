"""`bosco serve` as users run it: a process of its own, asked over HTTP and from other terminals.

serve <- bosco tenants add, connections add, sync (handed over) | POST /oauth/token, /graphql
"""

import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import psutil
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from api.control.ownership import find_owner
from ingestion.simulator.config import demo_config
from ingestion.simulator.server import SimulatorServer, create_simulator
from tests.api.embedded.processes import CHECKOUT, family, survivors
from tests.e2e.world import AGENCY, CLIENT, google_credentials

PATIENCE_SECONDS = 60
PATIENCE_FOR_A_DEMO = 600
QUESTION = """
{ metrics(period: {last: 7, unit: DAY}) { rows { spend { amount currency } clicks } } }
"""


def bosco(
    state: Path, *words: str, given: str = "", patience: float = PATIENCE_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run a command line to its end."""
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "api.cli.main", *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
        env=_environment(state),
        timeout=patience,
    )


def _environment(state: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "BOSCO_STATE_DIR": str(state),
        "BOSCO_HTTP_PORT": "0",
    }


@dataclass(frozen=True, slots=True)
class Serving:
    """A running `bosco serve`."""

    process: subprocess.Popen[str]
    url: str

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; the exit code and what it still wrote. Nothing of it is left behind."""
        everybody = family(self.process.pid)
        assert len(everybody) > 3  # at least the supervisor and two servers
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=PATIENCE_SECONDS)
        assert survivors(everybody) == []
        return self.process.returncode, output + errors


@contextmanager
def serve(state: Path, *options: str) -> Iterator[Serving]:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "api.cli.main", "serve", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
        env=_environment(state),
    )
    with process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(3)]
            assert lines[2] == "Ctrl-C stops; commands given meanwhile are run here\n"
            found = re.match(r"GraphQL  (http://127\.0\.0\.1:\d+)/graphql", lines[0])
            assert found is not None
            yield Serving(process, found[1])
        finally:
            process.kill()


class Listening:
    """ASGI middleware that notes when a report is asked for."""

    def __init__(self, app: ASGIApp, asked: threading.Event) -> None:
        self._app = app
        self._asked = asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith(":searchStream"):
            self._asked.set()
        await self._app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Platforms:
    """The simulated platforms, and a flag that tells when a report was asked for."""

    url: str
    asked: threading.Event

    def slow_down(self) -> None:
        """Let every report take so long that a sync takes most of a minute."""
        self.asked.clear()
        fault = {"kind": "slow", "seconds": 8.0, "times": None}
        match = {"operation": "searchStream"}
        httpx.post(f"{self.url}/_control/faults", json={**fault, "match": match}).raise_for_status()

    def speed_up(self) -> None:
        httpx.delete(f"{self.url}/_control/faults").raise_for_status()


@pytest.fixture(scope="module")
def platforms() -> Iterator[Platforms]:
    """A small world in which time runs as it does here."""
    config = demo_config(agencies=(AGENCY,), campaigns=2, orders_a_day=(1, 2))
    asked = threading.Event()
    app = create_simulator(config)
    app.add_middleware(Listening, asked=asked)
    with SimulatorServer(app) as simulator:
        yield Platforms(simulator.url, asked)


def connect(state: Path, url: str) -> None:
    """Make the agency and connect its Google Ads account, by three commands."""
    made = bosco(state, "tenants", "add", "northwind", "--name", "Northwind")
    assert made.stdout.splitlines()[0] == "agency northwind made: EUR, Europe/Berlin"
    bosco(state, "clients", "add", "northwind", CLIENT.shop, "--name", CLIENT.name)
    connected = bosco(
        state,
        *("connections", "add", "northwind", CLIENT.shop, "google_ads"),
        *(CLIENT.google_customer_id, "--credentials", "-"),
        *("--set", f"manager_id={AGENCY.google_manager_id}"),
        *("--endpoint", f"{url}/google_ads"),
        given=json.dumps(google_credentials()),
    )
    assert (connected.returncode, connected.stderr) == (0, "")


def test_serves_what_other_commands_bring(open_folder: Path, platforms: Platforms) -> None:
    state = open_folder / "served"
    with serve(state) as serving:
        owner = find_owner(state)
        assert owner is not None
        assert owner.pid == serving.process.pid
        found = bosco(
            state,
            *("connections", "discover", "google_ads", "--credentials", "-"),
            *("--endpoint", f"{platforms.url}/google_ads"),
            given=json.dumps(google_credentials()),
        )
        (account,) = found.stdout.splitlines()[2:]
        assert " ".join(account.split()) == (
            f"{CLIENT.google_customer_id} Acme Shoes EUR Europe/Berlin "
            f"--set manager_id={AGENCY.google_manager_id}"
        )
        connect(state, platforms.url)
        synced = bosco(state, "sync", "northwind")
        assert (synced.returncode, synced.stderr) == (0, "")
        assert "published" in synced.stdout
        assert find_owner(state) == owner  # nobody else has opened the warehouse meanwhile

        secret = dict(
            line.split()
            for line in bosco(state, "apps", "add", "northwind", "Board").stdout.splitlines()[:2]
        )
        with httpx.Client(base_url=serving.url, timeout=30) as http:
            assert _ask(http, secret) == truth(platforms.url)
            refused = http.post("/graphql", json={"query": QUESTION})
            assert refused.status_code == 401

        code, output = serving.end(signal.SIGINT)
    assert (code, output) == (0, "")
    listed = bosco(state, "connections", "list", "northwind")
    assert CLIENT.google_customer_id in listed.stdout


def _ask(http: httpx.Client, secret: dict[str, str]) -> tuple[Decimal, str, int]:
    granted = http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials", "scope": "metrics:read"},
        auth=(secret["client_id"], secret["client_secret"]),
    ).raise_for_status()
    headers = {"authorization": f"Bearer {granted.json()['access_token']}"}
    answer = http.post("/graphql", json={"query": QUESTION}, headers=headers).json()
    (row,) = answer["data"]["metrics"]["rows"]
    return Decimal(row["spend"]["amount"]), row["spend"]["currency"], int(row["clicks"])


def truth(url: str) -> tuple[Decimal, str, int]:
    """The seven days up to yesterday, as the platform itself counts."""
    path = f"{url}/_control/truth/google_ads/{CLIENT.google_customer_id}"
    today = dt.datetime.now(ZoneInfo("Europe/Berlin")).date()  # of the agency
    first, last = today - dt.timedelta(days=7), today - dt.timedelta(days=1)
    query = {"from": first.isoformat(), "to": last.isoformat(), "by": ""}
    document = httpx.get(path, params=query).json()
    totals = document["totals"]
    return Decimal(totals["costMicros"]) / 1_000_000, document["currency"], totals["clicks"]


@pytest.mark.slow
def test_two_checkouts_do_not_collide(open_folder: Path) -> None:
    one, other = open_folder / "one", open_folder / "other"
    with serve(one) as first, serve(other) as second:
        bosco(one, "tenants", "add", "northwind", "--name", "Northwind")
        bosco(other, "tenants", "add", "southwind", "--name", "Southwind")
        assert first.url != second.url
        assert "southwind" not in bosco(one, "tenants", "list").stdout
        assert "northwind" not in bosco(other, "tenants", "list").stdout
        busy = bosco(one, "serve")
        assert busy.returncode == 1
        assert f"{one} is in use by process {first.process.pid}" in busy.stderr.replace("\n", " ")

        assert first.end(signal.SIGTERM) == (0, "")
        assert httpx.get(f"{second.url}/readyz").status_code == 200

        code, _ = second.end(signal.SIGKILL)
        assert code == -signal.SIGKILL
    listed = bosco(other, "tenants", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "southwind" in listed.stdout
    assert _processes_of(other) == []


def _processes_of(state: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(f"{state}/" in word for word in process.info["cmdline"] or ())
    ]


@pytest.mark.slow
def test_the_demo_can_be_repeated(open_folder: Path) -> None:
    state = open_folder / "demo"
    connections = []
    for _ in range(2):
        shown = bosco(state, "demo", patience=PATIENCE_FOR_A_DEMO)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert shown.stdout.splitlines()[-7:] == [
            "go on with these:",
            "  bosco query northwind --by channel",
            "  bosco freshness northwind",
            "  bosco features show northwind acme-shoes",
            "  bosco metrics list northwind",
            "  bosco serve",
            "demo: ok",
        ]
        for source in ("google_ads", "meta_ads", "tiktok_ads", "ga4", "shopify"):
            assert shown.stdout.count(f"equal to {source}'s own figures") == 2  # both agencies
        assert shown.stdout.count("equal to the facts as of the same instants") == 2
        connections.append(bosco(state, "connections", "list", "northwind").stdout)
    assert connections[0] == connections[1]
    assert connections[0].count("google_ads") == 2
    rows = [line.split() for line in connections[0].splitlines()[2:]]
    assert [row[-1] for row in rows] == ["paused"] * 8  # nobody answers at their endpoints


@pytest.mark.slow
def test_the_demo_keeps_what_an_agency_has_defined(open_folder: Path) -> None:
    state, file = open_folder / "own", open_folder / "own.yaml"
    bosco(state, "tenants", "add", "northwind", "--name", "Northwind")
    file.write_text("metric: contribution_margin\nis: revenue / spend\n", encoding="utf-8")
    defined = bosco(state, "metrics", "define", "northwind", str(file))
    assert (defined.returncode, defined.stderr) == (0, "")
    shown = bosco(state, "demo", patience=PATIENCE_FOR_A_DEMO)
    assert (shown.returncode, shown.stderr) == (0, "")
    explained = bosco(state, "metrics", "explain", "northwind", "contribution_margin").stdout
    assert "is           revenue / spend\n" in explained


@pytest.mark.slow
def test_ctrl_c_does_not_wait_for_a_long_sync(open_folder: Path, platforms: Platforms) -> None:
    state = open_folder / "stopped"
    with serve(state) as serving:
        connect(state, platforms.url)
        platforms.slow_down()
        command = [sys.executable, "-m", "api.cli.main", "sync", "northwind"]
        with subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
            env=_environment(state),
        ) as sync:
            assert platforms.asked.wait(PATIENCE_SECONDS)
            assert serving.end(signal.SIGINT) == (0, "")
            output, errors = sync.communicate(timeout=PATIENCE_SECONDS)
    assert (sync.returncode, output) == (75, "")
    owner = f"the owner of the runtime (process {serving.process.pid})"
    assert errors.splitlines() == [
        f"error {owner} was stopped  OWNER_STOPPED",
        "  → run it again; the command may have done a part of its work",
    ]
    platforms.speed_up()
    # What was begun is recovered and ends too; this run waits for its own part only.
    again = bosco(state, "sync", "northwind")
    assert (again.returncode, again.stderr) == (0, "")
    asked = bosco(state, "query", "northwind", "--metrics", "spend,clicks", "--last", "7")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert f"{truth(platforms.url)[2]:,}" in asked.stdout
