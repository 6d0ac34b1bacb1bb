"""The world of shops: orders, what later happens to them, and customers.

    seed + shop + day -> Orders (all their future included); Order + now -> OrderState

An order is made whole, with its cancellation, refunds, edit and fulfilment; what is visible depends
on the present, and `updated_at` is the last of the events that have happened. The present is taken
to the full minute, so that the pages of one minute show one state. All amounts are integer
hundredths of the shop's currency.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from ingestion.simulator.chance import Chance
from ingestion.simulator.shopify.config import Shop, ShopifyConfig
from ingestion.simulator.shopify.lines import Basket, OrderLine, make_basket, make_lines

__all__ = [
    "UPDATE_HORIZON",
    "Customer",
    "Order",
    "OrderState",
    "PlannedRefund",
    "ShopWorld",
    "Visit",
    "day_of_order",
    "minute_of",
]

# No event touches an order or a customer later than this after its creation: refunds come within
# 54 days, changes of a profile within 90.
UPDATE_HORIZON: Final = timedelta(days=91)

_ORDER_IDS: Final = 5_000_000_000_000
_ORDERS_A_DAY: Final = 1_000  # at most: an order's number tells its day
_CUSTOMER_IDS: Final = 7_000_000_000_000
_REFUND_IDS: Final = 900_000_000_000
_WEEKDAY_PER_MILLE: Final = (1000, 960, 940, 950, 1010, 1090, 1120)
# Hundredths of a foreign unit per hundred hundredths of the shop's currency, times 100.
_RATES: Final = {
    "EUR": (("CHF", 9_400, "CH"), ("GBP", 8_600, "GB"), ("SEK", 112_000, "SE")),
    "USD": (("CAD", 13_700, "CA"), ("JPY", 1_520_000, "JP"), ("GBP", 7_800, "GB")),
}
_NEIGHBOURS: Final = {"DE": ("AT", "NL", "FR", "IT"), "US": ("US", "US", "CA")}
_FREE_SHIPPING_CENTS: Final = 10_000
_TAX_PER_MILLE: Final = {"EUR": 190, "USD": 70}
_VISITS: Final = (
    ("google", "cpc", "brand-search", "google"),
    ("google", "cpc", "pmax-all-products", "google"),
    ("facebook", "paid_social", "prospecting", "facebook"),
    ("newsletter", "email", "weekly", "newsletter"),
    ("tiktok", "paid_social", "spark", "tiktok"),
    ("", "", "", "direct"),
    ("", "", "", "google"),
)
_FIRST_NAMES: Final = (
    "Ada",
    "Ben",
    "Chloe",
    "David",
    "Elif",
    "Finn",
    "Grace",
    "Hugo",
    "Ines",
    "Jon",
)
_LAST_NAMES: Final = ("Adler", "Brown", "Conti", "Dubois", "Eriksson", "Fischer", "Garcia", "Huber")
_CITIES: Final = ("Berlin", "Hamburg", "New York", "Boston", "Vienna", "Zurich", "Lyon", "Leeds")


@dataclass(frozen=True, slots=True)
class PlannedRefund:
    """A refund that will happen at `at`."""

    number: int
    at: datetime
    cents: int
    note: str


@dataclass(frozen=True, slots=True)
class Visit:
    """The visit that led to an order; empty texts stand for no UTM parameters."""

    occurred_at: datetime
    source: str
    utm_source: str
    utm_medium: str
    utm_campaign: str


@dataclass(frozen=True, slots=True)
class Order:
    """An order with everything that will ever happen to it.

    `rate` is hundredths of the presentment currency per 100 units of shop currency, times 100;
    10,000 is par. `customer` is (day of the first order, index of the new customers of that day).
    """

    number: int
    name: str
    created_at: datetime
    shop: Shop
    subtotal_cents: int
    discount_cents: int
    shipping_cents: int
    tax_cents: int
    total_cents: int
    basket: Basket
    presentment: str
    rate: int
    country: str
    source_name: str
    is_test: bool
    discount_code: str
    customer: tuple[date, int]
    visit: Visit | None
    cancelled_at: datetime | None
    cancel_reason: str
    was_paid: bool
    refunds: tuple[PlannedRefund, ...]
    edited_at: datetime | None
    edit_cents: int
    fulfilled_at: datetime

    @property
    def lines(self) -> list[OrderLine]:
        """What is in it."""
        return make_lines(self.basket, self.number - _ORDER_IDS)

    def state_at(self, now: datetime) -> "OrderState":
        """Show the order as it stands at `now`."""
        refunds = tuple(refund for refund in self.refunds if refund.at <= now)
        is_cancelled = self.cancelled_at is not None and self.cancelled_at <= now
        is_edited = self.edited_at is not None and self.edited_at <= now
        is_fulfilled = not is_cancelled and self.fulfilled_at <= now
        moments = [self.created_at, *(refund.at for refund in refunds)]
        moments += [self.cancelled_at] if is_cancelled and self.cancelled_at else []
        moments += [self.edited_at] if is_edited and self.edited_at else []
        moments += [self.fulfilled_at] if is_fulfilled else []
        refunded = sum(refund.cents for refund in refunds)
        charged = self.total_cents + (self.edit_cents if is_edited else 0)
        return OrderState(
            order=self,
            updated_at=max(moments),
            refunds=refunds,
            refunded_cents=refunded,
            current_total_cents=0 if is_cancelled else charged - refunded,
            is_cancelled=is_cancelled,
            is_edited=is_edited,
            is_fulfilled=is_fulfilled,
        )


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order as it stands at some instant."""

    order: Order
    updated_at: datetime
    refunds: tuple[PlannedRefund, ...]
    refunded_cents: int
    current_total_cents: int
    is_cancelled: bool
    is_edited: bool
    is_fulfilled: bool

    @property
    def financial_status(self) -> str:
        """`displayFinancialStatus`."""
        if self.is_cancelled and not self.order.was_paid:
            return "VOIDED"
        if self.refunded_cents == 0:
            return "PAID"
        is_whole = self.refunded_cents >= self.order.total_cents
        return "REFUNDED" if is_whole else "PARTIALLY_REFUNDED"


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer; `profile_changed_at` later moves `updated_at`."""

    number: int
    key: tuple[date, int]
    shop: Shop
    created_at: datetime
    profile_changed_at: datetime | None
    first_name: str
    last_name: str
    email: str
    phone: str | None  # a number that nobody has: Bundesnetzagentur and NANP keep them for fiction
    country: str
    city: str
    zip_code: str

    def updated_at(self, now: datetime) -> datetime:
        """Return when the profile last changed, as seen at `now`."""
        changed = self.profile_changed_at
        return changed if changed is not None and changed <= now else self.created_at


def day_of_order(number: int) -> date:
    """Return the day at the shop on which an order was placed; another number: some day."""
    ordinal = (number - _ORDER_IDS) // _ORDERS_A_DAY
    return date.fromordinal(min(max(ordinal, date.min.toordinal()), date.max.toordinal()))


def minute_of(now: datetime) -> datetime:
    """Cut `now` to the full minute: the world moves once a minute."""
    return now.astimezone(UTC).replace(second=0, microsecond=0)


class ShopWorld:
    """Lazily made, cached world of one shop."""

    def __init__(self, config: ShopifyConfig, shop: Shop) -> None:
        self.shop = shop
        self.first_day = config.first_day
        self._config = config
        self._days: dict[date, tuple[Order, ...]] = {}
        self._customers: dict[tuple[date, int], Customer] = {}
        self._numbers: tuple[datetime | None, Counter[tuple[date, int]]] = (None, Counter())
        self._spending: tuple[datetime | None, Counter[tuple[date, int]]] = (None, Counter())

    @cached_property
    def zone(self) -> ZoneInfo:
        """The shop's time zone."""
        return ZoneInfo(self.shop.time_zone)

    def day_of(self, instant: datetime) -> date:
        """Return the shop's calendar day of `instant`."""
        return instant.astimezone(self.zone).date()

    def orders_of_day(self, day: date) -> tuple[Order, ...]:
        """Return the orders created on the shop's `day`, in order of creation and of id."""
        if day not in self._days:
            made = tuple(self._make_orders(day)) if day >= self.first_day else ()
            self._days[day] = made
        return self._days[day]

    def customers_of_day(self, day: date) -> list[Customer]:
        """Return the customers whose first order was on `day`."""
        return [self.customer((day, place)) for place in range(self._counts(day)[1])]

    def customer(self, key: tuple[date, int]) -> Customer:
        """Return the customer of `key`."""
        if key not in self._customers:
            self._customers[key] = self._make_customer(key)
        return self._customers[key]

    def number_of_orders(self, key: tuple[date, int], now: datetime) -> int:
        """Return how many orders a customer has placed by `now`."""
        if self._numbers[0] != now:
            self._numbers = now, Counter(order.customer for order in self._orders_until(now))
        return self._numbers[1][key]

    def amount_spent(self, key: tuple[date, int], now: datetime) -> int:
        """Return what a customer's orders amount to as of `now`, in cents."""
        if self._spending[0] != now:
            cents: Counter[tuple[date, int]] = Counter()
            for order in self._orders_until(now):
                cents[order.customer] += order.state_at(now).current_total_cents
            self._spending = now, cents
        return self._spending[1][key]

    def _orders_until(self, now: datetime) -> Iterator[Order]:
        day = self.first_day
        while day <= self.day_of(now):
            yield from (order for order in self.orders_of_day(day) if order.created_at <= now)
            day += timedelta(days=1)

    def _counts(self, day: date) -> tuple[int, int]:
        """Return (orders, orders by new customers) of `day`."""
        if day < self.first_day:
            return 0, 0
        chance = Chance(self._config.seed, "shop-day", self.shop.handle, day.toordinal())
        low, high = self._config.orders_a_day
        orders = chance.between(low, high) * _WEEKDAY_PER_MILLE[day.weekday()] // 1000
        orders = min(max(orders, low), high)
        return orders, max(orders * chance.between(45, 65) // 100, 1)

    def _make_orders(self, day: date) -> list[Order]:
        count, new = self._counts(day)
        begin = datetime.combine(day, time(), self.zone).astimezone(UTC)
        end = datetime.combine(day + timedelta(days=1), time(), self.zone).astimezone(UTC)
        chance = Chance(self._config.seed, "shop-times", self.shop.handle, day.toordinal())
        length = int((end - begin).total_seconds())
        seconds = sorted(chance.below(length) for _ in range(count))
        made = []
        for index, second in enumerate(seconds):
            draws = Chance(self._config.seed, "order", self.shop.handle, day.toordinal(), index)
            place = index * new // count
            is_new = place != (index + 1) * new // count
            key = (day, place) if is_new else self._returning(draws, day, place)
            number = _ORDER_IDS + day.toordinal() * _ORDERS_A_DAY + index
            name = f"#{1001 + (day - self.first_day).days * self._config.orders_a_day[1] + index}"
            at = begin + timedelta(seconds=second)
            made.append(self._make_order(draws, number, name, at, key))
        return made

    def _returning(self, draws: Chance, day: date, place: int) -> tuple[date, int]:
        earlier = day - timedelta(days=draws.between(1, 400))
        new = self._counts(earlier)[1]
        return (earlier, draws.below(new)) if new else (day, max(place - 1, 0))

    def _make_order(
        self, draws: Chance, number: int, name: str, at: datetime, key: tuple[date, int]
    ) -> Order:
        shop = self.shop
        presentment, rate, country = self._market(draws)
        has_code = draws.happens(180)
        basket = make_basket(
            self._config.seed,
            shop.handle,
            number - _ORDER_IDS,
            code_percent=draws.pick((10, 15, 20)) if has_code else 0,
            reseller_lines=self._config.reseller_lines,
        )
        subtotal = basket.net_cents
        shipping = 0 if subtotal >= _FREE_SHIPPING_CENTS else draws.pick((490, 590, 790))
        tax_rate = _TAX_PER_MILLE[shop.currency]
        is_included = shop.currency == "EUR"
        taxed = subtotal + shipping
        tax = taxed * tax_rate // (1000 + tax_rate) if is_included else taxed * tax_rate // 1000
        total = taxed if is_included else taxed + tax
        cancelled_at, reason, was_paid = _cancellation(draws, at)
        edited_at = at + timedelta(minutes=draws.between(60, 2_880)) if draws.happens(20) else None
        is_edited = edited_at is not None and cancelled_at is None
        return Order(
            number=number,
            name=name,
            created_at=at,
            shop=shop,
            subtotal_cents=subtotal,
            discount_cents=basket.discount_cents,
            shipping_cents=shipping,
            tax_cents=tax,
            total_cents=total,
            basket=basket,
            presentment=presentment,
            rate=rate,
            country=country,
            source_name=draws.pick(("web", "web", "web", "web", "pos", "shopify_draft_order")),
            is_test=draws.happens(10),
            discount_code="WELCOME" if has_code else "",
            customer=key,
            visit=_visit(draws, at),
            cancelled_at=cancelled_at,
            cancel_reason=reason,
            was_paid=was_paid,
            refunds=_refunds(draws, number, at, total, cancelled_at if was_paid else None)
            if was_paid
            else (),
            edited_at=edited_at if is_edited else None,
            edit_cents=draws.between(500, 4_000),
            fulfilled_at=at + timedelta(minutes=draws.between(600, 5_000)),
        )

    def _market(self, draws: Chance) -> tuple[str, int, str]:
        shop = self.shop
        if draws.happens(120):
            return draws.pick(_RATES[shop.currency])
        country = shop.country if draws.happens(800) else draws.pick(_NEIGHBOURS[shop.country])
        return shop.currency, 10_000, country

    def _make_customer(self, key: tuple[date, int]) -> Customer:
        day, place = key
        orders = self.orders_of_day(day)
        first = next(order for order in orders if order.customer == key)
        chance = Chance(self._config.seed, "customer", self.shop.handle, day.toordinal(), place)
        first_name, last_name = chance.pick(_FIRST_NAMES), chance.pick(_LAST_NAMES)
        changed = chance.between(1, 90) if chance.happens(200) else 0
        number = _CUSTOMER_IDS + day.toordinal() * 1000 + place
        return Customer(
            number=number,
            key=key,
            shop=self.shop,
            created_at=first.created_at,
            profile_changed_at=first.created_at + timedelta(days=changed) if changed else None,
            first_name=first_name,
            last_name=last_name,
            email=f"{first_name}.{last_name}.{number % 10**9}@example.com".lower(),
            phone=_phone(self.shop.country, number),
            country=first.country,
            city=chance.pick(_CITIES),
            zip_code=str(chance.between(10_000, 99_999)),
        )


def _phone(country: str, number: int) -> str | None:
    """Three of five have one; the numbers are few, so some share one, as families do."""
    if number % 5 > 2:  # noqa: PLR2004
        return None
    return f"+493023125{number % 997:03d}" if country == "DE" else f"+121255501{number % 97:02d}"


def _cancellation(draws: Chance, at: datetime) -> tuple[datetime | None, str, bool]:
    if not draws.happens(30):
        return None, "", True
    cancelled_at = at + timedelta(minutes=draws.between(5, 4_000))
    was_paid = draws.happens(600)
    reason = draws.pick(("CUSTOMER", "INVENTORY", "FRAUD")) if was_paid else "DECLINED"
    return cancelled_at, reason, was_paid


def _refunds(
    draws: Chance, number: int, at: datetime, total: int, cancelled_at: datetime | None
) -> tuple[PlannedRefund, ...]:
    refund_number = _REFUND_IDS + (number - _ORDER_IDS) * 10
    if cancelled_at is not None:
        return (PlannedRefund(refund_number, cancelled_at, total, "Order cancelled"),)
    if not draws.happens(90):
        return ()
    first_at = at + timedelta(minutes=draws.between(1_440, 57_600))
    if draws.happens(350):
        return (PlannedRefund(refund_number, first_at, total, "Returned"),)
    part = total * draws.between(10, 60) // 100
    refunds = [PlannedRefund(refund_number, first_at, part, "Item returned")]
    if draws.happens(200):
        rest = (total - part) * draws.between(10, 100) // 100
        later = first_at + timedelta(minutes=draws.between(600, 20_000))
        refunds.append(PlannedRefund(refund_number + 1, later, rest, "Second return"))
    return tuple(refunds)


def _visit(draws: Chance, at: datetime) -> Visit | None:
    if draws.happens(50):
        return None
    utm_source, utm_medium, utm_campaign, source = draws.pick(_VISITS)
    occurred_at = at - timedelta(minutes=draws.between(1, 600))
    return Visit(occurred_at, source, utm_source, utm_medium, utm_campaign)
