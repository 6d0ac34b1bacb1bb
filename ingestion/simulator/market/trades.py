"""What kinds of clients and channels there are, and what is typical of each.

    trade x channel -> return on spend, order value, week, year, lag of conversions, carry-over

The figures are orders of magnitude of public benchmarks: return on ad spend between 2 and 8 in
retail, a lag of hours for cheap goods and of weeks for travel and software, weekends that are
strong for consumers and weak for businesses, carry-over that is short in search and long in video.
Money is in US dollars here; clients keep their books in the currency of their country.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["CHANNELS", "COUNTRIES", "TRADES", "Channel", "Country", "Trade"]


@dataclass(frozen=True, slots=True)
class Trade:
    """A kind of client.

    Attributes:
        name: Identifier.
        order_value: Of a typical order, dollars.
        order_spread: Standard deviation of one order over its mean.
        roas: Revenue for a dollar of spend.
        week: Demand from Monday to Sunday, around 1.
        peak_month: When the year's wave is highest, 1 to 12.
        wave: Height of the year's wave, as a logarithm.
        black_friday: Demand on that day over a plain one.
        holiday: Demand on a public holiday over a plain day.
        same_day: Share of conversions that are told on the day itself.
        lag_days: Mean lag of the others.
        returns: Share of revenue that is taken back within weeks.
        elasticity: Percent of demand for a percent of price.
        organic: Unpaid conversions for each paid one.
    """

    name: str
    order_value: float
    order_spread: float
    roas: float
    week: tuple[float, float, float, float, float, float, float]
    peak_month: float
    wave: float
    black_friday: float
    holiday: float
    same_day: float
    lag_days: float
    returns: float
    elasticity: float
    organic: float


@dataclass(frozen=True, slots=True)
class Channel:
    """A paid channel.

    Attributes:
        name: Canonical word.
        weight: Typical share of a client's budget, relative.
        roas: Return over that of the trade.
        carry: Share of a day's effect that is kept until the next, of a typical campaign.
        saturation: Typical spend over the spend at half the ceiling.
        click_cost: Dollars.
        claimed: Conversions that the platform claims without having caused them, as a share.
        lag: Lag of conversions over that of the trade.
        flights: Share of campaigns that are on for weeks and off for weeks.
        invalid: Most that is credited for invalid clicks, as a share of spend.
    """

    name: str
    weight: float
    roas: float
    carry: float
    saturation: float
    click_cost: float
    claimed: float
    lag: float
    flights: float
    invalid: float


@dataclass(frozen=True, slots=True)
class Country:
    """Where a client sells.

    Attributes:
        currency: ISO 4217 code.
        rate: Units of the currency for a dollar, kept still.
        holidays: Public ones between October 2024 and January 2026.
    """

    currency: str
    rate: float
    holidays: frozenset[dt.date]


def _days(*texts: str) -> frozenset[dt.date]:
    return frozenset(map(dt.date.fromisoformat, texts))


TRADES: Final = (
    Trade(
        "fashion",
        order_value=75,
        order_spread=0.8,
        roas=4.2,
        week=(1.03, 0.98, 0.96, 0.97, 0.93, 0.97, 1.16),
        peak_month=11.5,
        wave=0.18,
        black_friday=3.2,
        holiday=1.05,
        same_day=0.62,
        lag_days=3.0,
        returns=0.08,
        elasticity=-1.4,
        organic=0.8,
    ),
    Trade(
        "home",
        order_value=180,
        order_spread=1.0,
        roas=5.5,
        week=(1.06, 1.0, 0.97, 0.96, 0.9, 0.95, 1.16),
        peak_month=10.5,
        wave=0.15,
        black_friday=2.6,
        holiday=1.1,
        same_day=0.48,
        lag_days=5.0,
        returns=0.05,
        elasticity=-1.2,
        organic=0.7,
    ),
    Trade(
        "beauty",
        order_value=48,
        order_spread=0.6,
        roas=3.4,
        week=(1.04, 1.01, 1.0, 0.99, 0.95, 0.94, 1.07),
        peak_month=12.0,
        wave=0.14,
        black_friday=3.6,
        holiday=1.0,
        same_day=0.68,
        lag_days=2.5,
        returns=0.03,
        elasticity=-1.6,
        organic=0.9,
    ),
    Trade(
        "travel",
        order_value=620,
        order_spread=1.2,
        roas=8.0,
        week=(1.08, 1.06, 1.04, 1.0, 0.88, 0.88, 1.06),
        peak_month=6.5,
        wave=0.35,
        black_friday=1.5,
        holiday=0.85,
        same_day=0.35,
        lag_days=7.0,
        returns=0.06,
        elasticity=-1.1,
        organic=0.6,
    ),
    Trade(
        "software",
        order_value=240,
        order_spread=1.6,
        roas=2.4,
        week=(1.2, 1.26, 1.24, 1.18, 1.0, 0.52, 0.6),
        peak_month=2.5,
        wave=0.1,
        black_friday=1.15,
        holiday=0.5,
        same_day=0.3,
        lag_days=8.0,
        returns=0.02,
        elasticity=-0.8,
        organic=0.7,
    ),
    Trade(
        "food",
        order_value=38,
        order_spread=0.5,
        roas=2.8,
        week=(0.98, 0.94, 0.95, 1.0, 1.08, 1.02, 1.03),
        peak_month=12.0,
        wave=0.12,
        black_friday=1.6,
        holiday=1.1,
        same_day=0.75,
        lag_days=2.0,
        returns=0.01,
        elasticity=-1.8,
        organic=1.1,
    ),
)

CHANNELS: Final = (
    Channel("paid_search", 4.0, 1.25, 0.08, 0.9, 1.1, 0.25, 1.0, 0.02, 0.02),
    Channel("shopping", 2.5, 1.35, 0.08, 0.8, 0.55, 0.12, 0.8, 0.02, 0.02),
    Channel("performance_max", 2.5, 1.15, 0.15, 0.7, 0.7, 0.2, 1.0, 0.02, 0.015),
    Channel("paid_social", 4.0, 0.85, 0.3, 0.75, 0.9, 0.1, 1.2, 0.12, 0.0),
    Channel("display", 1.2, 0.5, 0.35, 0.6, 0.5, 0.15, 1.4, 0.2, 0.02),
    Channel("video", 1.2, 0.45, 0.55, 0.5, 1.6, 0.05, 1.6, 0.4, 0.01),
)

COUNTRIES: Final[Mapping[str, Country]] = {
    "US": Country(
        "USD",
        1.0,
        _days(
            "2024-10-14", "2024-11-11", "2024-11-28", "2024-12-25", "2025-01-01", "2025-01-20",
            "2025-02-17", "2025-05-26", "2025-06-19", "2025-07-04", "2025-09-01", "2025-10-13",
            "2025-11-11", "2025-11-27", "2025-12-25", "2026-01-01", "2026-01-19",
        ),
    ),
    "GB": Country(
        "GBP",
        0.78,
        _days(
            "2024-12-25", "2024-12-26", "2025-01-01", "2025-04-18", "2025-04-21", "2025-05-05",
            "2025-05-26", "2025-08-25", "2025-12-25", "2025-12-26", "2026-01-01",
        ),
    ),
    "DE": Country(
        "EUR",
        0.92,
        _days(
            "2024-10-03", "2024-12-25", "2024-12-26", "2025-01-01", "2025-04-18", "2025-04-21",
            "2025-05-01", "2025-05-29", "2025-06-09", "2025-10-03", "2025-12-25", "2025-12-26",
            "2026-01-01",
        ),
    ),
    "SE": Country(
        "SEK",
        10.5,
        _days(
            "2024-12-25", "2024-12-26", "2025-01-01", "2025-01-06", "2025-04-18", "2025-04-21",
            "2025-05-01", "2025-05-29", "2025-06-06", "2025-06-20", "2025-12-25", "2025-12-26",
            "2026-01-01", "2026-01-06",
        ),
    ),
}  # fmt: skip
