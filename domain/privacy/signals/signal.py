"""What a signal says of each purpose, whichever way it was written.

consent mode | GPC | TC string | platform's flag -> Signal(source, states, normalised)
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.errors import InvalidInputError
from domain.privacy.consent import ConsentState
from domain.privacy.purposes import Purpose

__all__ = ["InvalidSignalError", "Signal"]


class InvalidSignalError(InvalidInputError):
    """A signal cannot be read (whoever sent it can mend it). The message does not repeat it."""

    code = "INVALID_SIGNAL"


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal, read.

    Attributes:
        source: What told it, for example `consent_mode`.
        states: Of the purposes that it says something about.
        normalised: The signal in one way of writing.
    """

    source: str
    states: Mapping[Purpose, ConsentState]
    normalised: str
