import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.control.protocol import (
    Accepted,
    DoneEvent,
    ErrorEvent,
    Event,
    Invocation,
    JsonEvent,
    LineEvent,
    ProgressEvent,
    ProtocolError,
    TableEvent,
    decode_answer,
    decode_invocation,
    encode,
)

numbers = st.integers(-(2**53), 2**53)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
steps = st.none() | st.floats(0, 1e9)
events = st.one_of(
    st.builds(ProgressEvent, st.text(), st.text(), steps, steps),
    st.builds(LineEvent, st.text()),
    st.builds(
        TableEvent,
        st.text(),
        st.lists(st.text()).map(tuple),
        st.lists(st.lists(st.none() | numbers | st.text()).map(tuple)).map(tuple),
    ),
    st.builds(JsonEvent, json_values),
    st.builds(ErrorEvent, st.text(), st.text(), st.text()),
    st.builds(DoneEvent, st.integers(0, 255)),
    st.builds(Accepted, st.integers(1, 2**22)),
)


@given(events)
def test_every_event_is_one_line_and_comes_back(event: Event) -> None:
    line = encode(event)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_answer(line) == event


@given(
    st.builds(
        Invocation,
        st.text(),
        st.dictionaries(st.text(), json_values),
        st.text(),
        st.dictionaries(st.text(), st.text()),
    )
)
def test_every_invocation_comes_back(invocation: Invocation) -> None:
    assert decode_invocation(encode(invocation)) == invocation


@pytest.mark.parametrize("line", [b"", b"{}", b'{"kind": "song"}', b'{"kind": "line"}', b"\xff"])
def test_foreign_answers_are_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^the owner sent no event: "):
        decode_answer(line)
