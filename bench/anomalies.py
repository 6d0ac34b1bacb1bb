"""Incidents found, missed and made up, against common rules on the same figures.

    real series with injected incidents; the simulated market with its own -> day by day
        -> alarms -> precision, recall, delay; false alarms per agency and month

Real series first. There, alarms on the untouched series are all counted as false, though real
series have real incidents: an upper bound. An alarm is right if it is of the client of an incident
(and on the line of its channel, where it names one), is told after it has begun and at most a week
after it has ended, and is dated into it, or two steps before. The market's agencies, incidents and
late data were frozen before this was written. A month is 30 steps.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np

from bench.datasets.catalogue import LOADERS
from bench.datasets.dataset import Dataset
from bench.datasets.folder import MISSING, find_folder
from bench.harness import Figure, figure
from bench.incident_detectors import DETECTORS, Raised, raise_by
from bench.injected import Truth, inject
from bench.market_panels import panels_of
from ingestion.simulator.market.agency import draw_agency
from ingestion.simulator.market.incidents import Kind
from ml.anomalies.aged import AGES, Aged, compute_aged
from ml.anomalies.alarms import Alarm
from ml.anomalies.expectation import Expectation, PlannedSpend, WeekdayLevel
from ml.anomalies.totals import add_totals
from ml.anomalies.watch import watch
from ml.panel import Cadence, Floats, Panel, Series

__all__ = ["main"]

_SEED: Final = 7
_AGENCY: Final = 20  # series of a data set that make an agency
_AGENCIES: Final = 2  # of a data set, at most
_WATCHED: Final = 200  # last steps of a data set
_LONG_ENOUGH: Final = 150  # steps
_LONGEST_SEASON: Final = 24  # steps: a year of weeks comes too seldom to be learned
_MARKET: Final = 4  # agencies of the market, the first ones
_BEGIN: Final = 120  # day of the market from which it is watched
_MONTH: Final = 30
_EARLY: Final = 2  # steps before an incident that an alarm may be dated to: noise joins it
_LATE: Final = 7  # steps after an incident in which it may still be told
# The market's sales: nobody takes Black Friday for an incident.
_SALES: Final = (
    *(dt.date(2024, 11, 25) + dt.timedelta(days=day) for day in range(8)),
    *(dt.date(2025, 11, 24) + dt.timedelta(days=day) for day in range(8)),
)
_OURS: Final = "ours"


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """Figures of one agency and what was wrong with them; watched from step `first` on."""

    aged: Aged
    expectation: Expectation
    truth: Sequence[Truth]
    first: int
    unusual: Sequence[dt.date] = ()

    @property
    def months(self) -> float:
        return (self.aged.steps - self.first) / _MONTH


@dataclass(frozen=True, slots=True)
class _Scores:
    """Of one detector over several agencies."""

    right: int
    alarms: int
    found: int
    incidents: int
    delays: Sequence[int]
    false: int
    months: float


async def main() -> list[Figure]:
    """Run the bench."""
    figures: list[Figure] = []
    folder = find_folder()
    if folder is None:
        print(MISSING)
    else:
        for name, agencies in _public(folder):
            quiet = [_case(panel, []) for panel in agencies]
            figures += _false_alarms(f"{name}, untouched", quiet)
            hurt = [_case(*_hurt(panel, seed)) for seed, panel in enumerate(agencies)]
            figures += _incidents(f"{name}, injected", hurt)
    market = [_market_case(number) for number in range(_MARKET)]
    return figures + _market(market)


def _public(folder: Path) -> Iterator[tuple[str, list[Panel]]]:
    """Data sets as agencies whose clients are their series."""
    mixes: list[Dataset] = []
    for load in LOADERS:
        data = load(folder)
        if len(data.panel.series) >= _AGENCY:
            yield f"{data.name} ({data.origin})", list(_agencies(data.panel))
        elif data.panel.steps >= _LONG_ENOUGH:
            mixes.append(data)
    steps = min(data.panel.steps for data in mixes)
    measures = mixes[0].panel.values
    values = {
        one: np.vstack([data.panel.values[one][:, -steps:] for data in mixes]) for one in measures
    }
    series = tuple(Series(data.name) for data in mixes)
    names = ", ".join(data.name for data in mixes)
    panel = Panel(_as_days(1), dt.date(2020, 1, 6), series, values)
    yield f"{names} (disguised real and simulated)", [panel]


def _agencies(panel: Panel) -> Iterator[Panel]:
    """Long series only, drawn by a seed, as steps of a day: a season of weeks is too long."""
    values = next(iter(panel.values.values()))
    long = np.flatnonzero(np.isfinite(values[:, -2 * _WATCHED :]).all(axis=1))
    if panel.steps < 2 * _WATCHED:
        long = np.arange(len(values))
    chosen = np.random.default_rng(_SEED).permutation(long)[: _AGENCY * _AGENCIES]
    season = season if (season := panel.cadence.season) <= _LONGEST_SEASON else 1
    for begin in range(0, len(chosen) - _AGENCY + 1, _AGENCY):
        part = panel.rows([int(row) for row in chosen[begin : begin + _AGENCY]])
        steps = min(panel.steps, 3 * _WATCHED)
        kept = {one: matrix[:, -steps:] for one, matrix in part.values.items()}
        yield Panel(_as_days(season), dt.date(2020, 1, 6), part.series, kept)


def _as_days(season: int) -> Cadence:
    return Cadence(dt.timedelta(days=1), season)


def _hurt(panel: Panel, seed: int) -> tuple[Panel, list[Truth]]:
    return inject(panel, _first(panel), seed)


def _first(panel: Panel) -> int:
    return max(panel.steps - _WATCHED, panel.steps // 2)


def _case(panel: Panel, truth: Sequence[Truth]) -> _Case:
    """Everything is told in the next morning."""
    values = {
        one: np.repeat(matrix[:, :, None], len(AGES), 2) for one, matrix in panel.values.items()
    }
    aged = Aged(panel.cadence, panel.start, panel.series, values, panel.values)
    return _Case(aged, WeekdayLevel(panel.cadence.season), truth, _first(panel))


def _market_case(number: int) -> _Case:
    agency = draw_agency(number)
    campaigns, _ = panels_of(agency)
    aged = compute_aged(campaigns.history, dt.timedelta(hours=8))
    truth = [
        Truth(
            one.kind.value,
            one.client,
            one.channel,
            one.first_step,
            min(one.last_step, one.first_step + 14),
            one.kind.is_incident,
        )
        for one in agency.incidents
        if one.first_step >= _BEGIN
    ]
    wholes = add_totals(aged, aged.steps).series
    planned = _with_totals(campaigns.history.series, campaigns.planned, wholes)
    return _Case(aged, PlannedSpend(planned, WeekdayLevel(7)), truth, _BEGIN, _SALES)


def _with_totals(parts: Sequence[Series], planned: Floats, wholes: Sequence[Series]) -> Floats:
    rows = []
    for whole in wholes:
        own = [
            row
            for row, part in enumerate(parts)
            if part.client == whole.client
            and whole.channel in {None, part.channel}
            and whole.campaign in {None, part.campaign}
        ]
        rows.append(np.nansum(planned[own], axis=0))
    return np.stack(rows)


def _ours(case: _Case) -> list[Raised]:
    alarms: list[Alarm] = []
    raised: list[Raised] = []
    unusual = {series.client: case.unusual for series in case.aged.series}
    for step in range(case.first + 1, case.aged.steps + 1):
        known = len(alarms)
        alarms = watch(case.aged, case.aged.day(step), alarms, case.expectation, unusual)
        for alarm in alarms[known:]:
            since = (alarm.since - case.aged.start).days
            raised.append(Raised(alarm.root.client, alarm.root.channel, since, step))
    return raised


def _raise_all(cases: Sequence[_Case]) -> dict[str, list[list[Raised]]]:
    """Alarms of each detector in each case; ours in a process for each core."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        ours = list(pool.map(_ours, cases))
    return {_OURS: ours} | {name: [_by_rule(name, case) for case in cases] for name in DETECTORS}


def _by_rule(name: str, case: _Case) -> list[Raised]:
    unusual = {(day - case.aged.start).days for day in case.unusual}
    aged = add_totals(case.aged, case.aged.steps)
    found = raise_by(DETECTORS[name], aged, case.first, case.aged.steps - 1)
    return [one for one in found if one.since not in unusual]


def _is_of(alarm: Raised, truth: Truth) -> bool:
    return (
        alarm.client == truth.client
        and (alarm.channel is None or truth.channel in {None, alarm.channel})
        and truth.first - _EARLY <= alarm.since <= truth.last
        and truth.first < alarm.told <= truth.last + _LATE + 1
    )


def _score(cases: Sequence[_Case], raised: Sequence[Sequence[Raised]]) -> _Scores:
    right = alarms = found = incidents = 0
    delays: list[int] = []
    for case, told in zip(cases, raised, strict=True):
        real = [one for one in case.truth if one.is_incident]
        alarms, incidents = alarms + len(told), incidents + len(real)
        right += sum(any(_is_of(alarm, one) for one in real) for alarm in told)
        for one in real:
            own = [alarm.told - 1 - one.first for alarm in told if _is_of(alarm, one)]
            found += bool(own)
            delays += [min(own)] if own else []
    months = sum(case.months for case in cases)
    return _Scores(right, alarms, found, incidents, delays, alarms - right, months)


def _false_alarms(name: str, cases: Sequence[_Case]) -> list[Figure]:
    scores = {one: _score(cases, raised) for one, raised in _raise_all(cases).items()}
    case = f"{name}: false alarms per agency and month"
    return _against(case, "alarms", {one: scores[one].false / scores[one].months for one in scores})


def _incidents(name: str, cases: Sequence[_Case]) -> list[Figure]:
    raised = _raise_all(cases)
    return _quality(name, {one: _score(cases, raised[one]) for one in raised})


def _quality(name: str, scores: dict[str, _Scores]) -> list[Figure]:
    count = scores[_OURS].incidents
    return [
        *_against(
            f"{name}: precision",
            "share",
            {one: of.right / max(of.alarms, 1) for one, of in scores.items()},
        ),
        *_against(
            f"{name}: recall of {count} incidents",
            "share",
            {one: of.found / of.incidents for one, of in scores.items()},
        ),
        *_against(
            f"{name}: mean delay after the next morning",
            "steps",
            {one: sum(of.delays) / max(of.found, 1) for one, of in scores.items()},
        ),
    ]


def _market(cases: Sequence[_Case]) -> list[Figure]:
    name = f"simulated market, {len(cases)} agencies"
    raised = _raise_all(cases)
    scores = {one: _score(cases, raised[one]) for one in raised}
    figures = _quality(name, scores)
    false = {one: of.false / of.months for one, of in scores.items()}
    figures += _against(f"{name}: false alarms per agency and month", "alarms", false)
    for kind in Kind:
        picked = [
            replace(case, truth=[one for one in case.truth if one.kind == kind.value])
            for case in cases
        ]
        if kind.is_incident:
            own = {one: _score(picked, raised[one]) for one in raised}
            title = f"{name}: recall of {own[_OURS].incidents} x {kind.value}"
            shares = {one: of.found / max(of.incidents, 1) for one, of in own.items()}
            figures += _against(title, "share", shares)
        else:
            figures += _against(f"{name}: alarms on late data", "alarms", _on_late(picked, raised))
    return figures


def _on_late(cases: Sequence[_Case], raised: dict[str, list[list[Raised]]]) -> dict[str, float]:
    """Alarms that begin while a source of their line is late."""
    return {
        name: float(
            sum(
                any(_is_of(alarm, one) for one in case.truth)
                for case, told in zip(cases, alarms, strict=True)
                for alarm in told
            )
        )
        for name, alarms in raised.items()
    }


def _against(case: str, unit: str, values: dict[str, float]) -> list[Figure]:
    ours = values[_OURS]
    return [
        figure(f"{case} vs {name}", unit, ours, values[name])
        if values[name]
        else figure(f"{case} ({name}: 0)", unit, ours)
        for name in DETECTORS
    ]
