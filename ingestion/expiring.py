"""Telling an agency that the credentials of a connection run out, while there is time.

    connections of an agency -> tell_expiring -> CREDENTIALS_EXPIRING seven days ahead, and one

Over when somebody has connected the account again, or it is not read any more. Credentials that a
refresh renews are told of only when nothing has refreshed them for long.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from sqlalchemy import select

from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from ingestion.connector.spec import SourceSpec
from ingestion.credentials import reconnect_hint
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.session import Database, TenantSession
from tenancy.tables import Connection, ConnectionState, RaisedAlert

__all__ = ["FIRST_TOLD", "LAST_TOLD", "tell_expiring"]

FIRST_TOLD: Final = dt.timedelta(days=7)
LAST_TOLD: Final = dt.timedelta(days=1)
_KIND: Final = AlertKind.CREDENTIALS_EXPIRING


async def tell_expiring(
    database: Database,
    tenant_id: TenantId,
    sources: Mapping[str, SourceSpec],
    *,
    clock: Clock,
    ids: IdFactory,
) -> None:
    """Raise or clear the alerts of one agency; doing it twice tells nothing twice."""
    now = clock()
    async with database.session(tenant_id) as session:
        soon = select(Connection).where(
            Connection.state == ConnectionState.ACTIVE,
            Connection.credentials_expire_at <= now + FIRST_TOLD,
        )
        ending = {
            _subject(connection): connection
            for connection in (await session.scalars(soon)).all()
            if connection.source in sources
        }
        told = select(RaisedAlert.subject).where(
            RaisedAlert.kind == _KIND, RaisedAlert.cleared_at.is_(None)
        )
        for subject in set((await session.scalars(told)).all()) - ending.keys():
            await clear_alert(session, _KIND, subject, now=now)
        for connection in ending.values():
            alert = await _alert(session, sources[connection.source], connection, now)
            await raise_alert(session, alert, now=now, ids=ids)


async def _alert(
    session: TenantSession, source: SourceSpec, connection: Connection, now: dt.datetime
) -> Alert:
    ends_at = connection.credentials_expire_at or now
    is_last = ends_at - now <= LAST_TOLD
    when = f"{ends_at:%Y-%m-%d %H:%M} UTC"
    words = f"ended {when}" if ends_at <= now else f"ends {when}"
    return Alert(
        kind=_KIND,
        severity=AlertSeverity.CRITICAL if is_last else AlertSeverity.WARNING,
        subject=_subject(connection),
        client_id=connection.client_id,
        title=f"Access to {source.label} runs out",
        text=f"account {connection.account_id}: the permission {words}",
        hint=await reconnect_hint(session, source, connection),
        due_at=ends_at,
    )


def _subject(connection: Connection) -> str:
    return f"connection:{connection.id}"
