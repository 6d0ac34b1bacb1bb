"""Global Privacy Control: a browser that says `Sec-GPC: 1` objects to being followed.

    header -> Signal: advertising and personalisation denied

The only value is `1`; its absence says nothing, and grants nothing.

Source: W3C "Global Privacy Control", section 3.2 (the Sec-GPC header field).
"""

from typing import Final

from domain.privacy.consent import ConsentState
from domain.privacy.purposes import PURPOSES
from domain.privacy.signals.signal import InvalidSignalError, Signal

__all__ = ["SOURCE", "read_gpc"]

SOURCE: Final = "gpc"


def read_gpc(header: str) -> Signal:
    """Read the value of `Sec-GPC`.

    Raises:
        InvalidSignalError: Anything but `1`: the standard knows no other value.
    """
    if header.strip() != "1":
        raise InvalidSignalError("Sec-GPC has no other value than 1")
    denied = {purpose: ConsentState.DENIED for purpose, terms in PURPOSES.items() if terms.gpc}
    return Signal(SOURCE, denied, "1")
