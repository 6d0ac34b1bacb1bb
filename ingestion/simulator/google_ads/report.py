"""Runs a plan over the world and renders its rows.

    Plan -> days -> facts -> groups (entity x segments) -> summed -> filtered -> JSON rows

Rows of one day are rendered once and kept by (account, shape of the query, day, age of the day), so
a repeated or overlapping extraction costs a join of ready bytes.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from ingestion.simulator.google_ads.config import AdsAccount, GoogleAdsConfig, managers_above
from ingestion.simulator.google_ads.fields import (
    ATTRIBUTES,
    CLIENT_RESOURCE,
    METRICS,
    RESOURCES,
    SEGMENTS,
    ClientLink,
    Entity,
    Value,
    json_path,
    json_text,
    resource_name_of,
)
from ingestion.simulator.google_ads.plan import Plan
from ingestion.simulator.google_ads.world import (
    Ad,
    AdGroup,
    AdsWorld,
    Campaign,
    Facts,
    Moment,
    split_facts,
)

__all__ = ["Reporter"]

# Stand for the levels that a resource does not have; no field of such a level passes `resolve`.
_NO_AD: Final = Ad(0, "", "", "", 0)
_NO_GROUP: Final = AdGroup(0, "", "", "", ())
_NO_CAMPAIGN: Final = Campaign(0, "", "", "", "", date.min, None, 0, 0, 0, 0, (), ())
_ZERO: Final = Facts()

_Row = tuple[bytes, tuple[Value, ...]]


class Reporter:
    """Answers plans; keeps rendered days."""

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
        rows: list[_Row] = []
        if plan.is_by_day:
            for day in days:
                rows.extend(self._day_rows(plan, account, day, moment))
        else:
            rows = list(self._collect(plan, account, days, moment))
        for place in reversed(range(len(plan.ordering))):
            rows.sort(key=lambda row: row[1][place], reverse=plan.ordering[place][1])
        return [text for text, _ in rows[: plan.limit]]

    def _day_rows(self, plan: Plan, account: AdsAccount, day: date, moment: Moment) -> list[_Row]:
        age = self._world.age_key(day, moment)
        key = (account.customer_id, plan.shape, day, age)
        found = self._rendered.get(key)
        if found is None:
            if len(self._rendered) >= self._CACHED_DAYS:
                self._rendered.clear()
            found = list(self._collect(plan, account, [day], moment))
            self._rendered[key] = found
        return found

    def _collect(
        self, plan: Plan, account: AdsAccount, days: list[date], moment: Moment
    ) -> Iterator[_Row]:
        entities = self._entities(plan, account)
        groups: dict[tuple[int, tuple[Value, ...]], Facts] = {}
        if not plan.segments:
            # Without segments every object has its row, zero or not.
            groups = {(place, ()): _ZERO for listed in entities.values() for place, _ in listed}
        for day in days:
            for campaign, device, facts in self._world.day_facts(account, day, moment):
                listed = entities.get(campaign)
                if listed is None or not all(test.holds(device) for test in plan.on_device):
                    continue
                values = tuple(SEGMENTS[name].value_of(day, device) for name in plan.segments)
                for (place, _), part in zip(listed, _parts(plan, listed, facts), strict=True):
                    known = groups.get((place, values))
                    groups[place, values] = part if known is None else _sum(known, part)
        yield from _render(plan, entities, groups)

    def _entities(self, plan: Plan, account: AdsAccount) -> dict[int, list[tuple[int, Entity]]]:
        """Map the index of each campaign to its (running number, entity) pairs for the resource."""
        if plan.resource == CLIENT_RESOURCE:
            made = {0: list(enumerate(self._clients_of(account)))}
            _drop_filtered(plan, made)
            return made
        made = {}
        place = 0
        for index, campaign in enumerate(self._world.campaigns_of(account)):
            for entity in _entities_below(plan.resource, account, campaign):
                made.setdefault(index, []).append((place, entity))
                place += plan.resource != "customer"
        if not made and plan.resource == "customer":
            made[0] = [(0, _entity(account))]
        if plan.on_attributes:
            _drop_filtered(plan, made)
        return made

    def _clients_of(self, account: AdsAccount) -> Iterator[Entity]:
        """A manager itself, and all accounts below it, direct ones first; nothing for others."""
        if not account.is_manager:
            return
        links = [ClientLink(account, 0)]
        for other in self._config.accounts:
            above = managers_above(other, self._accounts)
            if account.customer_id in above:
                links.append(ClientLink(other, above.index(account.customer_id) + 1))
        for link in sorted(links, key=lambda each: (each.level, each.account.customer_id)):
            yield _entity(account, client=link)


def _entity(
    account: AdsAccount,
    campaign: Campaign = _NO_CAMPAIGN,
    ad_group: AdGroup = _NO_GROUP,
    ad: Ad = _NO_AD,
    *,
    client: ClientLink | None = None,
) -> Entity:
    return Entity(account, campaign, ad_group, ad, client or ClientLink(account, 0))


def _entities_below(resource: str, account: AdsAccount, campaign: Campaign) -> Iterable[Entity]:
    if resource == "customer":
        return [_entity(account)]
    if resource == "campaign":
        return [_entity(account, campaign)]
    if resource == "ad_group":
        return [_entity(account, campaign, group) for group in campaign.ad_groups]
    return [
        _entity(account, campaign, group, ad) for group in campaign.ad_groups for ad in group.ads
    ]


def _drop_filtered(plan: Plan, made: dict[int, list[tuple[int, Entity]]]) -> None:
    """Mark entities outside the conditions with a negative number; their place in a split stays."""
    for listed in made.values():
        for index, (place, entity) in enumerate(listed):
            if not all(
                test.holds(ATTRIBUTES[test.field].value_of(entity)) for test in plan.on_attributes
            ):
                listed[index] = (-1 - place, entity)


def _parts(plan: Plan, listed: list[tuple[int, Entity]], facts: Facts) -> list[Facts]:
    if plan.resource == "ad_group":
        return split_facts(
            facts, [sum(ad.weight for ad in entity.ad_group.ads) for _, entity in listed]
        )
    if plan.resource == "ad_group_ad":
        return split_facts(facts, [entity.ad.weight for _, entity in listed])
    return [facts]


def _sum(left: Facts, right: Facts) -> Facts:
    return Facts(*(one + other for one, other in zip(left, right, strict=True)))


def _days(first_day: date, plan: Plan, today: date) -> Iterator[date]:
    day = max(first_day, plan.first_day or first_day)
    last = min(today, plan.last_day or today)
    while day <= last:
        yield day
        day += timedelta(days=1)


def _render(
    plan: Plan,
    entities: dict[int, list[tuple[int, Entity]]],
    groups: dict[tuple[int, tuple[Value, ...]], Facts],
) -> Iterator[_Row]:
    by_place = {place: entity for listed in entities.values() for place, entity in listed}
    heads = {place: _head(plan, entity) for place, entity in by_place.items() if place >= 0}
    names = [json_path(name)[1] for name in (*plan.metrics, *plan.segments)]
    metric_names, segment_names = names[: len(plan.metrics)], names[len(plan.metrics) :]
    for (place, segments), facts in groups.items():
        if place < 0:
            continue
        values = tuple(METRICS[name].value_of(facts) for name in plan.metrics)
        if plan.segments and not any(values or (facts.impressions,)):
            continue  # A segmented row whose selected metrics are all zero is not returned.
        if not all(test.holds(METRICS[test.field].value_of(facts)) for test in plan.on_metrics):
            continue
        parts = [heads[place]]
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
        yield text.encode(), _sort_values(plan, by_place[place], segments, facts)


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


def _head(plan: Plan, entity: Entity) -> str:
    """Render the part of a row that its entity alone decides; `resourceName` is always there."""
    tree: dict[str, Any] = {}
    asked = {name.split(".")[0] for name in plan.attributes} | {plan.resource}
    for resource in RESOURCES[plan.resource]:
        if resource in asked:
            name = json_text(resource_name_of(resource, entity), "string")
            tree[json_path(resource)[0]] = {"resourceName": name}
    for field in plan.attributes:
        *parents, leaf = json_path(field)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
            if parent == "ad":
                node.setdefault("resourceName", json_text(resource_name_of("ad", entity), "string"))
        attribute = ATTRIBUTES[field]
        node[leaf] = json_text(attribute.value_of(entity), attribute.kind)
    return ",".join(f'"{name}":{_object(node)}' for name, node in tree.items())


def _object(node: dict[str, Any]) -> str:
    inner = ",".join(
        f'"{name}":{_object(value) if isinstance(value, dict) else value}'
        for name, value in node.items()
    )
    return f"{{{inner}}}"
