"""The answer to a report, written as bytes.

    ReportQuery + world -> groups of cells -> columns of each day -> page of rows -> JSON

Rows are not kept: a group is a piece of JSON made once, a row of a page joins it with its day and
its numbers. So a report of 300,000 rows costs a second or two, and no more memory than its page.

Source: developers.google.com/analytics/devguides/reporting/data/v1/rest/v1beta/{RunReportResponse,
ResponseMetaData} (2026-11); false and empty members are left out.
"""

from array import array
from collections.abc import Iterator, MutableSequence, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import orjson

from ingestion.simulator.counted_list import page_bounds
from ingestion.simulator.faults import Fault
from ingestion.simulator.ga4.config import Property
from ingestion.simulator.ga4.query import DATE, DIMENSIONS, METRICS, ReportQuery
from ingestion.simulator.ga4.world import Cell, Ga4World, Moment, cells_of

__all__ = ["OTHER", "ReportPage", "report_body", "report_page"]

OTHER: Final = "(other)"
_WITHHELD_EVERY: Final = 10
_SAMPLE: Final = (10_000_000, 27_000_000)  # events read, and events that there are
_ALL_DAYS: Final = date.min

Columns = list[MutableSequence[int]]  # of one day: a number per group for each metric


@dataclass(frozen=True, slots=True)
class _Shortcomings:
    """What makes a report less than exact.

    Attributes:
        other_row: Half of the pages are rolled into `(other)`.
        thresholded: Every tenth group is withheld, to keep people unknown.
        sampled: The numbers are estimated from a sample of the events.
    """

    other_row: bool = False
    thresholded: bool = False
    sampled: bool = False

    @classmethod
    def of(cls, fault: Fault | None) -> "_Shortcomings":
        """Those that a fault plays."""
        kind = fault.kind if fault else ""
        return cls(
            other_row=kind == "other_row",
            thresholded=kind == "thresholded",
            sampled=kind == "sampled",
        )


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Some rows of a report.

    Attributes:
        rows: Their JSON, with commas between.
        held: How many they are.
        count: How many the whole report has.
    """

    rows: bytes
    held: int
    count: int


@dataclass(frozen=True, slots=True)
class _Groups:
    """Groups of cells with equal dimensions, in the order of their names.

    Attributes:
        names: The dimensions of each, without the date.
        before: JSON of the dimensions before the date.
        after: JSON of those after it.
        member: Cell -> group.
    """

    names: list[tuple[str, ...]]
    before: list[bytes]
    after: list[bytes]
    member: Sequence[int]


def report_page(
    world: Ga4World,
    place: Property,
    query: ReportQuery,
    moment: Moment,
    fault: Fault | None,
) -> ReportPage:
    """Find and write the rows that a request asks for."""
    shortcomings = _Shortcomings.of(fault)
    groups = _groups(place, query.dimensions, rolled=shortcomings.other_row)
    days = dict(_days(world, place, query, moment, groups))
    if shortcomings.thresholded:
        days = {day: _without_withheld(columns) for day, columns in days.items()}
    if shortcomings.sampled:
        days = {day: _estimated(columns) for day, columns in days.items()}
    present = {day: _present(columns, query) for day, columns in days.items()}
    bounds = page_bounds(sum(map(len, present.values())), query.offset, query.limit, fault)
    keys = ((day, group) for day, found in present.items() for group in found)
    ordered = keys if _is_natural(query) else iter(_sorted(list(keys), groups, query))
    rows = [*_rows(islice(ordered, bounds.begin, bounds.end), groups, days, query)]
    return ReportPage(b",".join(rows), len(rows), bounds.told)


@lru_cache(maxsize=4)
def _groups(place: Property, dimensions: tuple[str, ...], *, rolled: bool) -> _Groups:
    own = [name for name in dimensions if name != DATE]
    places = [Cell._fields.index(DIMENSIONS[name]) for name in own]
    cells = cells_of(place)
    if rolled:
        cells = [
            cell._replace(page=OTHER) if number % 2 else cell for number, cell in enumerate(cells)
        ]
    told = [tuple(cell[place] for place in places) for cell in cells]
    names = sorted(set(told))
    number_of = {name: number for number, name in enumerate(names)}
    split = dimensions.index(DATE) if DATE in dimensions else len(own)
    return _Groups(
        names=names,
        before=[b"".join(_value(text) + b"," for text in name[:split]) for name in names],
        after=[b"".join(b"," + _value(text) for text in name[split:]) for name in names],
        member=array("q", [number_of[name] for name in told]),
    )


@lru_cache(maxsize=4096)
def _value(text: str) -> bytes:
    return orjson.dumps({"value": text})


def _days(
    world: Ga4World, place: Property, query: ReportQuery, moment: Moment, groups: _Groups
) -> Iterator[tuple[date, Columns]]:
    """Each day and its columns; one for all days when `date` is not asked."""
    is_daily = DATE in query.dimensions
    sums = _zeros(query, groups)
    has_data = False
    day = query.first_day
    while day <= query.last_day:
        columns = world.day_columns(place, day, moment)
        if columns is not None:
            has_data = True
            for held, name in zip(sums, query.metrics, strict=True):
                column: Sequence[int] = getattr(columns, METRICS[name][0])
                for group, number in zip(groups.member, column, strict=True):
                    held[group] += number
            if is_daily:
                yield day, sums
                sums = _zeros(query, groups)
        day += timedelta(days=1)
    if has_data and not is_daily:
        yield _ALL_DAYS, sums


def _zeros(query: ReportQuery, groups: _Groups) -> Columns:
    return [array("q", bytes(8 * len(groups.names))) for _ in query.metrics]


def _without_withheld(columns: Columns) -> Columns:
    return [
        array(
            "q",
            [
                number if group % _WITHHELD_EVERY else 0
                for group, number in enumerate(column, start=1)
            ],
        )
        for column in columns
    ]


def _estimated(columns: Columns) -> Columns:
    read, held = _SAMPLE
    return [
        array("q", [number * read // held * held // read for number in column])
        for column in columns
    ]


def _present(columns: Columns, query: ReportQuery) -> Sequence[int]:
    """The groups that are told: those with a number, or all."""
    if query.keeps_empty:
        return range(len(columns[0]))
    return array(
        "q", [group for group, numbers in enumerate(zip(*columns, strict=True)) if any(numbers)]
    )


def _is_natural(query: ReportQuery) -> bool:
    """Rows are wanted by day and name, or in any order: the platform promises none by itself."""
    wanted = [name for name, _ in query.order]
    is_descending = any(descending for _, descending in query.order)
    is_by_name = wanted == list(query.dimensions) and DATE in query.dimensions[:1]
    return not wanted or (is_by_name and not is_descending)


def _sorted(
    keys: list[tuple[date, int]], groups: _Groups, query: ReportQuery
) -> list[tuple[date, int]]:
    own = [name for name in query.dimensions if name != DATE]
    for name, descending in reversed(query.order):
        if name == DATE:
            keys = sorted(keys, key=lambda key: key[0], reverse=descending)
        else:
            texts = [names[own.index(name)] for names in groups.names]
            keys = [
                keys[place]
                for place in sorted(
                    range(len(keys)),
                    key=[texts[group] for _, group in keys].__getitem__,
                    reverse=descending,
                )
            ]
    return keys


def _rows(
    page: Iterator[tuple[date, int]],
    groups: _Groups,
    days: dict[date, Columns],
    query: ReportQuery,
) -> Iterator[bytes]:
    texts = [_TEXTS.get(METRICS[name][0], str) for name in query.metrics]
    dates = {day: _value(day.strftime("%Y%m%d")) if day != _ALL_DAYS else b"" for day in days}
    for day, group in page:
        values = ",".join(
            f'{{"value":"{text(column[group])}"}}'
            for text, column in zip(texts, days[day], strict=True)
        )
        dimensions = groups.before[group] + dates[day] + groups.after[group]
        yield b'{"dimensionValues":[%s],"metricValues":[%s]}' % (
            dimensions.strip(b","),
            values.encode(),
        )


def _milli(number: int) -> str:
    return f"{Decimal(number).scaleb(-3).normalize():f}"


def _cents(number: int) -> str:
    return f"{Decimal(number).scaleb(-2).normalize():f}"


_TEXTS: Final = {"key_events_milli": _milli, "revenue_cents": _cents}


def report_body(
    page: ReportPage,
    place: Property,
    query: ReportQuery,
    fault: Fault | None,
    quota: dict[str, Any] | None,
) -> bytes:
    """Build the JSON around the rows of a page; `quota` is the member `propertyQuota`."""
    shortcomings = _Shortcomings.of(fault)
    metadata: dict[str, Any] = {"currencyCode": place.currency, "timeZone": place.time_zone}
    if shortcomings.other_row:
        metadata["dataLossFromOtherRow"] = True
    if shortcomings.sampled:
        read, held = map(str, _SAMPLE)
        metadata["samplingMetadatas"] = [{"samplesReadCount": read, "samplingSpaceSize": held}]
    if shortcomings.thresholded:
        metadata["subjectToThresholding"] = True
    head = {
        "dimensionHeaders": [{"name": name} for name in query.dimensions],
        "metricHeaders": [{"name": name, "type": METRICS[name][1]} for name in query.metrics],
    }
    tail: dict[str, Any] = {"rowCount": page.count} if page.count else {}
    tail["metadata"] = metadata
    if quota is not None:
        tail["propertyQuota"] = quota
    tail["kind"] = "analyticsData#runReport"
    rows = b'"rows":[%s],' % page.rows if page.held else b""
    return orjson.dumps(head)[:-1] + b"," + rows + orjson.dumps(tail)[1:]
