"""Read each measure of a question from one cut of its fact.

    checked shape + catalogue -> route -> {measure: the fact to read}

Decision: ADR-0010.
"""

from domain.facts.fact import Fact
from domain.metrics.catalogue import MetricCatalogue
from domain.metrics.cuts import companions, find_clash, find_cut
from domain.metrics.formula import Measure, iter_measures
from domain.query.shape import Shape
from domain.query.validate import UnsupportedDimensionError, asked_metrics

__all__ = ["route"]


def route(shape: Shape, catalogue: MetricCatalogue) -> dict[Measure, Fact]:
    """Choose what every measure is read from, in order of appearance.

    Args:
        shape: Passed `check_shape`: each dimension by itself fits each metric.
        catalogue: Metrics and dimensions.

    Raises:
        UnsupportedDimensionError: Platforms do not report the dimensions together.
    """
    names = dict.fromkeys((*shape.dimensions, *(one.dimension for one in shape.where)))
    found: dict[Measure, Fact] = {}
    for metric in asked_metrics(shape):
        for measure in iter_measures(catalogue.metrics[metric].formula):
            cut = find_cut(measure, names, catalogue.dimensions)
            if cut is None:
                raise _refusal(metric, measure, shape, catalogue)
            found[measure] = cut
    return found


def _refusal(
    metric: str, measure: Measure, shape: Shape, catalogue: MetricCatalogue
) -> UnsupportedDimensionError:
    filtered = [one.dimension for one in shape.where]
    clash = find_clash(measure, (*shape.dimensions, *filtered), catalogue.dimensions)
    verb = "split" if set(clash) <= set(shape.dimensions) else "split or filtered"
    goes_with = [
        f"{name} goes with {', '.join(others)}"
        for name in clash
        if (others := companions(measure, name, catalogue.dimensions))
    ]
    return UnsupportedDimensionError(
        f"{metric} cannot be {verb} by {' and '.join(clash)} at once: "
        "the platforms do not report them together",
        hint="; ".join(["ask apart", *goes_with]),
    )
