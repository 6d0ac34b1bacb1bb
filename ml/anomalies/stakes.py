"""What a conversion or a session of a client is worth, so that deviations are in money.

mean day of each client -> money per unit of each measure, and usual money a day
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.anomalies.aged import AGES, Aged
from ml.panel import Measure, Series

__all__ = ["Stakes", "compute_stakes"]

_WINDOW: Final = 28  # steps


@dataclass(frozen=True, slots=True)
class Stakes:
    """Money of one client.

    Attributes:
        per_unit: By measure; NaN: no money is known.
        per_day: By measure: usual money a day to measure deviations with; NaN: as above.
    """

    per_unit: Mapping[Measure, float]
    per_day: Mapping[Measure, float]


def compute_stakes(aged: Aged, today: int) -> Mapping[str, Stakes]:
    """Tell the money of each client from the last four weeks.

    A conversion or session is worth the client's revenue per conversion or session; where no
    revenue is told, what it costs.
    """
    end = max(today - AGES[-1] + 1, 0)
    recent = slice(max(end - _WINDOW, 0), end)
    days: dict[str, dict[Measure, float]] = {}
    for measure, matrix in aged.values.items():
        known = matrix[:, recent, -1]
        counts = np.isfinite(known).sum(axis=1)
        means = np.nansum(known, axis=1) / np.maximum(counts, 1)
        for client, rows in _top_rows(aged.series, counts > 0).items():
            days.setdefault(client, {})[measure] = float(means[rows].sum())
    return {client: _stakes(by_measure) for client, by_measure in days.items()}


def _stakes(days: Mapping[Measure, float]) -> Stakes:
    spend, revenue = days.get(Measure.SPEND, 0.0), days.get(Measure.REVENUE, 0.0)
    money = revenue or spend or np.nan
    per_unit = {one: money / days[one] if days.get(one) else np.nan for one in Measure}
    per_unit |= {Measure.SPEND: 1.0, Measure.REVENUE: 1.0}
    per_day = dict.fromkeys(Measure, money) | {Measure.SPEND: spend or np.nan}
    return Stakes(per_unit, per_day)


def _top_rows(
    series: tuple[Series, ...], is_known: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> Mapping[str, list[int]]:
    """Rows that add up to each client: its own one, or those of its channels, or campaigns."""
    levels: dict[str, dict[int, list[int]]] = {}
    for row, one in enumerate(series):
        if is_known[row]:
            level = (one.channel is not None) + (one.campaign is not None)
            levels.setdefault(one.client, {}).setdefault(level, []).append(row)
    return {client: by_level[min(by_level)] for client, by_level in levels.items()}
