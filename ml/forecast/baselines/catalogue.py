"""The baselines: forecasters that need no training, served wherever no model beats them.

    panel, measure, planned spend -> Baseline(name, point) -> bands -> Forecast

Windows are counted in steps: 7 and 28 days of daily series, 7 and 28 weeks of weekly ones.
"""

from dataclasses import dataclass
from typing import Final

from ml.forecast.baselines.bands import banded
from ml.forecast.baselines.points import (
    Point,
    Situation,
    last_value,
    mean_of,
    return_of,
    season_ago,
)
from ml.forecast.forecast import Forecast
from ml.panel import Floats, Measure, Panel

__all__ = [
    "BASELINES",
    "MEAN_7",
    "MEAN_28",
    "NAIVE",
    "ROAS_7",
    "ROAS_28",
    "SEASONAL_NAIVE",
    "Baseline",
]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A point with bands from the panel's own past; a `Forecaster`.

    Attributes:
        name: Stands in tables and in `Forecast.methods`.
        point: Gives the median.
    """

    name: str
    point: Point

    def forecast(
        self, known: Panel, measure: Measure, horizons: tuple[int, ...], planned: Floats | None
    ) -> Forecast:
        """Tell the steps after the last column; see `Forecaster`."""
        situation = Situation(
            figures=known.values[measure],
            spend=known.values.get(Measure.SPEND),
            planned=planned,
            season=known.cadence.season,
            horizon=horizons[-1],
        )
        steps, totals = banded(self.point, situation, horizons)
        return Forecast(measure, horizons, steps, totals, (self.name,) * len(known.series))


NAIVE: Final = Baseline("naive", last_value)
SEASONAL_NAIVE: Final = Baseline("seasonal naive", season_ago)
MEAN_7: Final = Baseline("mean of 7", mean_of(7))
MEAN_28: Final = Baseline("mean of 28", mean_of(28))
ROAS_7: Final = Baseline("spend x ROAS of 7", return_of(7))
ROAS_28: Final = Baseline("spend x ROAS of 28", return_of(28))

BASELINES: Final = (NAIVE, SEASONAL_NAIVE, MEAN_7, MEAN_28, ROAS_7, ROAS_28)
