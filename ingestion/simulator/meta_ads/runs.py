"""Report runs: ordered, polled, read.

    order -> Job Not Started -> Job Running -> Job Completed | Job Failed | Job Skipped

A run goes on by one step at each poll, so nobody has to wait in real time. Its rows are those of
the moment it was ordered; thirty days later it is gone.

Sources: developers.facebook.com/docs/marketing-api/insights/{best-practices,error-codes}, async
calls, and the blog post on error messages of asynchronous reports from v25 on (2026-11).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.meta_ads.config import AdAccount, MetaAdsConfig

__all__ = ["ReportRun", "ReportRuns"]

_NOT_STARTED: Final = "Job Not Started"
_RUNNING: Final = "Job Running"
_COMPLETED: Final = "Job Completed"
_FAILED: Final = "Job Failed"
_ENDED_BY: Final = {"job_failed": _FAILED, "job_skipped": "Job Skipped"}
_FIRST_ID: Final = 6_000_000_000_001
_KEPT: Final = timedelta(days=30)
_FAILURE: Final = {
    "error_code": -2,
    "error_message": "Report Failed",
    "error_subcode": 2490547,
    "error_user_title": "Report Failed",
    "error_user_msg": "Generating the report failed. Try again later.",
}


@dataclass(slots=True)
class ReportRun:
    """One report run.

    Attributes:
        run_id: Digits.
        account: Whose insights.
        rows: What it will hold.
        ordered_at: UTC instant.
        polls_left: So many polls find it under way.
        polls: So many there are in all.
        status: As the last poll told it.
    """

    run_id: str
    account: AdAccount
    rows: list[dict[str, Any]] = field(repr=False)
    ordered_at: datetime
    polls_left: int
    polls: int
    status: str = _NOT_STARTED

    @property
    def is_completed(self) -> bool:
        """The rows may be read."""
        return self.status == _COMPLETED

    def poll(self, fault: str) -> dict[str, Any]:
        """Go on by one step, and tell how far it is.

        Args:
            fault: `job_failed` and `job_skipped` end the run; `job_stuck` keeps it where it is.
        """
        if self.status not in _ENDED_BY.values() and not self.is_completed:
            self._go_on(fault)
        done = (
            1 + self.polls - self.polls_left if self.is_completed else self.polls - self.polls_left
        )
        return {
            "id": self.run_id,
            "account_id": self.account.account_id,
            "time_ref": int(self.ordered_at.timestamp()),
            "async_status": self.status,
            "async_percent_completion": 100 * done // (self.polls + 1),
            **(_FAILURE if self.status == _FAILED else {}),
        }

    def _go_on(self, fault: str) -> None:
        if fault in _ENDED_BY:
            self.status = _ENDED_BY[fault]
        elif fault == "job_stuck":
            self.status = _RUNNING
        elif self.polls_left:
            self.polls_left -= 1
            self.status = _RUNNING
        else:
            self.status = _COMPLETED


class ReportRuns:
    """All runs, by id."""

    def __init__(self, config: MetaAdsConfig, clock: SimulatedClock) -> None:
        self._polls = config.report_polls
        self._clock = clock
        self._runs: dict[str, ReportRun] = {}
        self._ordered = 0

    def order(self, account: AdAccount, rows: list[dict[str, Any]]) -> ReportRun:
        """Begin a run that will hold `rows`."""
        run_id = str(_FIRST_ID + self._ordered)
        self._ordered += 1
        now = self._clock.now()
        self._runs[run_id] = ReportRun(run_id, account, rows, now, self._polls, self._polls)
        return self._runs[run_id]

    def find(self, run_id: str) -> ReportRun | None:
        """The run of that id, or None; also when it is too old."""
        run = self._runs.get(run_id)
        if run is not None and self._clock.now() - run.ordered_at > _KEPT:
            return None
        return run

    def reset(self) -> None:
        """Forget all runs."""
        self._runs.clear()
