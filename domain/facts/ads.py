"""Advertising delivery and cost, by day, in every cut that platforms report.

    ads_daily                by campaign and device: what totals are made of
    ads_ad_daily             the same money by ad
    ads_country_daily        the same money by campaign and country
    ads_keyword_daily        the part of it that keywords brought
    ads_search_term_daily    the part of it that reported search terms brought
    ads_account_daily        the platform's own totals, to prove the others complete

Platforms do not report every pair of dimensions, so each cut is a fact of its own, and a question
reads exactly one of them: cuts are never added up.

Decision: ADR-0010.
"""

from typing import Final

from domain.facts.fact import Column, ColumnType, Fact, Role, Supersession
from domain.privacy.classification import Privacy
from domain.privacy.holds import (
    ACCOUNT_SETTING,
    ADVERTISING_OBJECT,
    AGGREGATE_FIGURES,
    CANONICAL_WORD,
    CONFIGURATION,
    LINEAGE,
    SEARCH_TERM,
)

__all__ = [
    "ADS_ACCOUNT_DAILY",
    "ADS_AD_DAILY",
    "ADS_COUNTRY_DAILY",
    "ADS_DAILY",
    "ADS_KEYWORD_DAILY",
    "ADS_SEARCH_TERM_DAILY",
    "CHANNELS",
    "DEVICES",
    "MATCH_TYPES",
]

# Every source's own words are mapped to these; `other` is a value that has no place yet.
CHANNELS: Final = (
    "paid_search",
    "shopping",
    "performance_max",
    "display",
    "video",
    "paid_social",
    "email",
    "organic_search",
    "organic_social",
    "referral",
    "affiliate",
    "direct",
    "tv",
    "out_of_home",
    "print",
    "radio",
    "other",
)
DEVICES: Final = ("mobile", "desktop", "tablet", "tv", "other")
MATCH_TYPES: Final = ("exact", "phrase", "broad", "other")


def _dimension(name: str, description: str, holds: Privacy, *, required: bool = False) -> Column:
    return Column(
        name, ColumnType.STRING, Role.DIMENSION, description, required=required, holds=holds
    )


def _object(name: str, description: str) -> Column:
    return _dimension(name, description, ADVERTISING_OBJECT)


def _attribute(name: str, description: str) -> Column:
    return Column(name, ColumnType.STRING, Role.ATTRIBUTE, description, holds=ADVERTISING_OBJECT)


_CAMPAIGN: Final = (
    _dimension("channel", "Canonical channel.", CANONICAL_WORD, required=True),
    _object("campaign_id", "Provider's id; NULL: not reported by campaign."),
    _attribute("campaign_name", "Name at the time of the sync."),
)
_AD_GROUP: Final = (
    _object("ad_group_id", "Provider's id of the ad group or ad set; NULL: not reported."),
    _attribute("ad_group_name", "Name at the time of the sync."),
)
_DEVICE: Final = (_dimension("device", "Canonical device; NULL: not reported.", CANONICAL_WORD),)
_ACCOUNT: Final = (
    _dimension("currency", "ISO 4217 code of the account.", ACCOUNT_SETTING, required=True),
    Column(
        "time_zone",
        ColumnType.STRING,
        Role.ATTRIBUTE,
        "IANA zone of reporting_date.",
        required=True,
        holds=ACCOUNT_SETTING,
    ),
)
_MEASURES: Final = (
    _dimension(
        "attribution",
        "What the platform counts as a conversion and to which ads it credits it, "
        "`source:window:definition`; NULL: not told.",
        CONFIGURATION,
    ),
    Column(
        "spend",
        ColumnType.NUMERIC,
        Role.MEASURE,
        "Media cost.",
        money=True,
        holds=AGGREGATE_FIGURES,
    ),
    Column("impressions", ColumnType.INT64, Role.MEASURE, "Times shown.", holds=AGGREGATE_FIGURES),
    Column("clicks", ColumnType.INT64, Role.MEASURE, "Clicks.", holds=AGGREGATE_FIGURES),
    Column(
        "conversions",
        ColumnType.NUMERIC,
        Role.MEASURE,
        "Conversions as the platform attributes them; fractional.",
        claimed=True,
        holds=AGGREGATE_FIGURES,
    ),
    Column(
        "attributed_revenue",
        ColumnType.NUMERIC,
        Role.MEASURE,
        "Conversion value as the platform attributes it.",
        money=True,
        claimed=True,
        holds=AGGREGATE_FIGURES,
    ),
)

ADS_DAILY: Final = Fact(
    name="ads_daily",
    grain="one row per (connection, stream, day, campaign, device)",
    supersession=Supersession.SLICE,
    key_holds=ADVERTISING_OBJECT,
    day_holds=LINEAGE,
    columns=(*_CAMPAIGN, *_DEVICE, *_ACCOUNT, *_MEASURES),
)
ADS_AD_DAILY: Final = Fact(
    name="ads_ad_daily",
    grain="one row per (connection, stream, day, ad, device)",
    supersession=Supersession.SLICE,
    key_holds=ADVERTISING_OBJECT,
    day_holds=LINEAGE,
    columns=(
        *_CAMPAIGN,
        *_AD_GROUP,
        _object("ad_id", "Provider's id; NULL: not reported by ad."),
        _attribute("ad_name", "Name at the time of the sync."),
        *_DEVICE,
        *_ACCOUNT,
        *_MEASURES,
    ),
    refines="ads_daily",
)
ADS_COUNTRY_DAILY: Final = Fact(
    name="ads_country_daily",
    grain="one row per (connection, stream, day, campaign, country, region)",
    supersession=Supersession.SLICE,
    key_holds=ADVERTISING_OBJECT,
    day_holds=LINEAGE,
    columns=(
        *_CAMPAIGN,
        _dimension("country", "ISO 3166-1 alpha-2; NULL: not reported.", CANONICAL_WORD),
        _dimension(
            "region",
            "Provider's name of a place below country; NULL: not reported.",
            CANONICAL_WORD,
        ),
        *_ACCOUNT,
        *_MEASURES,
    ),
    refines="ads_daily",
)
ADS_KEYWORD_DAILY: Final = Fact(
    name="ads_keyword_daily",
    grain="one row per (connection, stream, day, ad group, keyword, device)",
    supersession=Supersession.SLICE,
    key_holds=ADVERTISING_OBJECT,
    day_holds=LINEAGE,
    columns=(
        *_CAMPAIGN,
        *_AD_GROUP,
        _object("keyword_id", "Provider's id of the keyword in its ad group."),
        _attribute("keyword", "Text of the keyword."),
        _dimension("match_type", "Canonical match type; NULL: not reported.", CANONICAL_WORD),
        *_DEVICE,
        *_ACCOUNT,
        *_MEASURES,
    ),
    refines="ads_daily",
    is_partial=True,
)
ADS_SEARCH_TERM_DAILY: Final = Fact(
    name="ads_search_term_daily",
    grain="one row per (connection, stream, day, ad group, search term)",
    supersession=Supersession.SLICE,
    key_holds=SEARCH_TERM,
    day_holds=LINEAGE,
    columns=(
        *_CAMPAIGN,
        *_AD_GROUP,
        _dimension(
            "search_term",
            "What people searched for, as reported; rare ones are withheld.",
            SEARCH_TERM,
        ),
        *_ACCOUNT,
        *_MEASURES,
    ),
    refines="ads_daily",
    is_partial=True,
)
ADS_ACCOUNT_DAILY: Final = Fact(
    name="ads_account_daily",
    grain="one row per (connection, day)",
    supersession=Supersession.SLICE,
    key_holds=LINEAGE,
    day_holds=LINEAGE,
    columns=(*_ACCOUNT, *_MEASURES),
    totals_of="ads_daily",
)
