"""Canonical facts: the shapes every source is unified into."""

from domain.facts.ads_daily import ADS_DAILY
from domain.facts.customers import CUSTOMERS
from domain.facts.fact import Fact
from domain.facts.orders import ORDERS
from domain.facts.refunds import REFUNDS

__all__ = ["ADS_DAILY", "CUSTOMERS", "FACTS", "ORDERS", "REFUNDS"]

FACTS: dict[str, Fact] = {fact.name: fact for fact in (ADS_DAILY, ORDERS, REFUNDS, CUSTOMERS)}
