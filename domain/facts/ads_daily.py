"""Advertising delivery and cost, by day."""

from typing import Final

from domain.facts.fact import Column, ColumnType, Fact, Role, Supersession

__all__ = ["ADS_DAILY", "CHANNELS", "DEVICES"]

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

ADS_DAILY: Final = Fact(
    name="ads_daily",
    grain="one row per (connection, stream, day, provider entity, device, country)",
    supersession=Supersession.SLICE,
    columns=(
        Column("channel", ColumnType.STRING, Role.DIMENSION, "Canonical channel.", required=True),
        Column(
            "campaign_id",
            ColumnType.STRING,
            Role.DIMENSION,
            "Provider's id; NULL: not reported by campaign.",
        ),
        Column("campaign_name", ColumnType.STRING, Role.ATTRIBUTE, "Name at the time of the sync."),
        Column(
            "device", ColumnType.STRING, Role.DIMENSION, "Canonical device; NULL: not reported."
        ),
        Column(
            "country", ColumnType.STRING, Role.DIMENSION, "ISO 3166-1 alpha-2; NULL: not reported."
        ),
        Column(
            "region",
            ColumnType.STRING,
            Role.DIMENSION,
            "Provider's name of a place below country; NULL: not reported.",
        ),
        Column(
            "currency",
            ColumnType.STRING,
            Role.DIMENSION,
            "ISO 4217 code of the account.",
            required=True,
        ),
        Column(
            "time_zone",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "IANA zone of reporting_date.",
            required=True,
        ),
        Column("spend", ColumnType.NUMERIC, Role.MEASURE, "Media cost.", money=True),
        Column("impressions", ColumnType.INT64, Role.MEASURE, "Times shown."),
        Column("clicks", ColumnType.INT64, Role.MEASURE, "Clicks."),
        Column(
            "conversions",
            ColumnType.NUMERIC,
            Role.MEASURE,
            "Conversions as the platform attributes them; fractional.",
        ),
        Column(
            "attributed_revenue",
            ColumnType.NUMERIC,
            Role.MEASURE,
            "Conversion value as the platform attributes it.",
            money=True,
        ),
    ),
)
