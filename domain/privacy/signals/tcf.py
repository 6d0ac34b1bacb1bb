"""TC strings of the IAB's Transparency and Consent Framework, versions 2.0 to 2.3.

    "CP...AA.IF...": segments by "." -> base64url -> bits -> TcString -> Signal for one vendor

Of the core segment all is read up to the vendors who have consent; of the others only the vendors
that were disclosed. Legitimate interests count for nothing here: what we ask for is consent, which
since version 2.2 is the only ground of purposes 3 to 6. In strings created after 2026-02-28 the
disclosed vendors are mandatory: a vendor that is not among them was never shown to the person, and
has no consent whatever the other fields say.

Source: IAB Tech Lab, "Transparency and Consent String with Global Vendor & CMP List Formats",
version 2.3 (April 2025), "The core string" and "Disclosed vendors".
"""

import base64
import binascii
import datetime as dt
from dataclasses import dataclass
from typing import Final

from domain.privacy.consent import ConsentState
from domain.privacy.purposes import PURPOSES
from domain.privacy.signals.signal import InvalidSignalError, Signal

__all__ = ["DISCLOSED_MANDATORY_AFTER", "SOURCE", "TcString", "read_tc_string", "signal_of"]

SOURCE: Final = "tcf"
DISCLOSED_MANDATORY_AFTER: Final = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)

_LONGEST: Final = 20_000  # characters; the longest possible bit fields are half of that
_VERSION: Final = 2
_DISCLOSED: Final = 1  # SegmentType
_PURPOSES: Final = 24
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LATEST: Final = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class TcString:
    """What a TC string says.

    Attributes:
        created: UTC instant.
        updated: UTC instant of the last change.
        policy_version: 4 is TCF 2.2, 5 is TCF 2.3.
        purposes: Numbers that have consent.
        vendors: Ids that have consent.
        disclosed: Ids that the person was shown; None: the string does not say.
    """

    created: dt.datetime
    updated: dt.datetime
    cmp_id: int
    vendor_list_version: int
    policy_version: int
    purposes: frozenset[int]
    vendors: frozenset[int]
    disclosed: frozenset[int] | None


def read_tc_string(text: str) -> TcString:
    """Decode a string.

    Raises:
        InvalidSignalError: It is no TC string of version 2, or was cut short.
    """
    if len(text) > _LONGEST:
        raise InvalidSignalError("that is too long for a TC string")
    core, *others = text.strip().split(".")
    bits = _bits(core)
    if bits.number(6) != _VERSION:
        raise InvalidSignalError("that is no TC string of version 2")
    created, updated = bits.instant(), bits.instant()
    cmp_id = bits.number(12)
    bits.number(12 + 6 + 12)  # version and screen of the CMP, language
    vendor_list_version, policy_version = bits.number(12), bits.number(6)
    bits.number(1 + 1 + 12)  # service-specific, own texts, special features
    purposes = bits.field(_PURPOSES)
    bits.number(_PURPOSES + 1 + 12)  # legitimate interests, purpose one, publisher's country
    return TcString(
        created,
        updated,
        cmp_id,
        vendor_list_version,
        policy_version,
        purposes,
        bits.vendors(),
        _disclosed(others),
    )


def signal_of(text: str, vendor_id: int) -> Signal:
    """What a string says for one vendor.

    Args:
        text: The TC string.
        vendor_id: In the Global Vendor List: whose processing is asked about.

    Raises:
        InvalidSignalError: It is no TC string, lacks the disclosed vendors that it must have, or
            was made without showing this vendor.
    """
    told = read_tc_string(text)
    if told.disclosed is None and told.created >= DISCLOSED_MANDATORY_AFTER:
        raise InvalidSignalError(
            "the TC string lacks its disclosed vendors",
            hint="they are mandatory in strings created after 2026-02-28 (TCF 2.3)",
        )
    if told.disclosed is not None and vendor_id not in told.disclosed:
        raise InvalidSignalError(f"vendor {vendor_id} was not disclosed to the person")
    granted = told.purposes if vendor_id in told.vendors else frozenset()
    states = {
        purpose: ConsentState.GRANTED if set(terms.tcf) <= granted else ConsentState.DENIED
        for purpose, terms in PURPOSES.items()
        if terms.tcf
    }
    numbers = ",".join(map(str, sorted(granted)))
    return Signal(
        SOURCE,
        states,
        f"vendor={vendor_id};purposes={numbers};policy={told.policy_version}"
        f";list={told.vendor_list_version};cmp={told.cmp_id};updated={told.updated.isoformat()}",
    )


def _disclosed(segments: list[str]) -> frozenset[int] | None:
    found = None
    for segment in segments:
        bits = _bits(segment)
        if bits.number(3) == _DISCLOSED:
            if found is not None:
                raise InvalidSignalError("the TC string has its disclosed vendors twice")
            found = bits.vendors()
    return found


def _bits(segment: str) -> "_Bits":
    padded = segment + "=" * (-len(segment) % 4)
    try:
        data = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidSignalError("that is no TC string: it is not base64url") from error
    return _Bits(int.from_bytes(data, "big"), len(data) * 8)


class _Bits:
    """Reads numbers from the front of a row of bits."""

    __slots__ = ("_left", "_value")

    def __init__(self, value: int, left: int) -> None:
        self._value = value
        self._left = left

    def number(self, width: int) -> int:
        if width > self._left:
            raise InvalidSignalError("the TC string was cut short")
        self._left -= width
        return (self._value >> self._left) & ((1 << width) - 1)

    def instant(self) -> dt.datetime:
        """Tenths of a second since 1970."""
        told = _EPOCH + dt.timedelta(milliseconds=100 * self.number(36))
        return min(told, _LATEST)

    def field(self, width: int) -> frozenset[int]:
        """Which of `width` bits are set, counted from 1."""
        value = self.number(width)
        return frozenset(n for n in range(1, width + 1) if value >> (width - n) & 1)

    def vendors(self) -> frozenset[int]:
        """A bit for each vendor, or ranges of them."""
        last, is_range = self.number(16), self.number(1)
        if not is_range:
            return self.field(last)
        found: set[int] = set()
        for _ in range(self.number(12)):
            several, start = self.number(1), self.number(16)
            end = self.number(16) if several else start
            if not 1 <= start <= end <= last:
                raise InvalidSignalError("the TC string has a range of vendors that is none")
            found.update(range(start, end + 1))
        return frozenset(found)
