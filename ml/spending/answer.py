"""A planned budget, or a split that was asked about, in amounts and words.

plan or scenario in minor units -> parts with expected outcome and marginal return
    -> move or hold, and why -> what it rests on
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from ml.budget.plan import SURE_ENOUGH, Binding, Plan
from ml.budget.request import Request
from ml.budget.returns import Returns
from ml.budget.scenario import Outlook, outlook_of, what_if
from ml.budget.whole import Amounts
from ml.panel import Floats, Measure
from ml.spending.kept import Learnt
from ml.spending.request import Members
from ml.spending.told import Basis, BudgetPlan, BudgetScenario, Part, Unplanned, Verdict
from tenancy.tables import BudgetLevel

__all__ = ["Asked", "answer_plan", "answer_scenario"]

# Draws cannot tell it from certain.
_ALMOST_SURE: Final = 0.995

# Of an amount, to each side; and of the highest where little is spent.
_NEAR: Final = 0.02
_NEAR_NOTHING: Final = 0.005


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What an answer is made of, beside the plan or the scenario itself.

    Attributes:
        level: Of the parts.
        measure: Of the outcome.
        members: Items, and who is left out.
        stays: Minor units of the whole period of each that is left out.
        request: In minor units.
        returns: Of the items.
        learnt: Curves and what they were learnt from.
        planned_from: First day that is still open.
        known_to: The last day whose spend is known.
    """

    level: BudgetLevel
    measure: Measure
    members: Members
    stays: Sequence[int]
    request: Request
    returns: Returns
    learnt: Learnt
    planned_from: dt.date
    known_to: dt.date

    @property
    def scale(self) -> float:
        """Minor units in what an outcome is told in: money for revenue, itself for conversions."""
        is_money = self.measure is Measure.REVENUE
        return float(10**self.request.minor_digits) if is_money else 1.0

    def money(self, minor: int) -> Decimal:
        """An amount in units of currency, exactly."""
        return Decimal(minor).scaleb(-self.request.minor_digits)

    def told(self, outlook: Outlook) -> Outlook:
        """An outcome as people count it."""
        return _times(outlook, 1 / self.scale)


def answer_plan(asked: Asked, plan: Plan) -> BudgetPlan:
    """A plan as it is told, by the draws that it was not made on."""
    amounts = plan.advised
    brought = _brought(asked, amounts)
    outlooks = [outlook_of(row[1::2]) for row in brought]
    parts, unplanned = _parts(asked, amounts, outlooks), _unplanned(asked)
    verdict, why = _verdict(plan)
    expected = plan.outlook if verdict is Verdict.MOVE else plan.held_outlook
    return BudgetPlan(
        level=asked.level,
        measure=asked.measure,
        currency=asked.request.currency,
        planned_from=asked.planned_from,
        total=_total(parts, unplanned),
        parts=parts,
        unplanned=unplanned,
        expected=asked.told(expected),
        current=asked.told(plan.held_outlook),
        gain=asked.told(plan.gain),
        is_better=plan.is_better,
        verdict=verdict,
        why=why,
        bindings=tuple(Binding(one.words, one.price / asked.scale) for one in plan.bindings),
        gap=plan.gap,
        basis=_basis(asked),
    )


def answer_scenario(asked: Asked, amounts: Amounts) -> BudgetScenario:
    """A split as it is told, against the present pace.

    Args:
        asked: What it is made of.
        amounts: Minor units until the end, of each item.
    """
    scenario = what_if(asked.request, asked.returns, amounts)
    current = np.array([item.current for item in asked.request.items], dtype=np.int64)
    now = _brought(asked, current).sum(axis=0)
    is_better = float(np.mean(_brought(asked, amounts).sum(axis=0) > now))
    parts, unplanned = _parts(asked, amounts, scenario.by_item), _unplanned(asked)
    return BudgetScenario(
        level=asked.level,
        measure=asked.measure,
        currency=asked.request.currency,
        planned_from=asked.planned_from,
        total=_total(parts, unplanned),
        parts=parts,
        unplanned=unplanned,
        expected=asked.told(scenario.outlook),
        current=asked.told(outlook_of(now)),
        against_current=asked.told(scenario.against_current),
        is_better=is_better,
        beyond=scenario.beyond,
        basis=_basis(asked),
    )


def _total(parts: Sequence[Part], unplanned: Sequence[Unplanned]) -> Decimal:
    planned = sum((one.planned for one in parts), Decimal(0))
    return planned + sum((one.amount for one in unplanned), Decimal(0))


def _brought(asked: Asked, amounts: Amounts) -> Floats:
    """Worth of what each item brings, as far as it was observed, shape (items, draws)."""
    rows = []
    for place, (amount, item) in enumerate(zip(amounts, asked.request.items, strict=True)):
        seen = np.array([min(float(amount), float(asked.returns.highest(place)))])
        rows.append(item.worth * asked.returns.outcome(place, seen)[:, 0])
    return np.array(rows)


def _verdict(plan: Plan) -> tuple[Verdict, str]:
    if plan.hold is not None:
        if (plan.amounts == plan.held).all():
            return Verdict.HOLD, "no split within the limits brings more than the current one"
        return Verdict.HOLD, plan.hold
    if plan.held_breaks:
        return Verdict.MOVE, f"the current split cannot be kept: {'; '.join(plan.held_breaks)}"
    sure = "more than 99%" if plan.is_better > _ALMOST_SURE else f"{plan.is_better:.0%}"
    enough = f"{SURE_ENOUGH:.0%} are enough"
    return Verdict.MOVE, f"it beats the current split with a probability of {sure}; {enough}"


def _parts(asked: Asked, amounts: Amounts, expected: Sequence[Outlook]) -> tuple[Part, ...]:
    found = []
    for place, (key, item) in enumerate(zip(asked.members.keys, asked.request.items, strict=True)):
        amount, highest = int(amounts[place]), asked.returns.highest(place)
        found.append(
            Part(
                key=key,
                channel=asked.members.channels[place],
                current=asked.money(item.current),
                spent=asked.money(item.spent),
                planned=asked.money(amount + item.spent),
                highest=asked.money(highest + item.spent),
                expected=asked.told(expected[place]),
                marginal=_marginal(asked, place, amount) if amount <= highest else None,
                support=asked.learnt.curves.support[place],
            )
        )
    return tuple(found)


def _marginal(asked: Asked, place: int, amount: int) -> Outlook:
    """Of one more unit of currency, by a fiftieth of the amount to each side."""
    highest = asked.returns.highest(place)
    near = max(_NEAR * amount, _NEAR_NOTHING * highest, 1.0)
    sides = np.array([max(amount - near, 0.0), min(amount + near, float(highest))])
    outcomes = asked.returns.outcome(place, sides)
    rise: Floats = (outcomes[:, 1] - outcomes[:, 0]) / (sides[1] - sides[0])
    worth = asked.request.items[place].worth
    return _times(outlook_of(worth * rise), 10**asked.request.minor_digits / asked.scale)


def _unplanned(asked: Asked) -> tuple[Unplanned, ...]:
    return tuple(
        Unplanned(one.key, asked.money(stays), one.reason)
        for one, stays in zip(asked.members.left_out, asked.stays, strict=True)
    )


def _basis(asked: Asked) -> Basis:
    row = asked.learnt.row
    return Basis(
        curves=row.id,
        as_of=row.as_of,
        first_day=row.first_day,
        final_day=row.final_day,
        known_to=asked.known_to,
        code=row.code,
        data_hash=row.data_hash,
        figures=row.figures,
        lift_tests=tuple(row.tests_used),
    )


def _times(outlook: Outlook, factor: float) -> Outlook:
    return Outlook(
        mean=factor * outlook.mean,
        low_95=factor * outlook.low_95,
        low_80=factor * outlook.low_80,
        median=factor * outlook.median,
        high_80=factor * outlook.high_80,
        high_95=factor * outlook.high_95,
    )
