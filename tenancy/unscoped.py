"""Doors: the few questions that are not about one tenant.

    caller -> one named method -> role bosco_door (single columns, narrow policies) -> frozen rows

Each door answers one question and is written to the log with the number of tenants it saw. The role
behind them can read nothing else: a new door needs a new policy in a migration. import-linter lists
who may open this module.
"""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Row, func, select, text
from sqlalchemy.exc import IntegrityError

from domain.errors import ConflictError
from domain.ids import ClientId, ConnectionId, ObjectId, RunId, SyncId, TenantId
from domain.privacy.rights import RequestState
from tenancy.due_work import DueWork
from tenancy.rls import (
    DOOR_ACCOUNT_SETTING,
    DOOR_CLIENT_SETTING,
    DOOR_GRANTER_SETTING,
    DOOR_ORIGIN_SETTING,
    DOOR_STATUS_SETTING,
)
from tenancy.session import Database
from tenancy.tables import (
    Connection,
    DeliveryState,
    DueState,
    DueSync,
    ErasureRescan,
    LandingObject,
    ModelErasure,
    NoticeState,
    OAuthClient,
    PrivacyMessage,
    PrivacyMessageState,
    RaisedAlert,
    RecipientNotice,
    SubjectRequest,
    Suppression,
    Sync,
    SyncState,
    Tenant,
    WebhookDelivery,
)

__all__ = ["ConnectionPlace", "Doors", "PendingLoad", "TenantProfile"]

_LOG: Final = structlog.get_logger(__name__)

_NAME: Final = text("SELECT set_config(:setting, :value, true)").execution_options(
    bosco_sets_tenant=True
)


@dataclass(frozen=True, slots=True)
class TenantProfile:
    """An agency, without its secrets.

    Attributes:
        currency: Reporting currency, ISO 4217.
        time_zone: IANA name.
    """

    tenant_id: TenantId
    slug: str
    name: str
    currency: str
    time_zone: str
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class PendingLoad:
    """A landed object that the warehouse does not have yet, with the lineage of its sync.

    Attributes:
        run_id: That its sync belongs to.
        slice_from: First reporting date that counts; None: all do.
        slice_to: Last reporting date, included; None: a stream by cursor.
        version: Landing sequence of the sync.
        known_at: UTC instant of landing.
        quarantined: Rows of the sync that did not fit.
        released_at: When somebody let the sync pass although it had been held; None: not held yet.
    """

    tenant_id: TenantId
    client_id: ClientId
    connection_id: ConnectionId
    run_id: RunId
    sync_id: SyncId
    object_id: ObjectId
    source: str
    stream: str
    fact: str
    raw_table: str
    uri: str
    part: int
    rows: int
    bytes: int
    content_hash: str
    api_version: str
    version: int
    known_at: dt.datetime
    slice_from: dt.date | None
    slice_to: dt.date | None
    cursor_from: dt.datetime | None
    cursor_to: dt.datetime | None
    quarantined: int
    released_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class ConnectionPlace:
    """Where a connection is: of which client of which agency."""

    tenant_id: TenantId
    client_id: ClientId
    connection_id: ConnectionId


class Doors:
    """Named reads over several tenants, and the making of a new one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenant_of_client(self, client_id: str) -> TenantId | None:
        """The agency of the application of that public id, or None; also of a suspended one."""
        found = await self._read_as(DOOR_CLIENT_SETTING, client_id, select(OAuthClient.tenant_id))
        _log_door("tenant_of_client", len(found))
        return found[0].tenant_id if found else None

    async def is_origin_known(self, origin: str) -> bool:
        """Whether pages of that origin are those of some agency's application."""
        found = await self._read_as(
            DOOR_ORIGIN_SETTING, origin, select(OAuthClient.tenant_id).limit(1)
        )
        _log_door("is_origin_known", len(found))
        return bool(found)

    async def connections_of_account(self, source: str, account_id: str) -> list[ConnectionPlace]:
        """Every connection of an account at a platform, of whatever state; by agency and id."""
        places = await self._connections_as(DOOR_ACCOUNT_SETTING, f"{source}:{account_id}")
        _log_door("connections_of_account", len({place.tenant_id for place in places}))
        return places

    async def connections_granted_by(self, source: str, person: str) -> list[ConnectionPlace]:
        """Every connection that a person of a platform consented to, by the platform's id."""
        places = await self._connections_as(DOOR_GRANTER_SETTING, f"{source}:{person}")
        _log_door("connections_granted_by", len({place.tenant_id for place in places}))
        return places

    async def tenants_of_status(self, status_hash: bytes) -> list[TenantId]:
        """Agencies with a message whose sender was given the code of that hash."""
        query = select(PrivacyMessage.tenant_id).distinct().order_by(PrivacyMessage.tenant_id)
        # Rows that wait are shown to another door, and by the same role.
        query = query.where(PrivacyMessage.status_hash == status_hash)
        rows = await self._read_as(DOOR_STATUS_SETTING, status_hash.hex(), query)
        _log_door("tenants_of_status", len(rows))
        return [row.tenant_id for row in rows]

    async def agencies_with_privacy_messages(self, now: dt.datetime) -> list[TenantId]:
        """Agencies with a message of which a request has to be made by now.

        Args:
            now: UTC instant.
        """
        query = (
            select(PrivacyMessage.tenant_id)
            .where(
                PrivacyMessage.state == PrivacyMessageState.WAITING,
                PrivacyMessage.next_attempt_at <= now,
            )
            .group_by(PrivacyMessage.tenant_id)
            .order_by(func.min(PrivacyMessage.next_attempt_at), PrivacyMessage.tenant_id)
        )
        rows = await self._read(query)
        if rows:  # it is asked every few seconds, mostly for nothing
            _log_door("agencies_with_privacy_messages", len(rows))
        return [row.tenant_id for row in rows]

    async def agencies_with_recipient_notices(self, now: dt.datetime) -> list[TenantId]:
        """Agencies that have to tell a recipient of a request by now.

        Args:
            now: UTC instant.
        """
        query = (
            select(RecipientNotice.tenant_id)
            .where(
                RecipientNotice.state.in_((NoticeState.WAITING, NoticeState.SENDING)),
                RecipientNotice.next_attempt_at <= now,
            )
            .group_by(RecipientNotice.tenant_id)
            .order_by(func.min(RecipientNotice.next_attempt_at), RecipientNotice.tenant_id)
        )
        rows = await self._read(query)
        if rows:  # as above
            _log_door("agencies_with_recipient_notices", len(rows))
        return [row.tenant_id for row in rows]

    async def pending_loads(self, limit: int) -> list[PendingLoad]:
        """At most `limit` landed objects that are not loaded; lowest version and part first."""
        query = (
            select(
                Sync.tenant_id,
                Sync.client_id,
                Sync.connection_id,
                Sync.run_id,
                Sync.id.label("sync_id"),
                LandingObject.id.label("object_id"),
                Sync.source,
                Sync.stream,
                Sync.fact,
                LandingObject.raw_table,
                LandingObject.uri,
                LandingObject.part,
                LandingObject.rows,
                LandingObject.bytes,
                LandingObject.content_hash,
                Sync.api_version,
                Sync.version,
                Sync.known_at,
                Sync.slice_from,
                Sync.slice_to,
                Sync.cursor_from,
                Sync.cursor_to,
                Sync.quarantined,
                Sync.released_at,
            )
            .join(
                LandingObject,
                (LandingObject.tenant_id == Sync.tenant_id) & (LandingObject.sync_id == Sync.id),
            )
            .where(Sync.state == SyncState.LANDED, LandingObject.loaded_at.is_(None))
            .order_by(Sync.version, LandingObject.part)
            .limit(limit)
        )
        rows = await self._read(query)
        loads = [PendingLoad(**row._mapping) for row in rows]  # noqa: SLF001  # public, documented
        _log_door("pending_loads", len({load.tenant_id for load in loads}))
        return loads

    async def agencies_with_alerts(self) -> list[TenantId]:
        """Agencies that may have to be told of something, in order of their ids."""
        query = (
            select(RaisedAlert.tenant_id)
            .where(RaisedAlert.settled_at.is_(None))
            .distinct()
            .order_by(RaisedAlert.tenant_id)
        )
        rows = await self._read(query)
        if rows:  # it is asked every few seconds, mostly for nothing
            _log_door("agencies_with_alerts", len(rows))
        return [row.tenant_id for row in rows]

    async def agencies_with_webhooks(self, now: dt.datetime) -> list[TenantId]:
        """Agencies that have an event to deliver by now; whose waits longest comes first.

        Args:
            now: UTC instant.
        """
        query = (
            select(WebhookDelivery.tenant_id)
            .where(
                WebhookDelivery.state == DeliveryState.PENDING,
                WebhookDelivery.next_attempt_at <= now,
            )
            .group_by(WebhookDelivery.tenant_id)
            .order_by(func.min(WebhookDelivery.next_attempt_at), WebhookDelivery.tenant_id)
        )
        rows = await self._read(query)
        if rows:  # as above
            _log_door("agencies_with_webhooks", len(rows))
        return [row.tenant_id for row in rows]

    async def agencies_with_requests(self) -> list[TenantId]:
        """Agencies of which a person has asked something that is not done, in order of ids."""
        query = (
            select(SubjectRequest.tenant_id)
            .where(SubjectRequest.state.not_in([one for one in RequestState if one.is_final]))
            .distinct()
            .order_by(SubjectRequest.tenant_id)
        )
        rows = await self._read(query)
        if rows:  # as above
            _log_door("agencies_with_requests", len(rows))
        return [row.tenant_id for row in rows]

    async def agencies_with_rescans(self, now: dt.datetime) -> list[TenantId]:
        """Agencies whose stores are to be searched by now for people who were erased; by id.

        Args:
            now: UTC instant.
        """
        query = (
            select(ErasureRescan.tenant_id)
            .where(ErasureRescan.done_at.is_(None), ErasureRescan.due_at <= now)
            .distinct()
            .order_by(ErasureRescan.tenant_id)
        )
        rows = await self._read(query)
        if rows:  # as above
            _log_door("agencies_with_rescans", len(rows))
        return [row.tenant_id for row in rows]

    async def agencies_with_overdue_models(self, now: dt.datetime) -> list[TenantId]:
        """Agencies of which a model has seen people who were erased, and is overdue; by id.

        Args:
            now: UTC instant.
        """
        query = (
            select(ModelErasure.tenant_id)
            .where(ModelErasure.retrained_at.is_(None), ModelErasure.retrain_by <= now)
            .distinct()
            .order_by(ModelErasure.tenant_id)
        )
        rows = await self._read(query)
        if rows:  # as above
            _log_door("agencies_with_overdue_models", len(rows))
        return [row.tenant_id for row in rows]

    async def agencies_with_unwritten_suppressions(self) -> list[TenantId]:
        """Agencies of which the warehouse lacks a suppression, in order of ids."""
        door = "agencies_with_unwritten_suppressions"
        return await self._agencies_of(door, Suppression.is_unwritten())

    async def agencies_with_unfollowed_suppressions(self) -> list[TenantId]:
        """Agencies whose features lack a suppression that the warehouse has, in order of ids."""
        door = "agencies_with_unfollowed_suppressions"
        return await self._agencies_of(door, Suppression.is_unfollowed())

    async def _agencies_of(self, door: str, condition: ColumnElement[bool]) -> list[TenantId]:
        query = select(Suppression.tenant_id).where(condition).distinct()
        rows = await self._read(query.order_by(Suppression.tenant_id))
        if rows:  # as above
            _log_door(door, len(rows))
        return [row.tenant_id for row in rows]

    async def due_work(self) -> list[DueWork]:
        """What has to be synced and is not done; the nearest deadline first."""
        columns = [getattr(DueSync, field.name) for field in dataclasses.fields(DueWork)]
        query = (
            select(*columns)
            .where(DueSync.state.in_((DueState.WAITING, DueState.RUNNING)))
            .order_by(DueSync.deadline_at, DueSync.ready_at, DueSync.connection_id)
        )
        rows = await self._read(query)
        works = [DueWork(**row._mapping) for row in rows]  # noqa: SLF001  # public, documented
        _log_door("due_work", len({work.tenant_id for work in works}))
        return works

    async def list_tenants(self) -> list[TenantProfile]:
        """All agencies by slug."""
        rows = await self._read(_PROFILE.order_by(Tenant.slug))
        _log_door("list_tenants", len(rows))
        return [_profile(row) for row in rows]

    async def find_tenant(self, slug: str) -> TenantProfile | None:
        """The agency of that slug, or None."""
        rows = await self._read(_PROFILE.where(Tenant.slug == slug))
        _log_door("find_tenant", len(rows))
        return _profile(rows[0]) if rows else None

    async def create_tenant(self, profile: TenantProfile, *, wrapped_data_key: bytes) -> None:
        """Store a new agency; its transaction sees that agency alone.

        Args:
            profile: Its id is new.
            wrapped_data_key: From `Vault.create_tenant_key`.

        Raises:
            ConflictError: Another agency has this slug (the caller can choose another).
        """
        try:
            async with self._database.session(profile.tenant_id) as session:
                session.add(
                    Tenant(
                        id=profile.tenant_id,
                        slug=profile.slug,
                        name=profile.name,
                        currency=profile.currency,
                        time_zone=profile.time_zone,
                        wrapped_data_key=wrapped_data_key,
                        created_at=profile.created_at,
                    )
                )
        except IntegrityError as error:
            if "uq_tenants__slug" not in str(error.orig):
                raise
            raise ConflictError(
                f"there is already an agency {profile.slug!r}", hint="choose another slug"
            ) from error
        _log_door("create_tenant", 1)

    async def _connections_as(self, setting: str, value: str) -> list[ConnectionPlace]:
        query = select(Connection.tenant_id, Connection.client_id, Connection.id).order_by(
            Connection.tenant_id, Connection.id
        )
        rows = await self._read_as(setting, value, query)
        return [ConnectionPlace(row.tenant_id, row.client_id, row.id) for row in rows]

    async def _read_as(self, setting: str, value: str, query: Any) -> Sequence[Row[Any]]:
        """Rows that the policies show to whoever names `value`, and no others."""
        async with self._database.unscoped_session() as session:
            await session.execute(_NAME, {"setting": setting, "value": value})
            return (await session.execute(query)).all()

    async def _read(self, query: Any) -> Sequence[Row[Any]]:
        async with self._database.unscoped_session() as session:
            return (await session.execute(query)).all()


_PROFILE: Final = select(
    Tenant.id, Tenant.slug, Tenant.name, Tenant.currency, Tenant.time_zone, Tenant.created_at
)


def _profile(row: Row[Any]) -> TenantProfile:
    return TenantProfile(row.id, row.slug, row.name, row.currency, row.time_zone, row.created_at)


def _log_door(door: str, tenants: int) -> None:
    _LOG.info("unscoped_door", door=door, tenants=tenants)
