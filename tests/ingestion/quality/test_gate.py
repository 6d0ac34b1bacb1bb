"""Holding back: the last good version stays, others go on, and nothing is half done.

The account spends about 38 a day in two campaigns; `dear` days are read in cents.
"""

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from domain.errors import ConflictError
from domain.ids import SyncId
from ingestion.quality.gate import QualityGate
from ingestion.quality.incidents import IncidentWriter
from ingestion.quality.release import release_held
from tenancy.tables import (
    AlertSeverity,
    AuditEntry,
    Incident,
    IncidentEvent,
    IncidentState,
    RaisedAlert,
    Sync,
    SyncState,
)
from tests.ingestion.plane import NOW, Agency
from tests.ingestion.quality.accounts import Rows, ads, changed, days
from tests.ingestion.quality.stage import (
    FIRST,
    LAST,
    RUN_FIRST,
    USUAL_LAST,
    Brought,
    Scenario,
    Stage,
)

pytestmark = pytest.mark.anyio

RUN = days(RUN_FIRST, LAST)


def _ads(on: list[dt.date]) -> Rows:
    return ads(on, campaigns=2)


def _dear(on: list[dt.date]) -> Rows:
    return changed(_ads(on), lambda row: {"spend": row["spend"] * 100})


def _sum(rows: Rows) -> Decimal:
    return sum((row["spend"] for row in rows), Decimal(0))


@pytest.fixture
async def account(stage: Stage, request: pytest.FixtureRequest) -> Agency:
    """An account with nine good weeks, in its next run."""
    slug = request.node.name.removeprefix("test_").replace("_", "-")
    run = {"ads": Brought([])}
    agency = await stage.account(slug, Scenario({}, run))
    habit = _ads(days(FIRST, USUAL_LAST))
    await stage.land(agency, {"ads": Brought(habit, FIRST, USUAL_LAST)})
    await stage.load_and_follow([agency])
    return await stage.new_run(agency)


async def _run(
    stage: Stage, account: Agency, rows: Rows, first: dt.date = RUN_FIRST, last: dt.date = LAST
) -> SyncId:
    """One sync, loaded and followed up."""
    (sync_id,) = await stage.land(account, {"ads": Brought(rows, first, last)})
    await stage.load_and_follow([account])
    return sync_id


async def _spend(stage: Stage, account: Agency, table: str = "marts.ads_daily") -> Decimal:
    question = (
        f"SELECT SUM(m.spend) AS spend FROM {table} AS m"
        f" WHERE m.reporting_date >= '{RUN_FIRST}' AND m.connection_id = '{account.connection_id}'"
    )
    ((spend,),) = await stage.plane.rows(account, question)
    return Decimal(spend)


async def _state(stage: Stage, account: Agency, sync_id: SyncId) -> SyncState:
    return (await stage.plane.sync(account, sync_id)).state


async def _incident(stage: Stage, account: Agency) -> Incident:
    async with stage.plane.database.session(account.tenant_id) as session:
        return (await session.scalars(select(Incident))).one()


async def _story(stage: Stage, account: Agency) -> list[tuple[str, str]]:
    """Kinds and actors of all events."""
    async with stage.plane.database.session(account.tenant_id) as session:
        events = await session.scalars(select(IncidentEvent).order_by(IncidentEvent.id))
        return [(event.kind.value, event.actor) for event in events]


async def _alerts(stage: Stage, account: Agency) -> list[RaisedAlert]:
    async with stage.plane.database.session(account.tenant_id) as session:
        return list((await session.scalars(select(RaisedAlert))).all())


async def _release(stage: Stage, account: Agency) -> None:
    async with stage.plane.database.session(account.tenant_id) as session:
        incident = (await session.scalars(select(Incident))).one()
        await release_held(
            session,
            incident,
            actor="user:1",
            reason="the currency changed",
            clock=lambda: NOW,
            ids=stage.plane.ids,
        )
    await stage.load_and_follow([account])


async def test_the_last_good_version_stays_visible(stage: Stage, account: Agency) -> None:
    good = _sum(_ads(days(RUN_FIRST, USUAL_LAST)))
    held = await _run(stage, account, _dear(RUN))
    sync = await stage.plane.sync(account, held)
    message = (
        "on 2026-03-13, 2026-03-14, 2026-03-15 and 4 more:"
        " spend per 1,000 impressions is 200, usually it is 2"
    )
    assert (sync.state, sync.error_code, sync.error_message, sync.finished_at) == (
        SyncState.HELD,
        "HELD",
        message,
        NOW,
    )
    assert await _spend(stage, account) == await _spend(stage, account, "facts.ads_daily") == good
    coverage = await stage.plane.coverage(account, "campaign_day")
    assert coverage is not None
    assert coverage.covered_to == USUAL_LAST
    incident = await _incident(stage, account)
    assert (incident.check_name, incident.stream, incident.message) == (
        "unit_slip",
        "campaign_day",
        message,
    )
    assert (incident.client_id, incident.connection_id, incident.run_id, incident.sync_id) == (
        account.client_id,
        account.connection_id,
        account.run_id,
        held,
    )
    assert (incident.state, incident.severity.value) == (IncidentState.OPEN, "critical")
    assert (incident.times_found, incident.opened_at, incident.last_found_at) == (1, NOW, NOW)
    assert await _story(stage, account) == [("opened", "job:quality")]


async def test_the_alert_says_what_is_wrong_and_what_to_do(stage: Stage, account: Agency) -> None:
    await _run(stage, account, _dear(RUN))
    (alert,) = await _alerts(stage, account)
    assert (alert.severity, alert.client_id, alert.title) == (
        AlertSeverity.CRITICAL,
        account.client_id,
        "Amounts look like another unit",
    )
    assert alert.details == (
        "tiktok_ads 7012345678901234567, campaign_day:"
        " on 2026-03-13, 2026-03-14, 2026-03-15 and 4 more:"
        " spend per 1,000 impressions is 200, usually it is 2;"
        " the last good data stays visible"
    )
    assert alert.hint == (
        "compare one day with the platform;"
        " if the figures are right, let them pass: bosco quality release"
    )


async def test_others_of_the_batch_go_on(stage: Stage, account: Agency) -> None:
    other = await stage.account("goes-on", Scenario({}, {"ads": Brought([])}))
    (bad,) = await stage.land(account, {"ads": Brought(_dear(RUN))})
    (good,) = await stage.land(other, {"ads": Brought(_ads(RUN))})
    await stage.load_and_follow([account, other])
    assert await _state(stage, account, bad) is SyncState.HELD
    assert await _state(stage, other, good) is SyncState.PUBLISHED
    assert await _spend(stage, other) == _sum(_ads(RUN))
    async with stage.plane.database.session(other.tenant_id) as session:
        assert (await session.scalars(select(Incident))).all() == []


async def test_a_later_good_sync_takes_its_place(stage: Stage, account: Agency) -> None:
    held = await _run(stage, account, _dear(RUN))
    account = await stage.new_run(account)
    good = await _run(stage, account, _ads(RUN))
    assert await _state(stage, account, held) is SyncState.SUPERSEDED
    assert await _state(stage, account, good) is SyncState.PUBLISHED
    assert await _spend(stage, account) == _sum(_ads(RUN))
    assert (await _incident(stage, account)).state is IncidentState.RESOLVED
    assert await _story(stage, account) == [
        ("opened", "job:quality"),
        ("resolved", "job:quality"),
    ]
    (alert,) = await _alerts(stage, account)
    assert alert.cleared_at == NOW


async def test_a_good_sync_of_other_days_resolves_nothing(stage: Stage, account: Agency) -> None:
    held = await _run(stage, account, _dear(RUN))
    account = await stage.new_run(account)
    await _run(stage, account, _ads(RUN[1:]), RUN[1])
    assert await _state(stage, account, held) is SyncState.HELD
    assert (await _incident(stage, account)).state is IncidentState.OPEN


async def test_the_same_fault_later_opens_the_incident_again(stage: Stage, account: Agency) -> None:
    for rows in (_dear(RUN), _ads(RUN), _dear(RUN)):
        await _run(stage, account, rows)
        account = await stage.new_run(account)
    assert (await _incident(stage, account)).state is IncidentState.OPEN
    assert [kind for kind, _ in await _story(stage, account)] == ["opened", "resolved", "reopened"]


async def test_found_night_after_night_it_stays_one(stage: Stage, account: Agency) -> None:
    for _ in range(3):
        await _run(stage, account, _dear(RUN))
        account = await stage.new_run(account)
    incident = await _incident(stage, account)
    assert (incident.times_found, incident.opened_at) == (3, NOW)
    assert await _story(stage, account) == [("opened", "job:quality")]


async def test_a_released_sync_is_published(stage: Stage, account: Agency) -> None:
    held = await _run(stage, account, _dear(RUN))
    await _release(stage, account)
    sync = await stage.plane.sync(account, held)
    assert (sync.state, sync.released_at, sync.error_code) == (SyncState.PUBLISHED, NOW, None)
    assert await _spend(stage, account) == _sum(_dear(RUN))
    assert await _story(stage, account) == [("opened", "job:quality"), ("released", "user:1")]
    async with stage.plane.database.session(account.tenant_id) as session:
        (entry,) = (await session.scalars(select(AuditEntry))).all()
    assert (entry.action, entry.actor, entry.object_id) == ("sync.released", "user:1", str(held))


async def test_what_was_released_is_usual_from_then_on(stage: Stage, account: Agency) -> None:
    await _run(stage, account, _dear(RUN))
    await _release(stage, account)
    account = await stage.new_run(account)
    more = days(RUN_FIRST, LAST + dt.timedelta(days=1))
    again = await _run(stage, account, _dear(more), last=more[-1])
    assert await _state(stage, account, again) is SyncState.PUBLISHED


async def test_a_released_sync_is_older_than_what_came_since(stage: Stage, account: Agency) -> None:
    await _run(stage, account, _dear(RUN))
    account = await stage.new_run(account)
    await _run(stage, account, _ads(RUN[2:]), RUN[2])
    await _release(stage, account)
    expected = _sum(_dear(RUN[:2])) + _sum(_ads(RUN[2:]))
    assert await _spend(stage, account) == expected


async def test_nothing_is_released_twice(stage: Stage, account: Agency) -> None:
    await _run(stage, account, _dear(RUN))
    await _release(stage, account)
    with pytest.raises(ConflictError, match=r"^no sync of campaign_day is held"):
        await _release(stage, account)


async def test_an_incident_that_holds_is_not_resolved_by_a_word(
    stage: Stage, account: Agency
) -> None:
    await _run(stage, account, _dear(RUN))
    async with stage.plane.database.session(account.tenant_id) as session:
        incident = (await session.scalars(select(Incident))).one()
        writer = IncidentWriter(session, NOW, stage.plane.ids)
        await writer.acknowledge(incident, actor="user:1", reason="asking the client")
        with pytest.raises(ConflictError, match=r"^syncs are held back because of the incident"):
            await writer.resolve(incident, actor="user:1", reason="never mind")
    assert (await _incident(stage, account)).state is IncidentState.ACKNOWLEDGED


class CrashError(Exception):
    """The process ended here."""


async def test_holding_and_incident_are_one(stage: Stage, account: Agency) -> None:
    """A crash at any id that the transaction asks for leaves neither."""
    (held,) = await stage.land(account, {"ads": Brought(_dear(RUN))})
    for left in range(3):  # incident, event, alert
        gate = dataclasses.replace(stage.loader.gate, ids=_ids_that_end(stage, left))
        with pytest.raises(CrashError):
            await dataclasses.replace(stage.loader, gate=gate).load_pending()
        assert await _state(stage, account, held) is SyncState.LANDED
        assert await _alerts(stage, account) == []
    await stage.loader.load_pending()
    assert await _state(stage, account, held) is SyncState.HELD
    assert (await _incident(stage, account)).times_found == 1


def _ids_that_end(stage: Stage, left: int) -> Any:
    def ids() -> Any:
        nonlocal left
        if left == 0:
            raise CrashError
        left -= 1
        return stage.plane.ids()

    return ids


async def test_a_crash_after_the_gate_is_made_good(stage: Stage, account: Agency) -> None:
    other = await stage.account("crashes-too", Scenario({}, {"ads": Brought([])}))
    (bad,) = await stage.land(account, {"ads": Brought(_dear(RUN))})
    (good,) = await stage.land(other, {"ads": Brought(_ads(RUN))})
    gate: QualityGate = stage.loader.gate

    class Crashing(QualityGate):
        async def admit(self, *arguments: Any) -> Any:
            await gate.admit(*arguments)
            raise CrashError

    crashing = Crashing(gate.judge, gate.database, gate.clock, gate.ids)
    with pytest.raises(CrashError):
        await dataclasses.replace(stage.loader, gate=crashing).load_pending()
    assert await _state(stage, account, bad) is SyncState.HELD
    assert await _state(stage, other, good) is SyncState.LANDED
    assert await stage.loader.load_pending() == 1
    assert await _state(stage, other, good) is SyncState.PUBLISHED
    assert (await _incident(stage, account)).times_found == 1


async def test_what_was_let_through_before_a_crash_passes_again(
    stage: Stage, account: Agency
) -> None:
    """Its facts are there; what came into view since must not turn it away."""
    (sync_id,) = await stage.land(account, {"ads": Brought(_ads(RUN))})
    publisher = stage.loader.publisher

    class Crashing(type(publisher)):  # type: ignore[misc]  # of the same shape
        async def publish(self, *_: Any) -> None:
            raise CrashError

    crashing = Crashing(publisher.database, publisher.redis, publisher.clock, publisher.ids)
    with pytest.raises(CrashError):
        await dataclasses.replace(stage.loader, publisher=crashing).load_pending()
    async with stage.plane.database.session(account.tenant_id) as session:
        sync = (await session.scalars(select(Sync).where(Sync.id == sync_id))).one()
        sync.quarantined = 1_000  # would hold it now
    assert await stage.loader.load_pending() == 1
    assert await _state(stage, account, sync_id) is SyncState.PUBLISHED
