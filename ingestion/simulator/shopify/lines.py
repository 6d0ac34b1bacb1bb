"""What is in an order: lines of products, and the discounts that each line bears.

    seed + shop -> shelf of variants; seed + order -> basket -> lines, discounts to the cent

A discount code is given on the whole order and allocated to all lines; an automatic discount is
given on one line. A few orders are of resellers and have hundreds of lines. A few products have
been deleted since: their lines keep the name and lose the product.

Source: shopify.dev/docs/api/admin-graphql, objects LineItem and DiscountAllocation, 2026-10.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from ingestion.simulator.chance import Chance, numbers

__all__ = ["Basket", "OrderLine", "Variant", "make_basket", "make_lines"]

_PRODUCTS: Final = 40
_PRODUCT_IDS: Final = 8_000_000_000_000
_VARIANT_IDS: Final = 44_000_000_000_000
_LINE_IDS: Final = 13_000_000_000_000_000
_KINDS: Final = ("Classic", "Light", "Winter", "Travel", "Mini", "Pro", "Set", "Limited")
_SIZES: Final = ("S", "M", "L")
_GONE_EVERY: Final = 13  # products
_RESELLER_PER_MILLE: Final = 3
_AUTOMATIC_PER_MILLE: Final = 60


class Variant(NamedTuple):
    """A product in one size; `is_gone`: it has been deleted since."""

    product_id: int
    variant_id: int
    title: str
    size: str
    sku: str
    cents: int
    is_gone: bool


class Basket(NamedTuple):
    """What an order holds, and what is taken off its price, in hundredths of the currency.

    Attributes:
        pieces: Variants and how many of each, line by line.
        on_first_cents: Discount on the first line.
        on_order_cents: Discount on the order.
    """

    pieces: tuple[tuple[Variant, int], ...]
    on_first_cents: int
    on_order_cents: int

    @property
    def quantity(self) -> int:
        """Pieces of all lines."""
        return sum(quantity for _, quantity in self.pieces)

    @property
    def discount_cents(self) -> int:
        """All discounts."""
        return self.on_first_cents + self.on_order_cents

    @property
    def net_cents(self) -> int:
        """Price of all pieces after all discounts."""
        prices = sum(variant.cents * quantity for variant, quantity in self.pieces)
        return prices - self.discount_cents


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line; amounts in hundredths of the shop's currency.

    Attributes:
        number: Id of the line.
        variant: What was ordered.
        quantity: Pieces ordered.
        on_line_cents: Discount given on this line.
        on_order_cents: This line's part of a discount given on the order.
    """

    number: int
    variant: Variant
    quantity: int
    on_line_cents: int
    on_order_cents: int

    @property
    def original_cents(self) -> int:
        """Price of all pieces, before discounts."""
        return self.quantity * self.variant.cents

    @property
    def net_cents(self) -> int:
        """Price of all pieces, after discounts."""
        return self.original_cents - self.on_line_cents - self.on_order_cents


def make_basket(
    seed: int, handle: str, place: int, *, code_percent: int, reseller_lines: tuple[int, int]
) -> Basket:
    """Fill the basket of an order.

    Args:
        seed: Of the world.
        handle: Of the shop.
        place: Number of the order among all orders that the shop can have.
        code_percent: Discount by a code, on the whole order; 0: none.
        reseller_lines: Least and most lines of an order of a reseller.
    """
    shelf = _shelf(seed, handle)
    # Many orders are made to look at few: eight numbers are enough for all but resellers.
    kind, automatic, count, *draws = numbers(seed, "basket", handle, place)
    if kind % 1000 < _RESELLER_PER_MILLE:
        pieces = _resold(Chance(seed, "reseller", handle, place), shelf, reseller_lines)
    else:
        pieces = tuple(
            (shelf[draw % len(shelf)], 1 + ((draw >> 32) % 5 == 0))
            for draw in draws[: 1 + count % 4]
        )
    first, quantity = pieces[0]
    on_first = (
        first.cents * quantity * (15 if automatic % 1000 < _AUTOMATIC_PER_MILLE else 0) // 100
    )
    prices = sum(variant.cents * quantity for variant, quantity in pieces)
    return Basket(pieces, on_first, (prices - on_first) * code_percent // 100)


def _resold(
    chance: Chance, shelf: Sequence[Variant], lines: tuple[int, int]
) -> tuple[tuple[Variant, int], ...]:
    count = chance.between(*lines)
    return tuple((chance.pick(shelf), chance.between(2, 9)) for _ in range(count))


def make_lines(basket: Basket, place: int) -> list[OrderLine]:
    """Write out the lines of a basket; a discount on the order is allocated by their prices."""
    lines = []
    begin = 0
    whole = basket.net_cents + basket.on_order_cents
    for index, (variant, quantity) in enumerate(basket.pieces):
        on_line = basket.on_first_cents if index == 0 else 0
        end = begin + variant.cents * quantity - on_line
        allocated = basket.on_order_cents * end // whole - basket.on_order_cents * begin // whole
        lines.append(
            OrderLine(_LINE_IDS + place * 1_000 + index, variant, quantity, on_line, allocated)
        )
        begin = end
    return lines


@cache
def _shelf(seed: int, handle: str) -> tuple[Variant, ...]:
    return tuple(
        variant for index in range(_PRODUCTS) for variant in _variants(seed, handle, index)
    )


def _variants(seed: int, handle: str, index: int) -> list[Variant]:
    chance = Chance(seed, "product", handle, index)
    cents = chance.between(1_200, 9_900)
    brand = handle.replace("-", " ").title()
    title = f"{brand} {_KINDS[index % len(_KINDS)]} {index // len(_KINDS) + 1}"
    return [
        Variant(
            product_id=_PRODUCT_IDS + index,
            variant_id=_VARIANT_IDS + index * 10 + place,
            title=title,
            size=size,
            sku=f"{handle[:3].upper()}-{index:03}-{size}",
            cents=cents,
            is_gone=index % _GONE_EVERY == _GONE_EVERY - 1,
        )
        for place, size in enumerate(_SIZES[: chance.between(1, len(_SIZES))])
    ]
