"""Reports that are ordered, waited for and then fetched.

    submit -> job id (kept in the checkpoint) -> poll ... -> done -> URL or job id for the stream's
    request

A job survives a restart: with its id in the checkpoint it is polled again, never ordered twice.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.ports import Clock
from ingestion.connector.failures import ProviderError, ProviderUnavailableError
from ingestion.connector.paths import find_first
from ingestion.connector.records import word_of
from ingestion.connector.spec import ReportSpec
from ingestion.connector.transport import Transport

__all__ = ["FinishedReport", "await_report", "submit_report"]


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
        ProviderError: The order is refused, or answered without an id.
    """
    document = await transport.document(report.submit, places, also_good=report.duplicate)
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
    """Poll until the report is done.

    Args:
        transport: Of the extraction.
        report: How to poll.
        places: For the request.
        job: Id of the job.
        clock: For giving up.

    Raises:
        ProviderError: The provider gave the report up.
        ProviderUnavailableError: It is not done in time.
    """
    deadline = clock() + dt.timedelta(seconds=report.give_up_seconds)
    while True:
        document = await transport.document(report.poll, {**places, "job": job})
        word = word_of(find_first(document, report.status))
        if word in report.done:
            url = find_first(document, report.url) if report.url else None
            return FinishedReport(job, str(url or ""), is_empty=bool(report.url) and not url)
        if word in report.failed:
            raise ProviderError(
                f"the provider gave up the report {job}: {word}", provider_code=word
            )
        if clock() >= deadline:
            raise ProviderUnavailableError(
                f"the report {job} is still {word} after {report.give_up_seconds:.0f} seconds"
            )
        await transport.waiter.wait(report.every_seconds, f"the report is {word}")
