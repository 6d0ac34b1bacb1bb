"""Why a forecast says what it says: what moved it, and how it differs from the days before.

    model, panel -> drivers of the served total, in words | a note that a baseline serves
    forecasts of an agency, panel -> change against as many days before -> parts that add up

Both are of the next four weeks, are computed when the forecast is made, and are kept beside it.
Claims of young days are still to come: where a model serves, which forecasts what will have been
claimed in the end, the days before are taken at what they will have come to; a baseline carries
figures on as they stand and is held against them as they stand.

Decision: ADR-0043.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from ml.forecast.baselines.bands import steps_missing
from ml.forecast.change import Factor, Part, in_words, split_change
from ml.forecast.completion import Completion
from ml.forecast.explain import Driver, drivers_of
from ml.forecast.forecast import HORIZONS, QUANTILES, Forecast, Forecaster
from ml.forecast.pooled import PooledForecaster
from ml.panel import Floats, Measure, Panel

__all__ = ["EXPLAINED_DAYS", "Change", "Reasons", "ToldDriver", "reasons_from", "tell_reasons"]

EXPLAINED_DAYS: Final = 28
_PLACE: Final = HORIZONS.index(EXPLAINED_DAYS)
_LOW, _MEDIAN, _HIGH = (QUANTILES.index(level) for level in (0.1, 0.5, 0.9))
_ROUNDED: Final = 0.005  # a change below it is told as 0 %
_LEAST_KNOWN: Final = 0.5  # share of the days before; below, completing them is guessing


@dataclass(frozen=True, slots=True)
class ToldDriver:
    """What moved a forecast off its anchor.

    Attributes:
        name: Of `ml.forecast.explain.DRIVERS`.
        words: One sentence without a full stop.
        share: Of all that moved it, 0 to 1.
    """

    name: str
    words: str
    share: float


@dataclass(frozen=True, slots=True)
class ToldPart:
    """One factor's part in a change; see `ml.forecast.change.Part`."""

    name: str
    change: float
    share: float
    amount: float


@dataclass(frozen=True, slots=True)
class Change:
    """The next days against as many before.

    Attributes:
        days: How many.
        before: What came, or will have come, in the days before.
        after: What is expected.
        words: Sentences without a full stop: the change, then its parts.
        parts: Add up to the change; empty: the measure has none, or one of them was 0.
    """

    days: int
    before: float
    after: float
    words: tuple[str, ...]
    parts: tuple[ToldPart, ...]


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why one series' forecast is what it is.

    Attributes:
        drivers: The strongest first; None: `note` says why there are none.
        note: None: there are drivers.
        change: None: the days before are not known.
        missing_days: Of each horizon: days to come until it has a band of 80 %; 0: it has.
    """

    drivers: tuple[ToldDriver, ...] | None
    note: str | None
    change: Change | None
    missing_days: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, for `reasons_from`."""
        return asdict(self)


def reasons_from(told: Mapping[str, Any]) -> Reasons:
    """What `Reasons.as_json` was made of."""
    drivers, change = told.get("drivers"), told.get("change")
    return Reasons(
        drivers=None if drivers is None else tuple(ToldDriver(**one) for one in drivers),
        note=told.get("note"),
        missing_days=tuple(told.get("missing_days", ())),
        change=None
        if change is None
        else Change(
            **{
                **change,
                "words": tuple(change["words"]),
                "parts": tuple(ToldPart(**one) for one in change["parts"]),
            }
        ),
    )


def tell_reasons(
    forecaster: Forecaster,
    known: Panel,
    told: Mapping[Measure, Forecast],
    ahead: Floats | None,
    completion: Completion,
) -> dict[Measure, list[Reasons]]:
    """Reasons of every series' forecast.

    Args:
        forecaster: Made the forecasts.
        known: What they were made of.
        told: Forecasts of all measures of the panel, for `HORIZONS`.
        ahead: Planned spend, shape (series, days), NaN: unknown; None: nothing is planned.
        completion: Of the agency.

    Returns:
        By measure, in the order of the panel's series.
    """
    open_totals = {
        measure: _compared(known, forecast, measure, completion, forecaster.name)
        for measure, forecast in told.items()
    }
    rows = range(len(known.series))
    found = {}
    for measure, forecast in told.items():
        totals = dict(open_totals)
        if measure is not Measure.SPEND and ahead is not None:
            totals[Measure.SPEND] = _as_planned(open_totals[Measure.SPEND], ahead)
        drivers = _drivers(forecaster, known, measure, ahead)
        whys = [
            _why(forecaster, method, None if drivers is None else drivers[row])
            for row, method in enumerate(forecast.methods)
        ]
        missing = _missing(known, measure, forecast)
        found[measure] = [
            Reasons(*whys[row], _change(measure, _of(totals, row)), missing[row]) for row in rows
        ]
    return found


def _of(totals: Mapping[Measure, Floats], row: int) -> dict[Measure, Floats]:
    return {measure: both[row] for measure, both in totals.items()}


def _missing(known: Panel, measure: Measure, forecast: Forecast) -> list[tuple[int, ...]]:
    """By series: see `Reasons.missing_days`; the panel as a whole is what has to grow."""
    is_told = ~np.isnan(known.values[measure])
    days = int(is_told.any(axis=0).sum())
    series = max(int(is_told.any(axis=1).sum()), 1)
    wanting = np.array([max(steps_missing(days, series, one), 1) for one in forecast.horizons])
    lacks = np.isnan(forecast.totals[:, :, [_LOW, _HIGH]]).any(axis=2)
    return [tuple(row) for row in np.where(lacks, wanting, 0).tolist()]


def _drivers(
    forecaster: Forecaster, known: Panel, measure: Measure, ahead: Floats | None
) -> list[tuple[Driver, ...]] | None:
    """By series; None: nothing can be explained."""
    if not isinstance(forecaster, PooledForecaster) or forecaster.model.booster is None:
        return None
    horizons = (EXPLAINED_DAYS,)
    (found,) = drivers_of(forecaster, known, measure, horizons, None)
    drivers = list(found)
    if ahead is not None and measure is not Measure.SPEND and not np.isnan(ahead).all():
        planned = np.nan_to_num(ahead[:, :EXPLAINED_DAYS])
        (with_plan,) = drivers_of(forecaster, known, measure, horizons, planned)
        for row in np.flatnonzero(~np.isnan(ahead[:, 0])):
            drivers[row] = with_plan[row]
    return drivers


def _why(
    forecaster: Forecaster, method: str, drivers: Sequence[Driver] | None
) -> tuple[tuple[ToldDriver, ...] | None, str | None]:
    """Drivers, or the note that says why there are none."""
    if method != forecaster.name:
        return None, f"a baseline serves, {method}: it carries the past on, and nothing moves it"
    if drivers is None:
        return None, "the model carries the series' own past on, and nothing moves it"
    return tuple(ToldDriver(one.name, _moved(one), one.share) for one in drivers), None


def _moved(driver: Driver) -> str:
    moved = math.expm1(driver.effect)
    return f"{driver.name} moves it {'up' if moved > 0 else 'down'} by {abs(moved) * 100:.1f} %"


def _compared(
    known: Panel, forecast: Forecast, measure: Measure, completion: Completion, model: str
) -> Floats:
    """Totals before and after, shape (series, 2); NaN: a day before is not known, or hardly."""
    before = known.values[measure][:, -EXPLAINED_DAYS:].sum(axis=1)
    share = completion.shares(known, measure)[:, -EXPLAINED_DAYS:].mean(axis=1)
    completed = np.where(share >= _LEAST_KNOWN, before / np.maximum(share, _LEAST_KNOWN), np.nan)
    is_model = np.array([method == model for method in forecast.methods], dtype=np.bool_)
    after = forecast.totals[:, _PLACE, _MEDIAN]
    return np.stack([np.where(is_model, completed, before), after], axis=1)


def _as_planned(totals: Floats, ahead: Floats) -> Floats:
    """Totals of spend, where it is planned with the plan instead of its forecast."""
    planned = ahead[:, :EXPLAINED_DAYS].sum(axis=1)
    after = np.where(np.isnan(planned), totals[:, 1], planned)
    return np.stack([totals[:, 0], after], axis=1)


def _change(measure: Measure, totals: Mapping[Measure, Floats]) -> Change | None:
    before, after = map(float, totals[measure])
    if not math.isfinite(before + after):
        return None
    parts = _parts(measure, totals)
    words = _told_change(before, after), *in_words(parts)
    told = tuple(ToldPart(one.name, one.change, one.share, one.amount) for one in parts)
    return Change(EXPLAINED_DAYS, before, after, words, told)


# What a measure is the product of, in the end.
_MADE_OF: Final[Mapping[Measure, tuple[Measure, ...]]] = {
    Measure.CONVERSIONS: (Measure.SPEND,),
    Measure.REVENUE: (Measure.SPEND, Measure.CONVERSIONS),
    Measure.SALES: (Measure.ORDERS,),
}


def _parts(measure: Measure, totals: Mapping[Measure, Floats]) -> tuple[Part, ...]:
    """Parts of the change of a product; empty: it is none, hardly changes, or has no ratio."""
    made_of = _MADE_OF.get(measure, ())
    if not made_of or not set(made_of) <= totals.keys():
        return ()
    known = np.array([totals[one] for one in (measure, *made_of)])
    if not (known > 0).all():
        return ()
    whole, *ratios = (known[:, 1] / known[:, 0]).tolist()
    factors = _factors(measure, whole, *ratios)
    parts = split_change(float(known[0, 0]), float(known[0, 1]), factors)
    return () if any(math.isnan(part.share) for part in parts) else parts


def _factors(measure: Measure, whole: float, first: float, second: float = 1.0) -> list[Factor]:
    if measure is Measure.CONVERSIONS:
        return [("spend", 1, first), ("CPA", -1, first / whole)]
    if measure is Measure.REVENUE:
        return [("spend", 1, first), ("CPA", -1, first / second), ("AOV", 1, whole / second)]
    return [("orders", 1, first), ("AOV", 1, whole / first)]


def _told_change(before: float, after: float) -> str:
    days = f"the last {EXPLAINED_DAYS}"
    if before == 0:
        return f"nothing came in {days} days" if after else f"nothing, as in {days} days"
    change = after / before - 1
    if abs(change) < _ROUNDED:
        return f"as much as in {days} days"
    return f"{abs(change) * 100:.0f} % {'more' if change > 0 else 'less'} than in {days} days"
