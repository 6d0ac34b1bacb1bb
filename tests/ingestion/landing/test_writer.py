"""Landing: objects and manifest together, resumed without loss, every bad row kept."""

import dataclasses
import hashlib
import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from domain.ids import SyncId
from ingestion.connector.job import Page
from ingestion.landing import quarantine as quarantine_module
from ingestion.landing import writer as writer_module
from ingestion.landing.quarantine import LONGEST_RAW
from ingestion.landing.target import LandingServices
from ingestion.landing.writer import PAGES_PER_OBJECT, count_parts
from tenancy.tables import LandingObject, QuarantinedRow, SyncState
from tests.ingestion.plane import NOW, VAULT, Agency, Plane, page, rejected
from tests.ingestion.unify.ledger import ad

pytestmark = pytest.mark.anyio


@pytest.fixture
async def agency(plane: Plane) -> Agency:
    return await plane.agency("one")


def order(checkpoint: str) -> Page:
    """The page of a report that was ordered."""
    return dataclasses.replace(page([], checkpoint=checkpoint), is_order=True)


async def _quarantine(plane: Plane, agency: Agency) -> list[QuarantinedRow]:
    async with plane.database.session(agency.tenant_id) as session:
        query = select(QuarantinedRow).order_by(QuarantinedRow.row_number)
        return list((await session.scalars(query)).all())


async def _row_numbers(plane: Plane, agency: Agency, entry: LandingObject) -> list[int]:
    data = await plane.store.for_tenant(agency.tenant_id).get(entry.uri)
    assert entry.content_hash == hashlib.sha256(data).hexdigest()
    assert (entry.bytes, entry.api_version, entry.landed_at) == (len(data), "v1", NOW)
    numbers: list[int] = pq.read_table(io.BytesIO(data)).column("row_number").to_pylist()
    assert entry.rows == len(numbers)
    return numbers


async def test_pages_come_together_in_one_object(plane: Plane, agency: Agency) -> None:
    sync_id = await plane.plan(agency)
    writer = plane.writer(agency, sync_id)
    await writer.add(page([ad(1, "c1", "1"), ad(1, "c2", "1")], checkpoint="one"))
    await writer.add(page([ad(2, "c1", "1")], first=3, checkpoint="two", last=True))
    assert (await plane.sync(agency, sync_id)).checkpoint is None
    await writer.finish()
    (entry,) = await plane.objects(agency, sync_id)
    assert (entry.part, entry.raw_table, entry.loaded_at) == (0, "raw.web__ads", None)
    assert await _row_numbers(plane, agency, entry) == [1, 2, 3]
    sync = await plane.sync(agency, sync_id)
    assert (sync.state, sync.rows, sync.quarantined) == (SyncState.LANDED, 3, 0)
    assert (sync.requests, sync.bytes_received, sync.checkpoint) == (6, 200, {"at": "two"})
    assert (sync.known_at, sync.version) == (NOW, 1)


async def test_a_sync_without_rows_lands_an_object(plane: Plane, agency: Agency) -> None:
    for pages in (0, 1):
        sync_id = await plane.plan(agency)
        writer = plane.writer(agency, sync_id)
        if pages:
            await writer.add(page([], last=True))
        await writer.finish()
        (entry,) = await plane.objects(agency, sync_id)
        assert await _row_numbers(plane, agency, entry) == []
        assert (await plane.sync(agency, sync_id)).state is SyncState.LANDED


async def test_many_pages_become_several_objects(plane: Plane, agency: Agency) -> None:
    sync_id = await plane.plan(agency)
    writer = plane.writer(agency, sync_id)
    for number in range(PAGES_PER_OBJECT + 1):
        await writer.add(page([ad(1, f"c{number}", "1")], first=number + 1))
    assert len(await plane.objects(agency, sync_id)) == 1
    await writer.finish()
    first, second = await plane.objects(agency, sync_id)
    assert (first.part, second.part) == (0, 1)
    assert await _row_numbers(plane, agency, first) == list(range(1, PAGES_PER_OBJECT + 1))
    assert await _row_numbers(plane, agency, second) == [PAGES_PER_OBJECT + 1]


async def test_a_sync_that_was_cut_short_goes_on(plane: Plane, agency: Agency) -> None:
    sync_id = await plane.plan(agency)
    writer = plane.writer(agency, sync_id)
    for number in range(PAGES_PER_OBJECT):
        await writer.add(page([ad(1, "c1", "1")], first=number + 1, checkpoint=str(number)))
    await writer.add(page([ad(1, "lost", "1")], first=99))  # still in memory: the process ends here
    async with plane.database.session(agency.tenant_id) as session:
        next_part = await count_parts(session, sync_id)
    assert next_part == 1
    assert (await plane.sync(agency, sync_id)).checkpoint == {"at": str(PAGES_PER_OBJECT - 1)}
    resumed = plane.writer(agency, sync_id, next_part=next_part)
    await resumed.add(page([ad(2, "c1", "1")], first=PAGES_PER_OBJECT + 1, last=True))
    await resumed.finish()
    objects = await plane.objects(agency, sync_id)
    numbers = [n for entry in objects for n in await _row_numbers(plane, agency, entry)]
    assert numbers == list(range(1, PAGES_PER_OBJECT + 2))
    assert (await plane.sync(agency, sync_id)).rows == PAGES_PER_OBJECT + 1


async def test_an_ordered_report_is_kept_at_once_without_an_object(
    plane: Plane, agency: Agency
) -> None:
    sync_id = await plane.plan(agency)
    writer = plane.writer(agency, sync_id)
    await writer.add(order("first report"))
    assert (await plane.sync(agency, sync_id)).checkpoint == {"at": "first report"}
    assert await plane.objects(agency, sync_id) == []
    await writer.add(page([ad(1, "c1", "1")], checkpoint="first slice"))
    await writer.add(order("second report"))  # the process ends here
    sync = await plane.sync(agency, sync_id)
    assert (sync.checkpoint, sync.rows, sync.requests) == ({"at": "second report"}, 1, 9)
    resumed = plane.writer(agency, sync_id, next_part=1)
    await resumed.add(page([], checkpoint="second slice", last=True))
    await resumed.finish()
    (entry,) = await plane.objects(agency, sync_id)
    assert await _row_numbers(plane, agency, entry) == [1]
    sync = await plane.sync(agency, sync_id)
    assert (sync.state, sync.checkpoint) == (SyncState.LANDED, {"at": "second slice"})


async def test_a_sync_that_has_read_all_only_lands(plane: Plane, agency: Agency) -> None:
    sync_id = await plane.plan(agency)
    writer = plane.writer(agency, sync_id)
    for number in range(PAGES_PER_OBJECT):
        await writer.add(page([ad(1, "c1", "1")], first=number + 1))
    await plane.writer(agency, sync_id, next_part=1).finish()
    assert len(await plane.objects(agency, sync_id)) == 1
    assert (await plane.sync(agency, sync_id)).state is SyncState.LANDED


async def test_landing_twice_keeps_the_first_version(plane: Plane, agency: Agency) -> None:
    sync_id = await plane.plan(agency)
    await plane.writer(agency, sync_id).finish()
    version = (await plane.sync(agency, sync_id)).version
    await plane.writer(agency, sync_id, next_part=1).finish()
    assert (await plane.sync(agency, sync_id)).version == version
    later = await plane.land(agency, [])
    assert (await plane.sync(agency, later)).version == (version or 0) + 1


async def test_an_object_that_nobody_named_is_written_again(plane: Plane, agency: Agency) -> None:
    sync_id = await plane.plan(agency)
    key = f"tenant={agency.tenant_id}/source=web/stream=ads/sync={sync_id}/part-00000.parquet"
    await plane.store.for_tenant(agency.tenant_id).put(key, b"cut short before the manifest")
    writer = plane.writer(agency, sync_id)
    await writer.add(page([ad(1, "c1", "1")]))
    await writer.finish()
    (entry,) = await plane.objects(agency, sync_id)
    assert entry.uri == key
    assert await _row_numbers(plane, agency, entry) == [1]


class CrashError(Exception):
    """The database went away."""


async def test_manifest_checkpoint_and_quarantine_are_one(plane: Plane, agency: Agency) -> None:
    sync_id = await plane.plan(agency)
    calls = iter(range(10))

    def ids() -> Any:
        if next(calls) == 1:  # after the object's own id: the first quarantined row's
            raise CrashError
        return plane.ids()

    services = LandingServices(plane.database, plane.store, lambda: NOW, ids, VAULT)
    target = plane.writer(agency, sync_id)._target  # noqa: SLF001  # the same sync
    writer = writer_module.LandingWriter(services, target, next_part=0)
    await writer.add(page([ad(1, "c1", "1")], rejects=[rejected(2, "{}")], checkpoint="one"))
    with pytest.raises(CrashError):
        await writer.finish()
    sync = await plane.sync(agency, sync_id)
    assert (sync.rows, sync.quarantined, sync.checkpoint) == (0, 0, None)
    assert sync.state is SyncState.EXTRACTING
    assert await plane.objects(agency, sync_id) == []
    assert await _quarantine(plane, agency) == []


async def _reject(plane: Plane, agency: Agency, *raws: str) -> tuple[SyncId, list[QuarantinedRow]]:
    sync_id = await plane.plan(agency)
    writer = plane.writer(agency, sync_id)
    rows = [rejected(number, raw, "'a\0b' is wrong") for number, raw in enumerate(raws, 1)]
    await writer.add(page([], rejects=rows, last=True))
    await writer.finish()
    return sync_id, await _quarantine(plane, agency)


async def test_rejected_rows_are_kept_with_the_reason(plane: Plane, agency: Agency) -> None:
    sync_id, (row,) = await _reject(plane, agency, '{"cost": "x"}')
    assert (row.sync_id, row.connection_id, row.source, row.stream) == (
        sync_id,
        agency.connection_id,
        "web",
        "ads",
    )
    assert (row.row_number, row.field, row.reason, row.message) == (
        1,
        "cost",
        "not_a_number",
        "'a\ufffdb' is wrong",
    )
    assert (row.raw, row.created_at, row.resolved_at) == ({"cost": "x"}, NOW, None)
    assert (await plane.sync(agency, sync_id)).quarantined == 1


async def test_odd_rows_are_kept_as_well_as_can_be(plane: Plane, agency: Agency) -> None:
    raws = [
        '{"a\\u0000": "b\\u0000c", "path": "\\\\u0000", "smile": "\\ud83d\\ude00"}',
        '{"half": "\\ud83d", "back": "\\\\\\ud83d"}',
        '{"n": NaN, "i": -Infinity}',
        "[1, 2]",
        "not JSON \0 at all",
        "[" * 5_000,
        '{"long": "' + "x" * LONGEST_RAW + '"}',
    ]
    _, rows = await _reject(plane, agency, *raws)
    assert [row.raw for row in rows] == [
        {"a\ufffd": "b\ufffdc", "path": "\\u0000", "smile": "\U0001f600"},
        {"half": "\ufffd", "back": "\\\ufffd"},
        {"n": "NaN", "i": "-Infinity"},
        {"row": [1, 2]},
        {"row": "not JSON \ufffd at all"},
        {"row": "[" * 5_000},
        {"row": ('{"long": "' + "x" * LONGEST_RAW)[:LONGEST_RAW], "characters": LONGEST_RAW + 12},
    ]


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=[])),
        st.text(st.characters(exclude_categories=[])) | st.integers() | st.none(),
    )
)
def test_what_can_be_stored_stays_as_it_was(row: dict[str, Any]) -> None:
    kept = quarantine_module._as_object(json.dumps(row))  # noqa: SLF001  # pure, and worth a property

    expected = {
        _stored(key): _stored(value) if isinstance(value, str) else value
        for key, value in row.items()
    }
    assert kept == expected


def _stored(text: str) -> str:
    """Halves of a pair side by side are one character, in JSON too; others cannot be stored."""
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\0", "\ufffd")
