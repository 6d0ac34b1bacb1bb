"""The demo world in a process of its own: it is there within the context, and never longer."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from ingestion.simulator import process
from ingestion.simulator.process import simulated_platforms
from ingestion.simulator.server import SimulatorStartError

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.mark.anyio
async def test_serves_within_the_context_and_not_after() -> None:
    async with simulated_platforms() as url, httpx.AsyncClient(base_url=url) as http:
        answer = await http.get("/_control/requests")
        assert answer.status_code == 200
    async with httpx.AsyncClient(base_url=url) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("/_control/requests")


def test_ends_when_its_owner_is_gone() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ingestion.simulator", "--demo", "--until-input-ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=CHECKOUT,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        url = json.loads(child.stdout.readline())["url"]
        assert httpx.get(f"{url}/_control/requests").status_code == 200
        child.stdin.close()  # as the kernel does when the owner is killed
        assert child.wait(30) == 0


@pytest.mark.anyio
async def test_tells_that_it_did_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_COMMAND", ("-c", "print('no address')"))
    with pytest.raises(SimulatorStartError, match="did not start"):
        async with simulated_platforms():
            pass
