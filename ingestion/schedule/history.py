"""How long the syncs of a connection take, and how many calls: what past runs say.

published syncs, run by run -> PastRun -> estimate -> Estimate | the same source's | a guess

The median counts for what to expect, and the fastest for what a sync needs when nothing is in its
way: of slow ones nobody can tell how long they only waited for calls.
"""

import datetime as dt
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from domain.ids import ConnectionId
from tenancy.session import TenantSession
from tenancy.tables import Sync, SyncState

__all__ = ["Estimate", "PastRun", "estimate", "read_history"]

_RUNS: Final = 7
_REACHES_BACK: Final = dt.timedelta(days=14)
# Nobody has read such an account yet.
_GUESSED_SECONDS: Final = 600
_GUESSED_CALLS: Final = 10


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run of one connection, from its first request to its publication."""

    seconds: float
    calls: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a sync takes.

    Attributes:
        typical_seconds: Half of them took longer; at least 1.
        fastest_seconds: None took less; at least 1.
        calls: Half of them needed more; at least 1.
    """

    typical_seconds: int
    fastest_seconds: int
    calls: int


def estimate(own: Sequence[PastRun], alike: Sequence[PastRun]) -> Estimate:
    """What the next run takes.

    Args:
        own: Of the connection, newest first.
        alike: Of the agency's other connections to the same source; count when there are no own.
    """
    runs = own[:_RUNS] or alike
    if not runs:
        return Estimate(_GUESSED_SECONDS, _GUESSED_SECONDS, _GUESSED_CALLS)
    seconds = [run.seconds for run in runs]
    return Estimate(
        max(1, math.ceil(statistics.median(seconds))),
        max(1, math.ceil(min(seconds))),
        max(1, math.ceil(statistics.median(run.calls for run in runs))),
    )


async def read_history(
    session: TenantSession, now: dt.datetime
) -> Mapping[ConnectionId, list[PastRun]]:
    """The agency's runs of the last fortnight by connection, newest first. One query."""
    finished = func.max(Sync.finished_at)
    seconds = func.extract("epoch", finished - func.min(Sync.started_at))
    query = (
        select(Sync.connection_id, seconds, func.sum(Sync.requests))
        .where(Sync.state == SyncState.PUBLISHED, Sync.started_at >= now - _REACHES_BACK)
        .group_by(Sync.connection_id, Sync.run_id)
        .order_by(finished.desc())
    )
    runs: defaultdict[ConnectionId, list[PastRun]] = defaultdict(list)
    for connection_id, took, requests in await session.execute(query):
        runs[connection_id].append(PastRun(float(took), int(requests)))
    return runs
