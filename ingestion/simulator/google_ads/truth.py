"""What the simulated accounts really hold, computed beside the HTTP path.

    world -> facts of each day -> parts of the level that the keys name -> totals by keys

Shares no code with the rendering of rows, so that a test that compares both checks both. What a
level does not serve (clicks without a keyword, people who could not be located) is in `totals`
and in no row of that level.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.errors import InvalidInputError
from ingestion.simulator.google_ads.campaigns import Campaign
from ingestion.simulator.google_ads.config import AdsAccount
from ingestion.simulator.google_ads.facts import Facts, split_facts
from ingestion.simulator.google_ads.levels import SLOTS, Slot
from ingestion.simulator.google_ads.world import AdsWorld, Moment

__all__ = ["TRUTH_KEYS", "AdsTotals", "compute_truth", "truth_document"]

# Key -> the resource that tells of it.
_LEVELS: Final = {
    "ad": "ad_group_ad",
    "country": "user_location_view",
    "keyword": "keyword_view",
    "search_term": "search_term_view",
    "ad_group": "ad_group",
}
TRUTH_KEYS: Final = ("day", "campaign", "device", *_LEVELS)
_CAMPAIGN_KEYS: Final = ("day", "campaign", "device")


@dataclass(frozen=True, slots=True)
class AdsTotals:
    """Totals of one group.

    Attributes:
        keys: Values of the keys asked for: ISO day, ids, the criterion id of the country, texts.
        rows: How many rows the API serves for the group by day and device when all metrics are
            selected.
        facts: Summed measures.
    """

    keys: tuple[str, ...]
    rows: int
    facts: Facts


def compute_truth(
    world: AdsWorld,
    account: AdsAccount,
    *,
    first_day: date,
    last_day: date,
    now: datetime,
    by: Collection[str] = _CAMPAIGN_KEYS,
) -> list[AdsTotals]:
    """Sum what is known at `now` of the days `[first_day, last_day]`.

    Args:
        world: The platform's world.
        account: The account asked about.
        first_day: First day at the account.
        last_day: Last day at the account, included.
        now: UTC instant as of which the facts are known.
        by: Keys of a group, out of `TRUTH_KEYS`; none gives one total. The first of `ad`,
            `country`, `keyword`, `search_term` and `ad_group` is the level that is summed.

    Returns:
        One entry per group that has rows, ordered by its keys.
    """
    moment = Moment.at(now, account.time_zone)
    campaigns = world.campaigns_of(account)
    level = next((resource for key, resource in _LEVELS.items() if key in by), "")
    sums: dict[tuple[str, ...], list[int]] = {}
    day = first_day
    while day <= last_day:
        for index, device, facts in world.day_facts(account, day, moment):
            for slot, part in _parts(level, campaigns[index], facts):
                if not any(part[:5]):
                    continue
                names = _names(day, campaigns[index], device, slot)
                keys = tuple(names[key] for key in TRUTH_KEYS if key in by)
                held = sums.setdefault(keys, [0] * 7)
                held[0] += 1
                for place, measure in enumerate(part, start=1):
                    held[place] += measure
        day += timedelta(days=1)
    return [AdsTotals(keys, held[0], Facts(*held[1:])) for keys, held in sorted(sums.items())]


def _parts(level: str, campaign: Campaign, facts: Facts) -> Iterable[tuple[Slot, Facts]]:
    if not level:
        return [(Slot(1), facts)]
    slots = list(SLOTS[level](campaign))
    parts = split_facts(facts, [slot.weight for slot in slots])
    return [pair for pair in zip(slots, parts, strict=True) if pair[0].is_served]


def _names(day: date, campaign: Campaign, device: str, slot: Slot) -> dict[str, str]:
    return {
        "day": day.isoformat(),
        "campaign": str(campaign.campaign_id),
        "device": device,
        "ad_group": str(slot.ad_group.ad_group_id) if slot.ad_group else "",
        "ad": str(slot.ad.ad_id) if slot.ad else "",
        "country": str(slot.place.country_criterion_id) if slot.place else "",
        "keyword": str(slot.keyword.criterion_id) if slot.keyword else "",
        "search_term": slot.term.text if slot.term else "",
    }


def truth_document(
    world: AdsWorld,
    account: AdsAccount,
    *,
    first_day: date,
    last_day: date,
    now: datetime,
    by: Collection[str],
) -> dict[str, Any]:
    """Build the JSON of `GET /_control/truth/google_ads/{customer_id}`.

    Money is in micros, conversions and their value are decimal strings.

    Raises:
        InvalidInputError: `by` names an unknown key.
    """
    if unknown := sorted(set(by) - set(TRUTH_KEYS)):
        raise InvalidInputError(
            f"Truth has no key {unknown[0]!r}.", hint=f"It has {', '.join(TRUTH_KEYS)}."
        )
    groups = compute_truth(world, account, first_day=first_day, last_day=last_day, now=now, by=by)
    whole = compute_truth(world, account, first_day=first_day, last_day=last_day, now=now, by=())
    keys = [key for key in TRUTH_KEYS if key in by]
    return {
        "customer": account.customer_id,
        "currency": account.currency,
        "timeZone": account.time_zone,
        "asOf": now.isoformat(),
        "rows": [
            {**dict(zip(keys, group.keys, strict=True)), **_measures(group)} for group in groups
        ],
        "totals": _measures(whole[0] if whole else AdsTotals((), 0, Facts())),
    }


def _measures(totals: AdsTotals) -> dict[str, Any]:
    facts = totals.facts
    return {
        "rowCount": totals.rows,
        "impressions": facts.impressions,
        "clicks": facts.clicks,
        "costMicros": facts.cost_micros,
        "conversions": str(Decimal(facts.conversions_milli).scaleb(-3)),
        "conversionsValue": str(Decimal(facts.value_cents).scaleb(-2)),
    }
