"""One finding for what has one cause: where in the account it is, and in which measures.

    deviations of one client and day -> by measure and direction down to the root
        -> roots on one line of ancestry are one finding

A channel that loses all its campaigns is one alarm of the channel; a client whose revenue falls
because one campaign stopped is one of the campaign. Spend is a cause and sales follow it, never
the other way round: where spend is part of a finding, its root is the finding's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ml.anomalies.deviation import Deviation, depth_of, is_ancestor, is_related
from ml.panel import Measure, Series

__all__ = ["Finding", "belong_together", "find_roots"]

# Of a parent's deviation: when one part carries it, the others only carry noise.
_CARRIES: Final = 0.6
# Of what was expected of all parts: when they deviate, the whole does.
_MOST: Final = 2 / 3
# Measures whose root counts first.
_ORDER: Final = (
    *(Measure.SPEND, Measure.SESSIONS, Measure.CONVERSIONS),
    *(Measure.REVENUE, Measure.ORDERS, Measure.SALES),
)

_Tree = Mapping[Series, Deviation]


@dataclass(frozen=True, slots=True)
class Finding:
    """What went wrong on a day, once.

    Attributes:
        root: Where: all of its parts and nothing beside it.
        direction: 1: more than expected, -1: less.
        deviations: One for each measure, that of its own root; the first one is of `root`.
    """

    root: Series
    direction: int
    deviations: tuple[Deviation, ...]


def find_roots(deviations: Sequence[Deviation]) -> list[Finding]:
    """Group what is alarming by its root.

    Args:
        deviations: All figures of one client and day that were looked at, alarming or not.
    """
    findings: list[Finding] = []
    for measure in _ORDER:
        for direction in (-1, 1):
            tree = {one.series: one for one in deviations if one.measure is measure}
            roots = _roots(tree, direction)
            for deviation in sorted(roots, key=lambda one: depth_of(one.series)):
                _add(findings, deviation, direction)
    return findings


def belong_together(root: Series, measures: Collection[Measure], deviation: Deviation) -> bool:
    """Whether a deviation of the same direction may have the cause of a finding.

    Where spend is part of it, only what is at its root or below follows from it: sales that a
    campaign's spend takes along are the campaign's, and are found there.
    """
    if Measure.SPEND in measures:
        return is_ancestor(root, deviation.series)
    return is_related(root, deviation.series)


def _add(findings: list[Finding], deviation: Deviation, direction: int) -> None:
    for place, found in enumerate(findings):
        measures = {one.measure for one in found.deviations}
        is_other = found.direction != direction or deviation.measure in measures
        if not is_other and belong_together(found.root, measures, deviation):
            is_below = is_ancestor(found.root, deviation.series)
            joined = (*found.deviations, deviation) if is_below else (deviation, *found.deviations)
            findings[place] = Finding(joined[0].series, direction, joined)
            return
    findings.append(Finding(deviation.series, direction, (deviation,)))


def _roots(tree: _Tree, direction: int) -> list[Deviation]:
    """Highest figures that deviate, each followed down to the part that carries it."""
    is_so = {one: _moves(tree[one], direction) for one in tree}
    roots: list[Deviation] = []
    for series in sorted(tree, key=depth_of):
        is_told = any(is_related(one.series, series) for one in roots)
        if not is_told and _deviates(tree, series, is_so):
            roots.append(_descend(tree, series, is_so))
    return roots


def _deviates(tree: _Tree, series: Series, is_so: Mapping[Series, bool]) -> bool:
    """It is alarming itself, or most of its parts move and one of them is alarming."""
    if not is_so[series]:
        return False
    if tree[series].is_alarming:
        return True
    parts = _parts(tree, series)
    moving = [one for one in parts if is_so[one]]
    expected = sum(tree[one].expected for one in parts)
    is_most = sum(tree[one].expected for one in moving) >= _MOST * expected
    return len(moving) > 1 and is_most and any(tree[one].is_alarming for one in moving)


def _descend(tree: _Tree, series: Series, is_so: Mapping[Series, bool]) -> Deviation:
    moving = [one for one in _parts(tree, series) if is_so[one]]
    if len(moving) != 1:
        return tree[series]
    carried = abs(_shift(tree[moving[0]]))
    if carried < _CARRIES * abs(_shift(tree[series])):
        return tree[series]
    return _descend(tree, moving[0], is_so)


def _parts(tree: _Tree, series: Series) -> list[Series]:
    depth = depth_of(series) + 1
    return [one for one in tree if depth_of(one) == depth and is_ancestor(series, one)]


def _moves(deviation: Deviation, direction: int) -> bool:
    return deviation.direction == direction and deviation.is_large


def _shift(deviation: Deviation) -> float:
    return deviation.actual - deviation.expected
