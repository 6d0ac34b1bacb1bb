"""Reports that are ordered, waited for and then fetched.

    submit -> job id (kept in the checkpoint) -> poll ... -> done -> URL or job id for the stream's
    request

A job survives a restart: with its id in the checkpoint it is polled again, never ordered twice.
One that the provider gives up is ordered again by the extraction, in the end over fewer days.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.ports import Clock
from ingestion.connector.failures import ProviderError, ProviderUnavailableError
from ingestion.connector.paths import find_first
from ingestion.connector.records import word_of
from ingestion.connector.spec import ReportSpec
from ingestion.connector.transport import Transport

__all__ = ["FinishedReport", "ReportGivenUpError", "await_report", "submit_report"]

_FIRST_PAUSE: Final = 1 / 8  # of the usual one; each is twice as long as the one before


class ReportGivenUpError(ProviderError):
    """The provider gave a report up: it failed, or has waited too long."""

    code = "REPORT_GIVEN_UP"


@dataclass(frozen=True, slots=True)
class FinishedReport:
    """A report that can be fetched.

    Attributes:
        job: Its id.
        url: Of the result; empty: the report names none.
        is_empty: The provider gives no URL because there are no rows.
    """

    job: str
    url: str
    is_empty: bool


async def submit_report(transport: Transport, report: ReportSpec, places: Mapping[str, Any]) -> str:
    """Order a report.

    Returns:
        The id of the job; of the running one when the provider refuses to make the same report
        twice.

    Raises:
        TooLargeError: To be ordered over fewer days.
        ProviderError: The order is refused, or answered without an id.
    """
    document = await transport.document(
        report.submit, places, also_good=report.duplicate, can_shrink=True
    )
    job = find_first(document, report.job)
    if job is None and report.duplicate_job:
        job = str(find_first(document, report.duplicate_job) or "").rpartition(" ")[2] or None
    if job is None:
        raise ProviderError(f"the report was ordered, but the answer has no {report.job!r}")
    return str(job)


async def await_report(
    transport: Transport,
    report: ReportSpec,
    places: Mapping[str, Any],
    job: str,
    clock: Clock,
) -> FinishedReport:
    """Poll until the report is done, sooner at first: most reports are small.

    Args:
        transport: Of the extraction.
        report: How to poll.
        places: For the request.
        job: Id of the job.
        clock: For giving up.

    Raises:
        ReportGivenUpError: The provider gave the report up.
        ProviderError: It does not know the report (any more), or refuses for another reason.
        ProviderUnavailableError: It is not done in time.
    """
    deadline = clock() + dt.timedelta(seconds=report.give_up_seconds)
    pause = report.every_seconds * _FIRST_PAUSE
    while True:
        document = await transport.document(report.poll, {**places, "job": job})
        word = word_of(find_first(document, report.status))
        if word in report.done:
            url = find_first(document, report.url) if report.url else None
            return FinishedReport(job, str(url or ""), is_empty=bool(report.url) and not url)
        if word in report.failed:
            reason = find_first(document, report.reason)
            raise ReportGivenUpError(
                f"the provider gave up the report {job}: {word}"
                + (f", {word_of(reason)}" if reason else ""),
                hint="it was ordered again, in the end for a single day; try again later",
                provider_code=word,
            )
        if clock() >= deadline:
            raise ProviderUnavailableError(
                f"the report {job} is still {word} after {report.give_up_seconds:.0f} seconds"
            )
        await transport.waiter.wait(pause, f"the report is {word}")
        pause = min(2 * pause, report.every_seconds)
