"""Audit: who did or saw what, in the same transaction as the deed, in one chain for each agency.

    work -> record(session, ...) -> audit_entries (append-only by right) -> both or neither
                                        |
              trigger: lock of the agency, next number, hash over the entry and the hash before

Entries are held back until the transaction commits, so that transactions of one agency wait for
each other only while they commit, and come one after the other into the chain. A row that is put in
in another way gets number and hashes from the same trigger: nothing is added beside the chain.

Decision: ADR-0018.
"""

import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Final

from sqlalchemy import select, text

from domain.audit.entry import ChainedEntry
from domain.audit.verify import Link
from domain.ports import Clock, IdFactory
from tenancy.session import TenantSession
from tenancy.tables import AuditEntry

__all__ = ["BATCH", "find_last_link", "iter_chain", "record"]

JsonScalar = str | int | float | bool | None

BATCH: Final = 4_000  # about two megabytes
_LAST_ID: Final = uuid.UUID(int=2**128 - 1)

# The columns of `ChainedEntry` as they are hashed; several times as fast as through the mapper. The
# id is part of the order, so that of two entries with one number none is passed over.
_CHAIN: Final = text("""
    SELECT uuid_send(tenant_id), sequence, uuid_send(id),
        (extract(epoch FROM at) * 1000000)::bigint, actor, action, object_kind, object_id,
        details::text, previous_hash, hash
    FROM audit_entries
    WHERE tenant_id = :tenant_id AND sequence >= :sequence AND (sequence, id) > (:sequence, :id)
        AND (CAST(:up_to AS bigint) IS NULL OR sequence <= :up_to)
    ORDER BY sequence, id LIMIT :batch
""")


def record(  # one argument for each question that an auditor asks
    session: TenantSession,
    *,
    clock: Clock,
    ids: IdFactory,
    actor: str,
    action: str,
    object_kind: str,
    object_id: str,
    details: Mapping[str, JsonScalar | list[str]],
) -> None:
    """Add an entry to the session's tenant; it is stored when the session commits.

    Args:
        session: Where the deed itself is done.
        clock: Tells when.
        ids: Gives the entry its id.
        actor: Who: `user:<id>`, `client:<id>` or `job:<name>`.
        action: Object and past tense, for example `connection.paused`.
        object_kind: For example `connection`.
        object_id: Its id as text.
        details: Ids and settings; never personal data or secrets.

    Raises:
        TenantChangeError: The session has no tenant (our bug).
    """
    session.add_at_commit(
        AuditEntry(
            tenant_id=session.tenant_id,
            id=ids(),
            at=clock(),
            actor=actor,
            action=action,
            object_kind=object_kind,
            object_id=object_id,
            details=dict(details),
        )
    )


async def iter_chain(
    session: TenantSession, *, after: int = 0, up_to: int | None = None
) -> AsyncIterator[list[ChainedEntry]]:
    """The chain of the session's tenant in batches, by number. One query for each batch.

    Args:
        session: Stays open meanwhile.
        after: Only entries with higher numbers.
        up_to: Only entries with this number at most; None: all.
    """
    place = {"sequence": after, "id": _LAST_ID}
    fixed = {"tenant_id": session.tenant_id, "up_to": up_to, "batch": BATCH}
    while True:
        rows = (await session.execute(_CHAIN, {**fixed, **place})).all()
        if rows:
            entries = [ChainedEntry._make(row) for row in rows]
            yield entries
            place = {"sequence": entries[-1].sequence, "id": entries[-1].entry_id}
        if len(rows) < BATCH:
            return


async def find_last_link(session: TenantSession) -> Link:
    """The end of the chain of the session's tenant; number 0 when nothing was recorded yet."""
    query = select(AuditEntry.sequence, AuditEntry.hash).order_by(AuditEntry.sequence.desc())
    row = (await session.execute(query.limit(1))).one_or_none()
    return Link() if row is None else Link(row.sequence, row.hash)
