"""What the schedule needs of the platform, and what all of its steps read."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from domain.ids import ConnectionId
from domain.ports import Clock, IdFactory
from ingestion.connector.spec import SourceSpec
from tenancy.due_work import DueWork
from tenancy.session import Database, TenantSession
from tenancy.tables import DueSync, StreamState

__all__ = ["ScheduleServices", "is_row_of", "read_states"]


@dataclass(frozen=True, slots=True)
class ScheduleServices:
    """Dependencies of the schedule's steps."""

    database: Database
    sources: Mapping[str, SourceSpec]
    clock: Clock
    ids: IdFactory


async def read_states(
    session: TenantSession, only: ConnectionId | None = None
) -> defaultdict[ConnectionId, dict[str, StreamState]]:
    """How far each stream of the agency, or of one connection, has been published. One query."""
    query = select(StreamState)
    if only is not None:
        query = query.where(StreamState.connection_id == only)
    states: defaultdict[ConnectionId, dict[str, StreamState]] = defaultdict(dict)
    for state in (await session.scalars(query)).all():
        states[state.connection_id][state.stream] = state
    return states


def is_row_of(work: DueWork) -> ColumnElement[bool]:
    """The row of `due_syncs` that a piece of work was read from."""
    return (DueSync.connection_id == work.connection_id) & (DueSync.day == work.day)
