"""What an agency is told of a connection's syncs, and when that is over."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from ingestion.sync_alerts import tell_outcome, withdraw
from tenancy.tables import AlertKind, AlertSeverity, Connection, RaisedAlert, Sync, SyncState
from tests.ingestion.plane import NOW, Agency, Plane

pytestmark = pytest.mark.anyio

PUBLISHED = Sync(state=SyncState.PUBLISHED)
FAILED, REFUSED = AlertKind.SYNC_FAILED, AlertKind.CREDENTIALS_REFUSED
WARNING, CRITICAL = AlertSeverity.WARNING, AlertSeverity.CRITICAL


@pytest.fixture
async def agency(plane: Plane) -> Agency:
    return await plane.agency("one")


def failed(code: str | None) -> Sync:
    return Sync(state=SyncState.FAILED, error_code=code, error_message="anna@acme.example")


async def tell(
    plane: Plane, agency: Agency, *syncs: Sync, now: dt.datetime = NOW
) -> Sequence[RaisedAlert]:
    """The agency's alerts afterwards."""
    async with plane.database.session(agency.tenant_id) as session:
        connection = await session.get_one(Connection, (agency.tenant_id, agency.connection_id))
        await tell_outcome(session, connection, "Web", syncs, now=now, ids=plane.ids)
    return await alerts(plane, agency)


async def alerts(plane: Plane, agency: Agency) -> Sequence[RaisedAlert]:
    async with plane.database.session(agency.tenant_id) as session:
        return (await session.scalars(select(RaisedAlert).order_by(RaisedAlert.id))).all()


@pytest.mark.parametrize(
    ("code", "kind", "severity", "title", "hint"),
    [
        (
            "PROVIDER_UNAVAILABLE",
            FAILED,
            WARNING,
            "Web does not answer",
            "it is tried again with the next sync",
        ),
        (
            "THROTTLED",
            FAILED,
            WARNING,
            "Web grants no more calls",
            "it goes on by itself when calls are granted",
        ),
        (
            "CREDENTIALS_REJECTED",
            REFUSED,
            CRITICAL,
            "Web refuses the credentials",
            "connect the account again",
        ),
        (
            "CREDENTIALS_UNREADABLE",
            REFUSED,
            CRITICAL,
            "Web cannot be asked: its credentials do not open",
            "connect it again",
        ),
        (
            "ACCOUNT_NOT_ACCESSIBLE",
            FAILED,
            WARNING,
            "Web shows this account no more",
            "check the account id, and that the connected user may see the account",
        ),
        (
            "PROVIDER_ERROR",
            FAILED,
            WARNING,
            "Web could not be read",
            "it is tried again with the next sync",
        ),
    ],
)
async def test_each_failure_says_what_to_do(
    plane: Plane,
    agency: Agency,
    code: str,
    kind: AlertKind,
    severity: AlertSeverity,
    title: str,
    hint: str,
) -> None:
    (alert,) = await tell(plane, agency, PUBLISHED, failed(code))
    assert (alert.kind, alert.severity, alert.title, alert.hint) == (kind, severity, title, hint)
    assert alert.subject == f"connection:{agency.connection_id}"
    assert alert.client_id == agency.client_id
    assert alert.details == f"account 1: 1 of 2 syncs failed (1 {code})"


@pytest.mark.parametrize(
    ("codes", "title", "reasons"),
    [
        (
            ["THROTTLED", "PROVIDER_UNAVAILABLE", "THROTTLED"],
            "Web grants no more calls",
            "1 PROVIDER_UNAVAILABLE, 2 THROTTLED",
        ),
        (
            ["THROTTLED", "PROVIDER_UNAVAILABLE"],
            "Web does not answer",
            "1 PROVIDER_UNAVAILABLE, 1 THROTTLED",
        ),
        (
            ["THROTTLED", "THROTTLED", "CREDENTIALS_REJECTED"],
            "Web refuses the credentials",
            "1 CREDENTIALS_REJECTED, 2 THROTTLED",
        ),
    ],
)
async def test_refused_credentials_come_first_then_what_is_most_frequent(
    plane: Plane, agency: Agency, codes: list[str], title: str, reasons: str
) -> None:
    (alert,) = await tell(plane, agency, *map(failed, codes))
    count = len(codes)
    assert (alert.title, alert.details) == (
        title,
        f"account 1: {count} of {count} syncs failed ({reasons})",
    )


async def test_providers_words_are_left_out(plane: Plane, agency: Agency) -> None:
    (alert,) = await tell(plane, agency, failed("PROVIDER_ERROR"))
    assert "anna" not in f"{alert.title} {alert.details} {alert.hint}"


async def test_a_run_without_failures_is_the_end_of_both(plane: Plane, agency: Agency) -> None:
    await tell(plane, agency, failed("THROTTLED"))
    await tell(plane, agency, failed("CREDENTIALS_REJECTED"))
    hour = NOW + dt.timedelta(hours=1)
    assert _cleared(await tell(plane, agency, now=hour)) == [None, None]  # nothing was tried
    assert _cleared(await tell(plane, agency, PUBLISHED, now=hour)) == [hour, hour]


async def test_a_connection_left_alone_has_no_alerts(plane: Plane, agency: Agency) -> None:
    other = await plane.agency("two")
    await tell(plane, agency, failed("THROTTLED"))
    await tell(plane, other, failed("THROTTLED"))
    async with plane.database.session(agency.tenant_id) as session:
        await withdraw(session, agency.connection_id, now=NOW)
        await withdraw(session, other.connection_id, now=NOW)
    assert _cleared(await alerts(plane, agency)) == [NOW]
    assert _cleared(await alerts(plane, other)) == [None]


def _cleared(found: Sequence[RaisedAlert]) -> list[Any]:
    return [alert.cleared_at for alert in found]
