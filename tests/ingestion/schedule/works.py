"""Due syncs for the pure parts of the schedule, by the minute of one night."""

import dataclasses
import datetime as dt
import uuid
from typing import Any, Final

from domain.ids import ConnectionId, RunId, TenantId
from ingestion.connector.failures import ProviderUnavailableError
from tenancy.due_work import DueWork
from tenancy.tables import DueState

__all__ = ["DAY", "NIGHT", "UNAVAILABLE", "at", "running", "work"]

NIGHT: Final = dt.datetime(2026, 11, 20, 3, tzinfo=dt.UTC)
DAY: Final = dt.date(2026, 11, 19)
UNAVAILABLE: Final = ProviderUnavailableError.code


def at(minute: float) -> dt.datetime:
    """So many minutes after three."""
    return NIGHT + dt.timedelta(minutes=minute)


def work(number: int, deadline: float, **changes: Any) -> DueWork:
    """A sync of ten minutes and ten calls that is ready at three.

    Args:
        number: Names its connection.
        deadline: In minutes after three.
        changes: Of its fields; `tenant` as a number, `ready` in minutes.
    """
    tenant_id = TenantId(uuid.UUID(int=changes.pop("tenant", number)))
    ready_at = at(changes.pop("ready", 0))
    plain = DueWork(
        tenant_id=tenant_id,
        connection_id=ConnectionId(uuid.UUID(int=number)),
        day=DAY,
        source="alpha",
        ready_at=ready_at,
        deadline_at=at(deadline),
        typical_seconds=600,
        fastest_seconds=600,
        calls=10,
    )
    return dataclasses.replace(plain, **changes)


def running(number: int, deadline: float, started: float, **changes: Any) -> DueWork:
    """A sync that runs since so many minutes after three."""
    state = {"state": DueState.RUNNING, "run_id": RunId(uuid.UUID(int=number)), "attempts": 1}
    return work(number, deadline, started_at=at(started), **state, **changes)
