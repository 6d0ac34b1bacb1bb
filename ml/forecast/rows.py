"""Rows to learn from: past origins of an agency as they were known then, and what came.

snapshots -> origins -> situation as of each -> features, anchor, actual -> Rows (sampled)
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.forecast.calendar import Calendar
from ml.forecast.completion import Completion, learn_completion
from ml.forecast.features import Features, features_of
from ml.forecast.situation import Situation, log_ratio, situation_of
from ml.forecast.snapshots import Snapshots
from ml.panel import Floats, Measure

__all__ = ["Rows", "joined", "rows_of"]

_ORIGINS: Final = 12  # of each agency, spread over its past
_FIRST_SEASONS: Final = 4  # less past than this has nothing to say of a horizon
_FIRST_STEPS: Final = 16
_MATURE: Final = 0.98  # share complete from which a figure counts as what came


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Situations of the past; one entry for each (origin, horizon, series, measure, regime).

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
        moment: Share of the agency's past that lies before the origin, 0 to 1.
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
    for origin in _origins(snapshots, horizons[0]):
        completion = learn_completion(snapshots, origin)
        for measure in snapshots.by_age:
            for is_planned in _regimes(snapshots, measure):
                rows = _at(
                    snapshots, origin, measure, horizons, is_planned, completion, calendar, chance
                )
                parts.append(rows)
    if not parts:
        return None
    rows = joined(parts)
    if len(rows) > most_rows:
        rows = rows.taken(np.sort(chance.choice(len(rows), most_rows, replace=False)))
    return rows


def _regimes(snapshots: Snapshots, measure: Measure) -> tuple[bool, ...]:
    has_spend = Measure.SPEND in snapshots.by_age and measure is not Measure.SPEND
    return (False, True) if has_spend else (False,)


def _origins(snapshots: Snapshots, shortest: int) -> list[int]:
    cadence, steps = snapshots.history.cadence, snapshots.history.steps
    first = min(_FIRST_SEASONS * cadence.season, max(_FIRST_STEPS, steps // 4))
    last = steps - shortest
    if last < first:
        return []
    return sorted(set(np.linspace(first, last, _ORIGINS).round().astype(int).tolist()))


def _at(
    snapshots: Snapshots,
    origin: int,
    measure: Measure,
    horizons: tuple[int, ...],
    is_planned: bool,  # noqa: FBT001  # all are the place of one situation
    completion: Completion,
    calendar: Calendar,
    chance: np.random.Generator,
) -> Rows:
    spend = snapshots.mature(Measure.SPEND)[:, origin:] if is_planned else None
    planned = None
    if spend is not None:
        short = max(horizons[-1] - spend.shape[1], 0)
        planned = np.pad(np.nan_to_num(spend[:, : horizons[-1]]), ((0, 0), (0, short)))
    situation = situation_of(snapshots.at(origin), measure, horizons, planned, completion)
    came = _ripe(snapshots, measure, origin, horizons[-1], completion)
    features = features_of(situation, calendar)
    parts = [
        _horizon_rows(situation, features[place], came, place, chance)
        for place, horizon in enumerate(horizons)
        if horizon <= came.shape[1]
    ]
    rows = joined(parts) if parts else _horizon_rows(situation, features[0], came, 0, chance)
    moment = np.full(len(rows), origin / snapshots.history.steps)
    ends = (origin + np.array(horizons)[rows.horizon]) / snapshots.history.steps
    dated = dataclasses.replace(rows, moment=moment, ended=ends)
    return dated.taken(np.isfinite(dated.actual) & np.isfinite(dated.expected))


def _ripe(
    snapshots: Snapshots, measure: Measure, origin: int, longest: int, completion: Completion
) -> Floats:
    """What came in the steps after an origin, shape (series, steps), as far as it is mature."""
    curves = [curve for (whose, _), curve in completion.curves.items() if whose is measure]
    age = max((int(np.argmax(curve >= _MATURE)) + 1 for curve in curves), default=1)
    steps = snapshots.history.steps
    end = min(origin + longest, max(steps + 1 - age, origin))
    return snapshots.mature(measure)[:, origin:end]


def _horizon_rows(
    situation: Situation,
    features: Features,
    came: Floats,
    place: int,
    chance: np.random.Generator,
) -> Rows:
    horizon = situation.horizons[place]
    count = len(features)
    begin = situation.horizons[place - 1] if place else 0
    drawn = chance.integers(begin, horizon, count)
    each = np.arange(count)
    has_come = came.shape[1] >= horizon
    nothing = np.full(count, np.nan)
    return Rows(
        features=features,
        expected=situation.anchors.totals[place],
        usual=situation.usual[place],
        actual=came[:, :horizon].sum(axis=1) if has_come else nothing,
        step_expected=situation.anchors.steps[each, drawn],
        step_actual=came[each, drawn] if has_come else nothing,
        step_usual=situation.usual[place] / horizon,
        measure=np.full(count, tuple(Measure).index(situation.measure)),
        is_planned=np.full(count, situation.ahead is not None),
        horizon=np.full(count, place),
        moment=nothing,
        ended=nothing,
    )
