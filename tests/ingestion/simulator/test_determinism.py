"""The same seed gives the same world in every process; another seed another one."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[3]
TRUTHS = (
    "google_ads/1111111111?from=2026-09-01&to=2026-09-30",
    "google_ads/3333333333?by=",
    "meta_ads/444444444444444?by=day,ad,device&from=2026-10-25&to=2026-11-01",
    "shopify/luna-skincare?by=day,status&from=2026-10-01",
)


def _truths(seed: int) -> list[str]:
    """Start `python -m ingestion.simulator` and ask it."""
    command = [
        sys.executable,
        "-m",
        "ingestion.simulator",
        "--port",
        "0",
        "--seed",
        str(seed),
        "--now",
        "2026-11-02T09:30:00+00:00",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            documents = [httpx.get(f"{url}/_control/truth/{path}").json() for path in TRUTHS]
        finally:
            process.terminate()
    for document in documents:
        document.pop("asOf")
    return [json.dumps(document, sort_keys=True) for document in documents]


@pytest.fixture(scope="module")
def seven() -> list[str]:
    return _truths(7)


def test_two_processes_agree(seven: list[str]) -> None:
    assert _truths(7) == seven


def test_another_seed_differs(seven: list[str]) -> None:
    other = _truths(8)
    assert all(left != right for left, right in zip(seven, other, strict=True))
