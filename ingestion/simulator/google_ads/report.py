"""Runs a plan over the world and renders its rows.

    Plan -> layout; days -> facts -> parts -> groups (row x segments) -> summed -> filtered -> JSON

Rows of one day are rendered once and kept by (account, shape of the query, day, age of the day), so
a repeated or overlapping extraction costs a join of ready bytes.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from ingestion.simulator.google_ads.config import AdsAccount, GoogleAdsConfig
from ingestion.simulator.google_ads.facts import Facts, split_facts
from ingestion.simulator.google_ads.fields import (
    ATTRIBUTES,
    CLIENT_RESOURCE,
    METRICS,
    SEGMENTS,
    Entity,
    Value,
    json_path,
    json_text,
)
from ingestion.simulator.google_ads.layout import Branch, Layout, lay_out, lay_out_clients
from ingestion.simulator.google_ads.plan import Plan
from ingestion.simulator.google_ads.world import AdsWorld, Moment

__all__ = ["Reporter"]

_ZERO: Final = Facts()

_Row = tuple[bytes, tuple[Value, ...]]
_Groups = dict[tuple[int, tuple[Value, ...]], Facts]


class Reporter:
    """Answers plans; keeps layouts and rendered days."""

    # About 4 accounts x 2 years x a few query shapes.
    _CACHED_DAYS: Final = 20_000

    def __init__(self, config: GoogleAdsConfig, world: AdsWorld) -> None:
        self._config = config
        self._accounts = {account.customer_id: account for account in config.accounts}
        self._world = world
        self._rendered: dict[object, list[_Row]] = {}

    def run(self, plan: Plan, account: AdsAccount, moment: Moment) -> list[bytes]:
        """Return the JSON objects of all rows, in order."""
        has_days = plan.resource != CLIENT_RESOURCE
        days = list(_days(self._config.first_day, plan, moment.today)) if has_days else []
        layout = self._layout(plan, account)
        rows: list[_Row] = []
        if plan.is_by_day:
            for day in days:
                rows.extend(self._day_rows(plan, layout, account, day, moment))
        else:
            rows = list(self._collect(plan, layout, account, days, moment))
        for place in reversed(range(len(plan.ordering))):
            rows.sort(key=lambda row: row[1][place], reverse=plan.ordering[place][1])
        return [text for text, _ in rows[: plan.limit]]

    def _layout(self, plan: Plan, account: AdsAccount) -> Layout:
        if plan.resource == CLIENT_RESOURCE:
            return lay_out_clients(plan, account, self._accounts)
        return lay_out(plan, account, self._world.campaigns_of(account))

    def _day_rows(
        self, plan: Plan, layout: Layout, account: AdsAccount, day: date, moment: Moment
    ) -> list[_Row]:
        age = self._world.age_key(day, moment)
        key = (account.customer_id, plan.shape, day, age)
        found = self._rendered.get(key)
        if found is None:
            if len(self._rendered) >= self._CACHED_DAYS:
                self._rendered.clear()
            found = list(self._collect(plan, layout, account, [day], moment))
            self._rendered[key] = found
        return found

    def _collect(
        self, plan: Plan, layout: Layout, account: AdsAccount, days: list[date], moment: Moment
    ) -> Iterator[_Row]:
        groups: _Groups = {}
        if not plan.segments:
            # Without segments every object has its row, zero or not.
            groups = {(number, ()): _ZERO for number in range(len(layout.entities))}
        for day in days:
            for campaign, device, facts in self._world.day_facts(account, day, moment):
                if not all(test.holds(device) for test in plan.on_device):
                    continue
                values = tuple(SEGMENTS[name].value_of(day, device) for name in plan.segments)
                _add_parts(groups, layout.branches[campaign], values, facts)
        yield from _render(plan, layout, groups)


def _add_parts(groups: _Groups, branch: Branch, values: tuple[Value, ...], facts: Facts) -> None:
    parts = [facts] if len(branch.weights) == 1 else split_facts(facts, branch.weights)
    for number, part in zip(branch.numbers, parts, strict=True):
        if number is not None:
            known = groups.get((number, values))
            groups[number, values] = part if known is None else _sum(known, part)


def _sum(left: Facts, right: Facts) -> Facts:
    return Facts(*(one + other for one, other in zip(left, right, strict=True)))


def _days(first_day: date, plan: Plan, today: date) -> Iterator[date]:
    day = max(first_day, plan.first_day or first_day)
    last = min(today, plan.last_day or today)
    while day <= last:
        yield day
        day += timedelta(days=1)


def _render(plan: Plan, layout: Layout, groups: _Groups) -> Iterator[_Row]:
    names = [json_path(name)[1] for name in (*plan.metrics, *plan.segments)]
    metric_names, segment_names = names[: len(plan.metrics)], names[len(plan.metrics) :]
    for (number, segments), facts in groups.items():
        values = tuple(METRICS[name].value_of(facts) for name in plan.metrics)
        if plan.segments and not any(values or (facts.impressions,)):
            continue  # A segmented row whose selected metrics are all zero is not returned.
        if not all(test.holds(METRICS[test.field].value_of(facts)) for test in plan.on_metrics):
            continue
        parts = [layout.heads[number]]
        if values:
            pairs = zip(metric_names, values, plan.metrics, strict=True)
            inner = ",".join(
                f'"{name}":{json_text(value, METRICS[field].kind)}' for name, value, field in pairs
            )
            parts.append(f'"metrics":{{{inner}}}')
        if segments:
            inner = ",".join(
                f'"{name}":{json_text(value, SEGMENTS[field].kind)}'
                for name, value, field in zip(segment_names, segments, plan.segments, strict=True)
            )
            parts.append(f'"segments":{{{inner}}}')
        text = "{" + ",".join(parts) + "}"
        yield text.encode(), _sort_values(plan, layout.entities[number], segments, facts)


def _sort_values(
    plan: Plan, entity: Entity, segments: tuple[Value, ...], facts: Facts
) -> tuple[Value, ...]:
    values: list[Value] = []
    for name, _ in plan.ordering:
        if name in ATTRIBUTES:
            values.append(ATTRIBUTES[name].value_of(entity))
        elif name in SEGMENTS:
            values.append(segments[plan.segments.index(name)])
        else:
            value = METRICS[name].value_of(facts)
            values.append(Decimal(value) if isinstance(value, float) else value)
    return tuple(values)
