"""Ids of entities that have features, as callers write them.

con_01h455vb4pex5vsknk084sn02q:123     <-> <connection uuid>:123    a campaign, ad or product
cli_01h455vb4pex5vsknk084sn02q         <-> <client uuid>            a client
cli_01h455vb4pex5vsknk084sn02q:email   <-> <client uuid>:email      a channel or segment
"""

import uuid

from domain.ids import parse_id, public_id
from feature_repo.entities import Entity

__all__ = ["parse_entity_id", "public_entity_id"]


def public_entity_id(entity: Entity, entity_id: str) -> str:
    """The id for the outside."""
    own, colon, rest = entity_id.partition(":")
    return f"{public_id(_prefix(entity), uuid.UUID(own))}{colon}{rest}"


def parse_entity_id(entity: Entity, text: str) -> str:
    """The id behind a public one.

    Raises:
        InvalidInputError: The text is not an id of this kind of entity (caller).
    """
    own, colon, rest = text.partition(":") if len(entity.parts) > 1 else (text, "", "")
    return f"{parse_id(_prefix(entity), own)}{colon}{rest}"


def _prefix(entity: Entity) -> str:
    return "cli" if entity.is_of_client else "con"
