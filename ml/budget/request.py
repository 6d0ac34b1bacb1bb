"""What is asked of a plan, in minor units of one currency, and the limits that follow from it.

    request, returns -> what is left to spend -> limits, one-sided, each in words with its amount

One-sided and named, because a plan that cannot be has to say which of them contradict.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from domain.errors import InvalidInputError
from ml.budget.returns import Returns
from ml.panel import Floats

__all__ = [
    "Efficiency",
    "Goal",
    "Group",
    "Item",
    "Limit",
    "Request",
    "efficiencies_of",
    "limits_of",
]

_TOTAL: Final = "the total"


@dataclass(frozen=True, slots=True)
class Item:
    """A campaign or channel that gets a share.

    Attributes:
        current: What it would get until the end if everything went on as it is.
        spent: What it has spent of this period already.
        least: Of the whole period.
        most: Of the whole period.
        learning: What it needs until the end so that the platform goes on learning.
        worth: Value of one outcome, in minor units; 1: outcomes themselves are counted.
        most_cost: What one outcome may cost, in minor units.
        least_return: Value that one unit of spend has to bring.
    """

    current: int
    spent: int = 0
    least: int = 0
    most: int | None = None
    learning: int = 0
    worth: float = 1.0
    most_cost: int | None = None
    least_return: float | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Items with a bound together; two groups are apart, or one holds the other."""

    name: str
    items: frozenset[int]
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """What is made large.

    Attributes:
        worst: Share of the worst draws whose mean counts (CVaR); None: the mean of all.
    """

    worst: float | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A plan to be made.

    Attributes:
        total: To be spent in the whole period, exactly.
        items: In the order of the returns.
        groups: Bounds of several items.
        step: Largest change of an item against `current`, as a share of it.
        most_cost: What one outcome may cost over all items, in minor units.
        least_return: Value that one unit of spend has to bring over all items.
        goal: What is made large.
        currency: ISO 4217 code, for words.
        minor_digits: Digits after the point of an amount, for words.
    """

    total: int
    items: tuple[Item, ...]
    groups: tuple[Group, ...] = ()
    step: float | None = None
    most_cost: int | None = None
    least_return: float | None = None
    goal: Goal = field(default_factory=Goal)
    currency: str = "EUR"
    minor_digits: int = 2

    def __post_init__(self) -> None:
        for one in self.groups:
            for other in self.groups:
                common = one.items & other.items
                if common and common not in (one.items, other.items):
                    raise InvalidInputError(
                        f"The groups {one.name!r} and {other.name!r} overlap.",
                        hint="Two groups must be apart, or one must hold the other.",
                    )
        if self.goal.worst is not None and not 0 < self.goal.worst <= 1:
            raise InvalidInputError("The share of the worst draws must be above 0, and at most 1.")

    @property
    def left(self) -> int:
        """What is still to be spent."""
        return self.total - sum(item.spent for item in self.items)

    def money(self, minor: float) -> str:
        """An amount in words."""
        return f"{minor / 10**self.minor_digits:,.{self.minor_digits}f} {self.currency}"


@dataclass(frozen=True, slots=True)
class Limit:
    """`lower <= sum of the items <= upper`, in minor units until the end.

    Attributes:
        items: Whose amounts are added.
        lower: None: none.
        upper: None: none.
        words: What it is, with its amount.
    """

    items: tuple[int, ...]
    lower: int | None
    upper: int | None
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Efficiency:
    """Expected outcomes pay for the spend: `sum of credit * outcome >= sum of spend`.

    Attributes:
        items: Which are added.
        credit: Minor units that one outcome of each item may cost, shape (items of the request,).
        words: What it is, with its figure.
    """

    items: tuple[int, ...]
    credit: Floats
    words: str


def limits_of(request: Request, returns: Returns) -> list[Limit]:
    """All linear limits, the exact total first."""
    every = tuple(range(len(request.items)))
    left = request.left
    limits = [Limit(every, left, left, f"{_TOTAL} leaves {request.money(left)} to spend")]
    for place, (item, name) in enumerate(zip(request.items, returns.names, strict=True)):
        limits += _of_item(request, item, place, name, returns.highest(place))
    for group in request.groups:
        spent = sum(request.items[place].spent for place in group.items)
        places = tuple(sorted(group.items))
        if group.least > spent:
            words = f"{group.name!r} gets at least {request.money(group.least - spent)} more"
            limits.append(Limit(places, group.least - spent, None, words))
        if group.most is not None:
            words = f"{group.name!r} gets at most {request.money(group.most - spent)} more"
            limits.append(Limit(places, None, group.most - spent, words))
    return limits


def _of_item(request: Request, item: Item, place: int, name: str, highest: int) -> list[Limit]:
    only = (place,)
    money = request.money
    lowers = [(0, f"{name!r} cannot get less than nothing")]
    uppers = [(highest, f"{name!r} was never observed beyond {money(highest)}")]
    if item.least > item.spent:
        rest = item.least - item.spent
        lowers.append((rest, f"{name!r} gets at least {money(rest)} more"))
    if item.learning:
        lowers.append((item.learning, f"{name!r} needs {money(item.learning)} to go on learning"))
    if item.most is not None:
        rest = item.most - item.spent
        uppers.append((rest, f"{name!r} gets at most {money(rest)} more"))
    if request.step is not None:
        down = int(np.ceil(item.current * (1 - request.step) - 1e-9))
        up = int(np.floor(item.current * (1 + request.step) + 1e-9))
        change = f"{request.step:.0%} of {money(item.current)}"
        lowers.append((down, f"{name!r} falls by at most {change}"))
        uppers.append((up, f"{name!r} rises by at most {change}"))
    limits = [Limit(only, amount, None, words) for amount, words in lowers]
    return limits + [Limit(only, None, amount, words) for amount, words in uppers]


def efficiencies_of(request: Request, names: tuple[str, ...]) -> list[Efficiency]:
    """All limits on what outcomes may cost."""
    worth = np.array([item.worth for item in request.items])
    every = tuple(range(len(request.items)))
    found = []
    for items, cost, least, whose in [
        (every, request.most_cost, request.least_return, "all items together"),
        *(
            ((place,), item.most_cost, item.least_return, repr(name))
            for place, (item, name) in enumerate(zip(request.items, names, strict=True))
        ),
    ]:
        if cost is not None:
            words = f"an outcome of {whose} costs at most {request.money(cost)}"
            found.append(Efficiency(items, np.full(len(worth), float(cost)), words))
        if least is not None:
            words = f"{whose} bring at least {least:g} times what they spend"
            found.append(Efficiency(items, worth / least, words))
    return found
