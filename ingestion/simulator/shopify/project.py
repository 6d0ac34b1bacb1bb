"""Turns orders, their lines and customers into the JSON that a selection asks for.

    SelectedField tree -> compile once per request -> closures -> dicts

graphql-core checks the document; its executor would complete every leaf of every row on its own,
which is what this replaces for ready rows.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from ingestion.simulator.shopify.config import Shop
from ingestion.simulator.shopify.lines import OrderLine, Variant
from ingestion.simulator.shopify.pages import page_of_list
from ingestion.simulator.shopify.selection import SelectedField
from ingestion.simulator.shopify.world import (
    Customer,
    Order,
    OrderState,
    PlannedRefund,
    ShopWorld,
    Visit,
)

__all__ = ["Money", "Projector", "money_text"]

_Render = Callable[[Any], Any]
_COUNTRIES: Final = {
    "AT": "Austria",
    "CA": "Canada",
    "CH": "Switzerland",
    "DE": "Germany",
    "FR": "France",
    "GB": "United Kingdom",
    "IT": "Italy",
    "JP": "Japan",
    "NL": "Netherlands",
    "SE": "Sweden",
    "US": "United States",
}
# Currencies without minor units are still kept in hundredths, rounded to whole units.
_WHOLE_UNITS: Final = frozenset({"JPY"})


class Money(NamedTuple):
    """An amount in one currency."""

    cents: int
    currency: str


class _Bag(NamedTuple):
    cents: int
    order: Order


class _Address(NamedTuple):
    country: str
    customer: Customer


class _Refund(NamedTuple):
    refund: PlannedRefund
    order: Order


class _Line(NamedTuple):
    line: OrderLine
    order: Order


class _Journey(NamedTuple):
    visit: Visit


def money_text(cents: int) -> str:
    """Write cents as the platform writes a Decimal: `12.5`, `12.0`, `12.55`."""
    text = f"{cents // 100}.{cents % 100:02d}"
    return text.removesuffix("0")


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _presentment(bag: _Bag) -> Money:
    order = bag.order
    cents = (bag.cents * order.rate + 5_000) // 10_000
    if order.presentment in _WHOLE_UNITS:
        cents = (cents + 50) // 100 * 100
    return Money(cents, order.presentment)


class Projector:
    """Compiles selections for one shop at one instant.

    Attributes:
        inner: By response key, how many lists inside nodes were rendered, and how many nodes these
            held.
    """

    def __init__(self, world: ShopWorld, now: datetime, *, page_divisor: int = 1) -> None:
        self.inner: dict[str, Counter[str]] = {}
        self._world = world
        self._now = now
        self._page_divisor = page_divisor
        self._resolvers: dict[str, Mapping[str, _Render]] = {
            **_RESOLVERS,
            "Order": {**_ORDER, "customer": lambda state: world.customer(state.order.customer)}
            | {"email": lambda state: world.customer(state.order.customer).email}
            | {
                name: lambda state: _Address(
                    state.order.country, world.customer(state.order.customer)
                )
                for name in ("billingAddress", "shippingAddress")
            },
            "Customer": {**_CUSTOMER, **self._customer_resolvers()},
        }

    def compile(self, type_name: str, fields: tuple[SelectedField, ...]) -> _Render:
        """Compile a selection on objects of `type_name` into one function."""
        steps = [(field.key, self._step(type_name, field)) for field in fields]
        return lambda value: {key: step(value) for key, step in steps}

    def _step(self, type_name: str, field: SelectedField) -> _Render:
        if field.name == "__typename":
            return lambda _: type_name
        if field.name == "lineItems":
            return self._lines(field)
        resolve = self._resolvers[type_name][field.name]
        if not field.type_name:
            return resolve
        render = self.compile(field.type_name, field.children)
        if field.is_list:
            limit = field.arguments.get("first")
            return lambda value: [render(each) for each in resolve(value)[:limit]]

        def one(value: Any) -> Any:
            found = resolve(value)
            return None if found is None else render(found)

        return one

    def _lines(self, field: SelectedField) -> _Render:
        render = self.compile(field.type_name, field.children)
        held = self.inner.setdefault(field.key, Counter())

        def page(state: OrderState) -> Any:
            lines = state.order.lines
            found = page_of_list(
                field.key,
                [_Line(line, state.order) for line in lines],
                [line.number for line in lines],
                field.arguments,
                self._page_divisor,
            )
            held.update(lists=1, nodes=len(found.nodes))
            return render(found)

        return page

    def _customer_resolvers(self) -> dict[str, _Render]:
        world, now = self._world, self._now
        return {
            "amountSpent": lambda each: Money(
                world.amount_spent(each.key, now), each.shop.currency
            ),
            "numberOfOrders": lambda each: str(world.number_of_orders(each.key, now)),
            "updatedAt": lambda each: _instant(each.updated_at(now)),
        }


def _status(state: OrderState) -> str:
    return "FULFILLED" if state.is_fulfilled else "UNFULFILLED"


def _journey(state: OrderState) -> _Journey | None:
    return None if state.order.visit is None else _Journey(state.order.visit)


def _bag(cents_of: Callable[[OrderState], int]) -> _Render:
    return lambda state: _Bag(cents_of(state), state.order)


_ORDER: Final[dict[str, _Render]] = {
    "cancelReason": lambda s: s.order.cancel_reason if s.is_cancelled else None,
    "cancelledAt": lambda s: _instant(s.order.cancelled_at) if s.is_cancelled else None,
    "closedAt": lambda s: _instant(s.order.fulfilled_at) if s.is_fulfilled else None,
    "confirmed": lambda _: True,
    "createdAt": lambda s: _instant(s.order.created_at),
    "currencyCode": lambda s: s.order.shop.currency,
    "currentTotalPriceSet": _bag(lambda s: s.current_total_cents),
    "customerJourneySummary": _journey,
    "discountCodes": lambda s: [s.order.discount_code] if s.order.discount_code else [],
    "displayFinancialStatus": lambda s: s.financial_status,
    "displayFulfillmentStatus": _status,
    "edited": lambda s: s.is_edited,
    "id": lambda s: f"gid://shopify/Order/{s.order.number}",
    "legacyResourceId": lambda s: str(s.order.number),
    "name": lambda s: s.order.name,
    "presentmentCurrencyCode": lambda s: s.order.presentment,
    "processedAt": lambda s: _instant(s.order.created_at),
    "refunds": lambda s: [_Refund(refund, s.order) for refund in s.refunds],
    "sourceName": lambda s: s.order.source_name,
    "subtotalLineItemsQuantity": lambda s: s.order.basket.quantity,
    "subtotalPriceSet": _bag(lambda s: s.order.subtotal_cents),
    "tags": lambda _: [],
    "taxesIncluded": lambda s: s.order.shop.currency == "EUR",
    "test": lambda s: s.order.is_test,
    "totalDiscountsSet": _bag(lambda s: s.order.discount_cents),
    "totalPriceSet": _bag(lambda s: s.order.total_cents),
    "totalRefundedSet": _bag(lambda s: s.refunded_cents),
    "totalShippingPriceSet": _bag(lambda s: s.order.shipping_cents),
    "totalTaxSet": _bag(lambda s: s.order.tax_cents),
    "updatedAt": lambda s: _instant(s.updated_at),
}
_CUSTOMER: Final[dict[str, _Render]] = {
    "createdAt": lambda c: _instant(c.created_at),
    "defaultAddress": lambda c: _Address(c.country, c),
    "defaultEmailAddress": lambda c: c,
    "defaultPhoneNumber": lambda c: c if c.phone else None,
    "displayName": lambda c: f"{c.first_name} {c.last_name}",
    "email": lambda c: c.email,
    "firstName": lambda c: c.first_name,
    "id": lambda c: f"gid://shopify/Customer/{c.number}",
    "lastName": lambda c: c.last_name,
    "legacyResourceId": lambda c: str(c.number),
    "phone": lambda c: c.phone,
}


def _has_utm(visit: Visit) -> Visit | None:
    return visit if visit.utm_source else None


def _shop_domain(shop: Shop) -> str:
    return f"{shop.handle}.myshopify.com"


def _gone(item: _Line) -> Variant | None:
    variant = item.line.variant
    return None if variant.is_gone else variant


def _discounts(item: _Line) -> list[_Bag]:
    given = (item.line.on_line_cents, item.line.on_order_cents)
    return [_Bag(cents, item.order) for cents in given if cents]


_LINE: Final[dict[str, _Render]] = {
    "discountAllocations": _discounts,
    # "This value doesn't include order-level discounts": by a code or not.
    "discountedTotalSet": lambda item: _Bag(
        item.line.original_cents - item.line.on_line_cents, item.order
    ),
    "id": lambda item: f"gid://shopify/LineItem/{item.line.number}",
    "isGiftCard": lambda _: False,
    "name": lambda item: f"{item.line.variant.title} - {item.line.variant.size}",
    "originalTotalSet": lambda item: _Bag(item.line.original_cents, item.order),
    "originalUnitPriceSet": lambda item: _Bag(item.line.variant.cents, item.order),
    "product": _gone,
    "quantity": lambda item: item.line.quantity,
    "sku": lambda item: item.line.variant.sku,
    "title": lambda item: item.line.variant.title,
    "variant": _gone,
    "variantTitle": lambda item: item.line.variant.size,
}


_CONNECTION: Final[dict[str, _Render]] = {
    "edges": lambda page: list(zip(page.cursors, page.nodes, strict=True)),
    "nodes": lambda page: page.nodes,
    "pageInfo": lambda page: page,
}
_EDGE: Final[dict[str, _Render]] = {"cursor": lambda edge: edge[0], "node": lambda edge: edge[1]}
_RESOLVERS: Final[dict[str, Mapping[str, _Render]]] = {
    "CustomerConnection": _CONNECTION,
    "CustomerEdge": _EDGE,
    "CustomerEmailAddress": {"emailAddress": lambda customer: customer.email},
    "CustomerPhoneNumber": {"phoneNumber": lambda customer: customer.phone},
    "CustomerJourneySummary": {
        "customerOrderIndex": lambda _: None,
        "daysToConversion": lambda _: 0,
        "firstVisit": lambda journey: journey.visit,
        "lastVisit": lambda journey: journey.visit,
        "ready": lambda _: True,
    },
    "CustomerVisit": {
        "landingPage": lambda _: None,
        "occurredAt": lambda visit: _instant(visit.occurred_at),
        "referrerUrl": lambda _: None,
        "source": lambda visit: visit.source,
        "utmParameters": _has_utm,
    },
    "DiscountAllocation": {"allocatedAmountSet": lambda bag: bag},
    "LineItem": _LINE,
    "LineItemConnection": _CONNECTION,
    "LineItemEdge": _EDGE,
    "MailingAddress": {
        "city": lambda address: address.customer.city,
        "country": lambda address: _COUNTRIES[address.country],
        "countryCodeV2": lambda address: address.country,
        "firstName": lambda address: address.customer.first_name,
        "lastName": lambda address: address.customer.last_name,
        "zip": lambda address: address.customer.zip_code,
    },
    "MoneyBag": {
        "presentmentMoney": _presentment,
        "shopMoney": lambda bag: Money(bag.cents, bag.order.shop.currency),
    },
    "MoneyV2": {
        "amount": lambda money: money_text(money.cents),
        "currencyCode": lambda money: money.currency,
    },
    "OrderConnection": _CONNECTION,
    "OrderEdge": _EDGE,
    "PageInfo": {
        "endCursor": lambda page: page.cursors[-1] if page.cursors else None,
        "hasNextPage": lambda page: page.has_next,
        "hasPreviousPage": lambda page: page.has_previous,
        "startCursor": lambda page: page.cursors[0] if page.cursors else None,
    },
    "Product": {
        "id": lambda variant: f"gid://shopify/Product/{variant.product_id}",
        "legacyResourceId": lambda variant: str(variant.product_id),
        "title": lambda variant: variant.title,
    },
    "ProductVariant": {
        "id": lambda variant: f"gid://shopify/ProductVariant/{variant.variant_id}",
        "legacyResourceId": lambda variant: str(variant.variant_id),
        "sku": lambda variant: variant.sku,
        "title": lambda variant: variant.size,
    },
    "Refund": {
        "createdAt": lambda each: _instant(each.refund.at),
        "id": lambda each: f"gid://shopify/Refund/{each.refund.number}",
        "legacyResourceId": lambda each: str(each.refund.number),
        "note": lambda each: each.refund.note,
        "totalRefundedSet": lambda each: _Bag(each.refund.cents, each.order),
        "updatedAt": lambda each: _instant(each.refund.at),
    },
    "Shop": {
        "currencyCode": lambda shop: shop.currency,
        "email": lambda shop: f"owner@{shop.handle}.example",
        "ianaTimezone": lambda shop: shop.time_zone,
        "id": lambda shop: f"gid://shopify/Shop/{sum(shop.handle.encode())}",
        "myshopifyDomain": _shop_domain,
        "name": lambda shop: shop.name,
        "taxesIncluded": lambda shop: shop.currency == "EUR",
    },
    "UTMParameters": {
        "campaign": lambda visit: visit.utm_campaign,
        "content": lambda _: None,
        "medium": lambda visit: visit.utm_medium,
        "source": lambda visit: visit.utm_source,
        "term": lambda _: None,
    },
}
