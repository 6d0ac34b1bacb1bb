"""Plan a question: which cuts of facts to aggregate, how to unite them, what to compute and show.

    shape + catalogue -> check_shape -> route to cuts -> nodes -> render -> Plan

Plans hold no values of a question; `PlanCache` keeps them by catalogue and shape.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from domain.facts.fact import Fact
from domain.metrics.catalogue import MetricCatalogue, MetricInfo
from domain.metrics.claims import claim_groups
from domain.metrics.definition import MetricFilter
from domain.metrics.formula import Measure
from domain.ports import Parameter, Statement
from domain.query.nodes import (
    AggregateFact,
    ClaimColumns,
    ComputeMetrics,
    Keys,
    MeasureColumn,
    MetricColumn,
    SelectPage,
    Side,
    UniteFacts,
)
from domain.query.render import render
from domain.query.request import OrderBy
from domain.query.routing import route
from domain.query.shape import Shape
from domain.query.validate import asked_metrics, check_shape

__all__ = ["Plan", "PlanCache", "build_plan"]

_DEFAULT_PLANS: Final = 2048  # about 40 kB each with its tree


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How one shape of question is answered.

    Attributes:
        key: Names the catalogue and the shape.
        page: The root node.
        statement: The SELECT; the same object for every question of this shape.
        parameters: Values that belong to the metrics: their constants and filters.
    """

    key: str
    page: SelectPage
    statement: Statement
    parameters: Mapping[str, Parameter]


class PlanCache:
    """The most recently used plans, shared by all agencies: equal catalogues share plans."""

    def __init__(self, max_plans: int = _DEFAULT_PLANS) -> None:
        self._max_plans = max_plans
        self._plans: OrderedDict[tuple[str, Shape], Plan] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._plans)

    def get(self, catalogue: MetricCatalogue, shape: Shape) -> Plan:
        """The plan of a shape, built when it is new.

        Raises:
            UserError: As `build_plan`; refusals are not kept.
        """
        key = (catalogue.content_hash, shape)
        with self._lock:
            plan = self._plans.get(key)
            if plan is not None:
                self._plans.move_to_end(key)
                return plan
        plan = build_plan(catalogue, shape)
        with self._lock:
            plan = self._plans.setdefault(key, plan)
            while len(self._plans) > self._max_plans:
                self._plans.popitem(last=False)
        return plan


def build_plan(catalogue: MetricCatalogue, shape: Shape) -> Plan:
    """Plan a shape of question.

    Raises:
        UserError: As `check_shape` and `route`.
    """
    check_shape(shape, catalogue)
    page = _page(catalogue, shape)
    statement, parameters = render(page, catalogue.dimensions)
    return Plan(f"{catalogue.content_hash}:{shape!r}", page, statement, parameters)


def _page(catalogue: MetricCatalogue, shape: Shape) -> SelectPage:
    sides = (Side.ASKED,) if shape.shift is None else (Side.ASKED, Side.BASE)
    keys = Keys(shape.grain, tuple(catalogue.dimensions[name] for name in shape.dimensions))
    infos = {name: catalogue.metrics[name] for name in asked_metrics(shape)}
    claims = {side: _claims(infos.values(), side) for side in sides}
    cuts = route(shape, catalogue)
    measures = {side: _measures(cuts, side) for side in sides}
    united = UniteFacts(
        parts=_parts(measures, keys, shape),
        keys=keys,
        measures=tuple(one for side in sides for one in measures[side]),
        claims=tuple(one for side in sides for one in claims[side].values()),
    )
    metrics = tuple(
        MetricColumn(
            f"{name}{side.value}",
            info.formula,
            info.unit,
            side,
            tuple(claims[side][group] for group in claim_groups(info.formula)),
        )
        for name, info in infos.items()
        for side in sides
        if side is Side.ASKED or name in shape.metrics
    )
    shown = tuple(one for one in metrics if one.name.removesuffix(one.side.value) in shape.metrics)
    return SelectPage(
        ComputeMetrics(united, metrics), shown, shape.having, _order(shape, keys), shape.paged
    )


def _measures(cuts: Mapping[Measure, Fact], side: Side) -> tuple[MeasureColumn, ...]:
    return tuple(
        MeasureColumn(f"value__{index}{side.value}", measure, cut.name, side)
        for index, (measure, cut) in enumerate(cuts.items())
    )


def _parts(
    measures: Mapping[Side, tuple[MeasureColumn, ...]], keys: Keys, shape: Shape
) -> tuple[AggregateFact, ...]:
    facts = dict.fromkeys(one.fact for one in measures[Side.ASKED])
    return tuple(
        _aggregate(fact, side, keys, shape, columns)
        for fact in facts
        for side, columns in measures.items()
    )


def _aggregate(
    fact: str, side: Side, keys: Keys, shape: Shape, columns: tuple[MeasureColumn, ...]
) -> AggregateFact:
    own = tuple(one for one in columns if one.fact == fact)
    shift = shape.shift if side is Side.BASE and keys.grain is not None else None
    only = _shared([one.measure for one in own])
    return AggregateFact(fact, side, keys, shift, shape.where, only, own)


def _claims(infos: Iterable[MetricInfo], side: Side) -> dict[tuple[Measure, ...], ClaimColumns]:
    groups = dict.fromkeys(group for info in infos for group in claim_groups(info.formula))
    return {
        group: ClaimColumns(f"claim__{index}{side.value}", group, side)
        for index, group in enumerate(groups)
    }


def _shared(measures: list[Measure]) -> tuple[MetricFilter, ...]:
    return tuple(
        one for one in measures[0].where if all(one in measure.where for measure in measures)
    )


def _order(shape: Shape, keys: Keys) -> tuple[OrderBy, ...]:
    """The asked order with labels before keys, ties broken by every key."""
    labelled = {dimension.name for dimension in keys.labelled}
    orders: list[OrderBy] = []
    for order in shape.order_by:
        if order.field in labelled:
            orders.append(OrderBy(f"{order.field}__label", order.direction))
        orders.append(order)
    named = {order.field for order in orders}
    return tuple(orders) + tuple(OrderBy(name) for name in keys.names if name not in named)
