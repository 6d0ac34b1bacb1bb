"""What somebody agreed to, at any instant, as it was known at any instant.

    events (effective, recorded) -> those known by then -> state of a purpose at an instant
                                 -> intervals in which it was denied

Sources tell of different things (a banner, a newsletter, a browser's setting), so a later word of
one does not undo another's: consent is denied while any source denies it.

Source: GDPR articles 4(11), 7(1) and 7(3). Decision: ADR-0028.
"""

import datetime as dt
import enum
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from domain.privacy.purposes import Purpose

__all__ = ["Consent", "ConsentState", "Denial", "denials", "state_at"]


class ConsentState(enum.Enum):
    """What somebody said."""

    GRANTED = "granted"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Consent:
    """One word of one person about one purpose.

    Attributes:
        purpose: What for.
        source: What told it.
        state: What they said.
        effective_at: UTC instant from which it counts.
        recorded_at: UTC instant at which we learned it.
        receipt_id: Of the receipt that shows it.
    """

    purpose: Purpose
    source: str
    state: ConsentState
    effective_at: dt.datetime
    recorded_at: dt.datetime
    receipt_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Denial:
    """An interval in which a source denies; half-open.

    Attributes:
        since: First instant.
        until: First instant after it; None: it lasts.
    """

    source: str
    since: dt.datetime
    until: dt.datetime | None


def state_at(
    events: Iterable[Consent],
    purpose: Purpose,
    instant: dt.datetime,
    *,
    known_by: dt.datetime | None = None,
) -> ConsentState | None:
    """Whether somebody agreed.

    Args:
        events: Of one person.
        purpose: What for.
        instant: UTC; the latest word by then counts, of each source.
        known_by: UTC: only what was recorded by then counts; None: all that is known now.

    Returns:
        None: nobody has said anything.
    """
    latest: dict[str, Consent] = {}
    for event in sorted(events, key=_order):
        is_known = known_by is None or event.recorded_at <= known_by
        if event.purpose is purpose and event.effective_at <= instant and is_known:
            latest[event.source] = event
    states = {event.state for event in latest.values()}
    if ConsentState.DENIED in states:
        return ConsentState.DENIED
    return ConsentState.GRANTED if states else None


def denials(events: Iterable[Consent], purpose: Purpose) -> tuple[Denial, ...]:
    """When a purpose was denied, source by source, in order of time."""
    by_source: dict[str, list[Consent]] = defaultdict(list)
    for event in sorted(events, key=_order):
        if event.purpose is purpose:
            by_source[event.source].append(event)
    found: list[Denial] = []
    for source, told in by_source.items():
        since: dt.datetime | None = None
        for event in told:
            if event.state is ConsentState.DENIED:
                since = since or event.effective_at
            elif since is not None:
                if event.effective_at > since:
                    found.append(Denial(source, since, event.effective_at))
                since = None
        if since is not None:
            found.append(Denial(source, since, None))
    return tuple(sorted(found, key=lambda one: (one.since, one.source)))


def _order(event: Consent) -> tuple[dt.datetime, dt.datetime]:
    """Of two words of one instant the one that came later counts."""
    return event.effective_at, event.recorded_at
