"""How the inputs of a model were spread when it was trained, and how far they have moved since.

    histories at the newest origins -> features of the 28-day total -> profile (edges, counts)
    the same now -> counts in the same bins -> population stability index of each input

Inputs are ratios (`ml.forecast.features`), so a profile tells of no agency and no amount. Inputs
that move with the calendar or with time itself are left out: each December is unlike November, and
what has grown older has not drifted.

Sources: Siddiqi, Credit risk scorecards (2006), chapter 6; Yurdakul, Statistical properties of the
population stability index (2018), for what chance brings.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from feature_repo.monitoring.drift import choose_bins, compute_edges, compute_psi, count_bins
from ml.forecast.calendar import Calendar
from ml.forecast.completion import learn_completion
from ml.forecast.features import NAMES, Features, features_of
from ml.forecast.outlook import outlook_of
from ml.forecast.snapshots import Snapshots
from ml.panel import History

__all__ = ["NEWEST", "TRAINED_ON", "WATCHED", "inputs_of", "profile_of", "shifts_of"]

_DATED: Final = frozenset(
    {
        *("year ago", "holidays ahead", "holidays behind", "events ahead", "events behind"),
        *("age", "trials"),
        *("horizon", "planned spend change", "spend is planned"),  # the same here for all
    }
)
WATCHED: Final = tuple(name for name in NAMES if name not in _DATED)
_PLACES: Final = [NAMES.index(name) for name in WATCHED]

# Days before the newest one at which a history is looked at.
NEWEST: Final = (0,)
TRAINED_ON: Final = (0, 28, 56, 84)

_HORIZON: Final = 28
_LEAST_DAYS: Final = 56
_BINS: Final = 10


def inputs_of(history: History, calendar: Calendar, days_before: Sequence[int]) -> Features:
    """Inputs of every series and measure, shape (rows, inputs of `WATCHED`); NaN: not known.

    Args:
        history: Of one agency; daily.
        calendar: Of its clients.
        days_before: Days before the newest one; those with hardly any past are left out.
    """
    snapshots = Snapshots.of(history)
    parts = [np.empty((0, len(WATCHED)), dtype=np.float32)]
    for origin in (history.steps - days for days in days_before):
        if origin >= _LEAST_DAYS:
            panel, completion = snapshots.at(origin), learn_completion(snapshots, origin)
            for measure in panel.values:
                outlook = outlook_of(panel, measure, (_HORIZON,), None, completion)
                is_alive = np.isfinite(outlook.anchors.totals[0])
                parts.append(features_of(outlook, calendar)[0][is_alive][:, _PLACES])
    return np.concatenate(parts)


def profile_of(inputs: Features) -> dict[str, Any]:
    """How inputs are spread: by name, edges of the bins and counts, of which the last is unknown.

    Args:
        inputs: Shape (rows, inputs of `WATCHED`), of all agencies.
    """
    profile = {}
    for place, name in enumerate(WATCHED):
        known = _known(inputs[:, place])
        if len(known):
            edges = compute_edges(known, _BINS)
            profile[name] = {"edges": edges.tolist(), "counts": _counts(inputs[:, place], edges)}
    return profile


def shifts_of(profile: Mapping[str, Any], inputs: Features) -> dict[str, float]:
    """Population stability index of each input against a profile; 0: it has not moved.

    Args:
        profile: Of `profile_of`, when the model was trained.
        inputs: Now, as there.

    Returns:
        By name; an input of which too little is known for so many bins is left out.
    """
    shifts = {}
    for place, name in enumerate(WATCHED):
        then = profile.get(name)
        if then is None or not len(inputs):
            continue
        if choose_bins(sum(then["counts"]), len(inputs)) >= min(len(then["counts"]) - 1, _BINS):
            now = _counts(inputs[:, place], np.array(then["edges"]))
            shifts[name] = compute_psi(then["counts"], now)
    return shifts


def _known(column: Features) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = column.astype(np.float64)
    return values[np.isfinite(values)]


def _counts(column: Features, edges: np.ndarray[Any, np.dtype[np.float64]]) -> list[int]:
    known = _known(column)
    return [*count_bins(known, edges).tolist(), len(column) - len(known)]
