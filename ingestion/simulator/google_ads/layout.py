"""The rows that a query can have in an account, the same for every day.

Plan + account -> entities of the resource -> filtered, numbered -> heads (rendered once)
               -> for each campaign: how its facts are split among these rows
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from ingestion.simulator.google_ads.campaigns import (
    Ad,
    AdGroup,
    Campaign,
    Keyword,
    Place,
    SearchTerm,
)
from ingestion.simulator.google_ads.config import AdsAccount, managers_above
from ingestion.simulator.google_ads.fields import (
    ATTRIBUTES,
    LOCATION_RESOURCE,
    RESOURCES,
    ClientLink,
    Entity,
    json_path,
    json_text,
    resource_name_of,
)
from ingestion.simulator.google_ads.levels import SLOTS, Slot
from ingestion.simulator.google_ads.plan import Plan

__all__ = ["Branch", "Layout", "lay_out", "lay_out_clients"]

# Stand for the levels that a resource does not have; no field of such a level passes `resolve`.
_NO_CAMPAIGN: Final = Campaign(0, "", "", "", "", date.min, None, 0, 0, 0, 0, (), (), ())
_NO_GROUP: Final = AdGroup(0, "", "", "", ())
_NO_AD: Final = Ad(0, "", "", "", 0)
_NO_KEYWORD: Final = Keyword(0, "", "", 0)
_NO_TERM: Final = SearchTerm("", 0)
_NO_PLACE: Final = Place(0, is_targeted=False, weight=0)
_WHOLE: Final = (Slot(1),)


class Branch(NamedTuple):
    """Where the facts of one campaign go.

    Attributes:
        weights: Of the parts; one part takes all.
        numbers: Of the row that each part counts in; None: it is not served.
    """

    weights: Sequence[int]
    numbers: Sequence[int | None]


_NOTHING: Final = Branch((), ())


class Layout(NamedTuple):
    """The rows of a query.

    Attributes:
        entities: What each row is about, by number.
        heads: The part of each row that its entity alone decides, as JSON members.
        branches: By index of the campaign.
    """

    entities: Sequence[Entity]
    heads: Sequence[str]
    branches: Mapping[int, Branch]


def lay_out(plan: Plan, account: AdsAccount, campaigns: Sequence[Campaign]) -> Layout:
    """Lay out a query about an account or what is below it."""
    numbers: dict[object, int] = {}
    entities: list[Entity] = []
    branches: dict[int, Branch] = {}
    for index, campaign in enumerate(campaigns):
        slots = tuple(SLOTS[plan.resource](campaign)) if plan.resource in SLOTS else _WHOLE
        found: list[int | None] = []
        for slot in slots:
            entity = _entity_of(plan.resource, account, campaign, slot)
            if not slot.is_served or not _passes(plan, entity):
                found.append(None)
                continue
            number = numbers.setdefault(_identity(plan, entity), len(numbers))
            if number == len(entities):
                entities.append(entity)
            found.append(number)
        is_shown = any(number is not None for number in found)
        branches[index] = Branch([slot.weight for slot in slots], found) if is_shown else _NOTHING
    if not campaigns and plan.resource == "customer":
        entities = [entity for entity in [_entity(account)] if _passes(plan, entity)]
    return Layout(entities, [_head(plan, entity) for entity in entities], branches)


def lay_out_clients(plan: Plan, account: AdsAccount, accounts: Mapping[str, AdsAccount]) -> Layout:
    """Lay out a query about the accounts below a manager, itself first; none for others."""
    links = [ClientLink(account, 0)] if account.is_manager else []
    for other in accounts.values():
        above = managers_above(other, accounts)
        if account.is_manager and account.customer_id in above:
            links.append(ClientLink(other, above.index(account.customer_id) + 1))
    links.sort(key=lambda link: (link.level, link.account.customer_id))
    entities = [_entity(account, client=link) for link in links]
    entities = [entity for entity in entities if _passes(plan, entity)]
    return Layout(entities, [_head(plan, entity) for entity in entities], {})


def _entity(
    account: AdsAccount,
    campaign: Campaign = _NO_CAMPAIGN,
    slot: Slot = _WHOLE[0],
    *,
    client: ClientLink | None = None,
) -> Entity:
    return Entity(
        account,
        campaign,
        slot.ad_group or _NO_GROUP,
        slot.ad or _NO_AD,
        slot.keyword or _NO_KEYWORD,
        slot.term or _NO_TERM,
        slot.place or _NO_PLACE,
        client or ClientLink(account, 0),
    )


def _entity_of(resource: str, account: AdsAccount, campaign: Campaign, slot: Slot) -> Entity:
    return _entity(account) if resource == "customer" else _entity(account, campaign, slot)


def _passes(plan: Plan, entity: Entity) -> bool:
    return all(test.holds(ATTRIBUTES[test.field].value_of(entity)) for test in plan.on_attributes)


def _identity(plan: Plan, entity: Entity) -> tuple[str, int]:
    """Equal for entities that share a row: those of one resource name, unless more splits them."""
    is_split = plan.resource == LOCATION_RESOURCE and any(
        field.startswith("campaign.")
        for field in (*plan.attributes, *(test.field for test in plan.on_attributes))
    )
    return resource_name_of(plan.resource, entity), entity.campaign.campaign_id * is_split


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
