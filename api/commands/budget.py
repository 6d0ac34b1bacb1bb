"""Budgets of a client: `bosco budget`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from api.commands.lookup import find_agency, find_client, parse_day, parse_number
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.entity_ids import parse_entity_id, public_entity_id
from api.runtime import Runtime
from domain.errors import InvalidInputError
from domain.ids import ClientId, public_id
from domain.money import Money
from domain.time_window import DateRange
from feature_repo.entities import CAMPAIGN
from ml.budget.scenario import Outlook
from ml.panel import Measure
from ml.plans.desk import LIFT, SPEND, PlanDesk
from ml.plans.inputs import Target
from ml.spending.question import Ask, Bound, Split
from ml.spending.told import Basis, BudgetPlan, BudgetScenario, Part, Unplanned, Verdict
from tenancy.tables import BudgetLevel, Client
from tenancy.unscoped import TenantProfile

__all__ = ["plan_budget", "try_budget"]

_OBSERVATIONAL: Final = (
    "observational: learnt from what was spent, which follows demand too; a lift test makes it"
    " surer (docs/budgets.md)"
)
_LEVELS: Final = {level.value: level for level in BudgetLevel}
_MEASURES: Final = {one.value: one for one in (Measure.REVENUE, Measure.CONVERSIONS)}


async def plan_budget(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco budget plan`."""
    tenant, client, ask = await _asked(runtime, arguments)
    ask = replace(
        ask,
        total=parse_number(arguments["total"], "TOTAL"),
        bounds=_bounds(arguments["at_least"], arguments["at_most"]),
        max_step=_optional(arguments, "max_step"),
        most_cost=_optional(arguments, "most_cost"),
        least_return=_optional(arguments, "least_return"),
    )
    today = runtime.clock().astimezone(ZoneInfo(tenant.time_zone)).date()
    told = await runtime.models.budgets.plan(tenant.tenant_id, today, ask, _shown)
    title = f"{told.total:,} {told.currency} of {client.slug} from {ask.period.start}"
    yield _table(f"{title} to {ask.period.end}", told, ask)
    for line in (*_rest(told.unplanned, told.currency), *_advice(told), _basis(told.basis)):
        yield LineEvent(line)
    if arguments["save"]:
        async for event in _save(runtime, tenant, told, ask, arguments["actor"]):
            yield event


async def try_budget(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco budget scenario`."""
    tenant, client, ask = await _asked(runtime, arguments)
    spends = [
        Split(parse_number(amount, f"the amount of {name}"), **_named(name))
        for name, amount in map(_pair, arguments["spends"])
    ]
    today = runtime.clock().astimezone(ZoneInfo(tenant.time_zone)).date()
    told = await runtime.models.budgets.scenario(tenant.tenant_id, today, ask, spends, _shown)
    title = f"{told.total:,} {told.currency} of {client.slug} from {ask.period.start}"
    yield _table(f"{title} to {ask.period.end}", told, ask)
    for line in (*_rest(told.unplanned, told.currency), *_outcome(told), _basis(told.basis)):
        yield LineEvent(line)


async def _asked(runtime: Runtime, arguments: Arguments) -> tuple[TenantProfile, Client, Ask]:
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
    first, last = arguments["first"], arguments["last"]
    ask = Ask(
        client_id=ClientId(client.id),
        period=DateRange(parse_day(first, "--from"), parse_day(last, "--to")),
        level=_one_of(_LEVELS, arguments["level"], "--by"),
        measure=_one_of(_MEASURES, arguments["measure"], "--for"),
        currency=arguments["currency"],
    )
    return tenant, client, ask


async def _save(
    runtime: Runtime, tenant: TenantProfile, told: BudgetPlan, ask: Ask, actor: str
) -> AsyncIterator[Event]:
    """As planned spend, all or nothing."""
    desk = PlanDesk(runtime.clock, runtime.ids)
    async with runtime.database.session(tenant.tenant_id) as session:
        rows = [
            await desk.plan_spend(
                session,
                Target(ask.client_id, one.channel, None if one.key == one.channel else one.key),
                ask.period,
                Money(one.planned, told.currency),
                actor=actor,
            )
            for one in told.parts
        ]
    yield LineEvent(
        f"saved as planned spend: {', '.join(public_id(SPEND, one.id) for one in rows)}"
    )


def _table(title: str, told: BudgetPlan | BudgetScenario, ask: Ask) -> TableEvent:
    columns = (
        *("of", "spent", "at this pace", "planned", ask.measure.value),
        *("80 % from", "80 % to", f"1 {told.currency} more", "evidence"),
    )
    return TableEvent(title, columns, tuple(_row(one) for one in told.parts))


def _row(one: Part) -> tuple[str, ...]:
    return (
        _shown(one.key),
        f"{one.spent:,}",
        f"{one.current + one.spent:,}",
        f"{one.planned:,}",
        *(f"{value:,.0f}" for value in (one.expected.mean, one.expected.low_80)),
        f"{one.expected.high_80:,.0f}",
        "not observed" if one.marginal is None else _marginal(one.marginal),
        one.support.evidence.value.replace("_", " "),
    )


def _marginal(one: Outlook) -> str:
    return f"{one.mean:.3g} ({one.low_80:.3g} to {one.high_80:.3g})"


def _advice(told: BudgetPlan) -> list[str]:
    what = _what(told)
    lines = [
        f"{told.verdict.value}: {told.why}",
        f"expected {what}: {_band(told.expected)}; with the present split: {_band(told.current)}",
        f"gain of the best split: {_band(told.gain)}",
        *(
            f"binds: {one.words}; one {told.currency} more would change {what} by {one.price:+.3g}"
            for one in told.bindings
        ),
    ]
    if told.verdict is Verdict.HOLD:
        lines.append("the table shows the present split of this total")
    return lines + _doubts(told.parts)


def _outcome(told: BudgetScenario) -> list[str]:
    what, sure = _what(told), f"{told.is_better:.0%}"
    return [
        f"expected {what}: {_band(told.expected)}; going on as it is: {_band(told.current)}",
        f"against going on: {_band(told.against_current)}, more with a probability of {sure}",
        *(f"beyond what was observed: {words}" for words in told.beyond),
        *_doubts(told.parts),
    ]


def _what(told: BudgetPlan | BudgetScenario) -> str:
    is_money = told.measure is Measure.REVENUE
    return f"{told.measure.value} in {told.currency}" if is_money else told.measure.value


def _doubts(parts: Sequence[Part]) -> list[str]:
    if not any(one.support.is_observational for one in parts):
        return []
    return [_OBSERVATIONAL]


def _rest(unplanned: Sequence[Unplanned], currency: str) -> list[str]:
    return [
        f"not planned: {one.reason}; {one.amount:,} {currency} go on as they are"
        for one in unplanned
    ]


def _basis(one: Basis) -> str:
    tests = ", ".join(public_id(LIFT, test) for test in one.lift_tests) or "none"
    days = (one.final_day - one.first_day).days + 1
    return (
        f"learnt on {one.as_of:%Y-%m-%d %H:%M} UTC from {days} days, {one.first_day} to"
        f" {one.final_day} ({one.figures:,} figures, {one.data_hash[:12]}); spend is known to"
        f" {one.known_to}; lift tests: {tests}"
    )


def _band(one: Outlook) -> str:
    return f"{one.mean:,.0f} (80 %: {one.low_80:,.0f} to {one.high_80:,.0f})"


def _bounds(least: Sequence[str], most: Sequence[str]) -> tuple[Bound, ...]:
    lowest, highest = _amounts("--at-least", least), _amounts("--at-most", most)
    return tuple(
        Bound(**_named(name), least=lowest.get(name), most=highest.get(name))
        for name in {**lowest, **highest}
    )


def _amounts(option: str, several: Sequence[str]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for name, amount in map(_pair, several):
        if name in found:
            raise InvalidInputError(f"{option} names {name} twice", hint="give it once")
        found[name] = parse_number(amount, f"{option} of {name}")
    return found


def _pair(text: str) -> tuple[str, str]:
    name, equals, amount = text.rpartition("=")
    if not equals or not name:
        raise InvalidInputError(
            f"{text!r} names no amount", hint="write it as paid_search=12000, or ID=12000"
        )
    return name, amount


def _named(name: str) -> dict[str, Any]:
    if name.startswith("con_"):
        return {"campaign": parse_entity_id(CAMPAIGN, name)}
    return {"channel": name}


def _shown(key: str) -> str:
    return public_entity_id(CAMPAIGN, key) if ":" in key else key


def _optional(arguments: Arguments, name: str) -> Any:
    given = arguments[name]
    return None if given is None else parse_number(given, f"--{name.replace('_', '-')}")


def _one_of(known: Mapping[str, Any], word: str, option: str) -> Any:
    if word not in known:
        raise InvalidInputError(f"{option} is {word!r}", hint=f"it is one of {', '.join(known)}")
    return known[word]
