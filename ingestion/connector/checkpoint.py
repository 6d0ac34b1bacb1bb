"""How far an extraction is, as JSON that survives a restart.

window -> slices -> (page by page) -> fewer slices -> none: done

Of a stream with a `rest`, each window is two slices: first the parts, then the whole. They are cut
apart, so that parts too many for one answer do not cut what is small anyway.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.errors import InvalidInputError
from domain.time_window import DateRange, split_days
from ingestion.connector.job import CursorWindow
from ingestion.connector.pagination import PageState
from ingestion.connector.spec import StreamSpec

__all__ = ["Checkpoint", "Slice", "Window", "first_checkpoint", "halves", "load_checkpoint"]

Window = DateRange | CursorWindow

_VERSION: Final = 1
_SHORTEST_WINDOW: Final = dt.timedelta(minutes=2)
_OF_REST: Final = "rest"


@dataclass(frozen=True, slots=True)
class Slice:
    """What one request, or a chain of pages, is asked for.

    Attributes:
        window: The days, or the instants.
        of_rest: The stream's `rest` is asked for, not its own request.
    """

    window: Window
    of_rest: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where to go on.

    Attributes:
        slices: Still to be read; the first may be begun.
        total: Number of slices, the finished ones too.
        rows: Records seen in the sync.
        page: Next page of the first slice; None: not begun.
        job: Report ordered for the first slice; empty: none.
    """

    slices: tuple[Slice, ...]
    total: int
    rows: int = 0
    page: PageState | None = None
    job: str = ""

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "version": _VERSION,
            "slices": [_dump_slice(item) for item in self.slices],
            "total": self.total,
            "rows": self.rows,
            "page": dataclasses.asdict(self.page) if self.page else None,
            "job": self.job,
        }

    def with_halves(self) -> "Checkpoint | None":
        """The same with the first slice cut in two, or None when it cannot be cut."""
        first = self.slices[0]
        parts = halves(first.window)
        if parts is None:
            return None
        cut = [dataclasses.replace(first, window=window) for window in parts]
        return dataclasses.replace(
            self, slices=(*cut, *self.slices[1:]), total=self.total + 1, page=None, job=""
        )

    def after_page(self, page: PageState | None, records: int) -> "Checkpoint":
        """The state after a page; `page` None: the slice is whole."""
        rows = self.rows + records
        if page is not None:
            return dataclasses.replace(self, rows=rows, page=page)
        return dataclasses.replace(self, slices=self.slices[1:], rows=rows, page=None, job="")


def first_checkpoint(stream: StreamSpec, window: Window) -> Checkpoint:
    """The start of an extraction.

    Raises:
        InvalidInputError: The window is not of the stream's kind.
    """
    if stream.slice.kind == "date" and isinstance(window, DateRange):
        windows: tuple[Window, ...] = tuple(split_days(window, stream.slice.days))
    elif stream.slice.kind == "cursor" and isinstance(window, CursorWindow):
        windows = (_whole_seconds(window),)
    else:
        raise InvalidInputError(
            f"{stream.source}.{stream.name} is read by {stream.slice.kind}, not by {window}"
        )
    asked = (False, True) if stream.rest else (False,)
    slices = tuple(Slice(window, of_rest) for window in windows for of_rest in asked)
    return Checkpoint(slices, len(slices))


def _whole_seconds(window: CursorWindow) -> CursorWindow:
    """The window widened to whole seconds: what requests can name."""
    end = window.end + dt.timedelta(microseconds=-window.end.microsecond % 1_000_000)
    return CursorWindow(window.start.replace(microsecond=0), end)


def halves(window: Window) -> tuple[Window, Window] | None:
    """Two windows that make up one, or None when it is as short as it can be."""
    if isinstance(window, DateRange):
        if window.days == 1:
            return None
        middle = window.start + dt.timedelta(days=window.days // 2)
        return (
            DateRange(window.start, middle - dt.timedelta(days=1)),
            DateRange(middle, window.end),
        )
    length = window.end - window.start
    if length < _SHORTEST_WINDOW:
        return None
    cut = window.start + dt.timedelta(seconds=int(length.total_seconds() // 2))
    return CursorWindow(window.start, cut), CursorWindow(cut, window.end)


def load_checkpoint(stream: StreamSpec, stored: Mapping[str, Any]) -> Checkpoint:
    """Read what `Checkpoint.dump` wrote.

    Raises:
        InvalidInputError: It was written by another version of the program.
    """
    if stored.get("version") != _VERSION:
        raise InvalidInputError(
            "the checkpoint is of another version", hint="start the sync again from its beginning"
        )
    load = _load_dates if stream.slice.kind == "date" else _load_instants
    page = stored["page"]
    return Checkpoint(
        slices=tuple(
            Slice(load(start, end), of_rest=more == [_OF_REST])
            for start, end, *more in stored["slices"]
        ),
        total=stored["total"],
        rows=stored["rows"],
        page=PageState.load(page) if page else None,
        job=stored["job"],
    )


def _dump_slice(item: Slice) -> list[str]:
    window = item.window
    dates = [window.start.isoformat(), window.end.isoformat()]
    return [*dates, _OF_REST] if item.of_rest else dates


def _load_dates(start: str, end: str) -> Window:
    return DateRange(dt.date.fromisoformat(start), dt.date.fromisoformat(end))


def _load_instants(start: str, end: str) -> Window:
    return CursorWindow(dt.datetime.fromisoformat(start), dt.datetime.fromisoformat(end))
