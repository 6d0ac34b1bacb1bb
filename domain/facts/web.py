"""Visits to a website or app, by day.

    web_daily            by channel, visit's source and medium, landing page, device and country
    web_property_daily   the analytics tool's own totals, to prove the other complete

Users are left out on purpose: a person who comes on two days, or by two channels, would be counted
twice as soon as rows are added up.
"""

from typing import Final

from domain.facts.fact import Column, ColumnType, Fact, Role, Supersession
from domain.privacy.classification import Privacy
from domain.privacy.holds import (
    ACCOUNT_SETTING,
    AGGREGATE_FIGURES,
    CANONICAL_WORD,
    CONFIGURATION,
    LINEAGE,
    WEB_PAGE,
)

__all__ = ["WEB_DAILY", "WEB_PROPERTY_DAILY"]


def _dimension(name: str, description: str, holds: Privacy, *, required: bool = False) -> Column:
    return Column(
        name, ColumnType.STRING, Role.DIMENSION, description, required=required, holds=holds
    )


def _count(name: str, description: str) -> Column:
    return Column(name, ColumnType.INT64, Role.MEASURE, description, holds=AGGREGATE_FIGURES)


_ACCOUNT: Final = (
    _dimension("currency", "ISO 4217 code of the property.", ACCOUNT_SETTING, required=True),
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
        "What the tool counts as a key event and how it credits visits, "
        "`source:model:definition`; NULL: not told.",
        CONFIGURATION,
    ),
    _count("sessions", "Visits."),
    _count("engaged_sessions", "Visits that lasted, converted or saw two pages."),
    _count("new_users", "First visits of a device or signed-in person."),
    _count("page_views", "Pages or screens seen."),
    Column(
        "key_events",
        ColumnType.NUMERIC,
        Role.MEASURE,
        "Events that the property marks as key, credited by its own model; fractional.",
        claimed=True,
        holds=AGGREGATE_FIGURES,
    ),
    Column(
        "purchase_revenue",
        ColumnType.NUMERIC,
        Role.MEASURE,
        "Purchases that the tool saw, credited by its own model.",
        money=True,
        claimed=True,
        holds=AGGREGATE_FIGURES,
    ),
)

WEB_DAILY: Final = Fact(
    name="web_daily",
    grain="one row per (connection, stream, day, channel, source, medium, page, device, country)",
    supersession=Supersession.SLICE,
    key_holds=WEB_PAGE,
    day_holds=LINEAGE,
    columns=(
        _dimension("channel", "Canonical channel of the visit.", CANONICAL_WORD, required=True),
        _dimension("visit_source", "Where the visit came from, as the tool names it.", WEB_PAGE),
        _dimension("visit_medium", "How it came, as the tool names it.", WEB_PAGE),
        _dimension("landing_page", "Path of the first page; NULL: not reported.", WEB_PAGE),
        _dimension("device", "Canonical device; NULL: not reported.", CANONICAL_WORD),
        _dimension("country", "ISO 3166-1 alpha-2; NULL: not known.", CANONICAL_WORD),
        *_ACCOUNT,
        *_MEASURES,
    ),
)
WEB_PROPERTY_DAILY: Final = Fact(
    name="web_property_daily",
    grain="one row per (connection, day)",
    supersession=Supersession.SLICE,
    key_holds=LINEAGE,
    day_holds=LINEAGE,
    columns=(*_ACCOUNT, *_MEASURES),
    totals_of="web_daily",
)
