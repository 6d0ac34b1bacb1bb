"""Channels and clients as the sum of their parts, unknown while a part is.

    ages of campaigns -> are all parts told at that age? -> sums of channels -> of clients

A sum over what happens to be there looks like a fall when one source is late. A part that was told
in the last week is waited for: one that has ended tells zeros as soon as its source is read, so
what is not there is late.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from ml.anomalies.aged import Aged
from ml.panel import Floats, Series

__all__ = ["add_totals"]

# Steps in which a part must have been told to be waited for: a source that is gone is not.
_LATELY: Final = 7

_Parts = Mapping[Series, Sequence[int]]


def add_totals(aged: Aged) -> Aged:
    """Add a row for each channel and client that has none of its own.

    Args:
        aged: Campaigns; or channels and clients that are told as such.
    """
    channels = _add(aged, lambda one: Series(one.client, one.channel, None, one.currency))
    return _add(channels, lambda one: Series(one.client, None, None, one.currency))


def _add(aged: Aged, whole_of: Callable[[Series], Series]) -> Aged:
    own = set(aged.series)
    parts: dict[Series, list[int]] = {}
    for row, series in enumerate(aged.series):
        whole = whole_of(series)
        depth = (series.channel is not None) + (series.campaign is not None)
        is_next = depth == (whole.channel is not None) + 1
        if is_next and whole not in own:
            parts.setdefault(whole, []).append(row)
    values = {one: _with_sums(aged.values[one], parts) for one in aged.values}
    mature = {
        one: _with_sums(aged.mature[one][:, :, np.newaxis], parts)[:, :, 0] for one in aged.mature
    }
    return Aged(aged.cadence, aged.start, (*aged.series, *parts), values, mature)


def _with_sums(matrix: Floats, parts: _Parts) -> Floats:
    sums = [_sum(matrix[rows]) for rows in parts.values()]
    return np.concatenate([matrix, np.stack(sums)]) if sums else matrix


def _sum(parts: Floats) -> Floats:
    """Shape (steps, ages)."""
    is_known = np.isfinite(parts)
    was_told = np.zeros_like(is_known)
    for back in range(1, _LATELY + 1):
        was_told[:, back:] |= is_known[:, :-back]
    is_late = (was_told & ~is_known).any(axis=0)
    total = np.where(is_known, parts, 0).sum(axis=0)
    return np.where(is_known.any(axis=0) & ~is_late, total, np.nan)
