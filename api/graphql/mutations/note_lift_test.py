"""The mutation `noteLiftTest`: what an experiment found.

target, period, change of spend, effect -> PlanDesk -> evidence of spend response
"""

import datetime as dt
from decimal import Decimal
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.plan_types import LiftTestNode, PlanTargetInput, lift_test_of, target_of
from api.identity.caller import Scope
from domain.errors import UserError
from domain.money import Money
from domain.time_window import DateRange
from ml.panel import Measure
from ml.plans.desk import PlanDesk
from ml.plans.inputs import LiftResult

__all__ = ["NOTE_LIFT_TEST"]


@strawberry.input(description="What an experiment found.")
class NoteLiftTestInput:
    """See the description."""

    target: PlanTargetInput = strawberry.field(description="It names a channel.")
    from_: dt.date = strawberry.field(name="from")
    to: dt.date = strawberry.field(description="Belongs to the period.")
    measure: Measure = strawberry.field(description="CONVERSIONS or REVENUE.")
    spend_change: Decimal = strawberry.field(
        description="Over the period, against no test; below 0: less was spent."
    )
    currency: str = strawberry.field(description="ISO 4217; that of the account.")
    effect: Decimal = strawberry.field(description="Of the measure, over the period.")
    standard_error: Decimal = strawberry.field(description="Of the effect.")
    source: str = strawberry.field(description="Who made it, and how.")


@strawberry.type(description="The result is kept.")
class LiftTestNoted:
    """See the description."""

    lift_test: LiftTestNode


@strawberry.type(description="Nothing changed.")
class NoteLiftTestError:
    """See the description."""

    code: str
    message: str
    hint: str


NoteLiftTestPayload = Annotated[
    LiftTestNoted | NoteLiftTestError, strawberry.union("NoteLiftTestPayload")
]


async def _note_lift_test(info: EdgeInfo, input: NoteLiftTestInput) -> NoteLiftTestPayload:  # noqa: A002  # the argument's name in GraphQL
    try:
        return await _note(info, input)
    except UserError as error:
        return NoteLiftTestError(code=error.code, message=error.message, hint=error.hint)


async def _note(info: EdgeInfo, given: NoteLiftTestInput) -> LiftTestNoted:
    caller, services = info.context.caller, info.context.services
    target = target_of(given.target, caller.clients)
    result = LiftResult(
        measure=given.measure,
        spend_change=Money(given.spend_change, given.currency),
        effect=given.effect,
        standard_error=given.standard_error,
        source=given.source,
    )
    desk = PlanDesk(services.clock, services.ids)
    async with services.database.session(caller.tenant_id) as session:
        row = await desk.note_lift_test(
            session, target, DateRange(given.from_, given.to), result, actor=caller.actor
        )
    return LiftTestNoted(lift_test=lift_test_of(row))


NOTE_LIFT_TEST = RootField(
    "noteLiftTest",
    Scope.METRICS_WRITE,
    "Keep what an experiment found that a change of spend had brought.",
    _note_lift_test,
)
