"""What a forecast is, and what makes one.

    panel as of an instant, planned spend -> Forecaster -> Forecast: steps and totals, as quantiles

A forecast tells each step, and the total of the first 7, 14, 28 and 90 of them: quantiles of a
total are no sums of quantiles, and the total is what people decide on.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from ml.panel import Floats, Measure, Panel

__all__ = ["HORIZONS", "QUANTILES", "Forecast", "Forecaster"]

HORIZONS: Final = (7, 14, 28, 90)  # steps
QUANTILES: Final = (0.025, 0.1, 0.5, 0.9, 0.975)  # bounds of 95 and 80 %, and the median


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Figures that are expected of some series for the steps after a panel.

    Attributes:
        measure: Of what.
        horizons: How many steps each total is made of, ascending.
        steps: Shape (series, steps, quantiles of `QUANTILES`); NaN: too little is known.
        totals: Shape (series, horizons, quantiles); NaN: as above.
        methods: What made each series' forecast: name of the model or of the baseline that won.
    """

    measure: Measure
    horizons: tuple[int, ...]
    steps: Floats
    totals: Floats
    methods: tuple[str, ...]


class Forecaster(Protocol):
    """A model that has been trained, or a baseline."""

    @property
    def name(self) -> str:
        """Stands in tables and in `Forecast.methods`."""

    def forecast(
        self, known: Panel, measure: Measure, horizons: tuple[int, ...], planned: Floats | None
    ) -> Forecast:
        """Tell the steps after the last column.

        Args:
            known: What is known now.
            measure: What to forecast.
            horizons: Steps of each total, ascending; steps are told up to the last one.
            planned: Spend that is planned, shape (series, last horizon); None: spend is unknown.
        """
