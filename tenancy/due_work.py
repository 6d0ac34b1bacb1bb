"""One due sync as the dispatcher sees it: ids, instants and figures of any agency."""

import datetime as dt
from dataclasses import dataclass

from domain.ids import ConnectionId, RunId, TenantId
from tenancy.tables import DueState, MissCause

__all__ = ["DueWork"]


@dataclass(frozen=True, slots=True)
class DueWork:
    """A connection that has to be read for a reporting day.

    Attributes:
        ready_at: UTC instant from which the platform's figures are complete.
        deadline_at: UTC instant of the client's morning.
        typical_seconds: That such a sync takes.
        fastest_seconds: That one took when nothing was in its way.
        calls: That one needs.
        state: `WAITING` or `RUNNING`.
        run_id: Of the last attempt.
        started_at: Of the last attempt.
        next_attempt_at: Not before; None: as soon as it is ready.
        error_code: Of the last attempt; None: it did not fail, or there was none.
        expected_at: When it will be done, as was foretold last; None: nobody knew.
        miss_foretold_at: Since when it is expected too late; None: it is not.
        missed_at: When its deadline was found to have passed.
    """

    tenant_id: TenantId
    connection_id: ConnectionId
    day: dt.date
    source: str
    ready_at: dt.datetime
    deadline_at: dt.datetime
    typical_seconds: int
    fastest_seconds: int
    calls: int
    state: DueState = DueState.WAITING
    run_id: RunId | None = None
    attempts: int = 0
    started_at: dt.datetime | None = None
    next_attempt_at: dt.datetime | None = None
    error_code: str | None = None
    expected_at: dt.datetime | None = None
    miss_foretold_at: dt.datetime | None = None
    miss_cause: MissCause | None = None
    missed_at: dt.datetime | None = None

    @property
    def is_running(self) -> bool:
        """Whether a job of it has been started and not yet been found to have ended."""
        return self.state is DueState.RUNNING

    @property
    def typical(self) -> dt.timedelta:
        """How long such a sync takes."""
        return dt.timedelta(seconds=self.typical_seconds)

    @property
    def may_start_at(self) -> dt.datetime:
        """Instant before which it is not tried."""
        return max(self.ready_at, self.next_attempt_at or self.ready_at)
