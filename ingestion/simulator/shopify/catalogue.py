"""Lists of orders and customers: searched, sorted, paged.

    arguments -> Filter -> days -> states -> sorted -> page after the cursor

A list is kept for the minute it was made for, so that the pages of one walk are cheap.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from ingestion.simulator.shopify.errors import FieldRefusalError
from ingestion.simulator.shopify.pages import Page, first_of, read_cursor, write_cursor
from ingestion.simulator.shopify.search import Filter, Term, parse_search
from ingestion.simulator.shopify.world import (
    UPDATE_HORIZON,
    Customer,
    OrderState,
    ShopWorld,
    day_of_order,
    minute_of,
)

__all__ = ["Catalogue"]

T = TypeVar("T")

_INSTANTS: Final = frozenset({"created_at", "updated_at", "processed_at"})
_ORDER_WORDS: Final = frozenset({"financial_status", "id", "name", "status", "test"})
_CUSTOMER_WORDS: Final = frozenset({"country", "email", "id"})
_KEPT_LISTS: Final = 64


@dataclass(frozen=True, slots=True)
class _Listing(Generic[T]):
    items: tuple[T, ...]
    keys: tuple[tuple[Any, int], ...]
    filter: Filter


class Catalogue:
    """The lists of one shop."""

    def __init__(self, world: ShopWorld) -> None:
        self._world = world
        self._lists: OrderedDict[object, _Listing[Any]] = OrderedDict()

    def orders(
        self, key: str, arguments: dict[str, Any], now: datetime, *, page_divisor: int = 1
    ) -> Page[OrderState]:
        """Return a page of `orders`.

        Args:
            key: Response key, for errors.
            arguments: Coerced arguments of the field.
            now: The present.
            page_divisor: Serves pages that much shorter than asked for.

        Raises:
            FieldRefusalError: `first` is missing or out of range, or the cursor is not one.
        """
        return self._page(key, "orders", arguments, now, page_divisor)

    def customers(
        self, key: str, arguments: dict[str, Any], now: datetime, *, page_divisor: int = 1
    ) -> Page[Customer]:
        """Return a page of `customers`; see `orders`."""
        return self._page(key, "customers", arguments, now, page_divisor)

    def _page(
        self, key: str, field: str, arguments: dict[str, Any], now: datetime, divisor: int
    ) -> Page[Any]:
        first = first_of(key, arguments)
        listing = self._listing(field, arguments, minute_of(now))
        is_reverse = bool(arguments.get("reverse"))
        begin = 0
        if arguments.get("after"):
            position = read_cursor(key, arguments["after"])
            begin = _after(key, listing.keys, position, is_reverse=is_reverse)
        end = min(begin + max(first // divisor, 1), len(listing.items))
        return Page(
            nodes=listing.items[begin:end],
            cursors=tuple(write_cursor(position) for position in listing.keys[begin:end]),
            has_next=end < len(listing.items),
            has_previous=begin > 0,
            warnings=tuple(listing.filter.warnings(key, arguments.get("query") or "")),
        )

    def _listing(self, field: str, arguments: dict[str, Any], now: datetime) -> _Listing[Any]:
        text = arguments.get("query") or ""
        sort_key, is_reverse = arguments["sortKey"], bool(arguments.get("reverse"))
        name = (field, text, sort_key, is_reverse, now)
        if name not in self._lists:
            make = self._make_orders if field == "orders" else self._make_customers
            self._lists[name] = make(text, sort_key, now, is_reverse=is_reverse)
            if len(self._lists) > _KEPT_LISTS:
                self._lists.popitem(last=False)
        return self._lists[name]

    def _make_orders(
        self, text: str, sort_key: str, now: datetime, *, is_reverse: bool
    ) -> _Listing[OrderState]:
        found = self._search(text, _ORDER_WORDS)
        states = []
        for day in _named_days(found) or self._days(found, now):
            for order in self._world.orders_of_day(day):
                if order.created_at > now or not found.passes("created_at", order.created_at):
                    continue
                state = order.state_at(now)
                if (
                    found.passes("processed_at", order.created_at)
                    and found.passes("updated_at", state.updated_at)
                    and all(_order_matches(term, state) for term in found.words)
                ):
                    states.append(state)
        return _sorted(states, _ORDER_KEYS[sort_key], found, is_reverse=is_reverse)

    def _make_customers(
        self, text: str, sort_key: str, now: datetime, *, is_reverse: bool
    ) -> _Listing[Customer]:
        found = self._search(text, _CUSTOMER_WORDS)
        customers = [
            customer
            for day in self._days(found, now)
            for customer in self._world.customers_of_day(day)
            if customer.created_at <= now
            and found.passes("created_at", customer.created_at)
            and found.passes("updated_at", customer.updated_at(now))
            and all(_customer_matches(term, customer) for term in found.words)
        ]
        keys: dict[str, Callable[[Customer], Any]] = {
            "CREATED_AT": lambda each: each.created_at.isoformat(),
            "ID": lambda each: each.number,
            "UPDATED_AT": lambda each: each.updated_at(now).isoformat(),
        }
        make = keys[sort_key]
        return _sorted(
            customers, lambda each: (make(each), each.number), found, is_reverse=is_reverse
        )

    def _search(self, text: str, words: frozenset[str]) -> Filter:
        return parse_search(
            text, zone=self._world.zone, instant_fields=_INSTANTS, word_fields=words
        )

    def _days(self, found: Filter, now: datetime) -> Iterator[date]:
        """Days on which something that passes can have been created."""
        world = self._world
        created = [found.bounds("created_at"), found.bounds("processed_at")]
        updated = found.bounds("updated_at")
        lows = [low for low, _ in created if low is not None]
        lows += [updated[0] - UPDATE_HORIZON] if updated[0] else []
        highs = [high for _, high in (*created, updated) if high is not None]
        day = max([world.first_day, *(world.day_of(low) for low in lows)])
        last = min([world.day_of(now), *(world.day_of(high) for high in highs)])
        while day <= last:
            yield day
            day += timedelta(days=1)


def _named_days(found: Filter) -> list[date]:
    """The day of an order that is asked for by its id; none: it is not."""
    return [
        day_of_order(int(term.value))
        for term in found.words
        if term.field == "id" and term.value.isdecimal() and not term.is_negated
    ]


_ORDER_KEYS: Final[dict[str, Callable[[OrderState], tuple[Any, int]]]] = {
    "CREATED_AT": lambda state: (state.order.created_at.isoformat(), state.order.number),
    "ID": lambda state: (state.order.number, state.order.number),
    "PROCESSED_AT": lambda state: (state.order.created_at.isoformat(), state.order.number),
    "TOTAL_PRICE": lambda state: (state.order.total_cents, state.order.number),
    "UPDATED_AT": lambda state: (state.updated_at.isoformat(), state.order.number),
}


def _sorted(
    items: list[T], key: Callable[[T], tuple[Any, int]], found: Filter, *, is_reverse: bool
) -> _Listing[T]:
    pairs = sorted(((key(item), item) for item in items), key=_first, reverse=is_reverse)
    return _Listing(tuple(item for _, item in pairs), tuple(name for name, _ in pairs), found)


def _first(pair: tuple[tuple[Any, int], object]) -> tuple[Any, int]:
    return pair[0]


def _after(
    key: str, keys: tuple[tuple[Any, int], ...], position: tuple[Any, int], *, is_reverse: bool
) -> int:
    """Find the first index behind `position`, whether or not the item is still in the list."""
    if keys and type(keys[0][0]) is not type(position[0]):
        raise FieldRefusalError(
            "Invalid cursor for current pagination sort.",
            key=key,
            extensions={"code": "INVALID_CURSOR"},
        )
    if is_reverse:
        return len(keys) - bisect_left(keys[::-1], position)
    return bisect_right(keys, position)


def _order_matches(term: Term, state: OrderState) -> bool:
    value = term.value.lower()
    order = state.order
    if term.field == "status":
        status = "cancelled" if state.is_cancelled else "open"
        is_match = value in {"any", status} or (
            value == "closed" and state.is_fulfilled and not state.is_cancelled
        )
    elif term.field == "financial_status":
        is_match = state.financial_status.lower() == value
    elif term.field == "test":
        is_match = str(order.is_test).lower() == value
    elif term.field == "name":
        is_match = order.name.lstrip("#") == value.lstrip("#")
    else:
        is_match = str(order.number) == value
    return is_match is not term.is_negated


def _customer_matches(term: Term, customer: Customer) -> bool:
    actual = {
        "country": customer.country.lower(),
        "email": customer.email,
        "id": str(customer.number),
    }[term.field]
    return (actual == term.value.lower()) is not term.is_negated
