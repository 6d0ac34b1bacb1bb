"""A question and what is spent now, as the allocator takes it.

    question, members, paces -> minor units, bounds, groups -> Request, or amounts of a split

Everything is in whole minor units from here on; what is finer than a coin is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.errors import InvalidInputError, NotFoundError
from ingestion.connector.values import minor_digits
from ml.budget.request import Group, Item, Request
from ml.panel import Measure
from ml.spending.material import LeftOut
from ml.spending.question import Ask, Bound, Split, named
from tenancy.tables import BudgetLevel

__all__ = ["Members", "Paces", "in_minor", "request_of", "request_of_split", "split_of"]


@dataclass(frozen=True, slots=True)
class Members:
    """Items that can be planned, in their order.

    Attributes:
        keys: Of each.
        channels: Of each.
        shown: Keys as people know them.
        left_out: Who spends and is not among them.
    """

    keys: tuple[str, ...]
    channels: tuple[str, ...]
    shown: Mapping[str, str]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Paces:
    """What items spend, in minor units, in the order of `Members`.

    Attributes:
        current: Until the end, if everything went on as in the last four weeks.
        spent: Of the period, so far.
    """

    current: Sequence[int]
    spent: Sequence[int]


def in_minor(amount: Decimal, currency: str, what: str) -> int:
    """An amount in minor units of its currency.

    Raises:
        InvalidInputError: It is finer than the currency's smallest coin (caller).
    """
    digits = minor_digits(currency)
    exact = amount.scaleb(digits)
    if exact != exact.to_integral_value():
        raise InvalidInputError(
            f"{what} is {amount} {currency}: finer than the smallest coin",
            hint=f"{currency} has {digits} digits after the point",
        )
    return int(exact)


def request_of(ask: Ask, members: Members, paces: Paces, stays: int, currency: str) -> Request:
    """What the allocator is asked.

    Args:
        ask: The question; it has a total.
        members: What is planned.
        paces: What they spend.
        stays: Minor units of the total that go to what is not planned.
        currency: Of all amounts.

    Raises:
        InvalidInputError: An amount is finer than a coin, or a bound is of another level (caller).
        NotFoundError: A bound is of something that the client does not spend on (caller).
    """
    by_key: dict[str, Bound] = {}
    groups: list[Group] = []
    for bound in ask.bounds:
        places = _places(bound, ask.level, members)
        if bound.channel is not None and ask.level is BudgetLevel.CAMPAIGN:
            groups.append(_group(bound, bound.channel, places, currency))
        else:
            by_key[members.keys[places[0]]] = bound
    none = Bound()
    return Request(
        total=_left(ask, sum(paces.spent), stays, currency),
        items=tuple(
            _item(by_key.get(key, none), members.shown[key], current, spent, ask.measure, currency)
            for key, current, spent in zip(members.keys, paces.current, paces.spent, strict=True)
        ),
        groups=tuple(groups),
        step=None if ask.max_step is None else float(ask.max_step),
        most_cost=_cost(ask.most_cost, currency),
        least_return=None if ask.least_return is None else float(ask.least_return),
        currency=currency,
        minor_digits=minor_digits(currency),
    )


def request_of_split(ask: Ask, paces: Paces, currency: str) -> Request:
    """The words and the worth by which a given split is judged."""
    worth = _worth(ask.measure, currency)
    items = tuple(
        Item(current, spent, worth=worth)
        for current, spent in zip(paces.current, paces.spent, strict=True)
    )
    total = sum(paces.current) + sum(paces.spent)
    return Request(total, items, currency=currency, minor_digits=minor_digits(currency))


def split_of(
    spends: Sequence[Split], level: BudgetLevel, members: Members, paces: Paces, currency: str
) -> list[int]:
    """Minor units until the end, of each item; what is not named goes on as it is.

    Raises:
        InvalidInputError: Finer than a coin, of another level, or less than is spent (caller).
        NotFoundError: Something is named that the client does not spend on (caller).
    """
    amounts = list(paces.current)
    for one in spends:
        if one.channel is not None and level is BudgetLevel.CAMPAIGN:
            raise InvalidInputError(
                f"{one.channel!r} is a channel", hint="name campaigns, or ask by channel"
            )
        (place,) = _places(one, level, members)
        amount = in_minor(one.amount, currency, f"the spend of {named(one)}")
        amounts[place] = amount - paces.spent[place]
        if amounts[place] < 0:
            raise InvalidInputError(
                f"{members.shown[members.keys[place]]} has spent more of the period already",
                hint="give at least what is spent, or ask from today on",
            )
    return amounts


def _left(ask: Ask, spent: int, stays: int, currency: str) -> int:
    """Of the total, what is there for those that are planned."""
    if ask.total is None:
        raise InvalidInputError("a plan needs a total", hint="say how much is to be spent")
    total, digits = in_minor(ask.total, currency, "the total"), minor_digits(currency)
    if total < spent + stays:
        taken = Decimal(spent + stays).scaleb(-digits)
        raise InvalidInputError(
            f"{taken:,} {currency} of the period are spent already, or go on to what cannot be "
            f"planned yet: a total of {ask.total:,} leaves nothing",
            hint="give a larger total, or pause what cannot be planned",
        )
    return total - stays


def _places(one: Bound | Split, level: BudgetLevel, members: Members) -> list[int]:
    if one.campaign is not None and level is BudgetLevel.CHANNEL:
        raise InvalidInputError(
            "a campaign is named in a question by channel", hint="ask by campaign"
        )
    among = members.keys if one.campaign is not None or level is BudgetLevel.CHANNEL else None
    wanted = one.campaign or one.channel or ""
    places = [place for place, key in enumerate(among or members.channels) if key == wanted]
    if places:
        return places
    for out in members.left_out:
        if out.key == wanted:
            raise InvalidInputError(
                f"it cannot be planned yet: {out.reason}", hint="leave it out of the question"
            )
    known = sorted({*members.channels} if among is None else {*members.shown.values()})
    raise NotFoundError(
        "the client spends on no such campaign"
        if one.campaign is not None
        else f"the client spends on no channel {wanted!r}",
        hint=f"there are {', '.join(known[:10])}",
    )


def _group(bound: Bound, channel: str, places: Sequence[int], currency: str) -> Group:
    if bound.most_cost is not None or bound.least_return is not None:
        raise InvalidInputError(
            f"the efficiency of {channel!r} is not kept by campaign",
            hint="bound its campaigns, or ask by channel",
        )
    least = Decimal(0) if bound.least is None else bound.least
    return Group(
        name=channel,
        items=frozenset(places),
        least=in_minor(least, currency, f"the least of {channel!r}"),
        most=None
        if bound.most is None
        else in_minor(bound.most, currency, f"the most of {channel!r}"),
    )


def _item(
    bound: Bound, name: str, current: int, spent: int, measure: Measure, currency: str
) -> Item:
    least = Decimal(0) if bound.least is None else bound.least
    return Item(
        current=current,
        spent=spent,
        least=in_minor(least, currency, f"the least of {name}"),
        most=None if bound.most is None else in_minor(bound.most, currency, f"the most of {name}"),
        worth=_worth(measure, currency),
        most_cost=_cost(bound.most_cost, currency),
        least_return=None if bound.least_return is None else float(bound.least_return),
    )


def _worth(measure: Measure, currency: str) -> float:
    """Curves of revenue are in units of currency; the allocator counts in minor ones."""
    return float(10 ** minor_digits(currency)) if measure is Measure.REVENUE else 1.0


def _cost(amount: Decimal | None, currency: str) -> int | None:
    if amount is None:
        return None
    return in_minor(amount, currency, "the most that a conversion may cost")
