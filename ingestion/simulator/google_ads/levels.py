"""The levels below a campaign, and the part of its facts that each thing there has.

    resource + Campaign -> slots with weights; Facts + weights -> parts, the unserved ones too

Ads make up their campaign. Keywords, search terms and places do not: what came without a keyword,
what few people searched for and who could not be located stands in slots that are not served.

Sources: developers.google.com/google-ads/api, resources ad_group_ad, keyword_view, search_term_view
and user_location_view, v25; Google Ads Help, "Differences in geographic metrics" (2026-11).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from ingestion.simulator.google_ads.campaigns import (
    Ad,
    AdGroup,
    Campaign,
    Keyword,
    Place,
    SearchTerm,
)

__all__ = ["SLOTS", "Slot"]

_THOUSAND: Final = 1_000


class Slot(NamedTuple):
    """A thing of a level, and its weight in its campaign; one that is not served is nothing."""

    weight: int
    ad_group: AdGroup | None = None
    ad: Ad | None = None
    keyword: Keyword | None = None
    term: SearchTerm | None = None
    place: Place | None = None
    is_served: bool = True


def _ad_groups(campaign: Campaign) -> Iterator[Slot]:
    for group in campaign.ad_groups:
        yield Slot(_weight(group), group)


def _ads(campaign: Campaign) -> Iterator[Slot]:
    for group in campaign.ad_groups:
        for ad in group.ads:
            yield Slot(ad.weight, group, ad)


def _keywords(campaign: Campaign) -> Iterator[Slot]:
    for group in campaign.ad_groups:
        weight = _weight(group)
        for keyword in group.keywords:
            yield Slot(weight * keyword.weight, group, keyword=keyword)
        left = _THOUSAND - sum(keyword.weight for keyword in group.keywords)
        yield Slot(weight * left, is_served=False)


def _terms(campaign: Campaign) -> Iterator[Slot]:
    for group in campaign.ad_groups:
        weight = _weight(group)
        for term in group.terms:
            yield Slot(weight * term.weight, group, term=term)
        left = _THOUSAND - sum(term.weight for term in group.terms)
        yield Slot(weight * left, is_served=False)


def _places(campaign: Campaign) -> Iterator[Slot]:
    for place in campaign.places:
        yield Slot(place.weight, place=place)
    left = _THOUSAND - sum(place.weight for place in campaign.places)
    yield Slot(left, is_served=False)


def _weight(group: AdGroup) -> int:
    return sum(ad.weight for ad in group.ads)


# Resource -> its slots in a campaign, in order; none: the campaign is not reported this way.
SLOTS: Final[Mapping[str, Callable[[Campaign], Iterator[Slot]]]] = {
    "ad_group": _ad_groups,
    "ad_group_ad": _ads,
    "keyword_view": _keywords,
    "search_term_view": _terms,
    "user_location_view": _places,
}
