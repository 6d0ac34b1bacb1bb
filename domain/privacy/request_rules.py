"""What a request needs before it is carried out, as data.

    right, channel -> identity that is enough · second person? · may a hold stop it?

Sources: GDPR articles 5(2), 7(3) (withdrawing is as easy as giving), 12(2), 12(6), 17(3)(e), 21(3);
EDPB Guidelines 01/2022, paragraphs 58 to 79 (identity in proportion to what is at stake). Decision:
ADR-0026.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.privacy.rights import IdentityLevel, IntakeChannel, Right

__all__ = ["CURRENT_RULES", "RequestRules", "is_enough", "lower"]

_ORDER: Final = tuple(IdentityLevel)


@dataclass(frozen=True, slots=True)
class RequestRules:
    """The rules.

    Attributes:
        needs: Identity that each right needs.
        needs_for_special: The same, when special categories of data are touched (article 9).
        most_of_channel: No request is surer of the requester than its channel can be.
        approved_rights: A second person has to agree.
        trusted_channels: Unless it came in by one of these, signed by the platform itself.
        held_rights: A legal hold stops them.
        ruled_rights: An officer rules on them while they run; they can be refused until then.
    """

    needs: Mapping[Right, IdentityLevel]
    needs_for_special: Mapping[Right, IdentityLevel]
    most_of_channel: Mapping[IntakeChannel, IdentityLevel]
    approved_rights: frozenset[Right]
    trusted_channels: frozenset[IntakeChannel]
    held_rights: frozenset[Right]
    ruled_rights: frozenset[Right]

    def needed_identity(self, right: Right, *, is_special: bool) -> IdentityLevel:
        """Identity that is enough for a right."""
        level = self.needs[right]
        special = self.needs_for_special.get(right)
        return special if is_special and special is not None else level

    def needs_approval(self, right: Right, channel: IntakeChannel) -> bool:
        """Whether a second person has to agree."""
        return right in self.approved_rights and channel not in self.trusted_channels


def is_enough(has: IdentityLevel, needs: IdentityLevel) -> bool:
    """Whether one level is as sure as another."""
    return _ORDER.index(has) >= _ORDER.index(needs)


def lower(first: IdentityLevel, second: IdentityLevel) -> IdentityLevel:
    """The less sure one."""
    return second if is_enough(first, second) else first


CURRENT_RULES: Final = RequestRules(
    needs={
        Right.ACCESS: IdentityLevel.REACHED,
        Right.RECTIFICATION: IdentityLevel.REACHED,
        Right.ERASURE: IdentityLevel.REACHED,
        Right.RESTRICTION: IdentityLevel.REACHED,
        Right.PORTABILITY: IdentityLevel.REACHED,
        Right.OBJECTION: IdentityLevel.CLAIMED,  # nobody is harmed by less marketing
        Right.DECISION_REVIEW: IdentityLevel.REACHED,
        Right.WITHDRAWAL: IdentityLevel.CLAIMED,
    },
    needs_for_special={
        Right.ACCESS: IdentityLevel.VOUCHED,
        Right.PORTABILITY: IdentityLevel.VOUCHED,
    },
    most_of_channel={
        IntakeChannel.DESK: IdentityLevel.VOUCHED,
        IntakeChannel.FORM: IdentityLevel.CLAIMED,
        IntakeChannel.API: IdentityLevel.VOUCHED,
        IntakeChannel.BATCH: IdentityLevel.VOUCHED,
        IntakeChannel.SHOPIFY: IdentityLevel.VOUCHED,
        IntakeChannel.META: IdentityLevel.VOUCHED,
    },
    approved_rights=frozenset({Right.ERASURE}),
    trusted_channels=frozenset({IntakeChannel.SHOPIFY, IntakeChannel.META}),
    held_rights=frozenset({Right.ERASURE}),
    ruled_rights=frozenset({Right.RESTRICTION, Right.OBJECTION, Right.DECISION_REVIEW}),
)
