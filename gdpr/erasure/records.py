"""PostgreSQL without the people of a run: rows in quarantine, and word that data has changed.

quarantined rows -> who is named in them? -> emptied and closed
facts that changed -> a new data version each -> answers cached before are never read again
"""

import uuid
from collections import Counter
from typing import Final

import orjson
import structlog
from sqlalchemy import select

from domain.facts import FACTS
from domain.ids import ClientId, TenantId
from gdpr.erasure.erasable import told_by
from gdpr.erasure.people import load_recogniser
from gdpr.erasure.work import Stores
from tenancy.cache import KeyKind, TenantRedis
from tenancy.redis_server import RedisUnavailableError
from tenancy.session import TenantSession
from tenancy.tables import (
    LANDING_VERSION,
    DataVersion,
    QuarantinedRow,
    QuarantineState,
    Sync,
    SyncState,
)

__all__ = ["PEOPLE_FACTS", "clear_quarantine", "renew_versions", "tell_versions"]

_LOG: Final = structlog.get_logger(__name__)
_RESOLVED_BY: Final = "job:erasure"
_RESOLUTION: Final = "the row was about a person who is erased"

PEOPLE_FACTS: Final = tuple(
    name
    for name, fact in sorted(FACTS.items())
    if any(column.names is not None for column in fact.columns)
)


async def clear_quarantine(session: TenantSession, stores: Stores) -> Counter[uuid.UUID]:
    """Empty the rows that name somebody erased; they stay counted.

    Returns:
        How many, by request.
    """
    known = await load_recogniser(session, stores)
    counts: Counter[uuid.UUID] = Counter()
    if not known.requests:
        return counts
    query = select(QuarantinedRow, Sync.client_id, Sync.fact).join(
        Sync, (Sync.tenant_id == QuarantinedRow.tenant_id) & (Sync.id == QuarantinedRow.sync_id)
    )
    for row, client_id, fact in (await session.execute(query)).all():
        request = known.request_in(client_id, row.connection_id, _texts(row), told_by(fact))
        if request is None:
            continue
        counts[request] += 1
        row.raw, row.around, row.repair, row.natural_key, row.message = {}, None, None, None, ""
        if row.state is QuarantineState.OPEN:
            row.state, row.resolved_at = QuarantineState.DISMISSED, stores.clock()
            row.resolved_by, row.resolution = _RESOLVED_BY, _RESOLUTION
    return counts


def _texts(row: QuarantinedRow) -> list[str]:
    stored = (row.raw, row.around, row.repair)
    texts = [orjson.dumps(value).decode() for value in stored if value]
    # A short id is an id where it is a part of the key.
    key = [f"://key/{part}" for part in (row.natural_key or "").split("\x1f") if part]
    return [*texts, *key, row.message]


async def renew_versions(
    session: TenantSession, stores: Stores, clients: set[ClientId]
) -> dict[str, int]:
    """A new data version for each fact about people that a client has; by fact."""
    versions: dict[str, int] = {}
    for fact in PEOPLE_FACTS:
        newest = (
            select(Sync.id)
            .where(
                Sync.fact == fact,
                Sync.state == SyncState.PUBLISHED,
                Sync.client_id.in_(sorted(clients)),
            )
            .order_by(Sync.version.desc())
            .limit(1)
        )
        sync_id = await session.scalar(newest)
        if sync_id is None:
            continue
        version = await session.scalar(LANDING_VERSION)
        versions[fact] = int(version or 0)
        session.add(
            DataVersion(
                id=stores.ids(),
                fact=fact,
                version=versions[fact],
                sync_id=sync_id,
                published_at=stores.clock(),
            )
        )
    return versions


async def tell_versions(stores: Stores, tenant_id: TenantId, versions: dict[str, int]) -> None:
    """Tell who listens; a hint only, the versions are stored."""
    redis = TenantRedis(stores.redis, tenant_id)
    try:
        for fact, version in versions.items():
            message = orjson.dumps({"fact": fact, "version": version})
            await redis.publish(KeyKind.DATA_VERSION, fact, message=message)
    except RedisUnavailableError as error:
        _LOG.warning("data_version_untold", reason=str(error))
