"""What the trees see of a series at an origin: ratios only, never an amount, never whose it is.

    outlook, calendar -> one row for each (horizon, series) -> float32 matrix of `NAMES`

An amount would let the trees recognise an agency, and what they learn of one would not hold for the
next: every column is a ratio, a share or a count of steps. NaN: not known; trees take it as such.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from ml.forecast.anchor import MEMORIES, RATIO_COUNT
from ml.forecast.calendar import Calendar
from ml.forecast.outlook import Outlook, log_ratio
from ml.panel import Floats, Measure

__all__ = ["NAMES", "Features", "features_of"]

Features = npt.NDArray[np.float32]

_EXPERTS: Final = (
    *(f"ratio over {memory:g}" for memory in MEMORIES[-RATIO_COUNT:]),
    *(f"level over {memory:g}" for memory in MEMORIES),
    "last season",
)
NAMES: Final = (
    *_EXPERTS,  # each expert's total over the anchor's, as a logarithm
    "noise",  # root mean square of past residuals
    "past bias",  # their mean
    "newest residual",
    "trials",
    "planned spend change",  # per step, over that of the last four seasons; logarithm
    "recent spend change",  # last season over the last four
    "age",  # seasons since the start; logarithm
    "zero steps",  # share, of the last four seasons
    "year ago",  # what followed then, over the four seasons before; logarithm
    "holidays ahead",
    "holidays behind",
    "events ahead",
    "events behind",
    "horizon",  # seasons; logarithm
    "complete",  # share known of the last season
    "measure",
    "level of detail",  # 0 client, 1 channel, 2 campaign
    "spend is planned",
)
_MEASURES: Final = tuple(Measure)
_BEHIND: Final = 4  # seasons
# Later than this a series is not new; counting on would tell the trees what time it is.
_GROWN: Final = 8  # seasons
_YEAR_DAYS: Final = 364  # whole weeks, so that weekdays meet


def features_of(outlook: Outlook, calendar: Calendar) -> Features:
    """Columns of `NAMES`, shape (horizons, series, features)."""
    horizons, count = outlook.anchors.totals.shape
    rows = np.empty((horizons, count, len(NAMES)), dtype=np.float32)
    still = _same_at_each_horizon(outlook)
    marks = _calendar_marks(outlook, calendar)
    for place, horizon in enumerate(outlook.horizons):
        columns = [*_experts(outlook, place), *_past(outlook.past[place])]
        columns += [_planned_change(outlook, horizon), *still[:3]]
        columns += [_year_ago(outlook, horizon), *_shares(marks, outlook, horizon)]
        columns += [np.full(count, np.log(horizon / _season(outlook))), *still[3:]]
        rows[place] = np.array(columns).T
    return rows


def _season(outlook: Outlook) -> int:
    """Steps that are called a season here: a month of weeks where the pattern is a year's."""
    season = outlook.panel.cadence.season
    return season if season <= 32 else 4  # noqa: PLR2004  # as in `ml.forecast.anchor`


def _experts(outlook: Outlook, place: int) -> list[Floats]:
    anchors = outlook.anchors
    usual = outlook.usual[place]
    return [log_ratio(told, anchors.totals[place], usual) for told in anchors.by_expert[place]]


def _past(residuals: Floats) -> list[Floats]:
    is_known = np.isfinite(residuals)
    count = is_known.sum(axis=0)
    held = np.where(is_known, residuals, 0.0)
    many = np.maximum(count, 1)
    noise = np.where(count > 0, np.sqrt((held**2).sum(axis=0) / many), np.nan)
    bias = np.where(count > 0, held.sum(axis=0) / many, np.nan)
    nothing = np.full(residuals.shape[1], np.nan)
    newest = residuals[0] if len(residuals) else nothing
    return [noise, bias, newest, count.astype(np.float64)]


def _planned_change(outlook: Outlook, horizon: int) -> Floats:
    spend = outlook.basis.spend
    before = _mean(spend[:, -_BEHIND * _season(outlook) :])
    if outlook.ahead is None:
        return np.full(len(spend), np.nan)
    return _log(_mean(outlook.ahead[:, :horizon]), before)


def _same_at_each_horizon(outlook: Outlook) -> list[Floats]:
    basis, season = outlook.basis, _season(outlook)
    figures = basis.figures
    recent = _log(_mean(basis.spend[:, -season:]), _mean(basis.spend[:, -_BEHIND * season :]))
    alive = np.isfinite(figures).sum(axis=1)
    tail = figures[:, -_BEHIND * season :]
    seen = np.isfinite(tail).sum(axis=1)
    zeros = np.divide(
        (tail == 0).sum(axis=1), seen, out=np.full(len(figures), np.nan), where=seen > 0
    )
    detail = [
        float(one.channel is not None) + float(one.campaign is not None)
        for one in outlook.panel.series
    ]
    count = len(figures)
    return [
        recent,
        np.log(np.minimum(alive + 1, _GROWN * season) / season),
        zeros,
        basis.complete[:, -season:].mean(axis=1),
        np.full(count, float(_MEASURES.index(outlook.measure))),
        np.array(detail),
        np.full(count, float(outlook.ahead is not None)),
    ]


def _year_ago(outlook: Outlook, horizon: int) -> Floats:
    figures = outlook.basis.figures
    step_days = outlook.panel.cadence.step.total_seconds() / 86_400
    year = round(_YEAR_DAYS / step_days)
    now, behind = figures.shape[1], _BEHIND * _season(outlook)
    if now - year - behind < 0 or horizon > year:
        return np.full(len(figures), np.nan)
    begin = now - year
    after = _mean(figures[:, begin : begin + horizon])
    return _log(after, _mean(figures[:, begin - behind : begin]))


def _calendar_marks(outlook: Outlook, calendar: Calendar) -> list[Floats]:
    ahead = outlook.horizons[-1]
    return [
        calendar.holidays_of(outlook.panel, ahead),
        calendar.events_of(outlook.panel, ahead),
    ]


def _shares(marks: list[Floats], outlook: Outlook, horizon: int) -> list[Floats]:
    now, behind = outlook.panel.steps, _BEHIND * _season(outlook)
    return [
        share
        for mark in marks
        for share in (
            mark[:, now : now + horizon].mean(axis=1),
            mark[:, max(now - behind, 0) : now].mean(axis=1),
        )
    ]


def _mean(cells: Floats) -> Floats:
    is_known = np.isfinite(cells)
    count = is_known.sum(axis=1)
    sums = np.where(is_known, cells, 0.0).sum(axis=1)
    mean: Floats = np.divide(sums, count, out=np.full(len(cells), np.nan), where=count > 0)
    return mean


def _log(above: Floats, below: Floats) -> Floats:
    is_known = (above > 0) & (below > 0)
    ratio = np.divide(above, below, out=np.full_like(above, np.nan), where=is_known)
    logs: Floats = np.log(ratio)
    return logs
