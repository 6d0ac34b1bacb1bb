"""Canonical facts: the shapes every source is unified into."""

from typing import Final

from domain.facts.ads import (
    ADS_ACCOUNT_DAILY,
    ADS_AD_DAILY,
    ADS_COUNTRY_DAILY,
    ADS_DAILY,
    ADS_KEYWORD_DAILY,
    ADS_SEARCH_TERM_DAILY,
)
from domain.facts.customers import CUSTOMERS
from domain.facts.fact import Fact
from domain.facts.order_lines import ORDER_LINES
from domain.facts.orders import ORDERS
from domain.facts.refunds import REFUNDS
from domain.facts.web import WEB_DAILY, WEB_PROPERTY_DAILY

__all__ = [
    "ADS_ACCOUNT_DAILY",
    "ADS_AD_DAILY",
    "ADS_COUNTRY_DAILY",
    "ADS_DAILY",
    "ADS_KEYWORD_DAILY",
    "ADS_SEARCH_TERM_DAILY",
    "CUSTOMERS",
    "FACTS",
    "METRIC_FACTS",
    "ORDERS",
    "ORDER_LINES",
    "REFUNDS",
    "WEB_DAILY",
    "WEB_PROPERTY_DAILY",
    "refinements",
]

FACTS: Final[dict[str, Fact]] = {
    fact.name: fact
    for fact in (
        ADS_DAILY,
        ADS_AD_DAILY,
        ADS_COUNTRY_DAILY,
        ADS_KEYWORD_DAILY,
        ADS_SEARCH_TERM_DAILY,
        ADS_ACCOUNT_DAILY,
        WEB_DAILY,
        WEB_PROPERTY_DAILY,
        ORDERS,
        ORDER_LINES,
        REFUNDS,
        CUSTOMERS,
    )
}

# What metrics may be made of; the platforms' own totals only prove these complete.
METRIC_FACTS: Final[dict[str, Fact]] = {
    name: fact for name, fact in FACTS.items() if not fact.totals_of
}


def refinements(fact: str) -> tuple[Fact, ...]:
    """The finer cuts of a fact, in the order in which questions prefer them."""
    return tuple(one for one in FACTS.values() if one.refines == fact)
