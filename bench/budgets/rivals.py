"""Two plain ways to learn what spend brings: elasticities, and ridge on a fixed adstock.

    observed -> log-log least squares -> power curves, no carry-over
    observed -> adstock 0.5, Hill at the mean spend, non-negative ridge -> one curve each

The second is what Robyn does within one trial of its search, with usual values.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.optimize import nnls

from ml.panel import Floats
from ml.response.curves import Curves, Evidence, Support, observed_limit
from ml.response.observed import Observed
from ml.response.shapes import Shape, adstock, hill

__all__ = ["PowerReturns", "log_log", "ridge"]

_RETENTION: Final = 0.5
_PENALTIES: Final = (0.01, 0.1, 1.0, 10.0)
_HELD_OUT: Final = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class PowerReturns:
    """`size * ((1 + spend / reference) ** elasticity - 1)` on each of some steps."""

    names: tuple[str, ...]
    size: Floats
    elasticity: Floats
    reference: Floats
    limit: Floats
    steps: int
    minor_units: int = 100

    @property
    def draws(self) -> int:
        return 1

    def highest(self, item: int) -> int:
        return int(self.limit[item] * self.steps * self.minor_units)

    def outcome(self, item: int, amounts: Floats) -> Floats:
        spend = amounts / (self.steps * self.minor_units)
        return self.steps * self.per_step(item, spend)[None]

    def per_step(self, item: int, spend: Floats) -> Floats:
        rise = (1 + spend / self.reference[item]) ** self.elasticity[item] - 1
        brought: Floats = self.size[item] * rise
        return brought


def log_log(observed: Observed, steps: int) -> PowerReturns:
    """Elasticities by least squares on logarithms, cut to (0.01, 0.99)."""
    reference = np.array([row[row > 0].mean() for row in observed.spend])
    base, size = _base(observed), np.zeros(len(reference))
    elasticity = np.zeros(len(reference))
    for outcome, values in enumerate(observed.outcomes):
        fed = np.flatnonzero(observed.feeds == outcome)
        known = np.isfinite(values)
        logs = np.log1p(observed.spend[fed] / reference[fed, None]).T
        rows = np.column_stack([base, logs])[known]
        unit = max(float(values[known].mean()), 1e-9)
        found = np.linalg.lstsq(rows, np.log(values[known] / unit + 0.05), rcond=1e-6)[0]
        elasticity[fed] = np.clip(found[base.shape[1] :], 0.01, 0.99)
        # At the mean of the logarithms, the fit meets the mean outcome.
        size[fed] = unit * np.exp(-(logs[known] @ elasticity[fed]).mean())
    return PowerReturns(
        observed.names, size, elasticity, reference, observed_limit(observed.spend), steps
    )


def ridge(observed: Observed) -> tuple[Curves, Floats]:
    """Curves of one draw, and contributions (items, steps)."""
    reference = np.array([row[row > 0].mean() for row in observed.spend])
    count = len(reference)
    ones = np.ones(count)
    worked = adstock(
        observed.spend / reference[:, None], _RETENTION * ones, observed.spend[:, 0] / reference
    )
    transformed = hill(worked, np.array(1.0), np.array(1.0))
    level = np.zeros(count)
    for outcome, values in enumerate(observed.outcomes):
        fed = np.flatnonzero(observed.feeds == outcome)
        level[fed] = _non_negative(_base(observed), transformed[fed].T, values)
    shape = Shape(*(row[None] for row in (level / 2, _RETENTION * ones, ones, ones)))
    support = Support(Evidence.OBSERVED, 0.0, "ridge")
    last = (worked[:, -1] * reference)[None]
    limit = observed_limit(observed.spend)
    curves = Curves(observed.names, shape, reference, limit, last, (support,) * count)
    return curves, level[:, None] * transformed


def _non_negative(base: Floats, media: Floats, values: Floats) -> Floats:
    known = np.flatnonzero(np.isfinite(values))
    cut = known[: int(len(known) * (1 - _HELD_OUT))]
    rest = known[len(cut) :]
    size = max(float(np.nanmean(values)), 1e-9)

    def fit(rows: np.ndarray, penalty: float) -> Floats:
        columns = np.column_stack([base, -base, media])[rows]
        ridge_rows = np.sqrt(penalty) * np.eye(columns.shape[1])
        target = np.concatenate([values[rows] / size, np.zeros(columns.shape[1])])
        return np.asarray(nnls(np.vstack([columns, ridge_rows]), target, maxiter=10_000)[0])

    def miss(penalty: float) -> float:
        found = fit(cut, penalty)
        predicted = np.column_stack([base, -base, media])[rest] @ found
        return float(np.square(values[rest] / size - predicted).mean())

    best = min(_PENALTIES, key=miss)
    return size * fit(known, best)[2 * base.shape[1] :]


def _base(observed: Observed) -> Floats:
    days = observed.calendar
    line = days.trend[:, :1]
    columns = [np.ones((days.steps, 1)), line, days.season, days.events, observed.controls]
    return np.column_stack(columns)


def until(observed: Observed, steps: int) -> Observed:
    """Only the first steps."""
    days = observed.calendar
    return replace(
        observed,
        spend=observed.spend[:, :steps],
        outcomes=observed.outcomes[:, :steps],
        calendar=replace(
            days, trend=days.trend[:steps], season=days.season[:steps], events=days.events[:steps]
        ),
        controls=observed.controls[:steps],
    )
