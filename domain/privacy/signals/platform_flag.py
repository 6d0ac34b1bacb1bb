"""Flags of platforms: a customer's `marketingConsent` at a shop, a subscription at a mailer.

    source + state word + instant of the platform -> Signal

Words of the platforms: Shopify `SUBSCRIBED`, `NOT_SUBSCRIBED`, `PENDING`, `UNSUBSCRIBED`,
`REDACTED`; Klaviyo `SUBSCRIBED`, `UNSUBSCRIBED`, `NEVER_SUBSCRIBED`. What is pending, or never was
asked, was not granted, and not withdrawn either: it says nothing.

Sources: Shopify Admin GraphQL `CustomerEmailMarketingState`; Klaviyo API, profile subscriptions.
"""

import re
from collections.abc import Collection
from typing import Final

from domain.privacy.consent import ConsentState
from domain.privacy.purposes import SUPPRESSIBLE, Purpose
from domain.privacy.signals.signal import InvalidSignalError, Signal

__all__ = ["read_platform_flag"]

_SOURCE: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_WORDS: Final = {
    "granted": ConsentState.GRANTED,
    "subscribed": ConsentState.GRANTED,
    "denied": ConsentState.DENIED,
    "unsubscribed": ConsentState.DENIED,
    "redacted": ConsentState.DENIED,
    "pending": None,
    "not_subscribed": None,
    "never_subscribed": None,
}


def read_platform_flag(source: str, word: str, purposes: Collection[Purpose]) -> Signal:
    """Read a flag.

    Args:
        source: Of the flag, for example `shopify` or `klaviyo`.
        word: As the platform writes it, letters of any case.
        purposes: What the flag is about.

    Raises:
        InvalidSignalError: An odd source, an unknown word, or a purpose that needs no consent.
    """
    if not _SOURCE.fullmatch(source):
        raise InvalidSignalError("a source is a lower-case word of at most 32 letters")
    if not purposes or not set(purposes) <= SUPPRESSIBLE:
        names = ", ".join(sorted(purpose.value for purpose in SUPPRESSIBLE))
        raise InvalidSignalError("the flag is about nothing to consent to", hint=f"one of {names}")
    plain = word.strip().lower()
    if plain not in _WORDS:
        raise InvalidSignalError(
            "the flag has an unknown state", hint=f"one of {', '.join(_WORDS)}"
        )
    state = _WORDS[plain]
    states = {} if state is None else dict.fromkeys(purposes, state)
    return Signal(source, states, plain)
