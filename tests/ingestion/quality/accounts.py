"""What accounts usually bring: rows as the extractor hands them out, the same at every call.

Ads of TikTok (24 campaigns a day), visits of GA4 (30 rows a day), orders and refunds of Shopify (30
and 2 a day). Weekends are quieter, no two days are alike, and nothing is random.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from ingestion.connector.source_file import load_source

__all__ = [
    "STREAMS",
    "Rows",
    "account_totals",
    "ads",
    "changed",
    "days",
    "orders",
    "property_totals",
    "refunds",
    "visits",
]

Row = dict[str, Any]
Rows = list[Row]

_SOURCES: Final = {name: load_source(name) for name in ("tiktok_ads", "ga4", "shopify")}
STREAMS: Final = {
    "ads": _SOURCES["tiktok_ads"].streams["campaign_day"],
    "ads totals": _SOURCES["tiktok_ads"].streams["account_day"],
    "visits": _SOURCES["ga4"].streams["web_day"],
    "visits totals": _SOURCES["ga4"].streams["property_day"],
    "orders": _SOURCES["shopify"].streams["orders"],
    "refunds": _SOURCES["shopify"].streams["refunds"],
}

_CENT: Final = Decimal("0.01")
_ADDED: Final = ("spend", "impressions", "clicks", "conversions", "payment_value")
_COUNTED: Final = (
    "sessions",
    "engaged_sessions",
    "new_users",
    "page_views",
    "key_events",
    "purchase_revenue",
)


def days(first: dt.date, last: dt.date) -> list[dt.date]:
    """Both included."""
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]


def _size(day: dt.date, number: int) -> Decimal:
    """About 1; weekends 0.6."""
    weekly = Decimal("0.6") if day.weekday() >= 5 else Decimal(1)
    return weekly * (Decimal("0.9") + Decimal((day.toordinal() * 7 + number * 13) % 21) / 100)


def ads(on: Iterable[dt.date], *, campaigns: int = 24, prefix: str = "c") -> Rows:
    """A campaign costs about 20 a day: 10,000 impressions, 200 clicks, 4 conversions."""
    return [
        {
            "date": day,
            "campaign_id": f"{prefix}{number}",
            "campaign_name": f"Campaign {number}",
            "spend": (20 * size).quantize(_CENT),
            "impressions": int(10_000 * size),
            "clicks": int(200 * size),
            "conversions": Decimal(int(4 * size)),
            "payment_value": Decimal(int(4 * size)) * 50,
        }
        for day in on
        for number in range(campaigns)
        for size in (_size(day, number),)
    ]


def account_totals(rows: Rows) -> Rows:
    """What the platform tells of the account: exactly the sum of its campaigns."""
    return _totals(rows, _ADDED)


def visits(on: Iterable[dt.date], *, pages: int = 30) -> Rows:
    """A row has about 40 sessions; with 30 pages that is 1,200 a day."""
    return [
        {
            "date": day,
            "channel_group": "Organic Search" if number % 2 else "Direct",
            "visit_source": "google" if number % 2 else "(direct)",
            "visit_medium": "organic" if number % 2 else "(none)",
            "page_told": f"/page-{number}",
            "landing_page": f"/page-{number}",
            "device": "mobile" if number % 3 else "desktop",
            "country_told": "DE",
            "country": "DE",
            "sessions": int(40 * size),
            "engaged_sessions": int(24 * size),
            "new_users": int(20 * size),
            "page_views": int(90 * size),
            "key_events": Decimal(int(3 * size)),
            "purchase_revenue": Decimal(int(3 * size)) * 60,
        }
        for day in on
        for number in range(pages)
        for size in (_size(day, number),)
    ]


def property_totals(rows: Rows) -> Rows:
    """What Analytics tells of the property: exactly the sum of its rows."""
    return _totals(rows, _COUNTED)


def _totals(rows: Rows, names: Sequence[str]) -> Rows:
    found: dict[dt.date, Row] = {}
    for row in rows:
        total = found.setdefault(row["date"], {"date": row["date"], **dict.fromkeys(names, 0)})
        for name in names:
            total[name] += row[name]
    return list(found.values())


def orders(on: Iterable[dt.date], *, a_day: int = 30, total: str = "60") -> Rows:
    """An order is worth about 60."""
    return [
        {
            "order_id": f"{day:%Y%m%d}-{number}",
            "ordered_on": day,
            "ordered_at": dt.datetime.combine(day, dt.time(12), dt.UTC),
            "status": "PAID",
            "currency": "EUR",
            "customer_id": f"customer {number}",
            "country": "DE",
            "total": (Decimal(total) * _size(day, number)).quantize(_CENT),
            "tax": Decimal(9),
            "shipping": Decimal(5),
            "discounts": Decimal(0),
        }
        for day in on
        for number in range(a_day)
    ]


def refunds(on: Iterable[dt.date], *, a_day: int = 2) -> Rows:
    """A refund gives about 40 back."""
    return [
        {
            "refund_id": f"{day:%Y%m%d}-{number}",
            "order_id": f"{number}",
            "refunded_on": day,
            "refunded_at": dt.datetime.combine(day, dt.time(12), dt.UTC),
            "currency": "EUR",
            "refunded": (40 * _size(day, number)).quantize(_CENT),
        }
        for day in on
        for number in range(a_day)
    ]


def changed(
    rows: Rows, change: Callable[[Row], Row], *, only: Callable[[Row], bool] = lambda _: True
) -> Rows:
    """Rows with some values replaced by those that `change` gives."""
    return [{**row, **change(row)} if only(row) else row for row in rows]
