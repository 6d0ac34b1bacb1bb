"""Learning from the past of all agencies, one at a time.

    histories -> rows as of past origins -> noise, trees, scores -> PooledModel

Memory holds one agency's history and a bounded sample of rows of each. The scores behind the
intervals come from the latest origins, under trees that were fitted to what had ended before them;
the trees that serve are then fitted to all rows.
"""

import itertools
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.errors import InvalidInputError
from ml.forecast.calendar import NO_CALENDAR, Calendar
from ml.forecast.completion import Completion, learn_completion, mean_completion
from ml.forecast.conformal import Group, Scores
from ml.forecast.correction import correct, fit_correction, trust_in
from ml.forecast.forecast import HORIZONS
from ml.forecast.noise import Kind, Noise, details_of, kind_of, learn_noise
from ml.forecast.pooled import PooledModel
from ml.forecast.rows import Rows, joined, rows_of
from ml.forecast.snapshots import Snapshots
from ml.panel import Floats, History, Measure

__all__ = ["train"]

_MEASURES: Final = tuple(Measure)
_HELD_BACK: Final = 0.35  # latest share of the origins, for calibration


def train(
    histories: Iterable[History],
    *,
    seed: int,
    threads: int,
    calendar: Calendar = NO_CALENDAR,
    horizons: tuple[int, ...] = HORIZONS,
    most_rows: int = 6_000,
) -> PooledModel:
    """Learn from the histories of all agencies, one at a time.

    Args:
        histories: One of each agency; read once.
        seed: Of all that is drawn.
        threads: Of reading and of XGBoost; does not change what is learnt.
        calendar: Holidays and events of all clients.
        horizons: Ascending.
        most_rows: Kept of each agency: bounds memory, and no agency outweighs the others.

    Raises:
        InvalidInputError: None of them is long enough to learn from (caller).
    """
    blocks, learnt = [], []
    read = partial(_read, horizons=horizons, calendar=calendar, most_rows=most_rows, seed=seed)
    numbered = enumerate(histories)
    with ThreadPoolExecutor(threads) as pool:
        # As many histories as threads are held at a time.
        while some := list(itertools.islice(numbered, threads)):
            for rows, completion in pool.map(read, some):
                if rows is not None and len(rows):
                    blocks.append(rows)
                    learnt.append(completion)
    if not blocks:
        raise InvalidInputError(
            "no agency has enough past to learn from", hint="wait until one has some weeks"
        )
    bare = PooledModel(horizons, mean_completion(learnt), _noise(blocks), Scores({}), None, {})
    return _calibrated(bare, blocks, seed, threads)


def _read(
    numbered: tuple[int, History],
    *,
    horizons: tuple[int, ...],
    calendar: Calendar,
    most_rows: int,
    seed: int,
) -> tuple[Rows | None, Completion]:
    number, history = numbered
    snapshots = Snapshots.of(history)
    # Each agency draws for itself, so the order in which threads end changes nothing.
    chance = np.random.default_rng((seed, number))
    rows = rows_of(snapshots, horizons, calendar, most_rows, chance)
    return rows, learn_completion(snapshots, history.steps)


def _calibrated(model: PooledModel, blocks: list[Rows], seed: int, threads: int) -> PooledModel:
    """Trust and scores of each horizon, from its latest origins."""
    trust: dict[Kind, float] = {}
    groups: list[Group] = []
    scores: list[Floats] = []
    for place in range(len(model.horizons)):
        early, late = _split(blocks, place)
        if not len(late):
            continue
        told = np.zeros(len(late))
        if early and any((rows.horizon == place).any() for rows in early):
            told = correct(fit_correction(early, seed=seed, threads=threads), late.features)
        for kind, rows in _by_kind(late).items():
            trust[kind] = trust_in(told[rows], late.residual[rows], late.moment[rows])
            _score(model.noise, kind, late.taken(rows), told[rows] * trust[kind], groups, scores)
    served = fit_correction(blocks, seed=seed, threads=threads)
    return replace(
        model, booster=served, trust=trust, scores=Scores.of(groups, np.concatenate(scores))
    )


def _split(blocks: list[Rows], place: int) -> tuple[list[Rows], Rows]:
    """Rows that had ended before the latest origins of a horizon, and the rows of those."""
    moments = np.concatenate([rows.moment[rows.horizon == place] for rows in blocks])
    if not moments.size:
        return [], blocks[0].taken(np.zeros(len(blocks[0]), dtype=np.bool_))
    cut = float(np.quantile(moments, 1 - _HELD_BACK))
    early = [part for rows in blocks if len(part := rows.taken(rows.ended <= cut))]
    late = [rows.taken((rows.horizon == place) & (rows.moment >= cut)) for rows in blocks]
    return early, joined(late)


def _score(
    noise: Noise, kind: Kind, rows: Rows, told: Floats, groups: list[Group], scores: list[Floats]
) -> None:
    names = noise.groups(rows.features, kind)
    scale = noise.of(rows.features, kind)
    for what, residual in (("total", rows.residual), ("step", rows.step_residual)):
        groups += [(what, *kind, name) for name in names]
        scores.append((residual - told) / scale)


def _noise(blocks: list[Rows]) -> Noise:
    rows = joined(blocks)
    return learn_noise({kind: rows.features[places] for kind, places in _by_kind(rows).items()})


def _by_kind(rows: Rows) -> dict[Kind, npt.NDArray[np.intp]]:
    keys = np.stack(
        [rows.measure, rows.is_planned, rows.horizon, details_of(rows.features)], axis=1
    )
    found, number = np.unique(keys, axis=0, return_inverse=True)
    return {
        kind_of(
            _MEASURES[measure].value, is_planned=bool(planned), horizon=horizon, detail=detail
        ): np.flatnonzero(number.ravel() == place)
        for place, (measure, planned, horizon, detail) in enumerate(found.tolist())
    }
