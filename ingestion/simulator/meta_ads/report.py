"""Rows of an insights answer.

    InsightsQuery + world -> cells of each day -> groups -> rows, every number a text

Sources: developers.facebook.com/docs/marketing-api/reference/{ads-insights,ads-action-stats} and
.../insights/breakdowns (2026-11). `value` counts in the windows of the ad set's own attribution
setting, and is not available where ad sets with different ones are added up; the windows asked for
are told beside it. One purchase stands under every action type that includes it. Zeros are left
out.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from ingestion.simulator.meta_ads.config import AdAccount
from ingestion.simulator.meta_ads.query import InsightsQuery
from ingestion.simulator.meta_ads.world import Cell, Facts, MetaWorld, Moment

__all__ = ["insights_rows"]

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
_BY_DEVICE: Final = frozenset({"impression_device", "device_platform"})

_Windows = Mapping[str, int]


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
    if query.breakdown == "impression_device" and not account.reads_devices:
        return []  # accounts that have not opted in get no rows, and no reason
    groups: dict[tuple[str, ...], tuple[Cell, list[int]]] = {}
    for cell in _cells(world, account, query, moment):
        place = _place(query, cell)
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
) -> Iterator[Cell]:
    for ordinal in range(query.first_day.toordinal(), query.last_day.toordinal() + 1):
        for whole in world.campaign_days(account, date.fromordinal(ordinal), moment):
            for part in _parts(world, whole, query):
                if _status(part, query.level, moment.today) in query.statuses:
                    yield part


def _parts(world: MetaWorld, cell: Cell, query: InsightsQuery) -> Iterable[Cell]:
    # The platform splits by device before it splits by ad, whatever is asked: so the rows of ads
    # are the same with and without the breakdown.
    is_fine = query.level in {"adset", "ad"}
    if query.breakdown == "country":
        parts: Iterable[Cell] = world.by_country(cell)
    elif is_fine or query.breakdown in _BY_DEVICE:
        parts = world.by_device(cell)
    else:
        parts = [cell]
    return (piece for part in parts for piece in world.by_ad(part)) if is_fine else parts


def _status(cell: Cell, level: str, today: date) -> str:
    """`effective_status` of the level's object; an account is always there."""
    campaign, ad = cell.campaign, cell.ad
    if level != "account" and campaign.last_day is not None and today > campaign.last_day:
        return "DELETED"
    if level == "ad" and ad is not None and ad.last_day is not None and today > ad.last_day:
        return ad.end
    return "ACTIVE"


def _place(query: InsightsQuery, cell: Cell) -> tuple[str, ...]:
    """What tells a row apart: its first and last day, its ids and its breakdown."""
    days = (cell.date, cell.date) if query.is_daily else (query.first_day, query.last_day)
    ids = {
        "account": "",
        "campaign": cell.campaign.campaign_id,
        "adset": cell.ad_set.adset_id if cell.ad_set else "",
        "ad": cell.ad.ad_id if cell.ad else "",
    }
    return days[0].isoformat(), days[1].isoformat(), ids[query.level], _part(cell, query.breakdown)


def _part(cell: Cell, breakdown: str) -> str:
    if breakdown in _BY_DEVICE and cell.device:
        return str(getattr(cell.device, breakdown))
    return cell.country or ""


def _row(
    account: AdAccount, query: InsightsQuery, cell: Cell, place: tuple[str, ...]
) -> dict[str, Any]:
    setting = _setting(query.level, cell)
    known = _names(account, query, cell) | _measures(cell.facts, query.windows, setting)
    row = {name: known[name] for name in query.fields if name in known}
    row["date_start"], row["date_stop"] = place[0], place[1]
    if query.breakdown:
        row[query.breakdown] = place[3]
    return row


def _setting(level: str, cell: Cell) -> tuple[str, ...] | None:
    """Windows of the attribution setting; None: several are added up."""
    if level == "account":
        return None
    return cell.ad_set.attribution if cell.ad_set else cell.campaign.attribution


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


def _measures(
    facts: Facts, asked: tuple[str, ...], setting: tuple[str, ...] | None
) -> dict[str, Any]:
    web = _windows(facts.viewed, facts.day, facts.week, facts.month)
    web_value = _windows(facts.viewed_value, facts.day_value, facts.week_value, facts.month_value)
    store, store_value = _windows(0, 0, facts.store, 0), _windows(0, 0, facts.store_value, 0)
    both, both_value = _added(web, store), _added(web_value, store_value)
    purchases = {
        "purchase": (web, web_value),
        "offsite_conversion.fb_pixel_purchase": (web, web_value),
        "offline_conversion.purchase": (store, store_value),
        "omni_purchase": (both, both_value),
    }
    clicks = dict.fromkeys(("1d_click", "7d_click", "28d_click"), facts.link_clicks)
    actions = [_action("link_click", clicks, asked, ("1d_click",), str)]
    actions += [_action(name, told, asked, setting, str) for name, (told, _) in purchases.items()]
    values = [_action(name, told, asked, setting, _money) for name, (_, told) in purchases.items()]
    measures: dict[str, Any] = {
        "impressions": str(facts.impressions),
        "clicks": str(facts.clicks),
        "inline_link_clicks": str(facts.link_clicks) if facts.link_clicks else None,
        "spend": _money(facts.spend),
        "actions": [action for action in actions if action],
        "action_values": [action for action in values if action],
    }
    return {name: measure for name, measure in measures.items() if measure}


def _windows(viewed: int, day: int, week: int, month: int) -> _Windows:
    return {
        "1d_view": viewed,
        "1d_click": day,
        "7d_click": day + week,
        "28d_click": day + week + month,
    }


def _added(left: _Windows, right: _Windows) -> _Windows:
    return {name: number + right[name] for name, number in left.items()}


def _action(
    name: str,
    told: _Windows,
    asked: tuple[str, ...],
    setting: tuple[str, ...] | None,
    write: Any,
) -> dict[str, str]:
    """One entry of a list of actions; empty when there is nothing to tell."""
    value = sum(told[window] for window in setting) if setting else 0
    numbers = {"value": value, **{window: told.get(window, 0) for window in asked}}
    written = {window: write(number) for window, number in numbers.items() if number}
    return {"action_type": name, **written} if written else {}


def _money(cents: int) -> str:
    """Units of the currency without trailing zeros: 8.53, 12.4, 7."""
    return f"{Decimal(cents).scaleb(-2).normalize():f}"
