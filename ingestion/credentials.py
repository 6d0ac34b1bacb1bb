"""The credentials of connections: sealed, changed by compare-and-swap, and given up when refused.

    connection row -> open -> Kept(version) -> refresh | re-connection -> replace(version) -> row
    refusal -> refuse(version) -> state BROKEN, alert

Whoever changes credentials names the version that it has seen: a slow one changes nothing that was
changed meanwhile. Decision: ADR-0021.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import select, update

from domain.ids import ConnectionId, TenantId, public_id
from domain.ports import Clock, IdFactory
from ingestion.connector.auth import TokenAnswer
from ingestion.connector.spec import SourceSpec
from tenancy.alerts import Alert, AlertKind, AlertSeverity, raise_alert
from tenancy.session import Database, TenantSession
from tenancy.tables import Client, Connection, ConnectionState, Tenant
from tenancy.vault import Vault

__all__ = ["CredentialStore", "Kept", "reconnect_hint", "with_access"]

_LOG: Final = structlog.get_logger(__name__)

# Beside a refresh token: the access token that all processes share, and when it ends.
_ACCESS: Final = "access_token"
_ACCESS_ENDS: Final = "access_ends_at"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored of a connection's credentials.

    Attributes:
        version: Names this state of them.
        state: Of the connection.
        credentials: In the clear, without the shared access token.
        access: The shared access token; None: none is kept.
        expire_at: UTC instant by which a person has to be asked again; None: no end is known.
        refresh_began_at: Of a refresh whose answer was not stored; None: there is none.
    """

    version: int
    state: ConnectionState
    credentials: Mapping[str, str] = field(repr=False)
    access: TokenAnswer | None = field(repr=False)
    expire_at: dt.datetime | None
    refresh_began_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class CredentialStore:
    """Reads and changes the credentials of connections."""

    database: Database
    vault: Vault
    clock: Clock
    ids: IdFactory

    async def seal(
        self, session: TenantSession, connection_id: ConnectionId, credentials: Mapping[str, str]
    ) -> bytes:
        """Seal credentials for a connection of the session's tenant."""
        tenant = await session.get_one(Tenant, session.tenant_id)
        key = await self.vault.open_tenant_key(tenant.id, tenant.wrapped_data_key)
        return self.vault.seal(key, credentials, tenant_id=tenant.id, connection_id=connection_id)

    async def open(self, session: TenantSession, connection: Connection) -> Kept:
        """The connection's credentials; empty when it needs none.

        Raises:
            CredentialError: They do not open.
        """
        texts: dict[str, str] = {}
        if connection.credentials is not None:
            tenant = await session.get_one(Tenant, session.tenant_id)
            key = await self.vault.open_tenant_key(tenant.id, tenant.wrapped_data_key)
            opened = self.vault.open(
                key, connection.credentials, tenant_id=tenant.id, connection_id=connection.id
            )
            texts = {name: secret.reveal() for name, secret in opened.items()}
        ends = texts.pop(_ACCESS_ENDS, "")
        access = None
        if ends:
            access = TokenAnswer(texts.pop(_ACCESS), dt.datetime.fromisoformat(ends))
        return Kept(
            version=connection.credentials_version,
            state=connection.state,
            credentials=texts,
            access=access,
            expire_at=connection.credentials_expire_at,
            refresh_began_at=connection.refresh_began_at,
        )

    async def load(self, tenant_id: TenantId, connection_id: ConnectionId) -> Kept:
        """What is stored now.

        Raises:
            CredentialError: The credentials do not open.
        """
        async with self.database.session(tenant_id) as session:
            connection = await session.get_one(Connection, (tenant_id, connection_id))
            return await self.open(session, connection)

    async def note_refresh(
        self, tenant_id: TenantId, connection_id: ConnectionId, version: int
    ) -> None:
        """Note that a refresh token is about to be used up."""
        await self._change(tenant_id, connection_id, version, refresh_began_at=self.clock())

    async def replace(
        self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        version: int,
        credentials: Mapping[str, str],
        *,
        expire_at: dt.datetime | None,
    ) -> bool:
        """Put new credentials in the place of those of `version`.

        Args:
            tenant_id: The agency.
            connection_id: Of that agency.
            version: That was seen.
            credentials: All of them; see `with_access`.
            expire_at: When a person has to be asked again; None: no end is known.

        Returns:
            False: they were changed meanwhile, and stay.
        """
        async with self.database.session(tenant_id) as session:
            sealed = await self.seal(session, connection_id, credentials)
            changed = await session.scalar(
                update(Connection)
                .where(
                    Connection.id == connection_id,
                    Connection.credentials_version == version,
                )
                .values(
                    credentials=sealed,
                    credentials_version=version + 1,
                    credentials_expire_at=expire_at,
                    refresh_began_at=None,
                )
                .returning(Connection.id)
            )
        return changed is not None

    async def refuse(
        self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        version: int,
        source: SourceSpec,
        reason: str,
    ) -> bool:
        """Note that the platform refuses the credentials of `version`: its syncs end here.

        Args:
            tenant_id: The agency.
            connection_id: Of that agency.
            version: That was refused.
            source: For its name.
            reason: In our words, for the alert.

        Returns:
            False: they were changed meanwhile, or the connection is not active.
        """
        async with self.database.session(tenant_id) as session:
            connection = (
                await session.scalars(
                    select(Connection)
                    .where(
                        Connection.id == connection_id,
                        Connection.credentials_version == version,
                        Connection.state == ConnectionState.ACTIVE,
                    )
                    .with_for_update(key_share=True)
                )
            ).one_or_none()
            if connection is None:
                return False
            connection.state = ConnectionState.BROKEN
            alert = Alert(
                kind=AlertKind.CREDENTIALS_REFUSED,
                severity=AlertSeverity.CRITICAL,
                subject=f"connection:{connection_id}",
                client_id=connection.client_id,
                title=f"{source.label} refuses the credentials",
                text=f"account {connection.account_id}: {reason}",
                hint=await reconnect_hint(session, source, connection),
            )
            await raise_alert(session, alert, now=self.clock(), ids=self.ids)
        _LOG.warning("connection_broken", connection_id=str(connection_id), source=source.name)
        return True

    async def _change(
        self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        version: int,
        **values: dt.datetime | None,
    ) -> None:
        async with self.database.session(tenant_id) as session:
            await session.execute(
                update(Connection)
                .where(
                    Connection.id == connection_id,
                    Connection.credentials_version == version,
                )
                .values(**values)
            )


def with_access(credentials: Mapping[str, str], access: TokenAnswer | None) -> dict[str, str]:
    """Credentials together with the access token that all processes share."""
    if access is None:
        return dict(credentials)
    return {
        **credentials,
        _ACCESS: access.access_token,
        _ACCESS_ENDS: access.ends_at.isoformat(),
    }


async def reconnect_hint(session: TenantSession, source: SourceSpec, connection: Connection) -> str:
    """How somebody at the agency connects the account again."""
    if source.auth.consent is None:
        return "connect the account again"
    tenant = await session.get_one(Tenant, session.tenant_id)
    client = await session.get_one(Client, (session.tenant_id, connection.client_id))
    name = public_id("con", connection.id)
    return (
        "connect the account again, by the link that this gives: bosco connections link "
        f"{tenant.slug} {client.slug} {source.name} --reconnect {name}"
    )
