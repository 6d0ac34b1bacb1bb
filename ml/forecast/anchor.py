"""What a series does if nothing new happens: the figures that everything else corrects.

    figures as known, share complete, spend -> rates -> experts of the next steps, or their sums

Two kinds of experts, each at several memories (half-lives):

- *ratio*: planned spend x what a unit of spend has brought lately, shrunk to the family's ratio;
- *level*: what a step has brought lately, whatever is spent.

Both weigh the past with w = 2^(-age / half-life) and compare sums: sum(w y) / sum(w e c s), where e
is the exposure (spend, or 1), c the share complete at that age (so young days neither depress the
ratio nor are blown up) and s the season's index. Which expert is right for a series is found from
its own past (`ml.forecast.record`): a search campaign follows its spend, a brand's revenue hardly
does.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.forecast.season import seasonal_index
from ml.forecast.shrinkage import Tiers, shrunk_ratios
from ml.panel import Cadence, Floats

__all__ = [
    "EXPERT_COUNT",
    "MEMORIES",
    "RATIO_COUNT",
    "Basis",
    "Rates",
    "expert_totals",
    "experts",
    "half_lives",
    "rates_of",
    "short_season",
]

# In seasons, where a season is short (weeks of days, days of hours); in steps where it is a year.
MEMORIES: Final = (0.15, 0.5, 2.0, 8.0, 32.0)
# Budgets are set, so levels jump within a day; what a unit of spend brings does not.
RATIO_COUNT: Final = len(MEMORIES) - 1  # the longest ones
EXPERT_COUNT: Final = RATIO_COUNT + len(MEMORIES) + 1
_LONG_SEASON: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """What is known of some series, for one measure.

    Attributes:
        cadence: Of the columns.
        figures: Shape (series, steps); NaN: not known.
        complete: Same shape: share of the final figure that is known.
        spend: Same shape, as complete as it is.
        tiers: Whose ratios are drawn to whose.
    """

    cadence: Cadence
    figures: Floats
    complete: Floats
    spend: Floats
    tiers: Tiers

    def until(self, steps: int) -> "Basis":
        """What would have been known when only these first columns had ended, as far as we know.

        Their figures count as what they have become, times the share known at the age they had
        then: an expert that lives on the youngest days is tried with days as young.
        """
        complete = self.complete[:, self.complete.shape[1] - steps :]
        return Basis(
            self.cadence,
            self.matured[:, :steps] * complete,
            complete,
            self.spend[:, :steps],
            self.tiers,
        )

    @property
    def matured(self) -> Floats:
        """Figures that are expected in the end."""
        ready: Floats = self.figures / self.complete
        return ready


def short_season(cadence: Cadence) -> int:
    """Steps of the season where it is short, else 1."""
    return cadence.season if cadence.season <= _LONG_SEASON else 1


def half_lives(cadence: Cadence) -> Floats:
    """Memories of the experts, in steps."""
    return np.array(MEMORIES) * short_season(cadence)


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """What all experts go by.

    Attributes:
        ratio: Figures by a unit of spend, shape (series, RATIO_COUNT).
        level: Figures by a step, shape (series, memories).
        per_spend: Season's index of the ratio, shape (series, season), next step first.
        own: Season's index of the level, same shape.
        last_season: The last season as it was, shape (series, season or less).
    """

    ratio: Floats
    level: Floats
    per_spend: Floats
    own: Floats
    last_season: Floats


def rates_of(basis: Basis) -> Rates:
    """Learn the experts' rates; NaN where there is nothing to go by."""
    season = basis.cadence.season
    own = seasonal_index(basis.matured, season)
    per_spend = own / seasonal_index(basis.spend, season)
    known = np.isfinite(basis.figures) & np.isfinite(basis.complete)
    figures = np.where(known, basis.figures, 0.0)
    complete = np.where(known, basis.complete, 0.0)
    spend = np.where(known, np.nan_to_num(basis.spend), 0.0)
    weights = _weights(basis)
    used = complete * spend * _past(per_spend, known.shape[1])
    ratio = shrunk_ratios(figures, used, weights[:, -RATIO_COUNT:], basis.tiers)
    level = _divide(figures @ weights, (complete * _past(own, known.shape[1])) @ weights)
    return Rates(ratio, level, per_spend, own, basis.matured[:, -season:])


def experts(rates: Rates, ahead: Floats) -> Floats:
    """Figures that each expert expects for the next steps.

    Args:
        rates: What they go by.
        ahead: Spend of the next steps, shape (series, ahead).

    Returns:
        Shape (EXPERT_COUNT, series, ahead): ratios, levels, each by its memory, and the last
        season as it was; NaN where an expert has nothing to go by.
    """
    length = ahead.shape[1]
    by_ratio = rates.ratio.T[:, :, None] * (ahead * _next(rates.per_spend, length))
    by_level = rates.level.T[:, :, None] * _next(rates.own, length)
    return np.concatenate([by_ratio, by_level, _next(rates.last_season, length)[None]])


def expert_totals(rates: Rates, ahead: Floats) -> Floats:
    """Sums of `experts` over the steps ahead: shape (EXPERT_COUNT, series)."""
    length = ahead.shape[1]
    spent = (ahead * _next(rates.per_spend, length)).sum(axis=1)
    seasons = _next(rates.own, length).sum(axis=1)
    last = _next(rates.last_season, length).sum(axis=1)
    return np.concatenate([rates.ratio.T * spent, rates.level.T * seasons, last[None]])


def _weights(basis: Basis) -> Floats:
    age = np.arange(basis.figures.shape[1], 0, -1)
    weights: Floats = np.exp2(-age[:, None] / half_lives(basis.cadence)[None, :])
    return weights


def _divide(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _past(index: Floats, steps: int) -> Floats:
    season = index.shape[1]
    return index[:, (np.arange(steps) - steps) % season]


def _next(index: Floats, length: int) -> Floats:
    return index[:, np.arange(length) % index.shape[1]]
