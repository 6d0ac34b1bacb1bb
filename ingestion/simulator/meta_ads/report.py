"""Rows of an insights answer.

    InsightsQuery + world -> cells of each day -> groups -> rows, every number a text

Sources: developers.facebook.com/docs/marketing-api/reference/{ads-insights,ads-action-stats}
(2026-11). `value` counts in the default window, seven days after a click and one after a view; one
purchase stands there under every action type that includes it.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final

from ingestion.simulator.meta_ads.config import AdAccount
from ingestion.simulator.meta_ads.query import InsightsQuery
from ingestion.simulator.meta_ads.world import Cell, Facts, MetaWorld, Moment

__all__ = ["insights_rows"]

_VIEWED: Final = 5  # every fifth purchase follows a view
_LEVEL_FIELDS: Final = {
    "account": ("account_id", "account_name", "account_currency"),
    "campaign": ("campaign_id", "campaign_name", "objective"),
    "adset": ("adset_id", "adset_name"),
    "ad": ("ad_id", "ad_name"),
}
_ABOVE: Final = {
    "account": ("account",),
    "campaign": ("account", "campaign"),
    "adset": ("account", "campaign", "adset"),
    "ad": ("account", "campaign", "adset", "ad"),
}


def insights_rows(
    world: MetaWorld, account: AdAccount, query: InsightsQuery, moment: Moment
) -> list[dict[str, Any]]:
    """Make the rows of a call, by day and then by id.

    Args:
        world: The platform's world.
        account: The account asked about.
        query: What is asked.
        moment: The present at the account.
    """
    groups: dict[tuple[str, ...], tuple[Cell, list[int]]] = {}
    for day, cell in _cells(world, account, query, moment):
        place = _place(query, day, cell)
        _, sums = groups.setdefault(place, (cell, [0] * len(Facts._fields)))
        for index, measure in enumerate(cell.facts):
            sums[index] += measure
    return [
        _row(account, query, cell._replace(facts=Facts(*sums)), place)
        for place, (cell, sums) in sorted(groups.items())
        if any(sums)
    ]


def _cells(
    world: MetaWorld, account: AdAccount, query: InsightsQuery, moment: Moment
) -> Iterator[tuple[date, Cell]]:
    for ordinal in range(query.first_day.toordinal(), query.last_day.toordinal() + 1):
        day = date.fromordinal(ordinal)
        for whole in world.campaign_days(account, day, moment):
            for part in _broken_down(world, whole, query.breakdown):
                if query.level in {"adset", "ad"}:
                    yield from ((day, cell) for cell in world.by_ad(part))
                else:
                    yield day, part


def _broken_down(world: MetaWorld, cell: Cell, breakdown: str) -> Iterable[Cell]:
    # The platform splits by device before it splits by ad, whatever is asked: so the rows of ads
    # are the same with and without the breakdown.
    return world.by_country(cell) if breakdown == "country" else world.by_device(cell)


def _place(query: InsightsQuery, day: date, cell: Cell) -> tuple[str, ...]:
    """What tells a row apart: its first and last day, its ids and its breakdown."""
    days = (day, day) if query.is_daily else (query.first_day, query.last_day)
    ids = {
        "account": "",
        "campaign": cell.campaign.campaign_id,
        "adset": cell.ad_set.adset_id if cell.ad_set else "",
        "ad": cell.ad.ad_id if cell.ad else "",
    }
    part = {"impression_device": cell.device, "country": cell.country}.get(query.breakdown)
    return days[0].isoformat(), days[1].isoformat(), ids[query.level], part or ""


def _row(
    account: AdAccount, query: InsightsQuery, cell: Cell, place: tuple[str, ...]
) -> dict[str, Any]:
    known = _names(account, query, cell) | _measures(cell.facts, query.windows)
    row = {name: known[name] for name in query.fields if name in known}
    row["date_start"], row["date_stop"] = place[0], place[1]
    if query.breakdown:
        row[query.breakdown] = place[3]
    return row


def _names(account: AdAccount, query: InsightsQuery, cell: Cell) -> dict[str, Any]:
    """Names of the row's level and of those above it; deeper ones are left out of the answer."""
    known = {
        "account_id": account.account_id,
        "account_name": account.name,
        "account_currency": account.currency,
        "campaign_id": cell.campaign.campaign_id,
        "campaign_name": cell.campaign.name,
        "objective": cell.campaign.objective,
    }
    if cell.ad_set and cell.ad:
        known |= {
            "adset_id": cell.ad_set.adset_id,
            "adset_name": cell.ad_set.name,
            "ad_id": cell.ad.ad_id,
            "ad_name": cell.ad.name,
        }
    wanted = {name for level in _ABOVE[query.level] for name in _LEVEL_FIELDS[level]}
    return {name: value for name, value in known.items() if name in wanted}


def _measures(facts: Facts, windows: tuple[str, ...]) -> dict[str, Any]:
    purchases = {
        "purchase": (facts.web, facts.web_value),
        "offsite_conversion.fb_pixel_purchase": (facts.web, facts.web_value),
        "offline_conversion.purchase": (facts.store, facts.store_value),
        "omni_purchase": (facts.web + facts.store, facts.web_value + facts.store_value),
    }
    clicks = {"action_type": "link_click", "value": str(facts.link_clicks)}
    clicks |= {name: str(facts.link_clicks) for name in windows if name.endswith("_click")}
    actions = [clicks] if facts.link_clicks else []
    values = []
    for name, (count, cents) in purchases.items():
        if count:
            actions.append({"action_type": name, **_windowed(count, windows, str)})
        if cents:
            values.append({"action_type": name, **_windowed(cents, windows, _money)})
    measures: dict[str, Any] = {
        "impressions": str(facts.impressions),
        "clicks": str(facts.clicks),
        "inline_link_clicks": str(facts.link_clicks),
        "spend": _money(facts.spend),
    }
    # A row without actions has neither list.
    return (
        measures
        | ({"actions": actions} if actions else {})
        | ({"action_values": values} if values else {})
    )


def _windowed(number: int, windows: tuple[str, ...], write: Any) -> dict[str, str]:
    viewed = number // _VIEWED
    by_window = {
        "1d_view": viewed,
        "1d_click": (number - viewed) // 2,
        "7d_click": number - viewed,
        "28d_click": number - viewed,
    }
    told = {name: write(by_window[name]) for name in windows if by_window.get(name)}
    return {"value": write(number), **told}


def _money(cents: int) -> str:
    """Units of the currency without trailing zeros: 8.53, 12.4, 7."""
    return f"{Decimal(cents).scaleb(-2).normalize():f}"
