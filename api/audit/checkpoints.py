"""Checkpoints of every agency's audit chain, each hour and before each export.

    chain since the last checkpoint -> verified -> signed -> audit_checkpoints, log
    audit_checkpoints -> signatures -> anchors for the verifier

What is signed was checked before, from the last checkpoint on: a broken chain gets no new one. An
agency where nothing happens gets one a day, so that one that lacks today's has lost something. Each
goes to the log as well, which is kept elsewhere.

Decision: ADR-0018.
"""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from joserfc.jwk import ECKey
from sqlalchemy import select

from api.audit.statements import UnprovenStatementError, read_statement, sign
from api.oauth.signing_keys import KeyStore, ProvenKeys
from api.rounds import beside, repeat
from domain.audit.checkpoint import Checkpoint
from domain.audit.verify import Anchor, ChainVerifier, Fault, Finding, Link
from domain.errors import Terminal, UserError
from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from tenancy.audit import find_last_link, iter_chain
from tenancy.exclusive import Exclusive
from tenancy.session import Database, TenantSession
from tenancy.tables import AuditCheckpoint, AuditEntry
from tenancy.unscoped import Doors

__all__ = [
    "BrokenChainError",
    "Checkpoints",
    "KnownCheckpoints",
    "SignedCheckpoint",
    "read_checkpoints",
]

_LOG: Final = structlog.get_logger(__name__)

_ROUND_SECONDS: Final = 3600.0
_AT_LEAST_EVERY: Final = dt.timedelta(hours=24)
_NEWEST_FIRST: Final = (AuditCheckpoint.sequence.desc(), AuditCheckpoint.at.desc())


class BrokenChainError(UserError, Terminal):
    """The audit chain of an agency is not as it was (the operator has to find out why)."""

    code = "AUDIT_CHAIN_BROKEN"

    def __init__(self, finding: Finding) -> None:
        super().__init__(
            f"the audit trail is not in order: {finding.message}",
            hint="keep this database as evidence; hold it against your last export:"
            " bosco audit verify AGENCY --against FILE",
        )
        self.finding = finding


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint and the proof of it.

    Attributes:
        statement: See `api.audit.statements`.
        public_key: As a JWK, of the key that signed.
    """

    checkpoint: Checkpoint
    statement: str
    public_key: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class KnownCheckpoints:
    """What the table says of one agency, by number.

    Attributes:
        proven: Signed by us.
        forged: How many are not.
        revoked: How many are signed by a key that was revoked since; they prove nothing.
    """

    proven: tuple[Checkpoint, ...]
    forged: int
    revoked: int


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Takes checkpoints.

    Attributes:
        exclusive: One round at a time, over all processes.
    """

    database: Database
    doors: Doors
    keys: KeyStore
    exclusive: Exclusive
    clock: Clock
    ids: IdFactory

    @asynccontextmanager
    async def running(self, sleep: Callable[[float], Awaitable[None]]) -> AsyncIterator[None]:
        """Take what is due while a block runs."""
        work = repeat(self.take_due, sleep, _ROUND_SECONDS, "audit_round_failed")
        async with beside(work):
            yield

    async def take_due(self) -> int:
        """One round over all agencies; one whose chain is broken is told to the log.

        Returns:
            Number of checkpoints taken.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        taken = 0
        async with self.exclusive():
            for tenant in await self.doors.list_tenants():
                try:
                    if await self._is_due(tenant.tenant_id):
                        await self.take(tenant.tenant_id)
                        taken += 1
                except BrokenChainError as error:
                    _LOG.error(  # the finding tells more than a traceback
                        "audit_chain_broken",
                        tenant_id=str(tenant.tenant_id),
                        fault=error.finding.fault.value,
                        sequence=error.finding.sequence,
                    )
        return taken

    async def take(self, tenant_id: TenantId) -> SignedCheckpoint:
        """State the end of an agency's chain, after checking what came since the last time.

        Raises:
            BrokenChainError: The chain does not follow from the last checkpoint.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        keys = await self.keys.load_proven()
        signer = (await self.keys.load()).signer
        async with self.database.session(tenant_id) as session:
            end = await _verified_end(session, keys)
            checkpoint = Checkpoint(tenant_id, end, self.clock())
            statement = sign(checkpoint, signer)
            session.add(
                AuditCheckpoint(
                    id=self.ids(), sequence=end.sequence, at=checkpoint.at, statement=statement
                )
            )
        _LOG.info("audit_checkpoint", tenant_id=str(tenant_id), statement=statement)
        return SignedCheckpoint(checkpoint, statement, signer.as_dict(private=False))

    async def _is_due(self, tenant_id: TenantId) -> bool:
        newest = select(AuditCheckpoint.sequence, AuditCheckpoint.at).order_by(*_NEWEST_FIRST)
        async with self.database.session(tenant_id) as session:
            end = await find_last_link(session)
            last = (await session.execute(newest.limit(1))).one_or_none()
        if last is None:
            return end.sequence > 0
        is_old: bool = self.clock() - last.at >= _AT_LEAST_EVERY
        return is_old or bool(last.sequence != end.sequence)


async def read_checkpoints(session: TenantSession, keys: ProvenKeys) -> KnownCheckpoints:
    """The checkpoints of the session's tenant, their signatures checked. One query."""
    oldest_first = select(AuditCheckpoint.statement).order_by(AuditCheckpoint.sequence)
    proven: list[Checkpoint] = []
    forged = revoked = 0
    for statement in await session.scalars(oldest_first):
        checkpoint = _find_proven(statement, session.tenant_id, keys)
        if checkpoint is not None:
            proven.append(checkpoint)
        elif _is_signed_by(statement, keys.revoked):
            revoked += 1
        else:
            forged += 1
    proven.sort(key=lambda one: (one.link.sequence, one.at))
    return KnownCheckpoints(tuple(proven), forged, revoked)


async def _verified_end(session: TenantSession, keys: ProvenKeys) -> Link:
    """The end of the chain, if it follows from the last checkpoint, which has to be in it."""
    start = await _last_proven(session, keys)
    anchors: list[Anchor] = []
    if start is not None:
        there = select(AuditEntry.hash).where(AuditEntry.sequence == start.link.sequence)
        found = await session.scalar(there)
        anchors = [start.anchor]
        if found is None:
            raise BrokenChainError(_without(start))
        link = Link(start.link.sequence, found)
    else:
        link = Link()
    verifier = ChainVerifier(session.tenant_id, anchors, start=link)
    async for entries in iter_chain(session, after=link.sequence):
        verifier.feed(entries)
    if (finding := verifier.finish()) is not None:
        raise BrokenChainError(finding)
    return verifier.last


async def _last_proven(session: TenantSession, keys: ProvenKeys) -> Checkpoint | None:
    newest_first = select(AuditCheckpoint.statement).order_by(*_NEWEST_FIRST)
    for statement in await session.scalars(newest_first):
        checkpoint = _find_proven(statement, session.tenant_id, keys)
        if checkpoint is not None:
            return checkpoint
    return None


def _without(checkpoint: Checkpoint) -> Finding:
    number = checkpoint.link.sequence
    return Finding(
        Fault.SHORTER, number, f"entry {number:,} is gone, which {checkpoint.anchor.origin} knows"
    )


def _find_proven(statement: str, tenant_id: TenantId, keys: ProvenKeys) -> Checkpoint | None:
    try:
        checkpoint = read_statement(statement, keys.valid)
    except UnprovenStatementError:
        return None
    return checkpoint if checkpoint.tenant_id == tenant_id else None


def _is_signed_by(statement: str, keys: Mapping[str, ECKey]) -> bool:
    try:
        read_statement(statement, keys)
    except UnprovenStatementError:
        return False
    return True
