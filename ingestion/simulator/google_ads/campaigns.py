"""Campaigns of an account, and what stands below them.

    seed + customer + index -> Campaign -> ad groups -> ads, keywords, search terms; -> places

Sources: developers.google.com/google-ads/api, "Performance Max reporting" (no ad groups, no ads),
and the resources keyword_view, search_term_view and user_location_view, v25 (2026-11).
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from ingestion.simulator.chance import Chance
from ingestion.simulator.google_ads.config import AdsAccount, GoogleAdsConfig

__all__ = ["Ad", "AdGroup", "Campaign", "Keyword", "Place", "SearchTerm", "make_campaign"]

_CHANNELS: Final = (
    "SEARCH",
    "PERFORMANCE_MAX",
    "SHOPPING",
    "DISPLAY",
    "VIDEO",
    "DEMAND_GEN",
)
_NAMES: Final = {
    "SEARCH": ("Brand Search", "Generic Search", "Competitor Search"),
    "PERFORMANCE_MAX": ("PMax All Products", "PMax Bestsellers", "PMax New In"),
    "SHOPPING": ("Shopping Core", "Shopping Long Tail", "Shopping Clearance"),
    "DISPLAY": ("Display Remarketing", "Display Prospecting", "Display Seasonal"),
    "VIDEO": ("YouTube Awareness", "YouTube Action", "YouTube Shorts"),
    "DEMAND_GEN": ("Demand Gen Lookalike", "Demand Gen Social", "Demand Gen Launch"),
}
# Per mille of clicks by device. Connected television shows where video runs.
_DEVICES: Final = {
    "SEARCH": (("MOBILE", 560), ("DESKTOP", 380), ("TABLET", 60)),
    "SHOPPING": (("MOBILE", 600), ("DESKTOP", 340), ("TABLET", 60)),
    "PERFORMANCE_MAX": (("MOBILE", 580), ("DESKTOP", 320), ("TABLET", 50), ("CONNECTED_TV", 50)),
    "DISPLAY": (("MOBILE", 640), ("DESKTOP", 300), ("TABLET", 60)),
    "VIDEO": (("MOBILE", 520), ("DESKTOP", 200), ("TABLET", 60), ("CONNECTED_TV", 220)),
    "DEMAND_GEN": (("MOBILE", 700), ("DESKTOP", 250), ("TABLET", 50)),
}
_BIDDING: Final = ("TARGET_ROAS", "MAXIMIZE_CONVERSIONS", "TARGET_CPA", "MAXIMIZE_CONVERSION_VALUE")
_CAMPAIGNS_BEFORE_PAUSE: Final = 7
_MATCH_TYPES: Final = ("EXACT", "PHRASE", "BROAD")
_WANTED: Final = ("online shop", "sale", "reviews", "near me", "gift", "delivery")
_ASKED: Final = ("cheap", "best", "2026", "for women", "for men", "test")
# Criterion id of the country, whether it is targeted, and its part of the traffic in a thousand.
_PLACES: Final = {
    "EUR": ((2276, True, 700), (2040, True, 130), (2756, False, 90), (2250, False, 50)),
    "USD": ((2840, True, 760), (2124, True, 120), (2826, False, 60), (2484, False, 30)),
}


@dataclass(frozen=True, slots=True)
class Ad:
    """An ad; `weight` is its part of the traffic of its campaign."""

    ad_id: int
    name: str
    kind: str
    status: str
    weight: int


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword; `weight` is its part of the traffic of its ad group, in a thousand."""

    criterion_id: int
    text: str
    match_type: str
    weight: int


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """What people searched for; `weight` is its part of its ad group, in a thousand."""

    text: str
    weight: int


@dataclass(frozen=True, slots=True)
class Place:
    """A country that people were in; `weight` is its part of its campaign, in a thousand."""

    country_criterion_id: int
    is_targeted: bool
    weight: int


@dataclass(frozen=True, slots=True)
class AdGroup:
    """A group of ads.

    Keywords and terms make up less than the group: dynamic ads need no keyword, and terms that few
    people search for are withheld.
    """

    ad_group_id: int
    name: str
    kind: str
    status: str
    ads: tuple[Ad, ...]
    keywords: tuple[Keyword, ...] = ()
    terms: tuple[SearchTerm, ...] = ()


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign and the levels around which its days vary.

    Places make up less than the campaign: some people cannot be located.
    """

    campaign_id: int
    name: str
    channel: str
    status: str
    bidding: str
    first_day: date
    last_day: date | None
    clicks_a_day: int
    click_cents: int
    conversions_per_mille: int
    order_cents: int
    devices: tuple[tuple[str, int], ...]
    ad_groups: tuple[AdGroup, ...]
    places: tuple[Place, ...]


def make_campaign(config: GoogleAdsConfig, account: AdsAccount, index: int) -> Campaign:
    """Make the campaign number `index` of `account`."""
    chance = Chance(config.seed, "campaign", account.customer_id, index)
    channel = _CHANNELS[index % len(_CHANNELS)]
    round_number = index // len(_CHANNELS)
    names = _NAMES[channel]
    name = names[round_number % len(names)]
    if round_number >= len(names):
        name = f"{name} {round_number // len(names) + 1}"
    campaign_id = int(account.customer_id) * 100 + index + 1
    status, last_day = "ENABLED", None
    if index % _CAMPAIGNS_BEFORE_PAUSE == _CAMPAIGNS_BEFORE_PAUSE - 1:
        status = chance.pick(("PAUSED", "REMOVED"))
        last_day = date.fromordinal(config.first_day.toordinal() + chance.between(300, 600))
    return Campaign(
        campaign_id=campaign_id,
        name=f"{account.name} | {name}",
        channel=channel,
        status=status,
        bidding=chance.pick(_BIDDING),
        first_day=config.first_day,
        last_day=last_day,
        clicks_a_day=chance.between(40, 400),
        click_cents=chance.between(20, 180),
        conversions_per_mille=chance.between(8, 60),
        order_cents=chance.between(2_500, 12_000),
        devices=_DEVICES[channel],
        ad_groups=_make_ad_groups(config.seed, chance, account, campaign_id, channel),
        places=tuple(Place(*place) for place in _places_of(account)),
    )


def _places_of(account: AdsAccount) -> tuple[tuple[int, bool, int], ...]:
    return _PLACES.get(account.currency, _PLACES["USD"])


def _make_ad_groups(
    seed: int, chance: Chance, account: AdsAccount, campaign_id: int, channel: str
) -> tuple[AdGroup, ...]:
    if channel == "PERFORMANCE_MAX":
        return ()  # Performance Max has asset groups instead.
    kind = f"{channel}_STANDARD" if channel in {"SEARCH", "DISPLAY"} else "UNSPECIFIED"
    groups = []
    for group in range(chance.between(2, 3)):
        group_id = campaign_id * 10 + group
        ads = tuple(
            Ad(
                ad_id=group_id * 10 + ad,
                name=f"Ad {group + 1}.{ad + 1}",
                kind="RESPONSIVE_SEARCH_AD" if channel == "SEARCH" else "RESPONSIVE_DISPLAY_AD",
                status="ENABLED",
                weight=chance.between(10, 100),
            )
            for ad in range(chance.between(1, 2))
        )
        wanted = f"{account.name.lower()} {_WANTED[(campaign_id + group) % len(_WANTED)]}"
        groups.append(
            AdGroup(
                group_id,
                f"Ad group {group + 1}",
                kind,
                "ENABLED",
                ads,
                keywords=_make_keywords(group_id, wanted) if channel == "SEARCH" else (),
                terms=_make_terms(seed, group_id, wanted)
                if channel in {"SEARCH", "SHOPPING"}
                else (),
            )
        )
    return tuple(groups)


def _make_keywords(group_id: int, wanted: str) -> tuple[Keyword, ...]:
    return tuple(
        Keyword(group_id * 10 + number, wanted, match_type, weight)
        for number, (match_type, weight) in enumerate(
            zip(_MATCH_TYPES, (520, 260, 150), strict=True)
        )
    )


def _make_terms(seed: int, group_id: int, wanted: str) -> tuple[SearchTerm, ...]:
    chance = Chance(seed, "terms", group_id)
    asked = (wanted, *(f"{wanted} {word}" for word in _ASKED[: chance.between(2, 4)]))
    return tuple(SearchTerm(text, chance.between(60, 180)) for text in asked)
