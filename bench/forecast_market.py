"""The simulated market of 50 agencies: a sanity check of forecasts by campaign and by client.

    a tenth of the agencies -> models; six others -> eight origins -> Tally of level and regime

Models are trained once, at the first origin, on every tenth agency: the others are new to them. On
four agencies what is served was tuned; `unseen` are those that neither was done on. Spend is
planned or unknown. Errors are compared in dollars. What is slow runs on the clients of one agency.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from bench.forecast_baselines.boosting import (
    PER_TENANT,
    POOLED,
    POOLED_QUANTILE,
    pooled,
    situation_of,
)
from bench.forecast_baselines.statistical import auto_ets, auto_theta
from bench.forecast_subject import FALLBACK, SUBJECT, subjects_of, trained
from bench.forecast_tally import Tally
from bench.harness import Figure
from bench.market_panels import Panels, panels_of
from ingestion.simulator.market.agency import SIZE, draw_agency
from ml.forecast.baselines.catalogue import BASELINES, MEAN_28, ROAS_7, ROAS_28, SEASONAL_NAIVE
from ml.forecast.calendar import Calendar
from ml.forecast.forecast import Forecaster
from ml.forecast.rolling_origin import (
    choose_origins,
    history_at_origin,
    known_at_origin,
    roll,
)
from ml.panel import DAILY, History, Measure

__all__ = ["market_figures"]

_HORIZONS: Final = (7, 14, 28, 90)
_EARLIEST: Final = 240  # two thirds of a year to learn from
# Agencies that are learnt from; the others are new to what is trained on them.
_SEEN: Final = range(0, SIZE.agencies, 10)
_TUNED: Final = (1, 2, 6, 9)
_LEVELS: Final = ("campaigns", "clients")
# Agencies that are forecast: six take minutes enough.
_FORECAST: Final = range(1, 18, 3)
_SLOW: Final = 4  # agency whose clients the slow forecasters are run on
# Every shop knows them a year ahead, and tells its agency.
_SALES: Final = (
    (dt.date(2024, 11, 25), dt.date(2024, 12, 3)),
    (dt.date(2025, 11, 24), dt.date(2025, 12, 2)),
)
_COUNTRIES: Final = {"USD": "US", "GBP": "GB", "EUR": "DE", "SEK": "SE"}
_RETURNS: Final = (ROAS_7.name, ROAS_28.name)


@dataclass(frozen=True, slots=True)
class _Run:
    """One measure at one level under one regime.

    Attributes:
        level: `campaigns` or `clients`.
        measure: What is forecast.
        is_planned: The regime.
        tally: Of what is fast, on all agencies.
        unseen: Of the same, on the agencies that nothing was learnt from or tuned on.
        slow: Of the slow ones, on one agency; None: not run.
    """

    level: str
    measure: Measure
    is_planned: bool
    tally: Tally
    unseen: Tally
    slow: Tally | None

    @property
    def is_main(self) -> bool:
        """All baselines are told."""
        return self.measure is Measure.REVENUE and self.is_planned


def market_figures() -> Iterator[Figure]:
    """All scores of each level and regime, revenue before conversions.

    Campaigns are scored under one regime only.
    """
    origins = choose_origins(SIZE.days, _HORIZONS[-1], earliest=_EARLIEST)
    runs = [
        _run("clients", Measure.REVENUE, is_planned=True),
        _run("campaigns", Measure.REVENUE, is_planned=True),
        _run("clients", Measure.REVENUE, is_planned=False),
        _run("clients", Measure.CONVERSIONS, is_planned=True),
    ]
    _roll_all(runs, origins)
    for run in runs:
        if not run.is_main:
            yield from run.tally.wmape([MEAN_28.name, ROAS_28.name])
            yield from run.tally.coverage(0.8)
            continue
        yield from run.tally.wmape([*(one.name for one in BASELINES), POOLED])
        yield from run.tally.interval(ROAS_28.name)
        yield from run.tally.wmape_of_totals(_RETURNS, "days")
        yield from run.unseen.wmape(_RETURNS)
        yield from run.tally.worse(FALLBACK)
        yield from run.tally.bands([SEASONAL_NAIVE.name, POOLED_QUANTILE])
        if run.slow is not None:
            yield from run.slow.wmape([one.name for one in _slow()])
            yield from list(run.slow.bands(["AutoETS"]))[-3:]


def _run(level: str, measure: Measure, *, is_planned: bool) -> _Run:
    regime = "spend planned" if is_planned else "spend unknown"
    is_main = measure is Measure.REVENUE and is_planned
    count = len(_FORECAST)
    name = f"market (simulated), {measure.value} by {level} of {count} agencies, {regime}"
    trees = (POOLED, POOLED_QUANTILE) if is_main else ()
    fast = (*(one.name for one in BASELINES), *trees, SUBJECT, FALLBACK)
    slow = None
    if is_main and level == "clients":
        names = (*(one.name for one in _slow()), SUBJECT, FALLBACK)
        slow = _tally(name.replace(f"{count} agencies", "one agency"), names)
    unseen = _tally(f"{name}, unseen ones", fast)
    return _Run(level, measure, is_planned, _tally(name, fast), unseen, slow)


def _tally(name: str, forecasters: tuple[str, ...]) -> Tally:
    return Tally(name, forecasters, SUBJECT, is_seasonal=True, is_each_alike=False)


def _slow() -> tuple[Forecaster, ...]:
    return (PER_TENANT, auto_ets(DAILY.season), auto_theta(DAILY.season))


def _roll_all(runs: Sequence[_Run], origins: Sequence[int]) -> None:
    """Train at the first origin on some agencies, then forecast all from each origin."""
    model = trained(_histories(origins[0]), _HORIZONS, calendar=_calendar())
    boosted = [_boosted(run, origins[0]) for run in runs]
    for number in _FORECAST:
        panels = dict(zip(_LEVELS, panels_of(draw_agency(number)), strict=True))
        for run, trees in zip(runs, boosted, strict=True):
            panel = panels[run.level]
            past = history_at_origin(panel.history, origins[0])
            own = subjects_of(model, past, calendar=_calendar())
            is_known = number in _SEEN or number in _TUNED
            tallies = [run.tally] if is_known else [run.tally, run.unseen]
            _rolled(run, tallies, [*BASELINES, *trees, *own], panel, origins)
            if run.slow is not None and number == _SLOW:
                _rolled(run, [run.slow], [*_slow(), *own], panel, origins)
    print(f"market, {len(_FORECAST)} agencies: done", flush=True)


def _rolled(
    run: _Run,
    tallies: Sequence[Tally],
    forecasters: Sequence[Forecaster],
    panels: Panels,
    origins: Sequence[int],
) -> None:
    planned = panels.planned if run.is_planned else None
    outcomes = list(
        roll(forecasters, panels.history, run.measure, _HORIZONS, origins, planned=planned)
    )
    for tally in tallies:
        tally.add(panels.history.series[0].client, outcomes, panels.dollars)


def _histories(origin: int) -> Iterator[History]:
    for number in _SEEN:
        for panels in panels_of(draw_agency(number)):
            yield history_at_origin(panels.history, origin)


def _boosted(run: _Run, origin: int) -> tuple[Forecaster, ...]:
    if not run.is_main:
        return ()
    situations = []
    for number in _SEEN:
        panels = panels_of(draw_agency(number))[_LEVELS.index(run.level)]
        known = known_at_origin(panels.history, origin)
        planned = panels.planned[:, origin : origin + _HORIZONS[-1]] if run.is_planned else None
        situations.append(situation_of(known, run.measure, _HORIZONS[-1], planned))
    return pooled(situations)


@cache
def _calendar() -> Calendar:
    """Public holidays of each client's country, and Black Friday as every shop plans it."""
    countries = {
        series.client: _COUNTRIES[series.currency]
        for number in range(SIZE.agencies)
        for series in draw_agency(number).series
    }
    return Calendar(countries, dict.fromkeys(countries, _SALES))
