"""What has to be known of a recipient of each kind.

KINDS: kind -> settings that are shown, secrets that are sealed, which identifiers it knows

Sources (2026-11): developers.klaviyo.com/en/reference/request_profile_deletion,
developers.hubspot.com/docs/api-reference/legacy/crm/objects/contacts/gdpr/gdpr-delete-contact,
developers.google.com/analytics/devguides/config/userdeletion/v3,
developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences,
developers.google.com/data-manager/api/devguides/audiences,
business-api.tiktok.com/portal/docs (v1.3, /segment/mapping/).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.errors import InvalidInputError
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.recipients import RecipientKind
from domain.privacy.rights import Right

__all__ = ["KINDS", "KindSpec", "check_input"]

_ALL: Final = frozenset(Right) - {Right.ACCESS, Right.PORTABILITY, Right.DECISION_REVIEW}
_DELETIONS: Final = frozenset({Right.ERASURE})
_OUT_OF_AUDIENCES: Final = frozenset(
    {Right.ERASURE, Right.OBJECTION, Right.WITHDRAWAL, Right.RESTRICTION}
)
_DIRECT: Final = frozenset({IdentifierKind.EMAIL, IdentifierKind.PHONE})


@dataclass(frozen=True, slots=True)
class KindSpec:
    """A kind of recipient.

    Attributes:
        settings: Names; those that end in `?` may be missing.
        secrets: The same, sealed.
        knows: Identifiers that it may be told.
        rights: Requests that it is told of: an interface that can only delete is told of nothing
            else.
    """

    settings: tuple[str, ...]
    secrets: tuple[str, ...]
    knows: frozenset[IdentifierKind]
    rights: frozenset[Right]


KINDS: Final[Mapping[RecipientKind, KindSpec]] = {
    RecipientKind.WEBHOOK: KindSpec(
        ("url",), ("signing_secret",), _DIRECT | {IdentifierKind.PLATFORM}, _ALL
    ),
    RecipientKind.EMAIL: KindSpec(
        ("to", "from", "server", "security?"), ("user?", "password?"), _DIRECT, _ALL
    ),
    RecipientKind.KLAVIYO: KindSpec((), ("api_key",), _DIRECT, _DELETIONS),
    RecipientKind.HUBSPOT: KindSpec(
        (), ("access_token",), frozenset({IdentifierKind.EMAIL}), _DELETIONS
    ),
    RecipientKind.GA4: KindSpec(
        ("property", "id_type"),
        ("client_id", "client_secret", "refresh_token"),
        frozenset({IdentifierKind.PLATFORM}),
        _DELETIONS,
    ),
    RecipientKind.META_AUDIENCE: KindSpec(
        ("audience",), ("access_token",), _DIRECT, _OUT_OF_AUDIENCES
    ),
    RecipientKind.GOOGLE_AUDIENCE: KindSpec(
        ("account", "audience", "login_account?"),
        ("client_id", "client_secret", "refresh_token"),
        _DIRECT,
        _OUT_OF_AUDIENCES,
    ),
    RecipientKind.TIKTOK_AUDIENCE: KindSpec(
        ("advertiser", "audience"), ("access_token",), _DIRECT, _OUT_OF_AUDIENCES
    ),
}
_WORDS: Final = {("ga4", "id_type"): ("USER_ID", "CLIENT_ID")}


def check_input(
    kind: RecipientKind, settings: Mapping[str, str], secrets: Mapping[str, str]
) -> None:
    """Whether a recipient of that kind can be told.

    Raises:
        InvalidInputError: Something is missing or unknown; does not repeat a secret.
    """
    spec = KINDS[kind]
    for given, names, what in (
        (settings, spec.settings, "setting"),
        (secrets, spec.secrets, "credential"),
    ):
        known = {name.removesuffix("?") for name in names}
        needed = {name for name in names if not name.endswith("?")}
        if unknown := sorted(given.keys() - known):
            there_are = ", ".join(sorted(known)) or "none"
            raise InvalidInputError(
                f"{kind.value} has no {what} {unknown[0]!r}", hint=f"there are {there_are}"
            )
        if missing := sorted(name for name in needed if not given.get(name)):
            raise InvalidInputError(f"the {what} {missing[0]!r} of {kind.value} is missing")
    for (of, name), words in _WORDS.items():
        if of == kind.value and settings[name] not in words:
            raise InvalidInputError(f"{name} is not one of {', '.join(words)}")
    for name in ("property", "audience", "account", "login_account", "advertiser"):
        if name in settings and not (settings[name].isascii() and settings[name].isdigit()):
            raise InvalidInputError(
                f"{name} is not a number", hint="as the platform shows it, without dashes"
            )
