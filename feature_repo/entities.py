"""Whom features are about. The agency is the first part of every key.

    campaign    (agency, "<connection uuid>:<provider's campaign id>")
    client      (agency, "<client uuid>")

Feast sorts join keys by name before it writes them down, hence `a_tenant_id`.
"""

from dataclasses import dataclass
from typing import Final

from domain.privacy.classification import Privacy
from domain.privacy.holds import ADVERTISING_OBJECT, LINEAGE

__all__ = ["CAMPAIGN", "CLIENT", "ENTITIES", "PROJECT", "TENANT_KEY", "Entity"]

PROJECT: Final = "bosco"  # at Feast; one for the platform
TENANT_KEY: Final = "a_tenant_id"


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
    """

    name: str
    description: str
    join_key: str
    parts: tuple[str, ...]
    holds: Privacy | None = None

    @property
    def owner_column(self) -> str:
        """The fact column of the id's first part: whole accounts or clients are read by it."""
        return self.parts[0]

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
CLIENT: Final = Entity(
    name="client",
    description="A brand that the agency works for.",
    join_key="client_key",
    parts=("client_id",),
    holds=LINEAGE,
)
ENTITIES: Final = (CAMPAIGN, CLIENT)
