"""`bosco simulate` as a process: what it prints is what connects, until it is told to stop."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

CHECKOUT = Path(__file__).parents[3]
PATIENCE_SECONDS = 30
GOOGLE_APP = {
    "app.client_id": "northwind.apps.googleusercontent.com",
    "app.client_secret": "northwind-client-secret",
}
# Source -> account, secrets, and what else the command says.
ACCOUNTS: dict[str, tuple[str, dict[str, str], list[str]]] = {
    "google_ads": (
        "1111111111",
        {
            "refresh_token": "1//northwind-refresh-token",
            **GOOGLE_APP,
            "app.developer_token": "northwind-developer-token",
        },
        ["--set", "manager_id=9000000001"],
    ),
    "shopify": ("acme-shoes", {"access_token": "shpat_acme_shoes"}, []),
    "meta_ads": ("111111111111111", {"access_token": "EAAnorthwind-system-user"}, []),
    "ga4": (
        "111111111",
        {"refresh_token": "1//northwind-analytics-refresh-token", **GOOGLE_APP},
        [],
    ),
    "tiktok_ads": (
        "7111111111111111111",
        {
            "access_token": "northwind-tiktok-access-token",
            "app.client_id": "7000000000000000001",
            "app.client_secret": "northwind-tiktok-secret",
        },
        [],
    ),
}
ENDPOINTS = {"shopify": "shopify/shops/{account}"}


@contextmanager
def _simulate(port: int) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "api.cli.main", "simulate", "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"]},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_prints_what_connects_and_serves_it_until_ctrl_c() -> None:
    with _simulate(0) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip("\n") for _ in range(5 + 4 * len(ACCOUNTS))]
        found = re.fullmatch(
            r"simulated platforms at (http://127\.0\.0\.1:\d+); Ctrl-C stops", lines[0]
        )
        assert found is not None
        url = found[1]
        assert lines[3:5] == [
            "bosco tenants add northwind --name Northwind --currency EUR --time-zone Europe/Berlin",
            "bosco clients add northwind acme-shoes --name 'Acme Shoes'",
        ]
        told = dict(_connecting(lines[5:]))
        assert told == {
            source: (
                secrets,
                [
                    *("bosco", "connections", "add", "northwind", "acme-shoes", source, account),
                    *("--credentials", f"{source}.json", *more),
                    *("--endpoint", f"{url}/{ENDPOINTS.get(source, source)}"),
                ],
            )
            for source, (account, secrets, more) in ACCOUNTS.items()
        }
        answer = httpx.get(f"{url}/_control/truth/google_ads/1111111111", params={"by": ""})
        assert answer.json()["currency"] == "EUR"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE_SECONDS) == ("", "")
        assert process.returncode == 0


def _connecting(lines: list[str]) -> Iterator[tuple[str, tuple[dict[str, str], list[str]]]]:
    """Source -> its secrets, and the words of the command that connects to it."""
    for begin in range(0, len(lines), 4):
        empty, told, secrets, command = lines[begin : begin + 4]
        source = told.partition(":")[0]
        assert empty == ""
        assert told == (
            f"{source}: write this to {source}.json (it opens nothing but the simulator)"
        )
        yield source, (json.loads(secrets), shlex.split(command))


def test_a_port_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with _simulate(port) as process:
            output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, output) == (1, "")
    assert errors.splitlines() == [
        f"error port {port} cannot be used: Address already in use  CONFLICT",
        "  → choose another: --port 0",
    ]
