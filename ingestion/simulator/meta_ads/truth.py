"""What the simulated ad accounts really hold, computed beside the HTTP path.

    world -> cells of each day -> totals by chosen keys

Shares no code with the rendering of rows, so that a test that compares both checks both.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.errors import InvalidInputError
from ingestion.simulator.meta_ads.config import AdAccount
from ingestion.simulator.meta_ads.world import Cell, Facts, MetaWorld, Moment

__all__ = ["TRUTH_KEYS", "truth_document"]

TRUTH_KEYS: Final = ("day", "campaign", "ad", "device", "country")
_SPLIT: Final = frozenset({"ad", "device"})


def truth_document(
    world: MetaWorld,
    account: AdAccount,
    *,
    first_day: date,
    last_day: date,
    now: datetime,
    by: Collection[str],
) -> dict[str, Any]:
    """Build the JSON of `GET /_control/truth/meta_ads/{account_id}`.

    Money is a decimal string in units of the currency; `device` is `device_platform`; `purchases`
    are those on the website and in the shop, within seven days of a click or one of a view.
    `totals` come from the campaigns, never from a split.

    Args:
        world: The platform's world.
        account: The account asked about.
        first_day: First day at the account.
        last_day: Last day at the account, included.
        now: UTC instant as of which the facts are known.
        by: Keys of a row, out of `TRUTH_KEYS`.

    Raises:
        InvalidInputError: `by` names an unknown key, or country beside ad or device, which no level
            reports together.
    """
    if unknown := sorted(set(by) - set(TRUTH_KEYS)):
        raise InvalidInputError(
            f"Truth has no key {unknown[0]!r}.", hint=f"It has {', '.join(TRUTH_KEYS)}."
        )
    if "country" in by and not _SPLIT.isdisjoint(by):
        raise InvalidInputError("Truth by country has neither ad nor device.")
    moment = Moment.at(now, account.time_zone)
    keys = [key for key in TRUTH_KEYS if key in by]
    sums: dict[tuple[str, ...], list[int]] = {}
    totals = [0] * len(Facts._fields)
    day = first_day
    while day <= last_day:
        for cell in world.campaign_days(account, day, moment):
            _add(totals, cell.facts)
            for part in _parts(world, cell, by):
                if any(part.facts):
                    names = tuple(_name(part, key, day) for key in keys)
                    _add(sums.setdefault(names, [0] * len(totals)), part.facts)
        day += timedelta(days=1)
    return {
        "account": account.account_id,
        "currency": account.currency,
        "timeZone": account.time_zone,
        "asOf": now.isoformat(),
        "rows": [
            {**dict(zip(keys, names, strict=True)), **_measures(Facts(*held))}
            for names, held in sorted(sums.items())
        ],
        "totals": _measures(Facts(*totals)),
    }


def _parts(world: MetaWorld, cell: Cell, by: Collection[str]) -> Iterable[Cell]:
    if "country" in by:
        return world.by_country(cell)
    if _SPLIT.isdisjoint(by):
        return [cell]
    devices = world.by_device(cell)
    return [part for device in devices for part in world.by_ad(device)] if "ad" in by else devices


def _name(cell: Cell, key: str, day: date) -> str:
    if key == "day":
        return day.isoformat()
    if key == "campaign":
        return cell.campaign.campaign_id
    if key == "ad":
        return cell.ad.ad_id if cell.ad else ""
    if key == "device":
        return cell.device.device_platform if cell.device else ""
    return cell.country or ""


def _add(held: list[int], facts: Facts) -> None:
    for place, measure in enumerate(facts):
        held[place] += measure


def _measures(facts: Facts) -> dict[str, Any]:
    value = facts.viewed_value + facts.day_value + facts.week_value + facts.store_value
    return {
        "impressions": facts.impressions,
        "clicks": facts.clicks,
        "linkClicks": facts.link_clicks,
        "spend": str(Decimal(facts.spend).scaleb(-2)),
        "purchases": facts.viewed + facts.day + facts.week + facts.store,
        "purchaseValue": str(Decimal(value).scaleb(-2)),
    }
