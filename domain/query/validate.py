"""Check a question against the catalogue before it is planned.

shape + catalogue -> check_shape -> the same shape, known to have an answer
"""

from collections.abc import Iterable

from domain.errors import InvalidInputError
from domain.metrics.catalogue import MetricCatalogue, MetricInfo
from domain.metrics.naming import did_you_mean
from domain.query.shape import Shape

__all__ = ["UnsupportedDimensionError", "asked_metrics", "check_shape"]


class UnsupportedDimensionError(InvalidInputError):
    """A metric cannot be split or filtered by a dimension (the caller can mend it)."""

    code = "UNSUPPORTED_DIMENSION"


def asked_metrics(shape: Shape) -> tuple[str, ...]:
    """Metrics to compute: those shown, then those that only conditions and the order need."""
    keys = {"date", *shape.dimensions}
    needed = (
        *shape.metrics,
        *(condition.metric for condition in shape.having),
        *(order.field for order in shape.order_by if order.field not in keys),
    )
    return tuple(dict.fromkeys(needed))


def check_shape(shape: Shape, catalogue: MetricCatalogue) -> None:
    """Refuse a question that has no answer.

    Raises:
        UnknownMetricError: No such metric.
        UnknownDimensionError: No such dimension.
        UnsupportedDimensionError: A metric cannot be split or filtered by a dimension.
        InvalidInputError: Nothing or something twice is asked for, or the order names no column.
    """
    if not shape.metrics:
        raise InvalidInputError("no metric is asked for", hint="name at least one")
    _check_once("metric", shape.metrics)
    _check_once("dimension", shape.dimensions)
    for name in shape.dimensions:
        catalogue.get_dimension(name)
    for order in shape.order_by:
        _check_order(order.field, shape, catalogue)
    for name in asked_metrics(shape):
        info = catalogue.get_metric(name)
        for dimension in shape.dimensions:
            _check_supported(info, dimension, "split")
        for one in shape.where:
            _check_supported(info, one.dimension, "filtered")


def _check_once(kind: str, names: tuple[str, ...]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidInputError(f"{kind} {name} is asked for twice", hint="name it once")


def _check_order(field: str, shape: Shape, catalogue: MetricCatalogue) -> None:
    if field == "date" and shape.grain is None:
        raise InvalidInputError(
            "rows cannot be ordered by date: they have none", hint="ask for a grain"
        )
    if field in catalogue.dimensions and field not in shape.dimensions:
        raise InvalidInputError(
            f"rows cannot be ordered by {field}: they are not split by it",
            hint=f"split them by {field}, or order by one of {_listed(_columns(shape))}",
        )
    if field not in {"date", *catalogue.dimensions, *catalogue.metrics}:
        columns = _columns(shape)
        raise InvalidInputError(
            f"rows cannot be ordered by {field!r}: there is no such column",
            hint=did_you_mean(field, columns, otherwise=f"columns are {_listed(columns)}"),
        )


def _check_supported(info: MetricInfo, dimension: str, verb: str) -> None:
    if dimension not in info.dimensions:
        raise UnsupportedDimensionError(
            f"{info.metric.name} cannot be {verb} by {dimension}",
            hint=f"it can be {verb} by {_listed(sorted(info.dimensions))}",
        )


def _columns(shape: Shape) -> tuple[str, ...]:
    date = ("date",) if shape.grain is not None else ()
    return (*date, *shape.dimensions, *shape.metrics)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
