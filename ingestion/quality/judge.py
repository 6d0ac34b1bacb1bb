"""What the checks before publication say of a batch.

    landed syncs -> figures: one SELECT a raw table, one a fact -> Evidence, oldest sync first
    -> checks -> findings by sync

Reads only. A sync whose facts are in the warehouse was let through before a crash: it is not judged
twice, since what it would be compared with is itself.
"""

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.facts import FACTS
from domain.ids import SyncId
from domain.ports import Parameter, Statement
from ingestion.connector.spec import StreamSpec
from ingestion.quality.checks.empty_column import find_empty_columns
from ingestion.quality.checks.impossible_values import find_impossible_values
from ingestion.quality.checks.lost_days import find_lost_days
from ingestion.quality.checks.rejected_rows import find_rejected_rows
from ingestion.quality.checks.repeated_keys import find_repeated_keys
from ingestion.quality.checks.rows_outside import find_rows_outside
from ingestion.quality.checks.totals_differ import find_other_totals, totals_of
from ingestion.quality.checks.unit_slip import find_unit_slips
from ingestion.quality.evidence import GateCheck, LandedSync
from ingestion.quality.figures import DayFigures, Days, read_figures
from ingestion.quality.finding import Finding
from ingestion.quality.statements import (
    CONNECTION_IDS,
    FIRST_DAY,
    LAST_DAY,
    conflicting_keys,
    landed_figures,
    published_figures,
    unified_syncs,
)
from ingestion.quality.view import HISTORY, CurrentView, VisibleDay
from ingestion.unify.mapping import SYNC_IDS
from tenancy.audited_tenants import AuditedTenants
from tenancy.warehouse.port import Warehouse

__all__ = ["GATE_CHECKS", "Judge"]

GATE_CHECKS: Final[tuple[GateCheck, ...]] = (
    find_rejected_rows,
    find_rows_outside,
    find_repeated_keys,
    find_impossible_values,
    find_empty_columns,
    find_unit_slips,
    find_lost_days,
    find_other_totals,
)

Rows = list[dict[str, Any]]


class Judge:
    """Asks the warehouse, then the checks."""

    def __init__(self, warehouse: Warehouse, streams: Iterable[StreamSpec]) -> None:
        self._warehouse = warehouse
        self._told = frozenset((stream.source, stream.fact) for stream in streams)
        self._landed: dict[str, Statement] = {}
        self._conflicts: dict[str, Statement] = {}

    async def judge(
        self, batch: Sequence[LandedSync], tenants: AuditedTenants
    ) -> Mapping[SyncId, Sequence[Finding]]:
        """What the checks found, by sync; nothing for those that are good or were let through.

        Args:
            batch: Their raw rows are in the warehouse.
            tenants: Those of the batch.
        """
        syncs = await self._still_to_judge(batch, tenants)
        if not syncs:
            return {}
        landed = await self._landed_days(syncs, tenants)
        conflicts, visible = await asyncio.gather(
            self._conflicting(syncs, landed, tenants), self._visible_days(syncs, tenants)
        )
        view = CurrentView(visible, landed)
        found: dict[SyncId, Sequence[Finding]] = {}
        # Totals first: the other streams of their run are held against them.
        for sync in sorted(syncs, key=lambda one: (not one.fact.totals_of, one.version)):
            evidence = view.evidence(sync, conflicts.get(sync.sync_id, 0))
            findings = [finding for check in GATE_CHECKS for finding in check(evidence)]
            if findings:
                found[sync.sync_id] = findings
            if not any(finding.holds for finding in findings):
                view.let_through(sync)
        return found

    async def _still_to_judge(
        self, batch: Sequence[LandedSync], tenants: AuditedTenants
    ) -> list[LandedSync]:
        waiting = [sync for sync in batch if not sync.is_released]
        if not waiting:
            return []
        rows = await self._ask(unified_syncs(), {SYNC_IDS: _ids(waiting)}, tenants)
        unified = {row["sync_id"] for row in rows}
        return [sync for sync in waiting if str(sync.sync_id) not in unified]

    async def _landed_days(
        self, syncs: Sequence[LandedSync], tenants: AuditedTenants
    ) -> Mapping[SyncId, Days]:
        days: dict[SyncId, dict[dt.date, DayFigures]] = defaultdict(dict)
        tables = _by_raw_table(syncs)

        async def look_up(table: str, of_table: Sequence[LandedSync]) -> None:
            if table not in self._landed:
                self._landed[table] = landed_figures(of_table[0].stream)
            by_id = {str(sync.sync_id): sync for sync in of_table}
            for row in await self._ask(self._landed[table], {SYNC_IDS: tuple(by_id)}, tenants):
                sync = by_id[row["sync_id"]]
                figures = read_figures(sync.fact, row | {"known_at": sync.known_at})
                days[sync.sync_id][row["reporting_date"]] = figures

        await asyncio.gather(*(look_up(*one) for one in tables.items()))
        return days

    async def _conflicting(
        self,
        syncs: Sequence[LandedSync],
        landed: Mapping[SyncId, Days],
        tenants: AuditedTenants,
    ) -> Mapping[SyncId, int]:
        """Of syncs of which unification will take rows away. Rarely one: then nothing is asked."""
        fewer = [
            sync
            for sync in syncs
            if sync.replaces_days
            and sync.rows > sum(figures.rows for figures in landed.get(sync.sync_id, {}).values())
        ]
        found: dict[SyncId, int] = {}
        for table, of_table in _by_raw_table(fewer).items():
            if table not in self._conflicts:
                self._conflicts[table] = conflicting_keys(of_table[0].stream)
            rows = await self._ask(self._conflicts[table], {SYNC_IDS: _ids(of_table)}, tenants)
            counts = {row["sync_id"]: row["conflicts"] for row in rows}
            found |= {s.sync_id: counts.get(str(s.sync_id), 0) for s in of_table}
        return found

    async def _visible_days(
        self, syncs: Sequence[LandedSync], tenants: AuditedTenants
    ) -> list[VisibleDay]:
        days: list[VisibleDay] = []

        async def look_up(fact: str, asked: "_Asked") -> None:
            for row in await self._ask(published_figures(fact), asked.parameters, tenants):
                figures = read_figures(FACTS[fact], row)
                where = (row["connection_id"], fact, row["stream"], row["reporting_date"])
                days.append(VisibleDay(*where, figures))

        await asyncio.gather(*(look_up(*one) for one in self._asked(syncs).items()))
        return days

    def _asked(self, syncs: Iterable[LandedSync]) -> dict[str, "_Asked"]:
        """What has to be looked up of each fact: history, and the totals of the syncs' own days.

        Rows that changed may be years old; what they cost is compared with the last weeks.
        """
        found: dict[str, _Asked] = {}
        for sync in syncs:
            today = sync.known_at.date()
            first, last = (sync.days.start, sync.days.end) if sync.days else (today, today)
            connections = frozenset({str(sync.connection_id)})
            wanted = {sync.fact.name: _Asked(connections, first - HISTORY, last)}
            totals = totals_of(sync.fact)
            if totals is not None and (sync.source, totals.name) in self._told:
                wanted[totals.name] = _Asked(connections, first, last)
            for fact, one in wanted.items():
                found[fact] = found[fact].with_days(one) if fact in found else one
        return found

    async def _ask(
        self, statement: Statement, parameters: Mapping[str, Parameter], tenants: AuditedTenants
    ) -> Rows:
        answer = await self._warehouse.run_for(tenants, statement, parameters)
        rows: Rows = answer.to_pylist()
        return rows


@dataclass(frozen=True, slots=True)
class _Asked:
    """Connections and days of one fact."""

    connections: frozenset[str]
    first: dt.date
    last: dt.date

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        connections = tuple(sorted(self.connections))
        return {CONNECTION_IDS: connections, FIRST_DAY: self.first, LAST_DAY: self.last}

    def with_days(self, other: "_Asked") -> "_Asked":
        return _Asked(
            self.connections | other.connections,
            min(self.first, other.first),
            max(self.last, other.last),
        )


def _by_raw_table(syncs: Iterable[LandedSync]) -> dict[str, list[LandedSync]]:
    found: dict[str, list[LandedSync]] = defaultdict(list)
    for sync in syncs:
        found[sync.stream.raw_table.qualified].append(sync)
    return found


def _ids(syncs: Iterable[LandedSync]) -> tuple[str, ...]:
    return tuple(str(sync.sync_id) for sync in syncs)
