"""Purges what is over, and keeps the proof of it.

    rules -> counts (plan, changes nothing)
    rules -> batch by batch: rows deleted or cleared + audit entry with the counts, or neither
    audit entry -> proof of the last purge

The proof is an entry of the agency's audit chain, in the same transaction as the purge: its counts
are what was done, its hash is bound to all before it, and checkpoints sign it (ADR-0018). Rules and
days go in as a digest, so that a later change of policy shows.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import structlog
from sqlalchemy import CursorResult, TextClause, select, text

from domain.errors import BoscoError
from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from domain.privacy.retention_policies import RETENTION_POLICIES
from gdpr.access.exports import Exports
from gdpr.retention.rules import RULES, PurgeAction, RetentionRule
from tenancy import audit
from tenancy.exclusive import Exclusive
from tenancy.session import Database, TenantSession
from tenancy.tables import AuditEntry
from tenancy.unscoped import Doors

__all__ = ["PURGED", "LastPurge", "PlannedPurge", "Retention", "rules_digest"]

_LOG: Final = structlog.get_logger(__name__)

PURGED: Final = "retention.purged"
_JOB: Final = "job:retention"
_BATCH: Final = 5_000  # rows of one rule in one transaction
_EVERY: Final = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class PlannedPurge:
    """What a rule would do now.

    Attributes:
        before: UTC instant: what counts from earlier is over.
        rows: How many rows that is.
    """

    rule: RetentionRule
    before: dt.datetime
    rows: int


@dataclass(frozen=True, slots=True)
class LastPurge:
    """The proof of the last purge.

    Attributes:
        sequence: Number of its entry in the audit trail.
        hash: Of the entry.
        actor: Who let it run.
        counts: Rows by rule; rules that had nothing to do are left out.
        rules: Digest of the rules and days in force.
    """

    at: dt.datetime
    sequence: int
    hash: bytes
    actor: str
    counts: Mapping[str, int]
    rules: str


@dataclass(frozen=True, slots=True)
class Retention:
    """Policies of retention, carried out.

    Attributes:
        exports: Purged along with the rest.
        exclusive: One process at a time goes round.
        batch: Rows of one rule in one transaction.
    """

    database: Database
    doors: Doors
    exports: Exports
    exclusive: Exclusive
    clock: Clock
    ids: IdFactory
    batch: int = _BATCH

    async def plan(self, tenant_id: TenantId) -> Sequence[PlannedPurge]:
        """What would be purged now, rule by rule; changes nothing."""
        now = self.clock()
        async with self.database.session(tenant_id) as session:
            return [
                PlannedPurge(
                    rule,
                    _before(rule, now),
                    await session.scalar(_count(rule), _values(rule, now)) or 0,
                )
                for rule in RULES
            ]

    async def run(self, tenant_id: TenantId, *, actor: str) -> Mapping[str, int]:
        """Purge what is over; gives back how many rows by rule.

        Each transaction purges a batch of each rule and records it; a purge with nothing to do is
        recorded as well, so that there is always a proof of the last one.
        """
        total: dict[str, int] = {}
        if exports := await self.exports.purge(tenant_id):
            total["exports"] = exports
        while True:
            async with self.database.session(tenant_id) as session:
                counts = {rule.name: await self._purge(session, rule) for rule in RULES}
                done = {name: count for name, count in counts.items() if count}
                self._record(session, done, actor)
            for name, count in done.items():
                total[name] = total.get(name, 0) + count
            if max(counts.values()) < self.batch:
                return total

    async def last(self, session: TenantSession) -> LastPurge | None:
        """The proof of the last purge of the session's tenant; None: there was none yet."""
        newest = select(AuditEntry).where(AuditEntry.action == PURGED)
        found = await session.scalars(newest.order_by(AuditEntry.sequence.desc()).limit(1))
        entry = found.one_or_none()
        if entry is None:
            return None
        counts = {
            name.removeprefix("rows."): int(value)
            for name, value in entry.details.items()
            if name.startswith("rows.")
        }
        rules = str(entry.details["rules"])
        return LastPurge(entry.at, entry.sequence, entry.hash, entry.actor, counts, rules)

    async def go_round(self) -> None:
        """Purge for every agency that had no purge for a day; one that fails keeps nobody back."""
        async with self.exclusive():
            for tenant in await self.doors.list_tenants():
                try:
                    async with self.database.session(tenant.tenant_id) as session:
                        last = await self.last(session)
                    if last is None or self.clock() - last.at >= _EVERY:
                        await self.run(tenant.tenant_id, actor=_JOB)
                except BoscoError:
                    _LOG.exception("retention_failed", tenant_id=str(tenant.tenant_id))

    async def _purge(self, session: TenantSession, rule: RetentionRule) -> int:
        values = _values(rule, self.clock()) | {"batch": self.batch}
        result = cast("CursorResult[Any]", await session.execute(_change(rule), values))
        return result.rowcount

    def _record(self, session: TenantSession, done: Mapping[str, int], actor: str) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action=PURGED,
            object_kind="retention",
            object_id=str(session.tenant_id),
            details={
                "rules": rules_digest(),
                **{f"rows.{name}": count for name, count in done.items()},
            },
        )


def rules_digest() -> str:
    """SHA-256 over rules and days, in hexadecimal."""
    told = [
        [rule.name, rule.since, rule.action.value, rule.keeps, RETENTION_POLICIES[rule.policy].days]
        for rule in RULES
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _before(rule: RetentionRule, now: dt.datetime) -> dt.datetime:
    days = RETENTION_POLICIES[rule.policy].days
    if days is None:
        raise ValueError(f"policy {rule.policy} ends with an event, not with a day")
    return now - dt.timedelta(days=days)


def _values(rule: RetentionRule, now: dt.datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"before": _before(rule, now)}
    return values | {"now": now} if ":now" in rule.keeps else values


def _is_over(rule: RetentionRule) -> str:
    parts = [f"{rule.since} < :before"]
    if rule.action is PurgeAction.CLEAR:
        parts.append(
            "("
            + " OR ".join(f"r.{name} IS DISTINCT FROM {value}" for name, value in rule.clears)
            + ")"
        )
    if rule.keeps:
        parts.append(f"NOT {rule.keeps}")
    return " AND ".join(parts)


def _count(rule: RetentionRule) -> TextClause:
    return text(f"SELECT count(*) FROM {rule.table} r WHERE {_is_over(rule)}")


def _change(rule: RetentionRule) -> TextClause:
    chosen = f"SELECT r.ctid FROM {rule.table} r WHERE {_is_over(rule)} LIMIT :batch FOR UPDATE"
    if rule.action is PurgeAction.DELETE:
        return text(f"DELETE FROM {rule.table} WHERE ctid IN ({chosen})")
    changes = ", ".join(f"{name} = {value}" for name, value in rule.clears)
    return text(f"UPDATE {rule.table} SET {changes} WHERE ctid IN ({chosen})")
