"""What data about a person is used for, and which words of others mean the same.

    ad_storage, TCF purpose 8, Sec-GPC: 1, ... -> Purpose -> may a question for it read their rows?

A question is asked for one purpose (`domain.ports.TenantScope`); who is suppressed for it is not
read. `STORAGE` alone cannot be suppressed: a restriction leaves it (GDPR art. 18(2)), and what may
not be kept either is erased.

Sources: Google "Consent mode reference" (the four consent types); IAB Europe TCF Policies 2.2,
Appendix A (purposes 1 to 11); Global Privacy Control, W3C draft, section 4 (do not sell or share,
objection to advertising across sites).
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.errors import InvalidInputError

__all__ = [
    "PURPOSES",
    "SUPPRESSIBLE",
    "Purpose",
    "PurposeTerms",
    "SuppressionCause",
    "purposes_asked",
    "purposes_of_signal",
]


class Purpose(enum.Enum):
    """What data about a person is used for.

    `STORAGE`: keeping it, and keeping it right. `ANALYTICS`: figures of what people did.
    `ADVERTISING`: telling advertising platforms of people, and measuring their advertisements by
    people. `PERSONALISATION`: treating a person by what is known of them.
    """

    STORAGE = "storage"
    ANALYTICS = "analytics"
    ADVERTISING = "advertising"
    PERSONALISATION = "personalisation"


class SuppressionCause(enum.Enum):
    """Why somebody is not read.

    `RESTRICTION` (GDPR art. 18) and `OBJECTION` (21): nothing of them is, as long as it lasts.
    `WITHDRAWAL` (7(3)): nothing that happened since; what was done before stays lawful.
    """

    RESTRICTION = "restriction"
    OBJECTION = "objection"
    WITHDRAWAL = "withdrawal"


@dataclass(frozen=True, slots=True)
class PurposeTerms:
    """How a purpose is called elsewhere.

    Attributes:
        consent_mode: Google's consent types: all of them have to be granted.
        tcf: Numbers of the TCF's purposes: all of them need consent.
        gpc: A Global Privacy Control signal denies it.
    """

    consent_mode: tuple[str, ...]
    tcf: tuple[int, ...]
    gpc: bool


PURPOSES: Final = {
    Purpose.STORAGE: PurposeTerms((), (), gpc=False),
    Purpose.ANALYTICS: PurposeTerms(("analytics_storage",), (1, 8), gpc=False),
    Purpose.ADVERTISING: PurposeTerms(("ad_storage", "ad_user_data"), (1, 2, 7), gpc=True),
    Purpose.PERSONALISATION: PurposeTerms(("ad_personalization",), (1, 3, 4, 5, 6), gpc=True),
}

SUPPRESSIBLE: Final = frozenset(PURPOSES) - {Purpose.STORAGE}


def purposes_of_signal(consent_type: str) -> tuple[Purpose, ...]:
    """The purposes that one of Google's consent types is needed for, in order; none: unknown."""
    return tuple(p for p, terms in PURPOSES.items() if consent_type in terms.consent_mode)


def purposes_asked(scope: Mapping[str, Any]) -> frozenset[Purpose]:
    """What a request is about: `{"purposes": ["advertising"]}`; without it, all.

    Raises:
        InvalidInputError: An unknown purpose, or storage, which cannot be suppressed.
    """
    named = scope.get("purposes")
    if not named:
        return SUPPRESSIBLE
    known = {purpose.value: purpose for purpose in SUPPRESSIBLE}
    if unknown := sorted(set(named) - set(known)):
        raise InvalidInputError(
            f"{unknown[0]!r} is no purpose that can be suppressed",
            hint=f"one of {', '.join(sorted(known))}",
        )
    return frozenset(known[name] for name in named)
