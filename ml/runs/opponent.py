"""What serves where no model does: for each question the baseline that is hard to beat.

    spend -> mean of a week
    spend is planned -> planned spend x trailing return
    else -> mean of four weeks

On daily advertising data of one advertiser, planned spend times the return of the last seven days
beat pooled trees, exponential smoothing and naive forecasts.
"""

from dataclasses import dataclass

from ml.forecast.baselines.catalogue import MEAN_7, MEAN_28, ROAS_7, Baseline
from ml.forecast.forecast import Forecast
from ml.panel import Floats, Measure, Panel

__all__ = ["HARD_TO_BEAT", "HardToBeat"]


@dataclass(frozen=True, slots=True)
class HardToBeat:
    """A `Forecaster` that is one of the baselines for each question."""

    @property
    def name(self) -> str:
        """Stands in tables; the forecast tells the baseline's."""
        return "baseline"

    def forecast(
        self, known: Panel, measure: Measure, horizons: tuple[int, ...], planned: Floats | None
    ) -> Forecast:
        """See `Forecaster.forecast`."""
        return self._of(known, measure, planned).forecast(known, measure, horizons, planned)

    def _of(self, known: Panel, measure: Measure, planned: Floats | None) -> Baseline:
        if measure is Measure.SPEND:
            return MEAN_7
        return MEAN_28 if planned is None or Measure.SPEND not in known.values else ROAS_7


HARD_TO_BEAT = HardToBeat()
