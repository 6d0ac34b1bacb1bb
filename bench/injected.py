"""Incidents put into real series, so that there is a truth to find.

    series -> seeded incidents: outage, half lost, a third lost, doubled -> changed series, truth

Which series, when and what is drawn from a fixed seed before anything is measured.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.panel import Floats, Measure, Panel

__all__ = ["Truth", "inject"]


@dataclass(frozen=True, slots=True)
class Truth:
    """One incident.

    Attributes:
        kind: What happened.
        client: To whom.
        channel: In which channel; None: in all, or it has none.
        first: First step.
        last: Last step.
        is_incident: Whether an alarm is right.
    """

    kind: str
    client: str
    channel: str | None
    first: int
    last: int
    is_incident: bool = True


# Name, factor, steps.
_KINDS: Final = (
    ("outage, 1 step", 0.1, 1),
    ("half lost, 3 steps", 0.5, 3),
    ("a third lost, 5 steps", 0.67, 5),
    ("doubled, 3 steps", 2.0, 3),
)
_SPACE: Final = 25  # steps between incidents of one series: what was before is over


def inject(panel: Panel, first: int, seed: int) -> tuple[Panel, list[Truth]]:
    """One incident in each series for every 100 steps from `first` on."""
    chance = np.random.default_rng(seed)
    values: dict[Measure, Floats] = {one: matrix.copy() for one, matrix in panel.values.items()}
    truth = []
    for row, series in enumerate(panel.series):
        for begin in range(first, panel.steps - _SPACE, 100):
            room = min(100, panel.steps - begin) - _SPACE
            step = begin + int(chance.integers(max(room, 1)))
            name, factor, length = _KINDS[int(chance.integers(len(_KINDS)))]
            measure = list(values)[int(chance.integers(len(values)))]
            values[measure][row, step : step + length] *= factor
            truth.append(Truth(name, series.client, None, step, step + length - 1))
    return Panel(panel.cadence, panel.start, panel.series, values), truth
