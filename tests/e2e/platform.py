"""A running platform as its users see it: commands, their events, and rows."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlglot import exp, parse_one

from api.commands.registry import COMMANDS
from api.control.execute import settle
from api.control.protocol import DoneEvent, ErrorEvent, Event, Invocation, LineEvent, TableEvent
from api.logs import log_file
from api.runtime import Runtime
from domain.ports import Statement
from tenancy.audited_tenants import AuditedTenants
from tenancy.tables import StreamState
from tenancy.unscoped import TenantProfile

__all__ = ["FakeClock", "Platform", "Told"]


@dataclass(slots=True)
class FakeClock:
    """A clock that moves only when told."""

    now: dt.datetime

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += dt.timedelta(**delta)


@dataclass(frozen=True, slots=True)
class Told:
    """What a command told its user."""

    events: Sequence[Event]

    @property
    def exit_code(self) -> int:
        done = self.events[-1]
        assert isinstance(done, DoneEvent)
        return done.exit_code

    @property
    def lines(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, LineEvent)]

    @property
    def errors(self) -> list[ErrorEvent]:
        return [event for event in self.events if isinstance(event, ErrorEvent)]

    @property
    def table(self) -> list[tuple[Any, ...]]:
        (table,) = [event for event in self.events if isinstance(event, TableEvent)]
        return [tuple(row) for row in table.rows]

    def synced(self, stream: str) -> tuple[Any, ...]:
        """The row of one stream in the table that a sync ends in."""
        (row,) = [row for row in self.table if row[2] == stream]
        return row

    def of_stream(self, stream: str) -> list[str]:
        """The lines about one stream."""
        return [line for line in self.lines if f"  {stream}: " in line]


@dataclass(frozen=True, slots=True)
class Platform:
    """The running platform, and the clock that it goes by."""

    runtime: Runtime
    clock: FakeClock

    async def command(self, name: str, /, **arguments: Any) -> Told:
        """Run a command to its end."""
        invocation = Invocation(name, {"actor": "test", **arguments}, "/")
        events = settle(lambda: COMMANDS.start(self.runtime, invocation), lambda: "trace")
        return Told([event async for event in events])

    async def rows(self, tenant: TenantProfile, question: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse for rows of one agency, in GoogleSQL."""
        tree = parse_one(question, dialect="bigquery")
        assert isinstance(tree, exp.Query)
        tables = frozenset(f"{table.db}.{table.name}" for table in tree.find_all(exp.Table))
        found = await self.runtime.warehouse.run_for(
            AuditedTenants(frozenset({tenant.tenant_id}), "test"), Statement(tree, tables), {}
        )
        return [tuple(row.values()) for row in found.to_pylist()]

    async def coverage(self, tenant: TenantProfile, stream: str) -> tuple[Any, Any] | None:
        """First and last day that is published of a stream."""
        async with self.runtime.database.session(tenant.tenant_id) as session:
            state = (
                await session.scalars(select(StreamState).where(StreamState.stream == stream))
            ).one_or_none()
        return None if state is None else (state.covered_from, state.covered_to)

    def log(self, event: str) -> list[Mapping[str, Any]]:
        """The lines of one event in the log of this process."""
        lines = log_file(self.runtime.settings).read_text(encoding="utf-8").splitlines()
        return [line for line in map(json.loads, lines) if line.get("event") == event]
