"""Answers about budgets, in amounts and words.

BudgetPlan      how to split a total, what it gains, how sure that is: move or hold
BudgetScenario  what a given split would bring, against going on as it is
"""

import datetime as dt
import enum
import uuid
from dataclasses import dataclass
from decimal import Decimal

from ml.budget.plan import Binding
from ml.budget.scenario import Outlook
from ml.panel import Measure
from ml.response.curves import Support
from tenancy.tables import BudgetLevel

__all__ = ["Basis", "BudgetPlan", "BudgetScenario", "Part", "Unplanned", "Verdict"]


class Verdict(enum.Enum):
    """What to do."""

    MOVE = "move"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Part:
    """One channel or campaign.

    Attributes:
        key: As series have it.
        current: What it would get until the end if everything went on as it is.
        spent: Of the period so far.
        planned: Of the whole period, what is spent included.
        highest: Of the whole period, that what was observed supports.
        expected: What the rest of `planned` brings.
        marginal: What one more unit of currency would bring; None: beyond what was observed.
        support: Where its curve comes from.
    """

    key: str
    channel: str
    current: Decimal
    spent: Decimal
    planned: Decimal
    highest: Decimal
    expected: Outlook
    marginal: Outlook | None
    support: Support


@dataclass(frozen=True, slots=True)
class Unplanned:
    """One of which too little is known; it goes on as it is.

    Attributes:
        amount: Of the whole period, if it does.
        reason: Why it is not planned.
    """

    key: str
    amount: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer rests on.

    Attributes:
        curves: Id of the fit.
        as_of: Nothing that became known later was seen by the fit.
        first_day: Of what was seen.
        final_day: The last one whose results were final.
        known_to: The last day whose spend is known.
        code: Fingerprint of what learnt it.
        data_hash: SHA-256 of the figures.
        figures: How many.
        lift_tests: Ids of those that count.
    """

    curves: uuid.UUID
    as_of: dt.datetime
    first_day: dt.date
    final_day: dt.date
    known_to: dt.date
    code: str
    data_hash: str
    figures: int
    lift_tests: tuple[uuid.UUID, ...]


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """A plan; amounts of parts and of what is not planned add up to the total exactly.

    Attributes:
        planned_from: First day that is still planned.
        expected: What the planned rest brings.
        current: What the current split of the same rest brings.
        gain: What the best split brings beyond it.
        is_better: Probability that it does.
        why: The verdict's reason.
        bindings: Limits that cost something, dearest first.
        gap: Share of the outcome by which a better split could beat the best one, at most.
    """

    level: BudgetLevel
    measure: Measure
    currency: str
    planned_from: dt.date
    total: Decimal
    parts: tuple[Part, ...]
    unplanned: tuple[Unplanned, ...]
    expected: Outlook
    current: Outlook
    gain: Outlook
    is_better: float
    verdict: Verdict
    why: str
    bindings: tuple[Binding, ...]
    gap: float
    basis: Basis


@dataclass(frozen=True, slots=True)
class BudgetScenario:
    """What a split brings, against going on as it is.

    Attributes:
        planned_from: First day that is still open.
        against_current: What it brings beyond going on as it is.
        beyond: Where it leaves what was observed, in words; there it counts as bringing nothing.
    """

    level: BudgetLevel
    measure: Measure
    currency: str
    planned_from: dt.date
    total: Decimal
    parts: tuple[Part, ...]
    unplanned: tuple[Unplanned, ...]
    expected: Outlook
    current: Outlook
    against_current: Outlook
    is_better: float
    beyond: tuple[str, ...]
    basis: Basis
