"""A certificate held against the audit trail of its agency.

    certificate -> names the end of the trail before it was made (number, hash)
    trail       -> an entry `certificate.issued` names the certificate's hash, number and revision

Together they show that it was made when it says, that none of its agency's certificates was left
out or put in another order before it, and that no later revision of it exists up to the end of the
export. The trail itself is checked elsewhere (`domain.audit.verify`).

Decisions: ADR-0018, ADR-0030.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.audit.entry import ChainedEntry
from domain.ids import public_id
from domain.privacy.verify_certificate import VerifiedCertificate

__all__ = ["ISSUED", "TrailVerdict", "hold_against_trail"]

ISSUED: Final = "certificate.issued"


@dataclass(frozen=True, slots=True)
class TrailVerdict:
    """Where the certificate stands in the trail.

    Attributes:
        sequence: Number of the entry that names it; 0: none was found.
        length: Of the trail.
        reason: Why it does not hold, one sentence without a full stop; empty: it does.
    """

    sequence: int
    length: int
    reason: str = ""


def hold_against_trail(
    certificate: VerifiedCertificate, entries: Iterable[ChainedEntry]
) -> TrailVerdict:
    """Look for the certificate in a trail that is in order. One pass.

    Args:
        certificate: Its signature was checked.
        entries: The whole trail, from its first entry on.
    """
    search = _Search(certificate)
    for entry in entries:
        search.meet(entry)
    return TrailVerdict(search.own_sequence, search.length, search.finish())


class _Search:
    def __init__(self, certificate: VerifiedCertificate) -> None:
        self._statement = certificate.statement
        self._digest = certificate.digest.hex()
        self._place: Mapping[str, Any] = certificate.statement["certificate"]
        self._request = certificate.statement["request"]["id"]
        self._issued: dict[int, object] = {}  # number in the agency -> hash
        self._revisions: dict[int, object] = {}  # of this request
        self._anchor: str | None = None
        self._flaws: list[str] = []
        self.own_sequence = 0
        self.length = 0

    def meet(self, entry: ChainedEntry) -> None:
        """Take note of an entry."""
        if entry.sequence == 1 and public_id("ten", _tenant_of(entry)) != self._statement["agency"]:
            self._flaws.append("the audit trail is of another agency")
        self.length = entry.sequence
        if entry.sequence == self._statement["auditTrail"]["sequence"]:
            self._anchor = entry.hash.hex()
        if entry.action == ISSUED:
            self._meet_issued(entry.sequence, json.loads(entry.details))

    def _meet_issued(self, sequence: int, details: Mapping[str, Any]) -> None:
        named = details.get("hash")
        if named == self._digest:
            if self.own_sequence:
                self._flaws.append("the audit trail names it twice")
            self.own_sequence = sequence
            told = [details.get(name) for name in ("request", "number", "revision")]
            if told != [self._request, self._place["number"], self._place["revision"]]:
                self._flaws.append("the audit trail says otherwise what it is")
        if isinstance(number := details.get("number"), int):
            self._issued.setdefault(number, named)
        if details.get("request") == self._request:
            self._revisions.setdefault(int(details.get("revision", 0)), named)

    def finish(self) -> str:
        """The first reason against it, or nothing."""
        trail, place = self._statement["auditTrail"], self._place
        newest = max(self._revisions, default=0)
        if trail["sequence"] and self._anchor != trail["hash"]:
            self._flaws.append(f"the audit trail has another entry {trail['sequence']:,}")
        elif not self.own_sequence:
            self._flaws.append("the audit trail does not name it")
        elif self.own_sequence <= trail["sequence"]:
            self._flaws.append("the audit trail names it before it was made")
        elif self._issued.get(place["number"] - 1) != place["previous"]:
            self._flaws.append(f"certificate {place['number'] - 1:,} of the agency is another one")
        elif self._revisions.get(place["revision"] - 1) != place["replaces"]:
            self._flaws.append(f"revision {place['revision'] - 1:,} of it is another one")
        elif newest > place["revision"]:
            self._flaws.append(f"it was replaced: revision {newest:,} is the newest")
        return next(iter(self._flaws), "")


def _tenant_of(entry: ChainedEntry) -> uuid.UUID:
    return uuid.UUID(bytes=entry.tenant)
