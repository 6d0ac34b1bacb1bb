"""Purges what is over, and keeps the proof of it.

    rules -> counts (plan, changes nothing)
    warehouse and landing objects, for all agencies -> counts that no proof tells yet
    rules -> batch by batch: rows deleted or cleared + audit entry with the counts, or neither
    audit entry -> proof of the last purge

The proof is an entry of the agency's audit chain, in the same transaction as the purge: its counts
are what was done, its hash is bound to all before it, and checkpoints sign it (ADR-0018). Rules and
days go in as a digest, so that a later change of policy shows.
"""

import datetime as dt
import hashlib
import json
from collections import Counter
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
from gdpr.retention.planned import PlannedPurge, plan_warehouse
from gdpr.retention.rules import RULES, PurgeAction, RetentionRule
from gdpr.retention.warehouse import LANDED, PEOPLE, WarehousePurge
from tenancy import audit
from tenancy.exclusive import Exclusive
from tenancy.session import Database, TenantSession
from tenancy.tables import AuditEntry, RetentionRun
from tenancy.unscoped import Doors

__all__ = ["PURGED", "LastPurge", "Retention", "rules_digest"]

_LOG: Final = structlog.get_logger(__name__)

PURGED: Final = "retention.purged"
_JOB: Final = "job:retention"
_BATCH: Final = 5_000  # rows of one rule in one transaction
_EVERY: Final = dt.timedelta(hours=24)


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
        warehouse: Purged first, for all agencies at once.
        exports: Purged along with the rest.
        exclusive: One process at a time goes round.
        batch: Rows of one rule in one transaction.
    """

    database: Database
    doors: Doors
    warehouse: WarehousePurge
    exports: Exports
    exclusive: Exclusive
    clock: Clock
    ids: IdFactory
    batch: int = _BATCH

    async def plan(self, tenant_id: TenantId) -> Sequence[PlannedPurge]:
        """What would be purged now, rule by rule; changes nothing."""
        now = self.clock()
        agency, counted = await self.warehouse.plan(tenant_id)
        async with self.database.session(tenant_id) as session:
            planned = [
                PlannedPurge(
                    rule.policy,
                    rule.table,
                    _days(rule),
                    _before(rule, now),
                    _then(rule),
                    await session.scalar(_count(rule), _values(rule, now)) or 0,
                )
                for rule in RULES
            ]
        return [*planned, *plan_warehouse(self.warehouse.stores, agency, counted, now.date())]

    async def run(self, tenant_id: TenantId, *, actor: str) -> Mapping[str, int]:
        """Purge what is over; gives back how many rows by rule.

        The warehouse takes one purge a day, for all agencies: what it took of this one is told
        here, whoever let it run. Each transaction purges a batch of each rule and records it; a
        purge with nothing to do is recorded as well, so that there is always a proof of the last.

        Raises:
            BoscoError: A store does not answer; called again, it goes on.
        """
        await self.warehouse.run()
        return await self._run(tenant_id, actor)

    async def _run(self, tenant_id: TenantId, actor: str) -> Mapping[str, int]:
        """Purge the agency's own stores, and tell what the warehouse's purge took."""
        total: dict[str, int] = {}
        if exports := await self.exports.purge(tenant_id):
            total["exports"] = exports
        while True:
            async with self.database.session(tenant_id) as session:
                counts = {rule.name: await self._purge(session, rule) for rule in RULES}
                done = {name: count for name, count in counts.items() if count}
                done |= await self._take_over(session)
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
            try:
                await self.warehouse.run()
            except BoscoError:
                _LOG.exception("warehouse_purge_failed")
            tenants = [one.tenant_id for one in await self.doors.list_tenants()]
            for tenant_id in tenants:
                try:
                    if await self._is_due(tenant_id):
                        await self._run(tenant_id, _JOB)
                except BoscoError:
                    _LOG.exception("retention_failed", tenant_id=str(tenant_id))

    async def _is_due(self, tenant_id: TenantId) -> bool:
        """Whether there was no purge for a day, or one of the warehouse has no proof yet."""
        untold = select(RetentionRun.day).where(
            RetentionRun.done_at.is_not(None),
            RetentionRun.told_at.is_(None),
            RetentionRun.counts != {},
        )
        async with self.database.session(tenant_id) as session:
            last = await self.last(session)
            return (
                last is None
                or self.clock() - last.at >= _EVERY
                or await session.scalar(untold.limit(1)) is not None
            )

    async def _take_over(self, session: TenantSession) -> dict[str, int]:
        """What the warehouse's purge took of the session's agency and no proof tells yet."""
        query = select(RetentionRun).where(
            RetentionRun.done_at.is_not(None), RetentionRun.told_at.is_(None)
        )
        told: Counter[str] = Counter()
        for run in await session.scalars(query.with_for_update()):
            run.told_at = self.clock()
            told.update(run.counts)
        return dict(told)

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
    told: list[list[Any]] = [
        [rule.name, rule.since, rule.action.value, rule.keeps, RETENTION_POLICIES[rule.policy].days]
        for rule in RULES
    ]
    told += [[policy, RETENTION_POLICIES[policy].days] for policy in (PEOPLE, LANDED)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _days(rule: RetentionRule) -> int:
    days = RETENTION_POLICIES[rule.policy].days
    if days is None:
        raise ValueError(f"policy {rule.policy} ends with an event, not with a day")
    return days


def _before(rule: RetentionRule, now: dt.datetime) -> dt.datetime:
    return now - dt.timedelta(days=_days(rule))


def _then(rule: RetentionRule) -> str:
    if rule.action is PurgeAction.DELETE:
        return "deleted"
    return ", ".join(name for name, _ in rule.clears) + " forgotten"


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
    free = f" AND NOT {rule.waits}" if rule.waits else ""
    chosen = f"SELECT r.ctid FROM {rule.table} r WHERE {_is_over(rule)}{free} LIMIT :batch"
    if rule.action is PurgeAction.DELETE:
        # A row that somebody changes meanwhile has another place then, and stays. No lock before
        # the deletion: it would need a right to change tables that nobody changes.
        return text(f"DELETE FROM {rule.table} WHERE ctid IN ({chosen})")
    changes = ", ".join(f"{name} = {value}" for name, value in rule.clears)
    return text(f"UPDATE {rule.table} SET {changes} WHERE ctid IN ({chosen} FOR UPDATE)")
