"""Histories of channels and clients, out of those of their parts.

    campaigns (row, step, known at, value) -> sums over a channel or client at each instant

A total is known when all parts are that have begun and have not ended: half an account is no
figure. A part that has been silent for two weeks has ended; before that, it is late.
"""

import enum
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.panel import Floats, History, Series

__all__ = ["SILENT_STEPS", "Level", "at_levels"]

SILENT_STEPS: Final = 14

Numbers = npt.NDArray[np.int64]


class Level(enum.Enum):
    """What a series is about; the parts of a history are about the finest."""

    PART = "part"  # as it was loaded
    CHANNEL = "channel"
    CLIENT = "client"


def at_levels(history: History, levels: Sequence[Level]) -> History:
    """A history with series at these levels, in their order, parts as they are."""
    parts = [
        history
        if level is Level.PART
        else _summed(history, [_above(one, level) for one in history.series])
        for level in levels
    ]
    rows = np.cumsum([0, *(len(part.series) for part in parts)])
    return replace(
        history,
        series=tuple(one for part in parts for one in part.series),
        row=np.concatenate(
            [part.row + first for part, first in zip(parts, rows[:-1], strict=True)]
        ).astype(np.int32),
        step=np.concatenate([part.step for part in parts]),
        known_at=np.concatenate([part.known_at for part in parts]),
        values={
            measure: np.concatenate([part.values[measure] for part in parts])
            for measure in history.values
        },
    )


def _above(one: Series, level: Level) -> Series:
    channel = one.channel if level is Level.CHANNEL else None
    return Series(one.client, channel, None, one.currency)


def _summed(history: History, totals: Sequence[Series]) -> History:
    """One series for each different total, in order of first part."""
    series = tuple(dict.fromkeys(totals))
    numbers = {one: number for number, one in enumerate(series)}
    total_of = np.array([numbers[one] for one in totals], dtype=np.int64)
    total, step = total_of[history.row], history.step.astype(np.int64)
    cells = total * history.steps + step
    order = np.lexsort((history.known_at, cells))
    cells, known_at = cells[order], history.known_at[order]
    # Of what changed at one instant, the last line has all of it.
    is_last = np.append(
        (cells[1:] != cells[:-1]) | (known_at[1:] != known_at[:-1]),
        np.ones(min(len(cells), 1), dtype=np.bool_),
    )
    values = {}
    for measure, told in history.values.items():
        change, count = _changes(history, told)
        total_now = _running(change[order], cells)
        known_now = np.rint(_running(count[order], cells))
        wanted = _wanted(history, told, total_of, len(series))[cells]
        values[measure] = np.where((known_now == wanted) & (wanted > 0), total_now, np.nan)[is_last]
    return replace(
        history,
        series=series,
        row=(cells // max(history.steps, 1))[is_last].astype(np.int32),
        step=(cells % max(history.steps, 1))[is_last].astype(np.int32),
        known_at=known_at[is_last],
        values=values,
    )


def _changes(history: History, told: Floats) -> tuple[Floats, Floats]:
    """What each revision adds to its cell, and whether it makes it known (1) or unknown (-1)."""
    is_first = np.ones(len(told), dtype=np.bool_)
    is_first[1:] = (history.row[1:] != history.row[:-1]) | (history.step[1:] != history.step[:-1])
    is_known = ~np.isnan(told)
    value, known = np.where(is_known, told, 0.0), is_known.astype(np.float64)
    before, known_before = np.roll(value, 1), np.roll(known, 1)
    before[is_first] = known_before[is_first] = 0.0
    return value - before, known - known_before


def _running(changes: Floats, cells: Numbers) -> Floats:
    """Sums from the first line of each cell on."""
    sums: Floats = np.cumsum(changes)
    starts = np.flatnonzero(np.append(True, cells[1:] != cells[:-1])) if len(cells) else cells
    before = np.append(0.0, sums)[starts]
    lengths = np.diff(np.append(starts, len(cells)))
    running: Floats = sums - np.repeat(before, lengths)
    return running


def _wanted(history: History, told: Floats, total_of: Numbers, totals: int) -> Floats:
    """How many parts have to be known on each step of each total; shape (totals x steps,)."""
    known = np.flatnonzero(~np.isnan(told))
    row, step = history.row[known], history.step[known]
    first = np.full(len(history.series), history.steps)
    last = np.full(len(history.series), -1)
    np.minimum.at(first, row, step)
    np.maximum.at(last, row, step)
    ends = np.minimum(last + SILENT_STEPS, history.steps - 1) + 1
    heard = np.flatnonzero(last >= 0)
    change = np.zeros((totals, history.steps + 1))
    np.add.at(change, (total_of[heard], first[heard]), 1)
    np.add.at(change, (total_of[heard], ends[heard]), -1)
    wanted: Floats = np.cumsum(change, axis=1)[:, : history.steps].ravel()
    return wanted
