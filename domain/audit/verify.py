"""Verifying the audit trail of an agency: pure, in one pass, in bounded memory.

    entries in their order -> ChainVerifier.feed -> number, previous hash, own hash, anchors
        -> finish -> Finding of the first bad entry | None

The entries alone show that something was edited, dropped from the middle, put in or moved. Where a
chain was cut at its end, or a part of it written anew with new hashes, only something kept from
before can show it: an anchor says that entry N had hash H. Anchors are signed checkpoints and the
entries of an earlier export.

Decision: ADR-0018.
"""

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.audit.entry import FIRST_PREVIOUS, ChainedEntry, compute_hash
from domain.ids import TenantId

__all__ = ["Anchor", "ChainVerifier", "Fault", "Finding", "Link", "verify_chain"]


class Fault(enum.Enum):
    """What is wrong at the first bad place.

    `EDITED`: the entry's own hash is not that of its contents. `FOREIGN`: it is another agency's.
    `MISSING`: a number is left out. `REPEATED`: two entries have one number. `OUT_OF_ORDER`: a
    lower number comes after a higher one. `WRONG_PREVIOUS`: it does not follow the entry before it.
    `SHORTER`: the chain ends before an anchor. `FORKED`: whole in itself, but another chain than
    that of an anchor.
    """

    EDITED = "edited"
    FOREIGN = "of another agency"
    MISSING = "missing"
    REPEATED = "repeated"
    OUT_OF_ORDER = "out of order"
    WRONG_PREVIOUS = "wrong previous hash"
    SHORTER = "cut off"
    FORKED = "rewritten"


@dataclass(frozen=True, slots=True)
class Finding:
    """The first bad place of a chain.

    Attributes:
        sequence: Number of the entry that is bad or lacking.
        message: One sentence, without contents of the entry.
    """

    fault: Fault
    sequence: int
    message: str


@dataclass(frozen=True, slots=True)
class Link:
    """A place in a chain: entry number `sequence` had this hash; 0: before the first."""

    sequence: int = 0
    hash: bytes = FIRST_PREVIOUS


@dataclass(frozen=True, slots=True)
class Anchor:
    """A link that is known from elsewhere.

    Attributes:
        origin: Where from, for a sentence: "the checkpoint of 2026-11-30 12:00 UTC".
    """

    link: Link
    origin: str


class ChainVerifier:
    """Checks a chain, one batch of entries after the other.

    Args:
        tenant_id: Whose chain it is.
        anchors: Lowest number first; those before `start` are passed over. Read as needed.
        start: The entries given follow this one, which is trusted.
    """

    def __init__(
        self, tenant_id: TenantId, anchors: Iterable[Anchor] = (), *, start: Link | None = None
    ) -> None:
        self._tenant = tenant_id.bytes
        self._anchors: Iterator[Anchor] = iter(anchors)
        self.last = start or Link()
        self.finding: Finding | None = None
        self.anchors_met = 0
        self._anchor = next(self._anchors, None)
        while self._anchor is not None and self._anchor.link.sequence < self.last.sequence:
            self._anchor = next(self._anchors, None)
        self._meet_anchors()

    def feed(self, entries: Iterable[ChainedEntry]) -> Finding | None:
        """Check the entries that come next.

        Returns:
            The first bad place so far; once there is one, nothing more is looked at.
        """
        if self.finding is not None:
            return self.finding
        number, previous = self.last.sequence, self.last.hash
        awaited = -1 if self._anchor is None else self._anchor.link.sequence
        for entry in entries:
            number += 1
            if (
                entry.sequence != number
                or entry.previous_hash != previous
                or entry.tenant != self._tenant
                or _hash_of(entry) != entry.hash
            ):
                self.finding = self._explain(entry, Link(number - 1, previous))
                return self.finding
            previous = entry.hash
            if number == awaited:
                self.last = Link(number, previous)
                if self._meet_anchors() is not None:
                    return self.finding
                awaited = -1 if self._anchor is None else self._anchor.link.sequence
        self.last = Link(number, previous)
        return None

    def finish(self) -> Finding | None:
        """The first bad place, now that there are no more entries."""
        if self.finding is None and self._anchor is not None:
            self.finding = Finding(
                Fault.SHORTER,
                self.last.sequence + 1,
                f"the chain ends at entry {self.last.sequence:,}, but {self._anchor.origin}"
                f" knows entry {self._anchor.link.sequence:,}",
            )
        return self.finding

    def _meet_anchors(self) -> Finding | None:
        """Hold every anchor of the present number against the chain."""
        while self._anchor is not None and self._anchor.link.sequence == self.last.sequence:
            if self._anchor.link.hash != self.last.hash:
                self.finding = Finding(
                    Fault.FORKED,
                    self.last.sequence,
                    f"entry {self.last.sequence:,} is another one than {self._anchor.origin}"
                    " knows: the chain was written anew, here or before",
                )
                return self.finding
            self.anchors_met += 1
            self._anchor = next(self._anchors, None)
        return None

    def _explain(self, entry: ChainedEntry, last: Link) -> Finding:
        expected = last.sequence + 1
        if entry.tenant != self._tenant:
            return Finding(Fault.FOREIGN, expected, f"entry {expected:,} is of another agency")
        if entry.sequence == last.sequence:
            return Finding(
                Fault.REPEATED, entry.sequence, f"two entries have the number {entry.sequence:,}"
            )
        if entry.sequence < expected:
            return Finding(
                Fault.OUT_OF_ORDER,
                entry.sequence,
                f"entry {entry.sequence:,} comes after entry {last.sequence:,}",
            )
        if entry.sequence > expected:
            return Finding(
                Fault.MISSING,
                expected,
                f"entry {expected:,} is not there: entry {entry.sequence:,} comes in its place",
            )
        if _hash_of(entry) != entry.hash:
            return Finding(
                Fault.EDITED, expected, f"entry {expected:,} was changed: its hash is not its own"
            )
        return Finding(
            Fault.WRONG_PREVIOUS, expected, f"entry {expected:,} does not follow the one before it"
        )


def verify_chain(
    tenant_id: TenantId, entries: Iterable[ChainedEntry], anchors: Iterable[Anchor] = ()
) -> Finding | None:
    """Check a whole chain that is at hand; None: nothing is wrong with it."""
    verifier = ChainVerifier(tenant_id, anchors)
    verifier.feed(entries)
    return verifier.finish()


def _hash_of(entry: ChainedEntry) -> bytes | None:
    """None: contents that no entry of ours has."""
    try:
        return compute_hash(entry)
    except ValueError:
        return None
