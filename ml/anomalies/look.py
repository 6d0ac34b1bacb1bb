"""Look at the figures that are due today: how rare each one is among its own past.

    ages and completion -> which figures are due -> their past at the same age -> p-values
        -> discoveries of the agency and day -> Deviation

A figure is looked at once: at the first age at which enough of it is usually known, or when it
arrives after that. What has not been told is not looked at, so it cannot be an anomaly.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ml.anomalies.aged import AGES, Aged
from ml.anomalies.completion import Completion, compute_completion
from ml.anomalies.conformal import (
    BoolMatrix,
    BoolVector,
    compute_scores,
    two_sided_p_value,
    upper_p_values,
    volume_groups,
)
from ml.anomalies.deviation import Deviation, depth_of
from ml.anomalies.discoveries import RATE, find_discoveries
from ml.anomalies.expectation import Asked, Expectation, Ints, Steps
from ml.anomalies.moves import RECENT, Moves
from ml.anomalies.stakes import Stakes, compute_stakes
from ml.panel import Floats, Measure

__all__ = ["RUN", "look"]

_PAST: Final = 208  # steps: four weeks to learn the level, and half a year of scores
_FEWEST: Final = 14  # own past scores; a series that is younger is not looked at
_SOME_CLIENTS: Final = 3  # half a year of fewer is no tail to rank among
_DEPTHS: Final = 3  # client, channel, campaign
# Three days that are each a little low are as rare as one that is very low; whichever is rarer
# counts, twice (Bonferroni).
RUN: Final = 3
_LEVELS: Final = (0.025, 0.975)  # of the bounds that are shown


@dataclass(frozen=True, slots=True, eq=False)
class _Due:
    """Figures of one measure that are due; all arrays have one entry or row for each."""

    rows: Ints
    ages: Ints
    steps: Steps
    figures: Floats
    recent: Floats  # the last `RECENT` of them, nothing left out


def look(
    aged: Aged,
    today: int,
    left_out: Mapping[Measure, BoolMatrix],
    expectation: Expectation,
    unusual: Mapping[str, Collection[dt.date]] | None = None,
) -> tuple[list[Deviation], Moves]:
    """Judge every figure that is due.

    Args:
        aged: Figures of all clients of one agency at each age.
        today: Step that goes on; nothing that was known after today's look is read.
        left_out: By measure, shape (series, steps): past figures to learn nothing from.
        expectation: Of each figure and its past.
        unusual: Days of clients whose demand is not judged.

    Returns:
        What was looked at, and how all figures of the last days moved.
    """
    moves = Moves(aged, today)
    if today < 1:
        return [], moves
    stakes = compute_stakes(aged, today)
    found: list[Deviation] = []
    for measure in aged.values:
        completion = compute_completion(aged, measure, today)
        due = _find_due(aged, measure, today, completion, left_out[measure])
        if len(due.rows):
            shares = completion.usual[due.rows, due.ages - 1]
            expected = expectation(Asked(measure, due.rows, due.steps, due.figures, shares))
            moves.add(measure, due.rows, due.steps, due.recent, expected)
            looked = _judge(aged, measure, due, expected, completion, stakes)
            days = {} if unusual is None or measure is Measure.SPEND else unusual
            found += [one for one in looked if one.day not in days.get(one.series.client, ())]
    return _discover(found), moves


def _discover(found: Sequence[Deviation]) -> list[Deviation]:
    """Clients, channels and campaigns are families of their own, each with its part of the rate.

    A client's few totals would else have to be as rare as its hundred campaigns are many.
    """
    families = [[one for one in found if one.depth == depth] for depth in range(_DEPTHS)]
    told = [family for family in families if family]
    return [
        replace(one, is_discovery=bool(is_it))
        for family in told
        for one, is_it in zip(family, _is_discovery(family, RATE / len(told)), strict=True)
    ]


def _is_discovery(family: Sequence[Deviation], rate: float) -> BoolVector:
    return find_discoveries(np.array([one.p_value for one in family]), rate)


def _find_due(
    aged: Aged, measure: Measure, today: int, completion: Completion, left_out: BoolMatrix
) -> _Due:
    first = completion.first_age
    parts = []
    for place, age in enumerate(AGES):
        if today - age < 0:
            continue
        now = aged.values[measure][:, today - age]
        arrives = np.isnan(now[:, place - 1]) if place else np.zeros(len(first), dtype=np.bool_)
        is_due = np.isfinite(now[:, place]) & ((first == age) | ((first < age) & arrives))
        rows = np.flatnonzero(is_due)
        parts.append(_past_of(aged.values[measure][rows, :, place], rows, today, age, left_out))
    return _Due(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.ages for part in parts]),
        np.concatenate([part.steps for part in parts]),
        np.concatenate([part.figures for part in parts]),
        np.concatenate([part.recent for part in parts]),
    )


def _past_of(figures: Floats, rows: Ints, today: int, age: int, left_out: BoolMatrix) -> _Due:
    """The last columns until the step that has the age, filled up on the left."""
    end = today - age + 1
    begin = max(end - _PAST, 0)
    past = np.full((len(rows), _PAST), np.nan)
    kept = np.where(left_out[rows, begin : end - 1], np.nan, figures[:, begin : end - 1])
    past[:, _PAST - 1 - kept.shape[1] : -1] = kept
    past[:, -1] = figures[:, end - 1]
    recent = np.full((len(rows), RECENT), np.nan)
    shown = figures[:, max(end - RECENT, 0) : end]
    recent[:, RECENT - shown.shape[1] :] = shown
    steps = np.broadcast_to(np.arange(end - _PAST, end), past.shape)
    return _Due(rows, np.full(len(rows), age), steps, past, recent)


def _judge(
    aged: Aged,
    measure: Measure,
    due: _Due,
    expected: Floats,
    completion: Completion,
    stakes: Mapping[str, Stakes],
) -> list[Deviation]:
    scored = compute_scores(due.figures, expected, due.steps, aged.cadence.season)
    is_client = np.array([depth_of(aged.series[row]) == 0 for row in due.rows])
    p_values, low_z, high_z = _rank(scored.z, scored.offset[:, 0], is_client)
    low, high = scored.bound(expected[:, -1], low_z), scored.bound(expected[:, -1], high_z)
    found = []
    for place in np.flatnonzero(np.isfinite(p_values)):
        row, age = int(due.rows[place]), int(due.ages[place])
        series, usual = aged.series[row], float(completion.usual[row, age - 1])
        actual, median = float(due.figures[place, -1]), float(expected[place, -1])
        money = stakes[series.client]
        found.append(
            Deviation(
                series=series,
                measure=measure,
                day=aged.day(int(due.steps[place, -1])),
                age=age,
                actual=actual,
                expected=median,
                low=float(low[place]),
                high=float(high[place]),
                usual=usual,
                least=float(completion.least[row, age - 1]),
                p_value=float(p_values[place]),
                is_discovery=False,
                stake=abs(actual - median) / usual * money.per_unit[measure],
                daily_stake=money.per_day[measure],
            )
        )
    return found


def _rank(z: Floats, volume: Floats, is_client: BoolVector) -> tuple[Floats, Floats, Floats]:
    """P-value of the last column, and the scores of the bounds that are shown.

    Clients are ranked among clients, if there are some: in a usual week one of many campaigns moves
    as far as no client does. Campaigns and channels are ranked among all.
    """
    p_values, low, high = (np.full(len(z), np.nan) for _ in range(3))
    is_old = np.isfinite(z[:, :-1]).sum(axis=1) >= _FEWEST
    judged = np.flatnonzero(is_old & np.isfinite(z[:, -1]))
    runs = sliding_window_view(z, RUN, axis=1).sum(axis=2)  # NaN where one of them is
    clients = judged[is_client[judged]]
    kinds = (judged, clients) if len(clients) >= _SOME_CLIENTS else (judged,)  # the later one holds
    for rows in (kind[group] for kind in kinds for group in volume_groups(volume[kind])):
        past = z[rows, :-1]
        low[rows], high[rows] = np.quantile(past[np.isfinite(past)], _LEVELS)
        one, run = (_two_sided(scores[rows]) for scores in (z, runs))
        p_values[rows] = np.where(np.isfinite(run), np.minimum(1.0, 2 * np.fmin(one, run)), one)
    return p_values, low, high


def _two_sided(scores: Floats) -> Floats:
    past, new = scores[:, :-1], scores[:, -1]
    known = past[np.isfinite(past)]
    return two_sided_p_value(upper_p_values(new, known), upper_p_values(-new, -known))
