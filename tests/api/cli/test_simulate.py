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
GOOGLE_SECRETS = {
    "refresh_token": "1//northwind-refresh-token",
    "app.client_id": "northwind.apps.googleusercontent.com",
    "app.client_secret": "northwind-client-secret",
    "app.developer_token": "northwind-developer-token",
}
TIKTOK_SECRETS = {
    "access_token": "northwind-tiktok-access-token",
    "app.client_id": "7000000000000000001",
    "app.client_secret": "northwind-tiktok-secret",
}


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
        lines = [process.stdout.readline().rstrip("\n") for _ in range(12)]
        found = re.fullmatch(
            r"simulated platforms at (http://127\.0\.0\.1:\d+); Ctrl-C stops", lines[0]
        )
        assert found is not None
        url = found[1]
        assert lines[3:6] == [
            "bosco tenants add northwind --name Northwind --currency EUR --time-zone Europe/Berlin",
            "bosco clients add northwind acme-shoes --name 'Acme Shoes'",
            "",
        ]
        assert lines[6] == (
            "google_ads: write this to google_ads.json (it opens nothing but the simulator)"
        )
        assert json.loads(lines[7]) == GOOGLE_SECRETS
        assert shlex.split(lines[8]) == [
            *("bosco", "connections", "add", "northwind", "acme-shoes", "google_ads"),
            *("1111111111", "--credentials", "google_ads.json"),
            *("--set", "manager_id=9000000001", "--endpoint", f"{url}/google_ads"),
        ]
        assert json.loads(lines[11]) == {"access_token": "shpat_acme_shoes"}
        assert shlex.split(process.stdout.readline()) == [
            *("bosco", "connections", "add", "northwind", "acme-shoes", "shopify", "acme-shoes"),
            *("--credentials", "shopify.json", "--endpoint", f"{url}/shopify/shops/{{account}}"),
        ]
        _, told, secrets, command = (process.stdout.readline().rstrip("\n") for _ in range(4))
        assert told.startswith("meta_ads: write this to meta_ads.json")
        assert json.loads(secrets) == {"access_token": "EAAnorthwind-system-user"}
        assert shlex.split(command) == [
            *("bosco", "connections", "add", "northwind", "acme-shoes", "meta_ads"),
            *("111111111111111", "--credentials", "meta_ads.json"),
            *("--endpoint", f"{url}/meta_ads"),
        ]
        for source, account, names in (
            ("ga4", "111111111", {"refresh_token", "app.client_id", "app.client_secret"}),
            ("tiktok_ads", "7111111111111111111", TIKTOK_SECRETS.keys()),
        ):
            _, told, secrets, command = (process.stdout.readline().rstrip("\n") for _ in range(4))
            assert told.startswith(f"{source}: write this to {source}.json")
            assert json.loads(secrets).keys() == names
            assert shlex.split(command) == [
                *("bosco", "connections", "add", "northwind", "acme-shoes", source, account),
                *("--credentials", f"{source}.json", "--endpoint", f"{url}/{source}"),
            ]
        assert json.loads(secrets) == TIKTOK_SECRETS
        answer = httpx.get(f"{url}/_control/truth/google_ads/1111111111", params={"by": ""})
        assert answer.json()["currency"] == "EUR"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE_SECONDS) == ("", "")
        assert process.returncode == 0


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
