"""Storing an account whose credentials have just been proven.

    client, account, credentials -> connection: a new one, or the same with new credentials
        -> ACTIVE, alerts about the old ones over, audit

Decision: ADR-0021.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from domain.ids import ConnectionId
from ingestion.connector.job import DiscoveredAccount
from ingestion.connector.spec import SourceSpec
from ingestion.credentials import CredentialStore
from ingestion.sync_alerts import withdraw
from tenancy import audit
from tenancy.alerts import AlertKind, clear_alert
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection, ConnectionState

__all__ = ["KeptConnection", "NewCredentials", "keep_connection"]


@dataclass(frozen=True, slots=True)
class NewCredentials:
    """Credentials of an account, as the platform has just taken them.

    Attributes:
        client: Whose account.
        account: As the platform tells of it.
        settings: Of the connection; currency and time zone are added.
        credentials: All that is sealed.
        start: First reporting date to fetch, of a new connection.
        expire_at: When a person has to be asked again; None: no end is known.
        connection_id: That is meant; None: that of the account, or a new one.
        granted_by: The platform's id of who consented; None: given by hand, or not told.
    """

    client: Client
    source: SourceSpec
    account: DiscoveredAccount
    settings: Mapping[str, str]
    credentials: Mapping[str, str] = field(repr=False)
    start: dt.date
    expire_at: dt.datetime | None = None
    connection_id: ConnectionId | None = None
    granted_by: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class KeptConnection:
    """What was stored.

    Attributes:
        is_new: False: the account was connected before, and keeps its data.
    """

    connection: Connection
    is_new: bool


async def keep_connection(
    session: TenantSession, store: CredentialStore, new: NewCredentials, *, actor: str
) -> KeptConnection:
    """Store credentials; an account that the client has already keeps its data and start.

    Args:
        session: Of the agency; stores all of it when it commits.
        store: Seals.
        new: What is stored.
        actor: Who connects, for the record.
    """
    now = store.clock()
    found = await _find(session, new)
    connection = found or Connection(
        id=ConnectionId(store.ids()),
        client_id=new.client.id,
        source=new.source.name,
        account_id=new.account.account_id,
        start_date=new.start,
        credentials_version=0,
        created_at=now,
    )
    if found is not None and found.credentials is None:  # so far it only had history
        connection.start_date = new.start
    connection.label = new.account.label
    connection.settings = {
        **new.settings,
        "currency": new.account.currency or new.client.currency,
        "time_zone": new.account.time_zone or new.client.time_zone,
    }
    connection.state = ConnectionState.ACTIVE
    connection.credentials = await store.seal(session, connection.id, new.credentials)
    connection.credentials_version += 1
    connection.credentials_expire_at = new.expire_at
    connection.connected_at = now
    connection.granted_by = new.granted_by
    connection.refresh_began_at = None
    session.add(connection)
    # The provider has just taken them.
    await withdraw(session, connection.id, now=now)
    subject = f"connection:{connection.id}"
    await clear_alert(session, AlertKind.CREDENTIALS_EXPIRING, subject, now=now)
    audit.record(
        session,
        clock=store.clock,
        ids=store.ids,
        actor=actor,
        action="connection.created" if found is None else "connection.renewed",
        object_kind="connection",
        object_id=str(connection.id),
        details={"source": new.source.name, "client": new.client.slug},
    )
    return KeptConnection(connection, is_new=found is None)


async def _find(session: TenantSession, new: NewCredentials) -> Connection | None:
    query = select(Connection).where(
        Connection.client_id == new.client.id,
        Connection.source == new.source.name,
        Connection.account_id == new.account.account_id,
    )
    if new.connection_id is not None:
        query = query.where(Connection.id == new.connection_id)
    return await session.scalar(query.with_for_update())
