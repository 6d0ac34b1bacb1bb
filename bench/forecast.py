"""Forecasts against every baseline from rolling origins: public series first, then the market.

    data set or simulated agencies -> eight origins -> all forecasters on the same cells -> Figures

Public series are evidence: M4 is real, mmm_stan is a retailer's data in disguise, the other media
mix sets are simulated by others. The market of `ingestion.simulator.market` is a sanity check only;
its generator was frozen before the model was written. Spend of public sets is what was spent, that
of the market what was planned. Models are trained once, on what was known at the first origin. What
is slow runs on a drawn sample whose size is in the case's name, and so do all others beside it.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from bench.datasets.catalogue import LOADERS
from bench.datasets.dataset import Dataset, history_of
from bench.datasets.folder import MISSING, find_folder
from bench.forecast_baselines.boosting import PER_TENANT, PER_TENANT_QUANTILE
from bench.forecast_baselines.statistical import auto_arima, auto_ets, auto_theta
from bench.forecast_market import market_figures
from bench.forecast_subject import SUBJECT, subject_of, trained
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
_SAMPLE: Final = 10  # series that the slow forecasters are run on
_SAMPLE_SEED: Final = 4
_PAST_SHARE: Final = 0.5  # of the steps lies before the first origin, at least
_SEASONAL_FITS: Final = 24  # longer seasons are beyond exponential smoothing

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


def _public(load: Loader, folder: Path) -> list[Figure]:
    data = load(folder)
    count = len(data.panel.series)
    title = f"{data.name} ({data.origin})"
    figures: list[Figure] = []
    if count > _SAMPLE:
        few = _drawn(data, min(count, _MOST))
        name = f"{title}, {len(few.panel.series)} of {count} series"
        figures += _tally(few, name, _plain(data)).figures()
        data = _drawn(data, _SAMPLE)
        title = f"{title}, {_SAMPLE} of {count} series"
    figures += _tally(data, title, (*_plain(data), *_slow(data))).figures()
    print(f"{title}: done", flush=True)
    return figures


def _drawn(data: Dataset, count: int) -> Dataset:
    chance = np.random.default_rng(_SAMPLE_SEED)
    drawn = chance.choice(len(data.panel.series), count, replace=False)
    return replace(data, panel=_shortest(data.panel.rows(sorted(int(row) for row in drawn))))


def _tally(data: Dataset, title: str, others: Sequence[Forecaster]) -> Tally:
    history, horizon = history_of(data.panel), data.horizons[-1]
    steps = data.panel.steps
    # A handful of horizons back, or half of a short series: recent origins, and enough to learn.
    earliest = max(int(steps * _PAST_SHARE), steps - 9 * horizon)
    origins = choose_origins(steps, horizon, earliest=earliest)
    reference = _reference(data)
    names = (*(one.name for one in others), SUBJECT)
    tally = Tally(title, names, reference, SUBJECT, is_seasonal=data.mase_season > 1)
    past = history_at_origin(history, origins[0])
    subject = subject_of(trained([past], data.horizons), past)
    outcomes = roll(
        [*others, subject], history, data.measure, data.horizons, origins, planned=data.spend
    )
    tally.add(data.name, list(outcomes))
    return tally


def _reference(data: Dataset) -> str:
    if data.spend is not None:
        return ROAS_7.name
    return SEASONAL_NAIVE.name if data.mase_season > 1 else NAIVE.name


def _plain(data: Dataset) -> tuple[Forecaster, ...]:
    # Without spend, a return on it is a mean, which is there already.
    without = () if data.spend is not None else (ROAS_7, ROAS_28)
    return tuple(one for one in BASELINES if one not in without)


def _slow(data: Dataset) -> tuple[Forecaster, ...]:
    season = data.panel.cadence.season
    fitted = season if season <= _SEASONAL_FITS else 1
    statistical = [auto_ets(fitted), auto_theta(fitted)]
    if fitted == 1:  # a seasonal ARIMA of 24 hours takes minutes a series
        statistical.append(auto_arima(fitted))
    return (PER_TENANT, PER_TENANT_QUANTILE, *statistical)


def _shortest(panel: Panel) -> Panel:
    """Without the first steps, which no series has."""
    known = ~np.isnan(next(iter(panel.values.values())))
    first = int(known.any(axis=0).argmax())
    values = {measure: one[:, first:] for measure, one in panel.values.items()}
    return replace(panel, start=panel.day(first), values=values)
