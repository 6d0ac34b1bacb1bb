"""Whom features are about. The agency is the first part of every key.

    campaign    (agency, "<connection uuid>:<provider's campaign id>")
    ad          (agency, "<connection uuid>:<provider's ad id>")
    product     (agency, "<connection uuid>:<provider's product id>")
    client      (agency, "<client uuid>")
    channel     (agency, "<client uuid>:<canonical channel>")
    segment     (agency, "<client uuid>:<country>")

Feast sorts join keys by name before it writes them down, hence `a_tenant_id`.
"""

from dataclasses import dataclass
from typing import Final

from domain.privacy.classification import Privacy
from domain.privacy.holds import ADVERTISING_OBJECT, CANONICAL_WORD, LINEAGE, SHOP_OBJECT

__all__ = [
    "AD",
    "CAMPAIGN",
    "CHANNEL",
    "CLIENT",
    "ENTITIES",
    "PRODUCT",
    "PROJECT",
    "SEGMENT",
    "TENANT_KEY",
    "Crowd",
    "Entity",
]

PROJECT: Final = "bosco"  # at Feast; one for the platform
TENANT_KEY: Final = "a_tenant_id"


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many people must stand behind figures, so that they tell of none of them.

    Attributes:
        column: Of the facts: who each row is about.
        fewest: With fewer different people in the last 28 days there are no values.
    """

    column: str
    fewest: int


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of thing that has features.

    Attributes:
        name: Singular, snake case.
        description: One sentence for people.
        join_key: Name of the second part of its key; sorts after `TENANT_KEY`.
        parts: Fact columns that make its id, joined with a colon; a fact row that lacks one
            belongs to none. The first is a UUID of ours.
        holds: What its id holds of people; None: nobody has said, and the inventory fails.
        crowd: Needed where the entity is a group of people; None: it is none.
    """

    name: str
    description: str
    join_key: str
    parts: tuple[str, ...]
    holds: Privacy | None = None
    crowd: Crowd | None = None

    @property
    def owner_column(self) -> str:
        """The fact column of the id's first part: whole accounts or clients are read by it."""
        return self.parts[0]

    @property
    def is_of_client(self) -> bool:
        """Whether its owner is a client, and not an account."""
        return self.owner_column == "client_id"

    @staticmethod
    def owner_of(entity_id: str) -> str:
        """The first part of an id."""
        return entity_id.partition(":")[0]


CAMPAIGN: Final = Entity(
    name="campaign",
    description="A campaign of a connected ad account.",
    join_key="campaign_key",
    parts=("connection_id", "campaign_id"),
    holds=ADVERTISING_OBJECT,
)
AD: Final = Entity(
    name="ad",
    description="An ad of a connected ad account.",
    join_key="ad_key",
    parts=("connection_id", "ad_id"),
    holds=ADVERTISING_OBJECT,
)
PRODUCT: Final = Entity(
    name="product",
    description="A product of a connected shop.",
    join_key="product_key",
    parts=("connection_id", "product_id"),
    holds=SHOP_OBJECT,
)
CLIENT: Final = Entity(
    name="client",
    description="A brand that the agency works for.",
    join_key="client_key",
    parts=("client_id",),
    holds=LINEAGE,
)
CHANNEL: Final = Entity(
    name="channel",
    description="A channel of a client: advertising, visits and sales over all of its accounts.",
    join_key="channel_key",
    parts=("client_id", "channel"),
    holds=CANONICAL_WORD,
)
SEGMENT: Final = Entity(
    name="segment",
    description="A client's customers in one country, where there are twenty or more of them.",
    join_key="segment_key",
    parts=("client_id", "country"),
    holds=CANONICAL_WORD,
    crowd=Crowd("customer_id", 20),
)
ENTITIES: Final = (CAMPAIGN, AD, PRODUCT, CLIENT, CHANNEL, SEGMENT)
