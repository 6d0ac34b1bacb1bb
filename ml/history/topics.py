"""What histories are made of: a fact, what tells its series apart, and what is counted.

ads  -> campaigns: media cost, claimed conversions and revenue
web  -> channels of a site: visits
shop -> shops: orders and what they came to
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.facts import FACTS
from domain.facts.fact import Fact
from ml.panel import Measure

__all__ = ["TOPICS", "Topic", "TopicName"]


class TopicName(enum.Enum):
    """One history of an agency."""

    ADS = "ads"
    WEB = "web"
    SHOP = "shop"


@dataclass(frozen=True, slots=True)
class Topic:
    """How a history comes out of a fact.

    Attributes:
        fact: Its rows.
        keys: Columns that tell series of an account apart, beside the currency.
        measures: What a row counts, as SQL; its alias is `f`.
    """

    fact: Fact
    keys: tuple[str, ...]
    measures: Mapping[Measure, str]

    @property
    def has_amounts(self) -> bool:
        """Whether anything counted is money; else the currency of an account means nothing."""
        return not {Measure.SPEND, Measure.REVENUE, Measure.SALES}.isdisjoint(self.measures)


TOPICS: Final[Mapping[TopicName, Topic]] = {
    TopicName.ADS: Topic(
        FACTS["ads_daily"],
        ("channel", "campaign_id"),
        {
            Measure.SPEND: "f.spend",
            Measure.CONVERSIONS: "f.conversions",
            Measure.REVENUE: "f.attributed_revenue",
        },
    ),
    TopicName.WEB: Topic(FACTS["web_daily"], ("channel",), {Measure.SESSIONS: "f.sessions"}),
    TopicName.SHOP: Topic(FACTS["orders"], (), {Measure.ORDERS: "1", Measure.SALES: "f.revenue"}),
}
