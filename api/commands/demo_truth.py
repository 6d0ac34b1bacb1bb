"""What the simulated platforms themselves say of a demo agency.

    control routes of the simulator -> truth of each account -> measures by source

Amounts are in units of the agency's currency.
"""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import httpx

from domain.time_window import DateRange
from ingestion.simulator.config import DemoAgency, DemoClient

__all__ = ["Truth", "read_truth"]

# Source -> metric -> what the platform holds.
Truth = Mapping[str, Mapping[str, Decimal]]

# Source -> metric -> member of the totals in its truth, and what divides it.
_MEMBERS: Final = {
    "google_ads": {
        "spend": ("costMicros", 1_000_000),
        "attributed_revenue": ("conversionsValue", 1),
    },
    "meta_ads": {"spend": ("spend", 1), "attributed_revenue": ("purchaseValue", 1)},
    "tiktok_ads": {"spend": ("spend", 1), "attributed_revenue": ("value", 1)},
    "ga4": {"sessions": ("sessions", 1), "purchase_revenue": ("purchaseRevenue", 1)},
}


async def read_truth(url: str, agency: DemoAgency, period: DateRange) -> Truth:
    """Sum what the platforms hold of the agency's clients.

    Args:
        url: Of the simulator.
        agency: Whose accounts.
        period: Days in each account's own zone.
    """
    days = {"from": period.start.isoformat(), "to": period.end.isoformat()}
    found: dict[str, defaultdict[str, Decimal]] = {
        source: defaultdict(Decimal) for source in (*_MEMBERS, "shopify")
    }
    async with httpx.AsyncClient(base_url=f"{url}/_control/truth") as http:
        for client in agency.clients:
            for source, account_id in _accounts(client).items():
                answered = await http.get(f"/{source}/{account_id}", params={**days, "by": ""})
                totals = answered.json()["totals"]
                for metric, (member, divisor) in _MEMBERS[source].items():
                    found[source][metric] += Decimal(totals[member]) / divisor
            shop = await http.get(f"/shopify/{client.shop}", params={**days, "by": "test"})
            found["shopify"]["revenue"] += sum(map(_real_revenue, shop.json()["rows"]), Decimal(0))
    return found


def _accounts(client: DemoClient) -> Mapping[str, str]:
    accounts = {
        "google_ads": client.google_customer_id,
        "meta_ads": client.meta_account_id,
        "tiktok_ads": client.tiktok_advertiser_id,
        "ga4": client.ga4_property_id,
    }
    return {name: one for name, one in accounts.items() if name not in client.leaves_out}


def _real_revenue(row: Mapping[str, Any]) -> Decimal:
    """Test orders are none."""
    return Decimal(row["totalPrice"]) if row["test"] == "false" else Decimal(0)
