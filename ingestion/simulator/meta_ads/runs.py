"""Report runs: ordered, polled, read.

    order -> Job Not Started -> Job Running -> Job Completed | Job Failed | Job Skipped

A run goes on by one step at each poll, so nobody has to wait in real time. Its rows are those of
the moment it was ordered.

Source: developers.facebook.com/docs/marketing-api/insights/best-practices, async calls (2026-11).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ingestion.simulator.meta_ads.config import AdAccount, MetaAdsConfig

__all__ = ["ReportRun", "ReportRuns"]

_NOT_STARTED: Final = "Job Not Started"
_RUNNING: Final = "Job Running"
_COMPLETED: Final = "Job Completed"
_ENDED_BY: Final = {"job_failed": "Job Failed", "job_skipped": "Job Skipped"}
_FIRST_ID: Final = 6_000_000_000_001


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

    def poll(self, fault: str) -> tuple[str, int]:
        """Go on by one step.

        Args:
            fault: `job_failed` and `job_skipped` end the run; `job_stuck` keeps it where it is.

        Returns:
            Status and percentage.
        """
        if self.status not in _ENDED_BY.values() and not self.is_completed:
            self._go_on(fault)
        done = self.polls - self.polls_left
        if self.is_completed:
            return self.status, 100
        return self.status, 100 * done // (self.polls + 1)

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

    def __init__(self, config: MetaAdsConfig) -> None:
        self._polls = config.report_polls
        self._runs: dict[str, ReportRun] = {}
        self._ordered = 0

    def order(self, account: AdAccount, rows: list[dict[str, Any]], now: datetime) -> ReportRun:
        """Begin a run that will hold `rows`."""
        run_id = str(_FIRST_ID + self._ordered)
        self._ordered += 1
        self._runs[run_id] = ReportRun(run_id, account, rows, now, self._polls, self._polls)
        return self._runs[run_id]

    def find(self, run_id: str) -> ReportRun | None:
        """The run of that id, or None."""
        return self._runs.get(run_id)

    def reset(self) -> None:
        """Forget all runs."""
        self._runs.clear()
