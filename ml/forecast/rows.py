"""Rows to learn from: past origins of an agency as they were known then, and what came.

snapshots -> origins -> outlook as of each -> features, anchor, actual -> Rows (sampled)
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.forecast.calendar import Calendar
from ml.forecast.completion import Completion, learn_completion
from ml.forecast.features import Features, features_of
from ml.forecast.outlook import Outlook, log_ratio, outlook_of, unplanned
from ml.forecast.snapshots import Snapshots
from ml.panel import Floats, Measure, Panel

__all__ = ["Rows", "joined", "rows_of"]

_ORIGINS: Final = 8  # of each agency, spread over its past
_ENOUGH: Final = 2  # times the rows that are kept: more origins of the same measure add little
_FIRST_SEASONS: Final = 4  # less past than this has nothing to say of a horizon
_FIRST_STEPS: Final = 16
_COLD_STEPS: Final = 7  # a series that has lived less is new
_COLD_EVERY: Final = 5  # one of so many series is taken as new
_COLD_ORIGINS: Final = 4  # at one of so many origins
_LEAST_FOR_COLD: Final = 4
_MATURE: Final = 0.98  # share complete from which a figure counts as what came


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Outlooks of the past; one entry for each (origin, horizon, series, measure, regime).

    Attributes:
        features: Shape (rows, features), float32.
        expected: Anchor's total.
        usual: Usual total.
        actual: Total that came.
        step_expected: Anchor of one step within the horizon, drawn at random.
        step_actual: What came on it.
        step_usual: Usual figure of a step.
        measure: Place in `Measure`.
        is_planned: Was spend known?
        horizon: Place in the horizons.
        moment: Day of the origin, counted as `date.toordinal` does.
        ended: Same, of the horizon's end.
    """

    features: Features
    expected: Floats
    usual: Floats
    actual: Floats
    step_expected: Floats
    step_actual: Floats
    step_usual: Floats
    measure: npt.NDArray[np.int64]
    is_planned: npt.NDArray[np.bool_]
    horizon: npt.NDArray[np.int64]
    moment: Floats
    ended: Floats

    def __len__(self) -> int:
        return len(self.expected)

    def taken(self, places: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> "Rows":
        """Only these rows."""
        return Rows(*(getattr(self, name)[places] for name in self.__slots__))

    @property
    def residual(self) -> Floats:
        """Logarithm of actual over expected, see `log_ratio`."""
        return log_ratio(self.actual, self.expected, self.usual)

    @property
    def step_residual(self) -> Floats:
        """Same, of the step."""
        return log_ratio(self.step_actual, self.step_expected, self.step_usual)


def joined(parts: Sequence[Rows]) -> Rows:
    """All rows, in order."""
    return Rows(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__slots__)
    )


def rows_of(
    snapshots: Snapshots,
    horizons: tuple[int, ...],
    calendar: Calendar,
    most_rows: int,
    chance: np.random.Generator,
) -> Rows | None:
    """Sample the past of one agency; None where it is too short.

    Args:
        snapshots: Of the agency.
        horizons: Ascending.
        calendar: Holidays and events.
        most_rows: How many rows are kept at most, drawn evenly.
        chance: Draws them.
    """
    parts = []
    every = _every(snapshots, len(horizons), most_rows)
    turn = int(chance.integers(every))  # so that agencies are not all looked at on the same days
    for place, origin in enumerate(_origins(snapshots, horizons[0])):
        completion = learn_completion(snapshots, origin)
        panel = snapshots.at(origin)
        for number, measure in enumerate(snapshots.by_age):
            if (place + number + turn) % every:
                continue
            scene = _Scene(snapshots, origin, measure, horizons, completion, calendar)
            parts += _rows_at(scene, panel, chance)
            if place % _COLD_ORIGINS == _COLD_ORIGINS - 1:
                parts += _cold_rows(scene, panel, chance)
    if not parts:
        return None
    rows = joined(parts)
    rows = rows.taken(np.isfinite(rows.actual) & np.isfinite(rows.expected))
    if len(rows) > most_rows:
        rows = rows.taken(np.sort(chance.choice(len(rows), most_rows, replace=False)))
    return rows


def _every(snapshots: Snapshots, horizons: int, most_rows: int) -> int:
    """Of so many origins one is looked at for each measure: a large agency has rows to spare."""
    rows = len(snapshots.history.series) * len(snapshots.by_age) * horizons * _ORIGINS
    return min(max(rows // (_ENOUGH * most_rows), 1), _ORIGINS // 2)


def _origins(snapshots: Snapshots, shortest: int) -> list[int]:
    cadence, steps = snapshots.history.cadence, snapshots.history.steps
    first = min(_FIRST_SEASONS * cadence.season, max(_FIRST_STEPS, steps // 4))
    last = steps - shortest
    if last < first:
        return []
    return sorted(set(np.linspace(first, last, _ORIGINS).round().astype(int).tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """One measure at one origin of one agency."""

    snapshots: Snapshots
    origin: int
    measure: Measure
    horizons: tuple[int, ...]
    completion: Completion
    calendar: Calendar


def _rows_at(scene: _Scene, panel: Panel, chance: np.random.Generator) -> list[Rows]:
    """Rows with spend known, where there is any, and with spend unknown."""
    planned = _spent(scene.snapshots, scene.origin, scene.horizons[-1])
    outlook = outlook_of(panel, scene.measure, scene.horizons, planned, scene.completion)
    outlooks = [outlook] if outlook.ahead is None else [outlook, unplanned(outlook)]
    came = _ripe(scene)
    parts = []
    for one in outlooks:
        features = features_of(one, scene.calendar)
        for place, horizon in enumerate(scene.horizons):
            if horizon <= came.shape[1]:
                parts.append(_horizon_rows(one, features[place], came, place, chance))
    return parts


def _cold_rows(scene: _Scene, panel: Panel, chance: np.random.Generator) -> list[Rows]:
    """Rows of some series as if they had only just begun: real starts are too few to learn from."""
    count = len(panel.series)
    if count < _LEAST_FOR_COLD:
        return []
    cold = np.sort(chance.choice(count, max(count // _COLD_EVERY, 1), replace=False))
    lived = chance.integers(0, _COLD_STEPS, len(cold))
    is_hidden = np.zeros((count, panel.steps), dtype=np.bool_)
    is_hidden[cold] = np.arange(panel.steps) < panel.steps - lived[:, None]
    values = {
        measure: np.where(is_hidden, np.nan, cells) for measure, cells in panel.values.items()
    }
    young = replace(panel, values=values)
    return [rows.taken(cold) for rows in _rows_at(scene, young, chance)]


def _spent(snapshots: Snapshots, origin: int, length: int) -> Floats | None:
    if Measure.SPEND not in snapshots.by_age:
        return None
    spend = np.nan_to_num(snapshots.mature(Measure.SPEND)[:, origin : origin + length])
    return np.pad(spend, ((0, 0), (0, length - spend.shape[1])))


def _ripe(scene: _Scene) -> Floats:
    """What came in the steps after an origin, shape (series, steps), as far as it is mature."""
    curves = scene.completion.curves.items()
    mine = [curve for (measure, _), curve in curves if measure is scene.measure]
    age = max((int(np.argmax(curve >= _MATURE)) + 1 for curve in mine), default=1)
    last = scene.snapshots.history.steps + 1 - age
    end = min(scene.origin + scene.horizons[-1], max(last, scene.origin))
    return scene.snapshots.mature(scene.measure)[:, scene.origin : end]


def _horizon_rows(
    outlook: Outlook, features: Features, came: Floats, place: int, chance: np.random.Generator
) -> Rows:
    horizon, count = outlook.horizons[place], len(features)
    begin = outlook.horizons[place - 1] if place else 0
    each, drawn = np.arange(count), chance.integers(begin, horizon, count)
    panel = outlook.panel
    day = panel.cadence.step / dt.timedelta(days=1)
    moment = panel.start.toordinal() + panel.steps * day
    return Rows(
        features=features,
        expected=outlook.anchors.totals[place],
        usual=outlook.usual[place],
        actual=came[:, :horizon].sum(axis=1),
        step_expected=outlook.anchors.steps[each, drawn],
        step_actual=came[each, drawn],
        step_usual=outlook.usual[place] / horizon,
        measure=np.full(count, tuple(Measure).index(outlook.measure)),
        is_planned=np.full(count, outlook.ahead is not None),
        horizon=np.full(count, place),
        moment=np.full(count, moment),
        ended=np.full(count, moment + horizon * day),
    )
