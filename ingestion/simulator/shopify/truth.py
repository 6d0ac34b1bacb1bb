"""What the simulated shops really hold, computed beside the HTTP path.

world -> orders of each day -> state as of now -> totals by chosen keys
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.errors import InvalidInputError
from ingestion.simulator.shopify.world import OrderState, ShopWorld, minute_of

__all__ = ["TRUTH_KEYS", "OrderTotals", "compute_truth", "truth_document"]

TRUTH_KEYS: Final = ("day", "status", "source", "country", "currency", "test", "order")

# Names in JSON of the summed amounts, in the order of `OrderTotals.cents`.
_MEASURES: Final = (
    "totalPrice",
    "currentTotalPrice",
    "totalRefunded",
    "subtotalPrice",
    "totalDiscounts",
    "totalTax",
    "totalShippingPrice",
)


@dataclass(frozen=True, slots=True)
class OrderTotals:
    """Totals of one group.

    Attributes:
        keys: Values of the keys asked for.
        orders: Number of orders.
        cents: Sums in hundredths of the shop's currency: total, current total, refunded, subtotal,
            discounts, tax, shipping.
    """

    keys: tuple[str, ...]
    orders: int
    cents: tuple[int, ...]


def compute_truth(
    world: ShopWorld,
    *,
    first_day: date,
    last_day: date,
    now: datetime,
    by: Collection[str] = ("day",),
) -> list[OrderTotals]:
    """Sum the orders created on the shop's days `[first_day, last_day]`, as they stand at `now`.

    Args:
        world: World of the shop.
        first_day: First day in the shop's time zone.
        last_day: Last day, included.
        now: UTC instant as of which orders are seen, taken to the full minute.
        by: Keys of a group, out of `TRUTH_KEYS`; `currency` is the presentment currency.

    Returns:
        One entry per group, ordered by its keys. Test and cancelled orders are included.
    """
    present = minute_of(now)
    sums: dict[tuple[str, ...], list[int]] = {}
    day = first_day
    while day <= last_day:
        for order in world.orders_of_day(day):
            if order.created_at > present:
                continue
            state = order.state_at(present)
            names = _names(day, state)
            key = tuple(names[name] for name in TRUTH_KEYS if name in by)
            held = sums.setdefault(key, [0] * (1 + len(_MEASURES)))
            held[0] += 1
            for place, cents in enumerate(_cents(state), start=1):
                held[place] += cents
        day += timedelta(days=1)
    return [OrderTotals(keys, held[0], tuple(held[1:])) for keys, held in sorted(sums.items())]


def truth_document(
    world: ShopWorld, *, first_day: date, last_day: date, now: datetime, by: Collection[str]
) -> dict[str, Any]:
    """Build the JSON of `GET /_control/truth/shopify/{shop}`; amounts are decimal strings.

    Raises:
        InvalidInputError: `by` names an unknown key.
    """
    if unknown := sorted(set(by) - set(TRUTH_KEYS)):
        raise InvalidInputError(
            f"Truth has no key {unknown[0]!r}.", hint=f"It has {', '.join(TRUTH_KEYS)}."
        )
    groups = compute_truth(world, first_day=first_day, last_day=last_day, now=now, by=by)
    whole = compute_truth(world, first_day=first_day, last_day=last_day, now=now, by=())
    keys = [key for key in TRUTH_KEYS if key in by]
    return {
        "shop": world.shop.handle,
        "currency": world.shop.currency,
        "timeZone": world.shop.time_zone,
        "asOf": minute_of(now).isoformat(),
        "rows": [
            {**dict(zip(keys, group.keys, strict=True)), **_measures(group)} for group in groups
        ],
        "totals": _measures(whole[0] if whole else OrderTotals((), 0, (0,) * len(_MEASURES))),
    }


def _names(day: date, state: OrderState) -> dict[str, str]:
    order = state.order
    return {
        "day": day.isoformat(),
        "status": state.financial_status,
        "source": order.source_name,
        "country": order.country,
        "currency": order.presentment,
        "test": str(order.is_test).lower(),
        "order": str(order.number),
    }


def _cents(state: OrderState) -> tuple[int, ...]:
    order = state.order
    return (
        order.total_cents,
        state.current_total_cents,
        state.refunded_cents,
        order.subtotal_cents,
        order.discount_cents,
        order.tax_cents,
        order.shipping_cents,
    )


def _measures(totals: OrderTotals) -> dict[str, Any]:
    amounts = {
        name: str(Decimal(cents).scaleb(-2))
        for name, cents in zip(_MEASURES, totals.cents, strict=True)
    }
    return {"orders": totals.orders, **amounts}
