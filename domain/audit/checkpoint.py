"""A checkpoint: that the chain of an agency had this end at this instant.

agency, number, hash, instant -> claims of a signed statement -> the same four again

Decision: ADR-0018.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from domain.audit.entry import HASH_BYTES
from domain.audit.verify import Anchor, Link
from domain.errors import InvalidInputError
from domain.ids import TenantId

__all__ = ["Checkpoint"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The end of a chain.

    Attributes:
        link: Number and hash of its last entry.
        at: UTC instant at which that was so.
    """

    tenant_id: TenantId
    link: Link
    at: dt.datetime

    @property
    def claims(self) -> dict[str, str | int]:
        """What a signature is put under."""
        return {
            "tenant": str(self.tenant_id),
            "sequence": self.link.sequence,
            "hash": self.link.hash.hex(),
            "at": self.at.isoformat(),
        }

    @property
    def anchor(self) -> Anchor:
        """What the chain is held against later."""
        return Anchor(self.link, f"the checkpoint of {self.at:%Y-%m-%d %H:%M} UTC")

    @classmethod
    def from_claims(cls, claims: Mapping[str, object]) -> "Checkpoint":
        """Read `claims` again.

        Raises:
            InvalidInputError: They are not those of a checkpoint.
        """
        tenant, sequence = claims.get("tenant"), claims.get("sequence")
        try:
            found = cls(
                tenant_id=TenantId(uuid.UUID(str(tenant))),
                link=Link(int(str(sequence)), bytes.fromhex(str(claims.get("hash")))),
                at=dt.datetime.fromisoformat(str(claims.get("at"))),
            )
        except ValueError:
            raise InvalidInputError("the statement is not one about an audit trail") from None
        if found.claims != dict(claims) or len(found.link.hash) != HASH_BYTES:
            raise InvalidInputError("the statement is not one about an audit trail")
        return found
