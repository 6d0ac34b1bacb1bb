"""What becomes of the rows of one sync when they are replayed.

rows -> retyped -> still wrong | mended -> a double of a good line | told again since
| outside the sync's days | to tell again, in windows of days or by key
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.errors import ConflictError, Terminal
from domain.facts import FACTS
from domain.facts.fact import Supersession
from domain.ids import SyncId
from domain.ports import QueryWarehouse
from domain.time_window import DateRange
from ingestion.connector.spec import SourceSpec
from ingestion.files.map_spec import MapSpec
from ingestion.landing.target import LandingServices
from ingestion.quality.told_keys import read_tellers
from ingestion.replay.base_rows import BaseRows, keys_of
from ingestion.replay.choose import ToldSync, choose_days, is_told_since
from ingestion.replay.mended import MendedRow, mended_rows
from ingestion.replay.streams import ReplayStream, open_stream
from ingestion.replay.told import told_by
from tenancy.tables import Connection, QuarantinedRow, Sync, SyncState

__all__ = ["Decision", "Group", "ReplayDecider"]

Reason = tuple[str, str, str]  # field, reason, message


class NotReplayableError(ConflictError, Terminal):
    """Rows of this sync cannot be put back now (whoever asked for it)."""

    code = "NOT_REPLAYABLE"


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one sync.

    Attributes:
        told: All published syncs of its stream.
        is_behind: A newer sync of the stream is held.
    """

    sync: Sync
    rows: Sequence[QuarantinedRow]
    told: Sequence[ToldSync]
    is_behind: bool

    @property
    def family(self) -> frozenset[SyncId]:
        """The sync and its earlier replays, as far as they are published."""
        return frozenset(one.sync_id for one in self.told if one.origin == self.sync.id)


@dataclass(frozen=True, slots=True)
class Decision:
    """By row of the quarantine.

    Attributes:
        version: Of what read them.
        windows: Rows to tell again, together: of these days, or (None) by their keys.
        refused: Why others still do not count.
        superseded: Told again by another sync since.
    """

    sync: Sync
    version: str = ""
    windows: list[tuple[DateRange | None, list[uuid.UUID]]] = field(default_factory=list)
    refused: dict[uuid.UUID, Reason] = field(default_factory=dict)
    superseded: list[uuid.UUID] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReplayDecider:
    """Decides; writes nothing."""

    services: LandingServices
    warehouse: QueryWarehouse
    sources: Mapping[str, SourceSpec]

    async def decide(
        self, connection: Connection, group: Group, file_map: MapSpec | None
    ) -> Decision:
        """Decide about the rows of one sync."""
        try:
            _require_visible(group)
            stream = open_stream(connection, group.sync, self.sources, file_map)
            return await self._decide(connection, group, stream)
        except ConflictError as error:
            reason = ("", error.code.lower(), str(error))
            return Decision(group.sync, refused={row.id: reason for row in group.rows})

    async def _decide(self, connection: Connection, group: Group, stream: ReplayStream) -> Decision:
        retyped = stream.retyper.retype(group.rows)
        decision = Decision(group.sync, stream.version)
        decision.refused.update({row.id: why for row, why in retyped.refused.items()})
        mended = mended_rows(stream.spec, group.rows, retyped)
        if stream.widens:
            mended = await self._without_doubles(connection, group, stream, mended, decision)
        if FACTS[group.sync.fact].supersession is Supersession.SLICE:
            _choose_by_day(group, mended, decision, widens=stream.widens)
        else:
            await self._choose_by_key(connection, group, mended, decision)
        return decision

    async def _without_doubles(
        self,
        connection: Connection,
        group: Group,
        stream: ReplayStream,
        mended: Sequence[MendedRow],
        decision: Decision,
    ) -> list[MendedRow]:
        """Leave out lines of a file whose key another good line of it has."""
        keys = {key for one in mended for key in one.keys}
        base = BaseRows(self.services, connection.tenant_id)
        lines: dict[str, int] = {}
        for sync_id in sorted(group.family):
            for batch in await base.of_keys(sync_id, stream.spec, keys):
                numbers = batch.column("row_number").to_pylist()
                lines |= dict(zip(keys_of(stream.spec, batch), numbers, strict=True))
        fresh = []
        for one in mended:
            number = one.row.row_number
            double = next((lines[k] for k in sorted(one.keys) if lines.get(k, number) != number), 0)
            if double:
                message = f"has the key of line {double}"
                decision.refused[one.row.id] = (one.row.field or "", "duplicate_key", message)
            else:
                fresh.append(one)
        return fresh

    async def _choose_by_key(
        self,
        connection: Connection,
        group: Group,
        mended: Sequence[MendedRow],
        decision: Decision,
    ) -> None:
        keys = sorted({key for one in mended for key in one.keys})
        sync, own = group.sync, told_by(group.sync)
        tellers = await read_tellers(
            self.warehouse, connection.tenant_id, connection.id, sync.stream, sync.fact, keys
        )
        wanted: list[uuid.UUID] = []
        for one in mended:
            told = [teller for key in one.keys for teller in tellers.get(key, ())]
            is_history = is_told_since(own, told, group.family)
            (decision.superseded if is_history else wanted).append(one.row.id)
        if wanted:
            decision.windows.append((None, wanted))


def _choose_by_day(
    group: Group, mended: Sequence[MendedRow], decision: Decision, *, widens: bool
) -> None:
    wanted = {day for one in mended for day in one.days}
    choice = choose_days(told_by(group.sync), wanted, group.told, widens=widens)
    rows: dict[DateRange, list[uuid.UUID]] = {}
    for one in mended:
        (day,) = one.days  # rows of one record or line are of one day
        if day in choice.superseded:
            decision.superseded.append(one.row.id)
        elif day in choice.outside:
            message = f"is of {day}, which is not among the days that its sync covers"
            decision.refused[one.row.id] = ("", "outside", message)
        else:
            window = next(w.days for w in choice.windows if w.days.start <= day <= w.days.end)
            rows.setdefault(window, []).append(one.row.id)
    decision.windows.extend(rows.items())


def _require_visible(group: Group) -> None:
    """Only what counts can be completed.

    Raises:
        NotReplayableError: The sync, or a newer one of its stream, is not published.
    """
    if group.sync.state is SyncState.HELD:
        raise NotReplayableError("its sync is held", hint="release it first, or sync again")
    if group.sync.state is not SyncState.PUBLISHED:
        raise NotReplayableError("its sync was never published", hint="sync again")
    if group.is_behind:
        raise NotReplayableError(
            "a later sync of its stream is held", hint="release it first, or sync again"
        )
