"""The as-of test: what becomes known later must not change what was known.

    sample -> without what is known after its instants -> features
    sample -> with that, and every row restated an hour later -> features
    -> the same, or a leak

It is run, not read off the definition: a window that reaches into the future, a join that forgets
an instant and a replacement that is looked up backwards all show as a value that differs.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from domain.facts import FACTS
from domain.facts.fact import Role
from feature_repo.compute import FeatureComputer
from feature_repo.feature import FeatureView
from feature_repo.packing import Value
from feature_repo.registration.trial import MakeComputer, Sample, open_trial
from feature_repo.statements import ENTITY, MOMENT

__all__ = ["Leak", "find_leaks"]

_LATER: Final = dt.timedelta(hours=1)
_NEWER: Final = 10**12  # added to a version: newer than all that have landed


@dataclass(frozen=True, slots=True)
class Leak:
    """A value that changed by what became known after its instant."""

    feature: str
    entity_id: str
    as_of_then: Value
    with_later_rows: Value


async def find_leaks(
    view: FeatureView,
    samples: Sequence[Sample],
    make_computer: MakeComputer = FeatureComputer,
) -> list[Leak]:
    """Values of samples that change when later rows are added; none: there is no leak.

    Raises:
        WarehouseError: DuckDB failed.
    """
    leaks: list[Leak] = []
    async with open_trial(view.facts, make_computer) as trial:
        for sample in samples:
            then = await trial.compute(view, _as_known(sample))
            later = await trial.compute(view, _restated(sample))
            leaks.extend(_differing(view, then, later))
    return leaks


def _last_instant(sample: Sample) -> dt.datetime:
    return max(instant for _, instant in sample.pairs)


def _as_known(sample: Sample) -> Sample:
    last = pa.scalar(_last_instant(sample), pa.timestamp("us", tz="UTC"))

    def known(rows: pa.Table) -> pa.Table:
        return rows.filter(pc.less_equal(rows.column("known_at"), last))

    facts = {name: known(rows) for name, rows in sample.facts.items()}
    return Sample(facts, known(sample.syncs), sample.pairs)


def _restated(sample: Sample) -> Sample:
    """With everything told again, an hour later and with other figures."""
    later = _last_instant(sample) + _LATER
    facts = {
        name: pa.concat_tables([rows, _told_again(rows, later, _measures(name))])
        for name, rows in sample.facts.items()
    }
    syncs = pa.concat_tables([sample.syncs, _told_again(sample.syncs, later, ())])
    return Sample(facts, syncs, sample.pairs)


def _measures(fact: str) -> Sequence[str]:
    return [column.name for column in FACTS[fact].columns if column.role is Role.MEASURE]


def _told_again(rows: pa.Table, later: dt.datetime, measures: Sequence[str]) -> pa.Table:
    instants = pa.array([later] * rows.num_rows, pa.timestamp("us", tz="UTC"))
    changed: dict[str, Any] = {
        "known_at": instants,
        "version": pc.add(rows.column("version"), _NEWER),
    }
    for name in measures:
        column = rows.column(name)
        values = [None if one is None else 2 * one + 1 for one in column.to_pylist()]
        changed[name] = pa.array(values, column.type)
    for name, column in changed.items():
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows


def _differing(view: FeatureView, then: pa.Table, later: pa.Table) -> Iterator[Leak]:
    by_pair = {(row[ENTITY], row[MOMENT]): row for row in later.to_pylist()}
    was = {(row[ENTITY], row[MOMENT]): row for row in then.to_pylist()}
    for pair in sorted(was.keys() | by_pair.keys()):
        before, after = was.get(pair, {}), by_pair.get(pair, {})
        for name in view.feature_names:
            if before.get(name) != after.get(name):
                yield Leak(name, pair[0], before.get(name), after.get(name))
