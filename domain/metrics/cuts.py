"""Which cut of a fact a measure is read from.

    measure + dimensions -> cuts_of -> find_cut -> the one fact to read

Platforms report the same money split in several ways, each a fact of its own. A measure is read
from exactly one of them: the first that has every dimension that a question splits or filters by,
and those of the measure's own filters. Whole cuts come before partial ones.

Decision: ADR-0010.
"""

import itertools
from collections.abc import Iterable, Mapping

from domain.facts import FACTS, refinements
from domain.facts.fact import Fact
from domain.metrics.definition import Aggregation
from domain.metrics.dimensions import Dimension
from domain.metrics.formula import Measure

__all__ = ["companions", "cuts_of", "dimensions_of", "find_clash", "find_cut", "has_dimension"]

Dimensions = Mapping[str, Dimension]


def cuts_of(measure: Measure) -> tuple[Fact, ...]:
    """The facts that a measure may be read from, the preferred one first.

    Rows are counted in the fact itself: another cut has more of them.
    """
    own = FACTS[measure.fact]
    if measure.aggregation is Aggregation.COUNT:
        return (own,)
    finer = [cut for cut in refinements(own.name) if cut.column(measure.column) is not None]
    return (own, *sorted(finer, key=lambda cut: cut.is_partial))


def find_cut(measure: Measure, names: Iterable[str], dimensions: Dimensions) -> Fact | None:
    """The fact that a measure is read from when it is split or filtered by dimensions.

    Args:
        measure: Its own filters need their dimensions too.
        names: Of dimensions.
        dimensions: By name.

    Returns:
        None when no cut has all of them.
    """
    return _first_with(cuts_of(measure), _needed(measure, names), dimensions)


def has_dimension(measure: Measure, name: str, dimensions: Dimensions) -> bool:
    """Whether some cut has a dimension, whatever the measure's own filters need."""
    return any(cut.name in dimensions[name].columns for cut in cuts_of(measure))


def dimensions_of(measure: Measure, dimensions: Dimensions) -> frozenset[str]:
    """The dimensions that a measure can be split or filtered by, each by itself."""
    return frozenset(name for name in dimensions if find_cut(measure, (name,), dimensions))


def find_clash(measure: Measure, names: Iterable[str], dimensions: Dimensions) -> tuple[str, ...]:
    """The fewest dimensions, the measure's own among them, that no cut has together.

    Returns:
        Empty when all of them go together.
    """
    cuts, needed = cuts_of(measure), _needed(measure, names)
    if _first_with(cuts, needed, dimensions) is not None:
        return ()
    return next(
        some
        for size in range(1, len(needed) + 1)
        for some in itertools.combinations(needed, size)
        if _first_with(cuts, some, dimensions) is None
    )


def companions(measure: Measure, name: str, dimensions: Dimensions) -> tuple[str, ...]:
    """What goes with a dimension in some cut and is not in every one, sorted."""
    cuts = cuts_of(measure)
    return tuple(
        sorted(
            other
            for other, dimension in dimensions.items()
            if other != name
            and _first_with(cuts, (name, other), dimensions) is not None
            and not all(cut.name in dimension.columns for cut in cuts)
        )
    )


def _needed(measure: Measure, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*names, *(one.dimension for one in measure.where))))


def _first_with(cuts: Iterable[Fact], names: Iterable[str], dimensions: Dimensions) -> Fact | None:
    columns = [dimensions[name].columns for name in names]
    return next((cut for cut in cuts if all(cut.name in one for one in columns)), None)
