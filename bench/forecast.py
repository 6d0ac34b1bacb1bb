"""Forecasts against every baseline from rolling origins: public series first, then the market.

    data set or simulated agencies -> eight origins -> all forecasters on the same cells -> Figures

Public series are evidence: M4 is real, mmm_stan is a retailer's data in disguise, the other media
mix sets are simulated by others. The market of `ingestion.simulator.market` is a sanity check only;
its generator was frozen before the model was written. Spend of public sets is what was spent, that
of the market what was planned. Models are trained once, on what was known at the first origin.

What is served was tuned on other series of M4 than are drawn here. The media mix sets are too few
to keep some aside: what is served was chosen with their figures in sight.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from bench.datasets.catalogue import LOADERS
from bench.datasets.dataset import Dataset, history_of
from bench.datasets.folder import MISSING, find_folder
from bench.forecast_baselines.boosting import PER_TENANT, PER_TENANT_QUANTILE
from bench.forecast_baselines.statistical import auto_arima, auto_ets, auto_theta
from bench.forecast_market import market_figures
from bench.forecast_subject import FALLBACK, SUBJECT, subjects_of, trained
from bench.forecast_tally import Tally
from bench.harness import Figure
from ml.forecast.baselines.catalogue import (
    BASELINES,
    NAIVE,
    ROAS_7,
    ROAS_28,
    SEASONAL_NAIVE,
)
from ml.forecast.forecast import Forecaster
from ml.forecast.rolling_origin import choose_origins, history_at_origin, roll
from ml.panel import Panel

__all__ = ["main"]

_MOST: Final = 120  # series of a set; of a larger one so many are drawn
_SLOW: Final = 12  # of them, for what takes a second for each series and origin
_TUNED_SEED: Final = 4  # drew the series that were tuned on
_SAMPLE_SEED: Final = 5
_PAST_SHARE: Final = 0.5  # of the steps lies before the first origin, at least
_SEASONAL_FITS: Final = 24  # longer seasons are beyond exponential smoothing
_UNITS: Final = {"M4 hourly": "hours"}

Loader = Callable[[Path], Dataset]


async def main() -> Sequence[Figure]:
    """Data sets and market side by side, in two processes."""
    folder = find_folder()
    if folder is None:
        print(MISSING)
    with ProcessPoolExecutor(2) as pool:
        market = pool.submit(_market)
        public = [pool.submit(_public, load, folder) for load in LOADERS if folder is not None]
        return [figure for one in (*public, market) for figure in one.result()]


def _market() -> list[Figure]:
    return list(market_figures())


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """A data set, the name of its figures, and who is run on it."""

    data: Dataset
    name: str
    others: tuple[Forecaster, ...]


def _public(load: Loader, folder: Path) -> list[Figure]:
    data = load(folder)
    figures = list(_m4(data) if data.name.startswith("M4") else _media_mix(data))
    print(f"{data.name}: done", flush=True)
    return figures


def _m4(data: Dataset) -> Iterator[Figure]:
    """Real series without spend: each baseline beside what is served."""
    sample = _kept_aside(data)
    title = f"{data.name} ({data.origin}, {len(sample.panel.series)} of {len(data.panel.series)})"
    quick = (*_plain(data), PER_TENANT, PER_TENANT_QUANTILE)
    tally = _tally(_Trial(sample, title, quick))
    is_seasonal = data.mase_season > 1
    yield from tally.mase([one.name for one in quick if one != PER_TENANT_QUANTILE])
    reference = SEASONAL_NAIVE.name if is_seasonal else NAIVE.name
    yield from tally.interval(reference)
    yield from tally.wmape_of_totals([reference], _UNITS.get(data.name, "weeks"))
    yield from tally.worse(FALLBACK)
    yield from tally.bands([SEASONAL_NAIVE.name, PER_TENANT_QUANTILE.name])
    # Exponential smoothing and Theta take a second a series and origin.
    statistical = _statistical(data)
    few = _first(sample, _SLOW)
    short = f"{data.name} ({data.origin}, {_SLOW} of {len(data.panel.series)})"
    slow = _tally(_Trial(few, short, statistical))
    yield from slow.mase([one.name for one in statistical])
    yield from list(slow.bands(["AutoETS"]))[-3:]


def _media_mix(data: Dataset) -> Iterator[Figure]:
    """Few series beside spend: the returns, the baseline picked, and the best of all afterwards."""
    others = (*_plain(data), *_slow(data))
    regime = "spend known" if data.spend is not None else "spend unknown"
    tally = _tally(_Trial(data, f"{data.name} ({data.origin}, {regime})", others))
    points = [one.name for one in others if one.name != PER_TENANT_QUANTILE.name]
    yield from tally.wmape([SEASONAL_NAIVE.name, ROAS_28.name, FALLBACK])
    for figure in tally.wmape([tally.best(points)]):
        yield replace(figure, case=f"{figure.case} (the best of all, known afterwards)")
    if len(data.panel.series) > 1:
        yield from tally.worse(FALLBACK)
    yield from tally.coverage(0.8)


def _tally(trial: _Trial) -> Tally:
    data = trial.data
    history, horizon = history_of(data.panel), data.horizons[-1]
    steps = data.panel.steps
    # A handful of horizons back, or half of a short series: recent origins, and enough to learn.
    earliest = max(int(steps * _PAST_SHARE), steps - 9 * horizon)
    origins = choose_origins(steps, horizon, earliest=earliest)
    names = (*(one.name for one in trial.others), SUBJECT, FALLBACK)
    tally = Tally(trial.name, names, SUBJECT, is_seasonal=data.mase_season > 1, is_each_alike=True)
    past = history_at_origin(history, origins[0])
    subjects = subjects_of(trained([past], data.horizons), past)
    outcomes = roll(
        [*trial.others, *subjects],
        history,
        data.measure,
        data.horizons,
        origins,
        planned=data.spend,
    )
    tally.add(data.name, list(outcomes))
    return tally


def _plain(data: Dataset) -> tuple[Forecaster, ...]:
    # Without spend, a return on it is a mean, which is there already.
    without = () if data.spend is not None else (ROAS_7, ROAS_28)
    return tuple(one for one in BASELINES if one not in without)


def _slow(data: Dataset) -> tuple[Forecaster, ...]:
    return (PER_TENANT, PER_TENANT_QUANTILE, *_statistical(data))


def _statistical(data: Dataset) -> tuple[Forecaster, ...]:
    season = data.panel.cadence.season
    fitted = season if season <= _SEASONAL_FITS else 1
    if len(data.panel.series) > 1:  # an ARIMA takes seconds a series
        return (auto_ets(fitted), auto_theta(fitted))
    return (auto_ets(fitted), auto_theta(fitted), auto_arima(fitted))


def _kept_aside(data: Dataset) -> Dataset:
    """Series that nothing was tuned on."""
    count = len(data.panel.series)
    tuned = np.random.default_rng(_TUNED_SEED).choice(count, _MOST, replace=False)
    others = np.setdiff1d(np.arange(count), tuned)
    drawn = np.random.default_rng(_SAMPLE_SEED).choice(others, _MOST, replace=False)
    return replace(data, panel=_shortest(data.panel.rows([int(row) for row in drawn])))


def _first(data: Dataset, count: int) -> Dataset:
    return replace(data, panel=_shortest(data.panel.rows(range(count))))


def _shortest(panel: Panel) -> Panel:
    """Without the first steps, which no series has."""
    known = ~np.isnan(next(iter(panel.values.values())))
    first = int(known.any(axis=0).argmax())
    values = {measure: one[:, first:] for measure, one in panel.values.items()}
    return replace(panel, start=panel.day(first), values=values)
