"""What somebody agreed to, at any instant, as it was known at any instant. GDPR art. 7(1), 7(3)."""

import datetime as dt
import uuid

from hypothesis import given
from hypothesis import strategies as st

from domain.privacy.consent import Consent, ConsentState, Denial, denials, state_at
from domain.privacy.purposes import Purpose

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
GRANTED, DENIED = ConsentState.GRANTED, ConsentState.DENIED
USE = Purpose.ANALYTICS


def at(hours: int) -> dt.datetime:
    return NOON + dt.timedelta(hours=hours)


def told(
    state: ConsentState, effective: int, *, recorded: int | None = None, source: str = "tcf"
) -> Consent:
    learned = at(effective if recorded is None else recorded)
    return Consent(USE, source, state, at(effective), learned, uuid.UUID(int=1))


def test_the_latest_word_by_then_counts() -> None:
    events = [told(DENIED, 4), told(GRANTED, 1)]
    states = [state_at(events, USE, at(hour)) for hour in (0, 1, 3, 4, 9)]
    assert states == [None, GRANTED, GRANTED, DENIED, DENIED]
    assert state_at(events, Purpose.ADVERTISING, at(9)) is None


def test_a_word_that_came_late_was_not_known_before() -> None:
    events = [told(GRANTED, 1), told(DENIED, 2, recorded=8)]
    assert state_at(events, USE, at(3)) is DENIED
    assert state_at(events, USE, at(3), known_by=at(7)) is GRANTED
    assert state_at(events, USE, at(3), known_by=at(8)) is DENIED


def test_of_two_words_of_one_instant_the_later_recorded_counts() -> None:
    events = [told(DENIED, 1, recorded=3), told(GRANTED, 1, recorded=2)]
    assert state_at(events, USE, at(1)) is DENIED


def test_it_is_denied_while_any_source_denies() -> None:
    events = [told(DENIED, 1, source="gpc"), told(GRANTED, 2)]
    assert state_at(events, USE, at(2)) is DENIED
    events.append(told(GRANTED, 3, source="gpc"))
    assert state_at(events, USE, at(3)) is GRANTED


def test_denials_are_intervals_of_each_source() -> None:
    events = [
        told(DENIED, 1),
        told(DENIED, 2),
        told(GRANTED, 5),
        told(DENIED, 7),
        told(DENIED, 3, source="gpc"),
        told(DENIED, 6, source="crm"),
        told(GRANTED, 6, source="crm"),
    ]
    assert denials(events, USE) == (
        Denial("tcf", at(1), at(5)),
        Denial("gpc", at(3), None),
        Denial("tcf", at(7), None),
    )
    assert denials(events, Purpose.ADVERTISING) == ()


WORDS = st.lists(
    st.builds(
        told,
        st.sampled_from(ConsentState),
        st.integers(0, 12),
        recorded=st.integers(0, 99),
        source=st.sampled_from(["tcf", "gpc", "crm"]),
    ),
    max_size=12,
)


@given(WORDS, st.integers(-1, 13))
def test_denied_is_what_lies_in_a_denial(events: list[Consent], hour: int) -> None:
    inside = any(
        one.since <= at(hour) and (one.until is None or at(hour) < one.until)
        for one in denials(events, USE)
    )
    assert (state_at(events, USE, at(hour)) is DENIED) is inside
