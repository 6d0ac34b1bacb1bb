"""A shop of any size: its customers, orders, lines and refunds, made by whole columns.

    Shop (people, orders of each, orders of guests) -> by stream: pages of typed rows

Row n of a stream is the same in any shop: one that never saw somebody differs by them alone.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.connector.columns import batch_schema
from ingestion.connector.source_file import load_source
from ingestion.connector.spec import StreamSpec

__all__ = ["STREAMS", "Shop"]

STREAMS: Final = load_source("shopify").streams
ROWS_PER_PAGE: Final = 10_000
LINES_EACH: Final = 2
REFUNDED: Final = 5  # every fifth order is
CANCELLED: Final = 4  # every fourth order is
DAYS: Final = 27
INSTANT: Final = pa.timestamp("us", tz="UTC")
_FIRST: Final = dt.datetime(2026, 10, 5, 6, 30)  # noqa: DTZ001 - numpy's instants have no zone
_CUSTOMERS: Final = 7_000_000_000_000
_ORDERS: Final = 5_000_000_000_000
_LINES: Final = 9_000_000_000_000
_REFUNDS: Final = 8_000_000_000_000

Columns = dict[str, Any]  # an array, or what every row has


@dataclass(frozen=True, slots=True)
class Shop:
    """What a shop holds; the same for the same numbers.

    Attributes:
        people: How many customers.
        orders_each: Orders of each; they come before those of guests.
        guest_orders: Orders of nobody; None: as many as there are people.
        has_addresses: Customers bring their e-mail address along.
    """

    people: int
    orders_each: int = 2
    guest_orders: int | None = None
    has_addresses: bool = False

    @staticmethod
    def customer(number: int) -> str:
        return str(_CUSTOMERS + number)

    @staticmethod
    def address(number: int) -> str:
        return f"person{number}@shop.example"

    @staticmethod
    def order(number: int) -> str:
        return str(_ORDERS + number)

    @property
    def orders(self) -> range:
        guests = self.people if self.guest_orders is None else self.guest_orders
        return range(self.people * self.orders_each + guests)

    @property
    def rows(self) -> int:
        """Of all streams."""
        orders = len(self.orders)
        return self.people + orders * (1 + LINES_EACH) + -(-orders // REFUNDED)

    def owner(self, order: int) -> int | None:
        """Which customer's order it is; None: a guest's."""
        person = order // self.orders_each
        return person if person < self.people else None

    def orders_of(self, people: frozenset[int]) -> frozenset[str]:
        """Ids of the orders of some customers."""
        each = range(self.orders_each)
        return frozenset(self.order(one * self.orders_each + n) for one in people for n in each)

    def pages(
        self, stream: str, *, without: frozenset[int] = frozenset()
    ) -> Iterator[pa.RecordBatch]:
        """Rows of a stream, as a system knows them that never saw some people."""
        orders = len(self.orders)
        make, rows = {
            "customers": (self._customers, self.people),
            "orders": (self._orders, orders),
            "order_lines": (self._lines, orders * LINES_EACH),
            "refunds": (self._refunds, -(-orders // REFUNDED)),
        }[stream]
        unknown, told = np.array(sorted(without), np.int64), 0
        for first in range(0, rows, ROWS_PER_PAGE):
            numbers = np.arange(first, min(first + ROWS_PER_PAGE, rows))
            page = _batch(STREAMS[stream], make(numbers, unknown), told)
            told += page.num_rows
            yield page

    def _customers(self, n: np.ndarray, unknown: np.ndarray) -> Columns:
        n = n[~np.isin(n, unknown)]
        addresses = pc.binary_join_element_wise("person", _texts(n), "@shop.example", "")
        return {
            "customer_id": _texts(_CUSTOMERS + n),
            "created_on": _days(n),
            "created_at": _instants(n),
            "updated_at": _instants(n),
            "country": _words(["DE", "FR", None], n),
            "email": addresses if self.has_addresses else pa.nulls(len(n), pa.string()),
            "orders_to_date": self.orders_each,
        }

    def _orders(self, n: np.ndarray, unknown: np.ndarray) -> Columns:
        owners = n // self.orders_each
        nobody = (owners >= self.people) | np.isin(owners, unknown)
        return {
            "order_id": _texts(_ORDERS + n),
            "ordered_on": _days(n),
            "ordered_at": _instants(n),
            "created_at": _instants(n),
            "updated_at": _instants(n),
            "cancelled_at": pc.if_else(
                pa.array(n % CANCELLED == 0), _instants(n), pa.scalar(None, INSTANT)
            ),
            "status": _words(["CANCELLED", *["PAID"] * (CANCELLED - 1)], n),
            "customer_id": pc.if_else(
                pa.array(nobody), pa.scalar(None, pa.string()), _texts(_CUSTOMERS + owners)
            ),
            "channel": _words(["email", "direct", None], n),
            "country": "DE",
            "currency": "EUR",
            "total": _words([Decimal(k) + Decimal("19.90") for k in range(97)], n),
            "discounts": _words([Decimal(k) for k in range(5)], n),
            "tax": Decimal("3.18"),
            "shipping": Decimal("4.90"),
        }

    def _lines(self, n: np.ndarray, unknown: np.ndarray) -> Columns:
        del unknown
        orders = n // LINES_EACH
        return {
            "order_line_id": _texts(_LINES + n),
            "order_id": _texts(_ORDERS + orders),
            "ordered_on": _days(orders),
            "product_id": _words([str(k) for k in range(11)], orders),
            "product_name": "Shoe",
            "sku": _words([f"S{k}" for k in range(11)], orders),
            "channel": "direct",
            "country": "DE",
            "currency": "EUR",
            "units": pa.array(1 + n % LINES_EACH),
            "price": Decimal("9.95"),
        }

    def _refunds(self, n: np.ndarray, unknown: np.ndarray) -> Columns:
        del unknown
        orders = n * REFUNDED
        return {
            "refund_id": _texts(_REFUNDS + orders),
            "order_id": _texts(_ORDERS + orders),
            "refunded_on": _days(orders),
            "refunded_at": _instants(orders),
            "channel": "direct",
            "country": "DE",
            "currency": "EUR",
            "refunded": Decimal("9.95"),
        }


def _batch(stream: StreamSpec, columns: Columns, before: int) -> pa.RecordBatch:
    schema = batch_schema(stream.fields)
    rows = len(columns[stream.key[0]])
    columns["unknown_fields"] = '{"note": "rings twice"}'
    columns["row_number"] = pa.array(before + np.arange(1, rows + 1))
    return pa.RecordBatch.from_arrays(
        [_column(columns.get(field.name), field.type, rows) for field in schema], schema=schema
    )


def _column(value: Any, kind: pa.DataType, rows: int) -> pa.Array:
    if isinstance(value, pa.Array):
        return value.cast(kind)
    return pa.repeat(pa.scalar(value, kind), rows)


def _texts(numbers: np.ndarray) -> pa.Array:
    return pa.array(numbers).cast(pa.string())


def _words(words: list[Any], numbers: np.ndarray) -> pa.Array:
    return pa.array(words).take(pa.array(numbers % len(words)))


def _days(numbers: np.ndarray) -> pa.Array:
    return _instants(numbers).cast(pa.date32())


def _instants(numbers: np.ndarray) -> pa.Array:
    seconds = (numbers % DAYS) * 86_400 + numbers % 30_000
    instants = np.datetime64(_FIRST, "us") + seconds.astype("timedelta64[s]")
    return pa.array(instants).cast(pa.timestamp("us")).cast(INSTANT)
