"""Which days are told again: the result is that of a sync that had been clean from the start."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import SyncId
from domain.time_window import DateRange
from ingestion.replay.choose import ToldSync, choose_days, is_told_since

FIRST = dt.date(2026, 3, 1)
Row = tuple[dt.date, str]


def _day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)


def _id(number: int) -> SyncId:
    return SyncId(uuid.UUID(int=number))


@dataclass(frozen=True)
class Telling:
    """A sync of the model: the days that it covers, its good rows, its bad ones."""

    version: int
    days: DateRange | None
    good: frozenset[Row]
    bad: frozenset[Row] = frozenset()
    origin: int = 0

    @property
    def told(self) -> ToldSync:
        return ToldSync(
            _id(self.version), _id(self.origin or self.version), self.version, self.days
        )


def _visible(tellings: Sequence[Telling]) -> set[Row]:
    """What counts: of each day, the rows of the newest sync that covers it."""
    found: set[Row] = set()
    for day in (_day(number) for number in range(12)):
        tellers = [t for t in tellings if t.days and t.days.start <= day <= t.days.end]
        if tellers:
            newest = max(tellers, key=lambda telling: telling.version)
            found |= {row for row in newest.good if row[0] == day}
    return found


def _cover(rows: frozenset[Row]) -> DateRange | None:
    days = [day for day, _ in rows]
    return DateRange(min(days), max(days)) if days else None


def _cleaned(telling: Telling, *, widens: bool) -> Telling:
    good = telling.good | telling.bad
    days = _cover(good) if widens else telling.days
    return Telling(telling.version, days, good)


def _replay(tellings: Sequence[Telling], own: Telling, *, widens: bool) -> list[Telling]:
    """All syncs after the bad rows of one were mended and replayed."""
    told = [telling.told for telling in tellings]
    wanted = {day for day, _ in own.bad}
    choice = choose_days(own.told, wanted, told, widens=widens)
    by_id = {_id(telling.version): telling for telling in tellings}
    after = list(tellings)
    for window in choice.windows:
        rows = {row for row in own.bad if window.days.start <= row[0] <= window.days.end}
        for base, days in window.bases.items():
            rows |= {row for row in by_id[base].good if row[0] in days}
        version = max(telling.version for telling in after) + 1
        after.append(Telling(version, window.days, frozenset(rows), origin=own.version))
    return after


rows = st.frozensets(st.tuples(st.integers(0, 9).map(_day), st.sampled_from("abc")), max_size=6)


@st.composite
def platform_syncs(draw: st.DrawFn) -> list[Telling]:
    """Syncs of slices, each with rows of its days."""
    found = []
    for version in range(1, draw(st.integers(1, 4)) + 1):
        start = draw(st.integers(0, 9))
        end = draw(st.integers(start, 9))
        days = DateRange(_day(start), _day(end))
        own = frozenset(row for row in draw(rows) if days.start <= row[0] <= days.end)
        bad = frozenset(draw(st.sets(st.sampled_from(sorted(own)), max_size=3))) if own else own
        found.append(Telling(version, days, own - bad, bad))
    return found


@st.composite
def files(draw: st.DrawFn) -> list[Telling]:
    """Files, each of which covers the days of its good rows."""
    found = []
    for version in range(1, draw(st.integers(1, 4)) + 1):
        own = draw(rows)
        bad = frozenset(draw(st.sets(st.sampled_from(sorted(own)), max_size=3))) if own else own
        found.append(Telling(version, _cover(own - bad), own - bad, bad))
    return found


@given(platform_syncs(), st.integers(0, 3))
def test_a_replayed_sync_counts_as_if_it_had_been_clean(
    tellings: list[Telling], which: int
) -> None:
    own = tellings[which % len(tellings)]
    clean = [_cleaned(t, widens=False) if t is own else t for t in tellings]
    assert _visible(_replay(tellings, own, widens=False)) == _visible(clean)


@given(files(), st.integers(0, 3))
def test_a_replayed_file_counts_as_if_it_had_been_clean(
    tellings: list[Telling], which: int
) -> None:
    own = tellings[which % len(tellings)]
    clean = [_cleaned(t, widens=True) if t is own else t for t in tellings]
    assert _visible(_replay(tellings, own, widens=True)) == _visible(clean)


@given(platform_syncs(), st.integers(0, 3), st.data())
def test_rows_may_be_replayed_one_after_the_other(
    tellings: list[Telling], which: int, data: st.DataObject
) -> None:
    own = tellings[which % len(tellings)]
    clean = [_cleaned(t, widens=False) if t is own else t for t in tellings]
    first = frozenset(data.draw(st.sets(st.sampled_from(sorted(own.bad))))) if own.bad else own.bad
    after = list(tellings)
    for part in (first, own.bad - first):
        place = Telling(own.version, own.days, own.good, part)
        after = _replay(
            [place if t.version == own.version else t for t in after], place, widens=False
        )
    assert _visible(after) == _visible(clean)


def test_days_that_another_sync_has_told_are_left_to_it() -> None:
    own = Telling(1, DateRange(_day(0), _day(9)), frozenset()).told
    newer = Telling(2, DateRange(_day(3), _day(5)), frozenset()).told
    choice = choose_days(own, [_day(2), _day(4), _day(6)], [own, newer], widens=False)
    assert [window.days for window in choice.windows] == [
        DateRange(_day(2), _day(2)),
        DateRange(_day(6), _day(6)),
    ]
    assert choice.superseded == {_day(4)}


def test_a_day_beside_the_slice_does_not_count() -> None:
    own = Telling(1, DateRange(_day(0), _day(2)), frozenset()).told
    choice = choose_days(own, [_day(1), _day(5)], [own], widens=False)
    assert [window.days for window in choice.windows] == [DateRange(_day(1), _day(1))]
    assert choice.outside == {_day(5)}


@pytest.mark.parametrize(
    ("tellers", "expected"),
    [
        ([], False),
        ([(1, 1)], False),
        ([(1, 1), (2, 2)], True),
        ([(2, 2)], False),  # an earlier replay of the same sync
        ([(3, 1)], False),
    ],
)
def test_a_key_is_told_since_by_others_only(
    tellers: list[tuple[int, int]], *, expected: bool
) -> None:
    own = ToldSync(_id(1), _id(1), 1, None)
    family = {_id(1)} if (2, 2) in tellers and (1, 1) in tellers else {_id(1), _id(2)}
    told = [(_id(number), version) for number, version in tellers]
    assert is_told_since(own, told, family) == expected
