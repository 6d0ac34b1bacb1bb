"""One extraction from its checkpoint to its last page.

checkpoint -> (order and await a report) -> request -> typed answer -> Page -> checkpoint -> ...

Where pages are counted, a slice becomes one Page: see `ingestion.connector.counted_pages`.
"""

import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import pyarrow as pa

from domain.errors import InternalError
from domain.ports import Clock
from domain.time_window import DateRange
from ingestion.connector.accounts import clean_account_id
from ingestion.connector.answer import AnswerReader, TypedAnswer
from ingestion.connector.checkpoint import Checkpoint
from ingestion.connector.columns import batch_schema
from ingestion.connector.counted_pages import CountedPages
from ingestion.connector.failures import IncompleteAnswerError, ProviderError, error_of
from ingestion.connector.job import Drift, ExtractionJob, ExtractProgress, Page
from ingestion.connector.pagination import (
    PageState,
    first_state,
    is_counted,
    is_cut,
    next_state,
    place,
    shrunk,
)
from ingestion.connector.report_job import (
    FinishedReport,
    ReportGivenUpError,
    await_report,
    submit_report,
)
from ingestion.connector.spec import BodyFormat, Field, ReportSpec
from ingestion.connector.template import date_places, instant_places
from ingestion.connector.transport import Answer, Meter, TooLargeError, Transport, too_large

__all__ = ["ExtractionRun"]

_READINGS: Final = 3  # of a slice whose list moves while it is read
_ORDERS_BEFORE_HALVING: Final = 2  # a report that fails once may have met a passing trouble


class ExtractionRun:
    """The state of one extraction; used once."""

    def __init__(
        self,
        job: ExtractionJob,
        checkpoint: Checkpoint,
        clock: Clock,
        on_progress: Callable[[ExtractProgress], None],
    ) -> None:
        self.meter = Meter()
        self._job = job
        self._stream = job.stream
        self._account_id = clean_account_id(job.source, job.account.account_id)
        self._checkpoint = checkpoint
        self._clock = clock
        self._on_progress = on_progress
        self._reader = AnswerReader(job.stream, job.account)
        self._told: set[tuple[str, str]] = set()
        self._visited: set[tuple[object, ...]] = set()
        is_held = is_counted(job.stream.pagination)
        self._held = CountedPages(job.stream.key) if is_held else None
        self._readings = 1
        self._report: FinishedReport | None = None
        self._orders = 0  # of the slice's report, by this run

    def tell_wait(self, seconds: float, reason: str) -> None:
        """Report a wait that begins."""
        self._tell(seconds, reason)

    def _tell(self, seconds: float = 0.0, reason: str = "") -> None:
        state = self._checkpoint
        done = state.total - len(state.slices)
        self._on_progress(ExtractProgress(done, state.total, state.rows, seconds, reason))

    async def pages(self, transport: Transport) -> AsyncIterator[Page]:
        """Every page that is left, in order."""
        while self._checkpoint.slices:
            if self._stream.report and not self._checkpoint.job:
                page = await self._order(transport, self._stream.report)
            else:
                page = await self._next_page(transport)
            if page is not None:
                yield page

    async def _order(self, transport: Transport, report: ReportSpec) -> Page | None:
        """Order a report; its id goes out at once, in the checkpoint of an empty page.

        None: the report would be too large, so the slice was cut.
        """
        try:
            job = await submit_report(transport, report, self._places())
        except TooLargeError as error:
            self._halve(error_of(transport.source, error.failure))
            return None
        self._orders += 1
        self._checkpoint = dataclasses.replace(self._checkpoint, job=job)
        return self._page(_nothing(self._stream.fields), is_order=True)

    async def _next_page(self, transport: Transport) -> Page | None:
        """The next page, or None when there is none to hand out yet."""
        state = self._checkpoint.page or first_state(self._stream.pagination)
        try:
            if self._stream.report and not await self._is_report_ready(
                transport, self._stream.report
            ):
                return None
            if self._report is not None and self._report.is_empty:
                typed, following = _nothing(self._stream.fields), None
            else:
                typed, following = await self._fetch(transport, state)
            whole = self._hold(typed, is_last=following is None)
        except TooLargeError as error:
            self._shrink(transport, state, error)
            return None
        except IncompleteAnswerError:
            if self._held is None or self._readings >= _READINGS:
                raise
            self._readings += 1
            self._forget_pages()
            return None
        self._advance(state, following, typed.records)
        if whole is None:
            self._tell()
            return None
        return self._page(whole)

    def _hold(self, typed: TypedAnswer, *, is_last: bool) -> TypedAnswer | None:
        return typed if self._held is None else self._held.add(typed, is_last=is_last)

    def _forget_pages(self) -> None:
        """Go back to the start of the slice; what was not handed out of it is read again."""
        rows = self._checkpoint.rows
        if self._held is not None:
            rows -= self._held.records
            self._held.drop()
        self._checkpoint = dataclasses.replace(self._checkpoint, rows=rows, page=None)
        self._visited.clear()

    async def _is_report_ready(self, transport: Transport, report: ReportSpec) -> bool:
        if self._report is not None:
            return True
        job = self._checkpoint.job
        try:
            self._report = await await_report(transport, report, self._places(), job, self._clock)
        except ReportGivenUpError as error:
            if self._orders < _ORDERS_BEFORE_HALVING:
                self._order_again()
            else:
                self._halve(error)
            return False
        except ProviderError:
            if self._orders:
                raise
            self._order_again()  # it ran out meanwhile
            return False
        return True

    def _order_again(self) -> None:
        """Forget the report and the page of it that was next: the new one begins at its first."""
        self._forget_pages()
        self._checkpoint = dataclasses.replace(self._checkpoint, job="")

    def _shrink(self, transport: Transport, state: PageState, error: TooLargeError) -> None:
        """Ask for less next time.

        Raises:
            ProviderError: It cannot be less.
        """
        smaller = shrunk(self._stream.pagination, state)
        if smaller is not None:
            self._checkpoint = dataclasses.replace(self._checkpoint, page=smaller)
            return
        failure = error_of(transport.source, error.failure)
        if not self._is_untouched(state):
            raise failure from error
        self._halve(failure)

    def _halve(self, error: ProviderError) -> None:
        """Ask for fewer days next time.

        Raises:
            ProviderError: `error`, when they cannot be fewer.
        """
        self._forget_pages()
        cut = self._checkpoint.with_halves()
        if cut is None:
            raise error
        self._begin_slice(cut)

    def _can_shrink(self, state: PageState) -> bool:
        return (
            shrunk(self._stream.pagination, state) is not None
            or (self._is_untouched(state) and self._checkpoint.with_halves() is not None)
        )  # fmt: skip

    def _is_untouched(self, state: PageState) -> bool:
        """Nothing of the slice has been handed out."""
        return state.is_first or self._held is not None

    def _advance(self, state: PageState, following: PageState | None, records: int) -> None:
        self._visited.add(state.place)
        if following is not None and following.place in self._visited:
            raise ProviderError(
                f"{self._job.source.label} names a page as the next one that it has sent before",
                hint="the provider's paging loops; try again later",
            )
        after = self._checkpoint.after_page(following, records)
        if following is None:
            self._begin_slice(after)
        else:
            self._checkpoint = after

    def _begin_slice(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._visited.clear()
        self._readings = 1
        self._report = None
        self._orders = 0

    async def _fetch(
        self, transport: Transport, state: PageState
    ) -> tuple[TypedAnswer, PageState | None]:
        rest = self._stream.rest
        of_rest = self._checkpoint.slices[0].of_rest
        request = rest.request if rest and of_rest else self._stream.request
        if request is None:
            raise InternalError(
                f"{self._stream.source}.{self._stream.name} is not read by requests"
            )
        return await transport.send(
            place(request, self._stream.pagination, state),
            self._places(),
            lambda answer: self._parse(answer, state, transport),
            can_shrink=self._can_shrink(state),
        )

    def _parse(
        self, answer: Answer, state: PageState, transport: Transport
    ) -> tuple[tuple[TypedAnswer, PageState | None], Any]:
        first_row = self._checkpoint.rows + 1
        document: Any = None
        if self._is_single_document(answer.body):
            typed, document = self._reader.read_document(answer.body, first_row, transport.checked)
        else:
            typed = self._reader.read_body(answer.body, first_row, transport.checked)
        rule = self._stream.pagination
        if is_cut(rule, document, typed.records):
            raise too_large(f"answers are cut at {rule.cap} records")
        following = next_state(rule, state, answer.headers, document, typed.records)
        return (typed, following), document

    def _is_single_document(self, body: bytes) -> bool:
        is_plain_json = self._stream.body is BodyFormat.JSON and self._stream.compression == "none"
        return is_plain_json and body.lstrip()[:1] != b"["

    def _places(self) -> Mapping[str, Any]:
        window = self._checkpoint.slices[0].window
        common = {
            "account": self._account_id,
            "version": self._job.source.api.version,
            "job": self._checkpoint.job,
            "report_url": self._report.url if self._report else "",
        }
        if isinstance(window, DateRange):
            return common | date_places(window.start, window.end, self._job.account.time_zone)
        return common | instant_places(window.start, window.end)

    def _page(self, typed: TypedAnswer, *, is_order: bool = False) -> Page:
        requests, received = self.meter.take()
        self._tell()
        return Page(
            batch=typed.batch,
            rejected=typed.rejected,
            drift=tuple(self._new_drift(typed.drift)),
            skipped=typed.skipped,
            checkpoint=self._checkpoint.dump(),
            requests=requests,
            bytes_received=received,
            last=not self._checkpoint.slices,
            is_order=is_order,
        )

    def _new_drift(self, drift: tuple[Drift, ...]) -> list[Drift]:
        new = []
        for item in drift:
            if (item.kind, item.field) not in self._told:
                self._told.add((item.kind, item.field))
                new.append(item)
        return new


def _nothing(fields: tuple[Field, ...]) -> TypedAnswer:
    empty = pa.RecordBatch.from_pylist([], schema=batch_schema(fields))
    return TypedAnswer(empty, (), (), 0, 0)
