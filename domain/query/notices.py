"""What whoever reads an answer must know about it.

    plans + their tables -> notices_of -> Notice: which metrics, what about them, what to do

Decision: ADR-0010.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from domain.facts import FACTS
from domain.metrics.cuts import cuts_of
from domain.metrics.dimensions import Dimension
from domain.metrics.formula import Measure, iter_measures
from domain.query.nodes import SelectPage

__all__ = ["Notice", "NoticeCode", "notices_of"]


class NoticeCode(enum.Enum):
    """What a notice is about."""

    MIXED_ATTRIBUTION = "MIXED_ATTRIBUTION"  # empty where several may claim the same sale
    PARTIAL_CUT = "PARTIAL_CUT"  # only a part of it is reported this way


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about some metrics of an answer.

    Attributes:
        code: Machine-readable.
        metrics: Names, sorted; conditions and orders may have brought some of them.
        message: One sentence.
        hint: What to do.
    """

    code: NoticeCode
    metrics: tuple[str, ...]
    message: str
    hint: str


def notices_of(
    answered: Iterable[tuple[SelectPage, pa.Table]], dimensions: Mapping[str, Dimension]
) -> tuple[Notice, ...]:
    """Notices about an answer, each once.

    Args:
        answered: Of the rows, then of the totals: the plan's root and what the warehouse gave.
        dimensions: Those of the catalogue, by name.
    """
    mixed: dict[str, set[str]] = {}
    partial: dict[_Part, dict[str, None]] = {}
    for page, table in answered:
        for metric, attributions in _mixed_metrics(page, table):
            mixed.setdefault(metric, set()).update(attributions)
        for metric, part in _partial_metrics(page, dimensions):
            partial.setdefault(part, {})[metric] = None
    return (*_mixed_notices(mixed), *_partial_notices(partial))


@dataclass(frozen=True, slots=True)
class _Part:
    """How only a part is reported, and how all of it can be seen."""

    told: str
    way_out: str


def _mixed_metrics(page: SelectPage, table: pa.Table) -> Iterator[tuple[str, set[str]]]:
    for claims in page.source.source.claims:
        bounds = [pc.unique(table.column(name)).to_pylist() for name in claims.bounds]
        attributions = {value for values in bounds for value in values if value is not None}
        for metric in page.source.metrics if attributions else ():
            if claims in metric.claims:
                yield metric.name.removesuffix(metric.side.value), attributions


def _mixed_notices(mixed: Mapping[str, Iterable[str]]) -> Iterator[Notice]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for metric in sorted(mixed):
        alike.setdefault(tuple(sorted(mixed[metric])), []).append(metric)
    for attributions, metrics in alike.items():
        yield Notice(
            NoticeCode.MIXED_ATTRIBUTION,
            tuple(metrics),
            f"{_and(metrics)} {_verb(metrics, 'is', 'are')} empty where claims of different "
            f"attribution meet, {_and(attributions)} among them: they may tell of the same sale",
            "split or filter by attribution, source or connection",
        )


def _partial_metrics(
    page: SelectPage, dimensions: Mapping[str, Dimension]
) -> Iterator[tuple[str, _Part]]:
    united = page.source.source
    read_from = {one.measure: FACTS[one.fact] for one in united.measures}
    asked = [one.name for one in united.keys.dimensions]
    asked += [one.dimension for one in united.parts[0].where]
    for metric in page.source.metrics:
        for measure in iter_measures(metric.formula):
            if read_from[measure].is_partial:
                part = _part_of(measure, asked, dimensions)
                yield metric.name.removesuffix(metric.side.value), part


def _part_of(measure: Measure, asked: Iterable[str], dimensions: Mapping[str, Dimension]) -> _Part:
    whole = [cut.name for cut in cuts_of(measure) if not cut.is_partial]
    if not whole:
        return _Part(f"in {measure.fact}", f"{FACTS[measure.fact].refines} has all of it")
    needed = dict.fromkeys((*asked, *(one.dimension for one in measure.where)))
    finer = [name for name in needed if not dimensions[name].columns.keys() & whole] or needed
    return _Part(f"by {_and(finer)}", f"leave {_and(finer)} out to see all of it")


def _partial_notices(partial: Mapping[_Part, Iterable[str]]) -> Iterator[Notice]:
    for part, found in partial.items():
        metrics = sorted(found)
        yield Notice(
            NoticeCode.PARTIAL_CUT,
            tuple(metrics),
            f"{_and(metrics)} {_verb(metrics, 'shows', 'show')} only the part that platforms "
            f"report {part.told}",
            part.way_out,
        )


def _and(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _verb(subjects: Sequence[str], one: str, many: str) -> str:
    return one if len(subjects) == 1 else many
