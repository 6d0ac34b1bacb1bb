"""Searches of every store after an erasure: at once, and when data could have come back.

    run, before it ends -> search by the words -> nothing, or the run does not end
    next ingest, next materialisation (or their last day), end of time travel
        -> search by pseudonyms
        -> nothing | found: the run is done again for whoever has a tombstone

A rescan that found something stays in the journal with what it found where.
"""

import datetime as dt
import functools
import uuid
from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from domain.errors import InternalError, Terminal
from domain.ids import ClientId, ConnectionId, TenantId
from domain.privacy.evidence import RescanMoment
from gdpr.erasure.needles import BuriedWords, KnownWords
from gdpr.erasure.people import AS_LONG_AS_KNOWN, identifiers_of, load_recogniser
from gdpr.erasure.search import Findings, search_everywhere
from gdpr.erasure.work import Run, RunRequest, Stores
from tenancy.session import TenantSession
from tenancy.tables import Connection, ErasureRescan
from tenancy.warehouse.port import Retention

__all__ = [
    "ResidueError",
    "buried_words",
    "note_at_once",
    "plan_rescans",
    "rescan_at_once",
    "rescan_later",
]

_AGAIN_AFTER: Final = dt.timedelta(hours=1)
# Accounts are synced every day; those that are paused, or have left, bring nothing to wait for.
_NO_LATER_THAN: Final = dt.timedelta(days=3)
_LOG: Final = structlog.get_logger(__name__)


class ResidueError(InternalError, Terminal):
    """Something of an erased person is still there after every step of a run (our bug)."""

    code = "ERASURE_RESIDUE"


async def rescan_at_once(stores: Stores, run: Run, tenant_id: TenantId) -> Findings:
    """Search for everything that the run has erased for an agency."""
    places: dict[str, frozenset[ConnectionId]] = {}
    async for one in run.targets(stores).each():
        if one.tenant_id == tenant_id:
            _place(places, one.value, one.connection_id)
    ids = frozenset(places)
    async with stores.database.session(tenant_id) as session:
        known = [
            identifier
            for request in run.requests[tenant_id]
            for identifier in await identifiers_of(session, stores, request)
        ]
    for identifier in known:
        if identifier.connection_id is not None:
            _place(places, identifier.value, identifier.connection_id)
    words = KnownWords.of(known, ids, places, run.held | {AS_LONG_AS_KNOWN})
    return await search_everywhere(stores, tenant_id, words)


def _place(
    places: dict[str, frozenset[ConnectionId]], value: str, connection_id: ConnectionId
) -> None:
    """Note that a value is somebody's at a connection."""
    here = places.setdefault(value, _only(connection_id))
    if connection_id not in here:
        places[value] = here | {connection_id}


@functools.lru_cache(maxsize=1024)
def _only(connection_id: ConnectionId) -> frozenset[ConnectionId]:
    """One object for all values of a connection: there may be millions."""
    return frozenset({connection_id})


async def buried_words(stores: Stores, tenant_id: TenantId) -> BuriedWords:
    """Everybody who is erased in an agency, to be searched for."""
    async with stores.database.session(tenant_id) as session:
        known = await load_recogniser(session, stores)
        rows = await session.execute(select(Connection.id, Connection.client_id))
        return BuriedWords.of(known, dict(iter(rows.all())))


async def plan_rescans(
    session: TenantSession,
    stores: Stores,
    run_id: uuid.UUID,
    requests: Sequence[RunRequest],
    retention: Retention,
) -> None:
    """Write down when an agency's stores are searched again; once for a run."""
    known = select(ErasureRescan.id).where(
        ErasureRescan.run_id == run_id, ErasureRescan.moment != RescanMoment.ERASURE
    )
    if await session.scalar(known.limit(1)) is not None:
        return
    for client_id in sorted({request.client_id for request in requests}):
        for moment in (RescanMoment.INGEST, RescanMoment.MATERIALISATION):
            session.add(_rescan(stores, run_id, moment, _NO_LATER_THAN, client_id=client_id))
    if retention.time_travel:
        moment = RescanMoment.TIME_TRAVEL
        session.add(_rescan(stores, run_id, moment, retention.time_travel))


async def note_at_once(
    session: TenantSession, stores: Stores, run_id: uuid.UUID, findings: Findings
) -> None:
    """Keep what the search at the end of a run found; a later try replaces it."""
    now = stores.clock()
    values = {"done_at": now, "found": findings.total(), "findings": dict(findings)}
    rescan = insert(ErasureRescan).values(
        tenant_id=session.tenant_id,
        id=uuid.uuid5(run_id, str(session.tenant_id)),
        run_id=run_id,
        moment=RescanMoment.ERASURE,
        due_at=now,
        **values,
    )
    same = ["tenant_id", "id"]
    await session.execute(rescan.on_conflict_do_update(index_elements=same, set_=values))


async def rescan_later(
    stores: Stores, tenant_id: TenantId, *, after: tuple[ClientId, RescanMoment] | None = None
) -> int | None:
    """Do the rescans of an agency whose moment has come.

    Args:
        stores: To be searched.
        tenant_id: Whose.
        after: Whose ingest or materialisation it was; None: those whose day has come.

    Returns:
        How much was found; None: nothing was due. What has found something is due once more.
    """
    due = select(ErasureRescan).where(ErasureRescan.done_at.is_(None))
    if after is None:
        due = due.where(ErasureRescan.due_at <= stores.clock())
    else:
        client_id, moment = after
        due = due.where(ErasureRescan.client_id == client_id, ErasureRescan.moment == moment)
    async with stores.database.session(tenant_id) as session:
        if await session.scalar(due.with_only_columns(ErasureRescan.id).limit(1)) is None:
            return None
    findings = await search_everywhere(stores, tenant_id, await buried_words(stores, tenant_id))
    async with stores.database.session(tenant_id) as session:
        for rescan in (await session.scalars(due.with_for_update())).all():
            rescan.done_at, rescan.found = stores.clock(), findings.total()
            rescan.findings = dict(findings)
            if findings:
                session.add(_again(stores, rescan))
    if findings:
        _LOG.error("erased_data_is_back", tenant_id=str(tenant_id), places=sorted(findings))
    return findings.total()


def _again(stores: Stores, rescan: ErasureRescan) -> ErasureRescan:
    """The same search once more, when what it found has been erased."""
    return _rescan(stores, rescan.run_id, rescan.moment, _AGAIN_AFTER, client_id=rescan.client_id)


def _rescan(
    stores: Stores,
    run_id: uuid.UUID,
    moment: RescanMoment,
    within: dt.timedelta,
    *,
    client_id: ClientId | None = None,
) -> ErasureRescan:
    due_at = stores.clock() + within
    return ErasureRescan(
        id=stores.ids(), run_id=run_id, moment=moment, client_id=client_id, due_at=due_at
    )
