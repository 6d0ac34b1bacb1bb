"""The whole main job on the other warehouse: same commands, official client, BigQuery emulator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_demo_runs_on_bigquery(bigquery_emulator: str, open_folder: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("BOSCO_")
    }
    environment |= {
        "BOSCO_STATE_DIR": str(open_folder / "state"),
        "WAREHOUSE_URL": f"bigquery://local/demo?location=EU&endpoint={bigquery_emulator}",
    }
    done = subprocess.run(  # our own interpreter
        [sys.executable, "-m", "api.cli.main", "demo"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    for source in ("google_ads", "meta_ads", "tiktok_ads", "ga4", "shopify"):
        told = [line for line in lines if line.startswith(f"equal to {source}'s own figures: ")]
        assert len(told) == 2
    assert (
        sum(line.startswith("equal to the facts as of the same instants: ") for line in lines) == 2
    )
    assert lines[-1] == "demo: ok"
    assert not (open_folder / "state" / "warehouse.duckdb").exists()
