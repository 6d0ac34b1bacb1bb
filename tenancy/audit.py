"""Audit: who did or saw what, in the same transaction as the deed, in one chain for each agency.

    work -> record(session, ...) -> audit_entries (append-only by right) -> both or neither
                                        |
              trigger: lock of the agency, next number, hash over the entry and the hash before

Entries are held back until the transaction commits, so that transactions of one agency wait for
each other only while they commit, and come one after the other into the chain. A row that is put in
in another way gets number and hashes from the same trigger: nothing is added beside the chain.

Decision: ADR-0018.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Final

from sqlalchemy import Select, Text, select

from domain.audit.entry import ChainedEntry
from domain.audit.verify import Link
from domain.ports import Clock, IdFactory
from tenancy.session import TenantSession
from tenancy.tables import AuditEntry

__all__ = ["chained_entries", "find_last_link", "iter_chain", "record"]

JsonScalar = str | int | float | bool | None

_BATCH: Final = 2_000  # about a megabyte


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


def chained_entries() -> Select[tuple[object, ...]]:
    """Select the columns of `ChainedEntry` in its order; `ChainedEntry(*row)` reads a row."""
    return select(
        AuditEntry.tenant_id,
        AuditEntry.sequence,
        AuditEntry.id,
        AuditEntry.at,
        AuditEntry.actor,
        AuditEntry.action,
        AuditEntry.object_kind,
        AuditEntry.object_id,
        AuditEntry.details.cast(Text),
        AuditEntry.previous_hash,
        AuditEntry.hash,
    )


async def iter_chain(
    session: TenantSession, *, after: int = 0, up_to: int | None = None
) -> AsyncIterator[list[ChainedEntry]]:
    """The chain of the session's tenant in batches, by number. One query, streamed.

    Args:
        session: Stays open meanwhile.
        after: Only entries with higher numbers.
        up_to: Only entries with this number at most; None: all.
    """
    query = chained_entries().where(AuditEntry.sequence > after).order_by(AuditEntry.sequence)
    if up_to is not None:
        query = query.where(AuditEntry.sequence <= up_to)
    rows = await session.stream(query.execution_options(yield_per=_BATCH))
    async for batch in rows.partitions():
        yield [ChainedEntry._make(row) for row in batch]


async def find_last_link(session: TenantSession) -> Link:
    """The end of the chain of the session's tenant; number 0 when nothing was recorded yet."""
    query = select(AuditEntry.sequence, AuditEntry.hash).order_by(AuditEntry.sequence.desc())
    row = (await session.execute(query.limit(1))).one_or_none()
    return Link() if row is None else Link(row.sequence, row.hash)
