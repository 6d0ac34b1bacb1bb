"""Channels and clients as the sum of the parts that are told now, on each day alike.

    ages of campaigns, today -> which parts are still told? -> their sums by channel and by client

A sum over what happens to be there looks like a fall when one source is late. A part that is not
told is waited for: one that has ended tells zeros as soon as its source is read, so what is not
there is late. What has been silent for two weeks is not waited for any more; it is taken out of
every earlier day as well, as an account is that has not been read yet. So a sum is compared with
sums of the same parts, however late one of them is.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ml.anomalies.aged import AGES, Aged
from ml.anomalies.expectation import Ints
from ml.history.levels import SILENT_STEPS
from ml.panel import Floats, Series

__all__ = ["add_totals"]

_Flags = npt.NDArray[np.bool_]


def add_totals(aged: Aged, today: int) -> Aged:
    """Add the channels and clients that are not told as such.

    Args:
        aged: Campaigns; accounts without campaigns, which are only seen in their sums; channels
            and clients that are told as such.
        today: Step that goes on; says which parts are told now.

    Returns:
        Rows in an order that does not depend on the day.
    """
    accounts = [row for row, one in enumerate(aged.series) if _is_account(one)]
    kept = np.setdiff1d(np.arange(len(aged.series)), accounts)
    shown = [aged.series[row] for row in kept]
    wholes = dict.fromkeys(whole for one in aged.series for whole in _wholes_of(one))
    series = tuple(dict.fromkeys((*shown, *wholes)))
    values, mature = {}, {}
    for measure, young in aged.values.items():
        ages = np.concatenate([young, aged.mature[measure][:, :, np.newaxis]], axis=2)
        is_told = np.isfinite(ages).any(axis=2)
        is_heard = _is_heard(young, today)
        joined = np.full((len(series), *ages.shape[1:]), np.nan)
        joined[: len(kept)] = ages[kept]
        for whole, rows in _find_parts(aged.series, np.flatnonzero(is_told.any(axis=1))).items():
            heard = [row for row in rows if is_heard[row]]
            whose = [aged.series[row].connection for row in heard]
            joined[series.index(whole)] = _sum(ages[heard], is_told[heard], whose)
        values[measure], mature[measure] = joined[:, :, :-1], joined[:, :, -1]
    return Aged(aged.cadence, aged.start, series, values, mature)


def _is_account(one: Series) -> bool:
    return one.campaign is None and one.connection is not None


def _wholes_of(one: Series) -> list[Series]:
    """Its channel and its client, as far as it is not the same."""
    channel = Series(one.client, one.channel, None, one.currency)
    client = Series(one.client, None, None, one.currency)
    return [whole for whole in dict.fromkeys((channel, client)) if whole != one]


def _find_parts(series: Sequence[Series], told: Ints) -> Mapping[Series, Sequence[int]]:
    """Rows that each whole is made of, in one measure; what is told as such is made of nothing."""
    rows = [int(row) for row in told]
    own = {series[row] for row in rows}
    parts: dict[Series, list[int]] = {}
    for row in rows:
        for whole in _wholes_of(series[row]):
            if whole in own:
                break  # it stands for its parts above as well
            parts.setdefault(whole, []).append(row)
    return parts


def _is_heard(ages: Floats, today: int) -> _Flags:
    """Whether a day of the last two weeks has been told until now; shape (series,)."""
    is_heard = np.zeros(len(ages), dtype=np.bool_)
    for back in range(1, SILENT_STEPS + 1):
        if 0 <= today - back < ages.shape[1]:
            is_heard |= np.isfinite(ages[:, today - back, min(back, len(AGES)) - 1])
    return is_heard


def _sum(parts: Floats, is_told: _Flags, whose: Sequence[str | None]) -> Floats:
    """Shape (steps, ages); unknown while a part is, and before all accounts have begun."""
    has_begun: _Flags = np.logical_or.accumulate(is_told, axis=1)
    is_there = np.isfinite(parts) | ~has_begun[:, :, np.newaxis]
    is_whole: _Flags = np.all(is_there, axis=0)
    for connection in set(whose):
        own = [place for place, one in enumerate(whose) if one == connection]
        is_whole = is_whole & np.any(has_begun[own], axis=0)[:, np.newaxis]
    return np.where(is_whole & (len(whose) > 0), np.nansum(parts, axis=0), np.nan)
