"""Google Consent Mode v2: four consent types, each `granted` or `denied`.

    {"ad_storage": "denied", "analytics_storage": "granted", ...} -> Signal

A purpose is granted when every type that it needs is, and denied when one is denied; of a type that
was not set nothing is known. The short forms in Google's requests (`gcs`, `gcd`) are not documented
by Google, so they are not read.

Source: developers.google.com/tag-platform/security/guides/consent; support.google.com/analytics
answer 12334711 (the four types of consent mode).
"""

from collections.abc import Mapping
from typing import Final

from domain.privacy.consent import ConsentState
from domain.privacy.purposes import PURPOSES
from domain.privacy.signals.signal import InvalidSignalError, Signal

__all__ = ["SOURCE", "TYPES", "read_consent_mode"]

SOURCE: Final = "consent_mode"
TYPES: Final = tuple(sorted(kind for terms in PURPOSES.values() for kind in terms.consent_mode))


def read_consent_mode(given: Mapping[str, str]) -> Signal:
    """Read the named states.

    Raises:
        InvalidSignalError: None, an unknown consent type, or another word than granted or denied.
    """
    if not given:
        raise InvalidSignalError("consent mode names no consent type", hint=_HINT)
    for kind, state in given.items():
        if kind not in TYPES:
            raise InvalidSignalError("consent mode names an unknown consent type", hint=_HINT)
        if state not in ("granted", "denied"):
            raise InvalidSignalError(f"{kind} is neither granted nor denied")
    states = {}
    for purpose, terms in PURPOSES.items():
        told = [given.get(kind) for kind in terms.consent_mode]
        if "denied" in told:
            states[purpose] = ConsentState.DENIED
        elif told and all(state == "granted" for state in told):
            states[purpose] = ConsentState.GRANTED
    normalised = ",".join(f"{kind}={given[kind]}" for kind in TYPES if kind in given)
    return Signal(SOURCE, states, normalised)


_HINT: Final = f"consent types are {', '.join(TYPES)}"
