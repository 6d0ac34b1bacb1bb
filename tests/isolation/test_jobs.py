"""Every durable job, of one agency, given the run and the connection of another one.

job(attacker, ids of the victim) -> ends, with or without an error -> no row of the victim
changed, nothing of it in the error, the log or the attacker's rows
"""

import hashlib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from api.logs import log_file
from domain.ids import parse_id
from feature_repo.monitoring.daily import MONITOR_JOB
from feature_repo.registration.backfill import BACKFILL_JOB
from gdpr.erasure.job import ERASE_JOB
from gdpr.requests.run import REQUEST_JOB
from ingestion.corrections import PLACE_JOB, RELEASE_JOB, REPLAY_JOB
from ingestion.pipeline import HISTORY_JOB, IMPORT_JOB, SYNC_JOB
from ingestion.publication import FOLLOW_JOB, LOAD_JOB
from ml.runs.daily import CLIENT_JOB, FORECAST_JOB, JUDGE_JOB, TRAIN_JOB, WATCH_JOB
from ml.runs.mornings import MORNING_JOB
from ml.spending.weekly import RESPONSE_JOB
from tenancy.jobs import JobFailedError, JobQueue
from tests.e2e.platform import Platform
from tests.isolation.entries import CLASSIFIED, Kind
from tests.isolation.loot import marks_of, rows_of
from tests.isolation.standing import Standing, stand

pytestmark = pytest.mark.anyio

# Arguments beside the ids of tenant, run and connection, by job.
CLIENT = str(uuid.UUID(int=7))  # of nobody; forecasts of an agency read no client of another
JOBS: Mapping[str, tuple[JobQueue, dict[str, Any]]] = {
    SYNC_JOB: (JobQueue.SYNC, {"requested_by": "test"}),
    IMPORT_JOB: (JobQueue.SYNC, {"requested_by": "test", "facts": {"ads_daily": "ads_daily"}}),
    HISTORY_JOB: (JobQueue.SYNC, {"requested_by": "test", "facts": ["ads_daily"]}),
    RELEASE_JOB: (JobQueue.SYNC, {"attempt": "again"}),
    REPLAY_JOB: (JobQueue.SYNC, {"map_file": "", "map_hash": ""}),
    PLACE_JOB: (JobQueue.FOLLOW, {"map_file": "", "map_hash": ""}),
    LOAD_JOB: (JobQueue.LOAD, {}),
    FOLLOW_JOB: (JobQueue.FOLLOW, {}),
    REQUEST_JOB: (JobQueue.PRIVACY, {}),
    ERASE_JOB: (JobQueue.ERASURE, {}),
    BACKFILL_JOB: (JobQueue.FOLLOW, {"view": "secret_northwind_v1"}),
    MONITOR_JOB: (JobQueue.FOLLOW, {"day": "2026-03-15"}),
    FORECAST_JOB: (JobQueue.FOLLOW, {"time_zone": "Europe/Berlin"}),
    CLIENT_JOB: (JobQueue.FOLLOW, {"time_zone": "Europe/Berlin", "client_id": CLIENT}),
    MORNING_JOB: (JobQueue.FOLLOW, {"time_zone": "Europe/Berlin"}),
    TRAIN_JOB: (JobQueue.FOLLOW, {"as_of": "2026-03-15T00:00:00+00:00"}),
    RESPONSE_JOB: (JobQueue.FOLLOW, {"time_zone": "Europe/Berlin"}),
    JUDGE_JOB: (JobQueue.FOLLOW, {"as_of": "2026-03-15T00:00:00+00:00"}),
    WATCH_JOB: (JobQueue.FOLLOW, {"as_of": "2026-03-15T00:00:00+00:00"}),
}


@pytest.fixture(scope="module")
async def standing(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Standing:
    return await stand(platform, tmp_path_factory.mktemp("files"))


def test_every_job_is_tried() -> None:
    assert set(CLASSIFIED[Kind.JOB]) == set(JOBS)


@pytest.mark.parametrize("name", JOBS)
async def test_a_job_reaches_its_own_agency_alone(
    platform: Platform, standing: Standing, tmp_path: Path, name: str
) -> None:
    url, victim = platform.runtime.urls.database_url, standing.victim
    before, marks = rows_of(url, victim), marks_of(victim)
    logged = log_file(platform.runtime.settings).stat().st_size
    queue, more = JOBS[name]
    arguments = {
        "tenant_id": str(standing.attacker.tenant_id),
        "run_id": str(standing.run_id),
        "connection_id": str(victim.connections["acme"]),
        "request_id": str(parse_id("req", standing.loot["certified"].value)),
        **_file_of(tmp_path, standing),
        "connections": {f"google_ads|{victim.canary}": str(victim.connections["acme"])},
        **more,
    }
    handle = await platform.runtime.jobs.enqueue(
        name,
        arguments,
        queue=queue,
        job_id=f"stolen-{name}",
        tenant_id=standing.attacker.tenant_id,
    )
    error = ""
    try:
        await handle.result()
    except JobFailedError as failed:
        error = failed.error_message
    assert rows_of(url, victim) == before
    log = log_file(platform.runtime.settings).read_text(encoding="utf-8")[logged:]
    told = {mark for mark in marks if mark in f"{error} {log}"}
    assert not told - {str(victim.connections["acme"])}  # that the job was given


# Those that work for every agency that has something to do, and are told of none.
OF_ALL = {LOAD_JOB, ERASE_JOB, TRAIN_JOB, JUDGE_JOB, WATCH_JOB}


@pytest.mark.parametrize("name", sorted(set(JOBS) - OF_ALL))
async def test_a_job_without_an_agency_does_nothing(platform: Platform, name: str) -> None:
    """Nothing around a job says whose it is: without its own word there is no tenant."""
    queue, more = JOBS[name]
    handle = await platform.runtime.jobs.enqueue(
        name,
        {"run_id": "x", "connection_id": "x", **more},
        queue=JobQueue.FOLLOW if queue is JobQueue.SYNC else queue,
        job_id=f"nobody-{name}",
    )
    with pytest.raises(JobFailedError) as failed:
        await handle.result()
    assert (failed.value.error_class, failed.value.error_message) == ("KeyError", "'tenant_id'")


def _file_of(folder: Path, standing: Standing) -> dict[str, str]:
    """A file that can be read, and its map."""
    rows = folder / "rows.csv"
    rows.write_text("day,channel,cost\n2026-03-01,Search,1\n")
    map_file = Path(standing.loot["map"].value)
    return {
        "file": str(rows),
        "map_file": str(map_file),
        "map_hash": hashlib.sha256(map_file.read_bytes()).hexdigest(),
    }
