"""Whether a challenger may take the champion's place.

    paired errors (same series, origin, horizon) -> bootstrap by series, Diebold-Mariano by origin,
        each group of agencies, coverage -> Verdict: passed, or every reason why not

Two tests, since each is blind where the other sees: series of one agency move together, which a
test over origins takes into account and one over series does not; a few large series may decide a
mean, which shows over series and not over origins. An average may hide that some agencies lose: no
group of agencies may be worse than the tolerance. Pure: the same errors and seed, the same verdict.

Sources: Diebold and Mariano, Comparing predictive accuracy (JBES 13, 1995), section 1.1; Harvey,
Leybourne and Newbold, Testing the equality of prediction mean squared errors (IJF 13, 1997),
equations 8 and 9; Efron and Tibshirani, An introduction to the bootstrap (1993), section 8.
Decision: ADR-0032.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from domain.errors import InvalidInputError
from ml.panel import Floats

__all__ = [
    "OFFLINE",
    "SHADOW_WEEK",
    "DieboldMariano",
    "Gate",
    "GateRules",
    "PairedErrors",
    "Verdict",
    "bootstrap_by_series",
    "diebold_mariano",
]

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class GateRules:
    """What a challenger has to reach.

    Attributes:
        fewest_origins: Of both models' forecasts.
        tolerance: By how much it may be worse, as a fraction of the champion's error: in any group
            of agencies, and at the worse end of the interval over all series.
        significance: Of the test over origins, one-sided.
        lowest: Share of actuals within the 80 % interval.
        highest: As above: an interval that is too wide is as wrong as one that is too narrow.
        fewest_of_group: Forecasts of a group from which on its coverage is asked for: a share of
            500 is known to 3.5 points (95 %).
        resamples: Of the bootstrap.
    """

    fewest_origins: int
    tolerance: float = 0.02
    significance: float = 0.05
    lowest: float = 0.77
    highest: float = 0.83
    fewest_of_group: int = 500
    resamples: int = 2_000


OFFLINE: Final = GateRules(fewest_origins=8)
SHADOW_WEEK: Final = GateRules(fewest_origins=7)  # one a day


@dataclass(frozen=True, slots=True, eq=False)
class PairedErrors:
    """Errors of both models for the same forecasts; all arrays have one entry for each.

    Attributes:
        series: Number of the series, over all agencies.
        origin: Number of the origin, in the order of time.
        group: Place in `groups`.
        groups: Names of groups of agencies.
        champion: Absolute errors, in the unit of the measure.
        challenger: As above.
        is_covered: Whether the challenger's 80 % interval holds the actual.
    """

    series: Places
    origin: Places
    group: Places
    groups: tuple[str, ...]
    champion: Floats
    challenger: Floats
    is_covered: npt.NDArray[np.bool_]

    @property
    def by_origin(self) -> Floats:
        """Mean of challenger less champion for each origin that there is, in order."""
        _, place = np.unique(self.origin, return_inverse=True)
        totals = np.bincount(place, self.challenger - self.champion)
        return np.asarray(totals / np.bincount(place), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class DieboldMariano:
    """The test that a challenger is worse.

    Attributes:
        statistic: Corrected for few origins; positive: the challenger's errors are larger.
        p_worse: Chance of such a statistic if both were equally good.
    """

    statistic: float
    p_worse: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate came to.

    Attributes:
        reasons: Why it did not pass; sentences without a full stop. Empty: it did.
        change: Challenger's error against the champion's, as a fraction; negative: smaller.
        interval: Of the change, 95 %, over series.
        test: Over origins; None: there are too few.
        coverage: Share of actuals within the challenger's 80 % interval.
        groups: The change in each group of agencies.
    """

    reasons: tuple[str, ...]
    change: float
    interval: tuple[float, float]
    test: DieboldMariano | None
    coverage: float
    groups: Mapping[str, float]

    @property
    def has_passed(self) -> bool:
        """Whether the challenger may go on."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Gate:
    """Judges challengers by one set of rules."""

    rules: GateRules

    def judge(self, errors: PairedErrors, steps: int, rng: np.random.Generator) -> Verdict:
        """Hold a challenger against the champion; against the best baseline, where there is none.

        Args:
            errors: Of both, on the same series and origins.
            steps: From one forecast's origin to the end of its horizon, counted in origins:
                forecasts of 7 days that are made every day overlap over 7.
            rng: Draws the series of each resample.

        Raises:
            InvalidInputError: There is nothing to compare, or the champion never errs (the caller).
        """
        if not errors.champion.sum() > 0.0:
            raise InvalidInputError("a champion without errors leaves nothing to compare")
        test = None
        if len(np.unique(errors.origin)) > steps:
            test = diebold_mariano(errors.by_origin, steps)
        change = _change(errors.challenger, errors.champion)
        interval = bootstrap_by_series(errors, self.rules.resamples, rng)
        coverage = float(errors.is_covered.mean())
        of_group = {
            name: _change(errors.challenger[errors.group == g], errors.champion[errors.group == g])
            for g, name in enumerate(errors.groups)
        }
        verdict = Verdict((), change, interval, test, coverage, of_group)
        reasons = (*self._errors(errors, verdict), *self._intervals(errors, verdict))
        return Verdict(reasons, change, interval, test, coverage, of_group)

    def _errors(self, errors: PairedErrors, verdict: Verdict) -> Iterator[str]:
        rules, origins = self.rules, len(np.unique(errors.origin))
        if origins < rules.fewest_origins:
            yield f"{origins} origins are compared, {rules.fewest_origins} are needed"
        if verdict.change > 0.0:
            yield f"its error is {verdict.change:.1%} larger"
        if verdict.interval[1] > rules.tolerance:
            yield (
                f"over other series its error may be {verdict.interval[1]:.1%} larger, more than"
                f" {rules.tolerance:.0%}"
            )
        if verdict.test is None:
            yield "forecasts overlap over all origins: no test is possible"
        elif verdict.test.p_worse < rules.significance:
            yield (
                f"over origins it is worse (Diebold-Mariano {verdict.test.statistic:.2f},"
                f" p {verdict.test.p_worse:.3f})"
            )
        for name, change in verdict.groups.items():
            if change > rules.tolerance:
                yield f"in group {name} its error is {change:.1%} larger"

    def _intervals(self, errors: PairedErrors, verdict: Verdict) -> Iterator[str]:
        rules = self.rules
        if not rules.lowest <= verdict.coverage <= rules.highest:
            yield f"its 80 % intervals hold {verdict.coverage:.1%} of the actuals"
        for place, name in enumerate(errors.groups):
            covered = errors.is_covered[errors.group == place]
            if len(covered) < rules.fewest_of_group:
                continue
            if not rules.lowest <= covered.mean() <= rules.highest:
                yield f"in group {name} its 80 % intervals hold {covered.mean():.1%}"


def diebold_mariano(differential: Floats, steps: int) -> DieboldMariano:
    """Test whether the mean of a loss differential is above 0.

    Args:
        differential: Shape (origins,): loss of the challenger less that of the champion.
        steps: Origins that a forecast reaches over; the differential is correlated over one less.

    Raises:
        InvalidInputError: There are no more origins than steps (the caller).
    """
    count = len(differential)
    if count <= steps:
        raise InvalidInputError(f"{count} origins do not test forecasts of {steps} steps")
    mean = float(differential.mean())
    variance = _long_run_variance(differential - mean, steps)
    correction = math.sqrt((count - steps) * (count - steps + 1)) / count
    if variance == 0.0:
        statistic = math.copysign(math.inf, mean) if mean else 0.0
    else:
        statistic = mean / math.sqrt(variance / count) * correction
    return DieboldMariano(statistic, float(stats.t.sf(statistic, count - 1)))


def bootstrap_by_series(
    errors: PairedErrors, resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Interval (95 %, percentile) of the change in error, had other series been drawn.

    A series is drawn whole, with all its origins: its own errors are no independent draws.
    """
    _, place = np.unique(errors.series, return_inverse=True)
    challenger = np.bincount(place, errors.challenger)
    champion = np.bincount(place, errors.champion)
    count = len(champion)
    drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=resamples)
    below = drawn @ champion
    is_told = below > 0.0
    change = (drawn @ challenger)[is_told] / below[is_told] - 1.0
    low, high = np.quantile(change, (0.025, 0.975))
    return float(low), float(high)


def _change(challenger: Floats, champion: Floats) -> float:
    """Relative change of the sum of errors; over a champion without errors 0 or infinite."""
    above, below = float(challenger.sum()), float(champion.sum())
    if below == 0.0:
        return math.inf if above else 0.0
    return above / below - 1.0


def _long_run_variance(centred: Floats, steps: int) -> float:
    """Over lags up to `steps` - 1, all of one weight; Bartlett's weights where that is negative."""
    count = len(centred)
    lags = [float(centred[lag:] @ centred[: count - lag]) / count for lag in range(steps)]
    variance = lags[0] + 2.0 * sum(lags[1:])
    if variance > 0.0:
        return variance
    weighted = (lag * (1.0 - place / steps) for place, lag in enumerate(lags[1:], start=1))
    return max(lags[0] + 2.0 * sum(weighted), 0.0)
