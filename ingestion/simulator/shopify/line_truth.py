"""What the lines of the simulated orders really amount to, computed beside the HTTP path.

world -> orders of each day -> lines -> totals by chosen keys
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.errors import InvalidInputError
from ingestion.simulator.shopify.lines import OrderLine
from ingestion.simulator.shopify.world import Order, ShopWorld, minute_of

__all__ = ["LINE_KEYS", "line_truth_document"]

LINE_KEYS: Final = ("day", "order", "line", "product", "sku", "test")


def line_truth_document(
    world: ShopWorld, *, first_day: date, last_day: date, now: datetime, by: Collection[str]
) -> dict[str, Any]:
    """Build the JSON of `GET /_control/truth/shopify/{shop}/lines`; amounts are decimal strings.

    Args:
        world: World of the shop.
        first_day: First day in the shop's time zone.
        last_day: Last day, included.
        now: UTC instant as of which orders are seen, taken to the full minute.
        by: Keys of a row, out of `LINE_KEYS`; the product is empty for one that is gone.

    Raises:
        InvalidInputError: `by` names an unknown key.
    """
    if unknown := sorted(set(by) - set(LINE_KEYS)):
        raise InvalidInputError(
            f"Truth of lines has no key {unknown[0]!r}.", hint=f"It has {', '.join(LINE_KEYS)}."
        )
    keys = [key for key in LINE_KEYS if key in by]
    sums: dict[tuple[str, ...], list[int]] = {}
    totals = [0, 0, 0]
    day = first_day
    while day <= last_day:
        for order in world.orders_of_day(day):
            if order.created_at > minute_of(now):
                continue
            for line in order.lines:
                names = _names(day, order, line)
                held = sums.setdefault(tuple(names[key] for key in keys), [0, 0, 0])
                for place, measure in enumerate((1, line.quantity, line.net_cents)):
                    held[place] += measure
                    totals[place] += measure
        day += timedelta(days=1)
    return {
        "shop": world.shop.handle,
        "currency": world.shop.currency,
        "asOf": minute_of(now).isoformat(),
        "rows": [
            {**dict(zip(keys, names, strict=True)), **_measures(held)}
            for names, held in sorted(sums.items())
        ],
        "totals": _measures(totals),
    }


def _names(day: date, order: Order, line: OrderLine) -> dict[str, str]:
    variant = line.variant
    return {
        "day": day.isoformat(),
        "order": str(order.number),
        "line": str(line.number),
        "product": "" if variant.is_gone else str(variant.product_id),
        "sku": variant.sku,
        "test": str(order.is_test).lower(),
    }


def _measures(held: list[int]) -> dict[str, Any]:
    lines, units, cents = held
    return {"lines": lines, "units": units, "lineRevenue": str(Decimal(cents).scaleb(-2))}
