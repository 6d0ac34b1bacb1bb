"""Planning inputs of a client: `bosco plans`."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import yaml

from api.commands.lookup import find_agency, find_client, parse_day, parse_number, read_text
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.entity_ids import parse_entity_id, public_entity_id
from api.runtime import Runtime
from domain.errors import InvalidInputError
from domain.ids import ClientId, parse_id, public_id
from domain.money import Money, format_amount
from domain.time_window import DateRange
from feature_repo.entities import CAMPAIGN
from ml.panel import Measure
from ml.plans.desk import EVENT, LIFT, SPEND, PlanDesk, load_plans
from ml.plans.inputs import LIFT_MEASURES, LiftResult, Target

__all__ = ["list_plans", "note_lift_test", "plan_event", "plan_spend", "remove_plan"]

_EXAMPLE: Final = "docs/plans.md has an example"
_RESULT_FIELDS: Final = frozenset(
    {"channel", "from", "to", "measure", "spend_change", "currency", "effect", "standard_error"}
    | {"source"}
)


async def list_plans(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco plans list`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        found = await load_plans(session, client.id)
    title = f"of {client.slug}"
    spend = tuple(
        (
            public_id(SPEND, row.id),
            f"{row.day_from} to {row.day_to}",
            _shown(row.channel, row.campaign),
            f"{format_amount(row.amount)} {row.currency}",
        )
        for row in found.spend
    )
    events = tuple(
        (public_id(EVENT, row.id), f"{row.day_from} to {row.day_to}", row.name)
        for row in found.events
    )
    tests = tuple(
        (
            public_id(LIFT, row.id),
            f"{row.day_from} to {row.day_to}",
            _shown(row.channel, row.campaign),
            f"{format_amount(row.spend_change)} {row.currency}",
            f"{format_amount(row.effect)} ± {format_amount(row.standard_error)} {row.measure}",
            row.source,
        )
        for row in found.lift_tests
    )
    yield TableEvent(f"planned spend {title}", ("id", "days", "for", "amount"), spend)
    yield TableEvent(f"events {title}", ("id", "days", "name"), events)
    columns = ("id", "days", "for", "change of spend", "effect", "source")
    yield TableEvent(f"lift tests {title}", columns, tests)


async def plan_spend(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco plans spend`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    money = Money(parse_number(arguments["amount"], "AMOUNT"), arguments["currency"])
    desk = PlanDesk(runtime.clock, runtime.ids)
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        target = _target(client.id, arguments)
        row = await desk.plan_spend(
            session, target, _days(arguments), money, actor=arguments["actor"]
        )
    yield LineEvent(
        f"{public_id(SPEND, row.id)}: {format_amount(row.amount)} {row.currency} from"
        f" {row.day_from} to {row.day_to} for {_shown(row.channel, row.campaign)}"
    )


async def plan_event(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco plans event`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    desk = PlanDesk(runtime.clock, runtime.ids)
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        row = await desk.plan_event(
            session, client.id, arguments["name"], _days(arguments), actor=arguments["actor"]
        )
    yield LineEvent(f"{public_id(EVENT, row.id)}: {row.name}, {row.day_from} to {row.day_to}")


async def note_lift_test(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco plans lift-test`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    given = _read_result(arguments)
    desk = PlanDesk(runtime.clock, runtime.ids)
    result = LiftResult(
        measure=_measure(given["measure"]),
        spend_change=Money(
            parse_number(given["spend_change"], "spend_change"), str(given["currency"])
        ),
        effect=parse_number(given["effect"], "effect"),
        standard_error=parse_number(given["standard_error"], "standard_error"),
        source=str(given["source"]),
    )
    days = DateRange(parse_day(str(given["from"]), "from"), parse_day(str(given["to"]), "to"))
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        target = _target(client.id, given)
        row = await desk.note_lift_test(session, target, days, result, actor=arguments["actor"])
    yield LineEvent(
        f"{public_id(LIFT, row.id)}: {format_amount(row.effect)} {row.measure} by"
        f" {format_amount(row.spend_change)} {row.currency}"
    )


async def remove_plan(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco plans remove`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    text = arguments["plan"]
    kind = text.partition("_")[0]
    if kind not in {SPEND, EVENT, LIFT}:
        raise InvalidInputError(f"{text!r} is the id of no plan", hint="`plans list` tells the ids")
    desk = PlanDesk(runtime.clock, runtime.ids)
    async with runtime.database.session(tenant.tenant_id) as session:
        await desk.remove(session, kind, parse_id(kind, text), None, actor=arguments["actor"])
    yield LineEvent(f"{text} removed")


def _shown(channel: str | None, campaign: str | None) -> str:
    if campaign is not None:
        return public_entity_id(CAMPAIGN, campaign)
    return channel or "all channels"


def _target(client_id: ClientId, given: Mapping[str, Any]) -> Target:
    campaign = given.get("campaign")
    parsed = None if campaign is None else parse_entity_id(CAMPAIGN, str(campaign))
    return Target(client_id, given.get("channel"), parsed)


def _days(arguments: Mapping[str, Any]) -> DateRange:
    return DateRange(parse_day(arguments["first"], "--from"), parse_day(arguments["last"], "--to"))


def _measure(value: object) -> Measure:
    known = {measure.value: measure for measure in LIFT_MEASURES}
    if value not in known:
        raise InvalidInputError(f"measure is {value!r}", hint=f"it is one of {', '.join(known)}")
    return known[str(value)]


def _read_result(arguments: Arguments) -> Mapping[str, Any]:
    path = arguments.resolve_path(arguments["file"])
    try:
        given = yaml.safe_load(read_text(path, hint=_EXAMPLE))
    except yaml.YAMLError:
        raise InvalidInputError(f"{path} is no YAML", hint=_EXAMPLE) from None
    if not isinstance(given, dict):
        raise InvalidInputError(f"{path} has no fields", hint=_EXAMPLE)
    missing = sorted(_RESULT_FIELDS - given.keys())
    unknown = sorted(map(str, given.keys() - _RESULT_FIELDS - {"campaign"}))
    if missing or unknown:
        said = [f"lacks {', '.join(missing)}"] if missing else []
        said += [f"has unknown fields {', '.join(unknown)}"] if unknown else []
        raise InvalidInputError(f"{path} {' and '.join(said)}", hint=_EXAMPLE)
    return given
