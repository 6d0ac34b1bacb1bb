"""One way of writing each value: that of RFC 8785."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.privacy.canonical_json import canonical_json, read_json, readable_json

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def test_names_are_in_the_order_of_the_standard() -> None:
    """RFC 8785 section 3.2.3: the example of it, by UTF-16 code units."""
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert list(json.loads(canonical_json(value)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_texts_are_escaped_as_in_the_standard() -> None:
    """RFC 8785 section 3.2.2.2, and the string of its example in section 3.2.2."""
    value = {"string": '\u20ac$\u000f\nA\'B"\\\\"/\u007f\b\t\f\r\u001f'}
    assert canonical_json(value) == (
        '{"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u007f\\b\\t\\f\\r\\u001f"}'.encode()
    )


def test_literals_and_nesting_are_as_in_the_standard() -> None:
    value: Any = {"literals": [None, True, False], "a": {"z": 1, "b": -0}}
    assert canonical_json(value) == b'{"a":{"b":0,"z":1},"literals":[null,true,false]}'


@given(VALUES)
def test_what_was_written_is_read_again_and_has_one_way_of_writing(value: Any) -> None:
    written = canonical_json(value)
    assert read_json(written) == value
    assert canonical_json(read_json(readable_json(value))) == written
    assert readable_json(read_json(written)) == readable_json(value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (1.0, "float has no canonical form"),
        (2**53, "it holds a number that is too large"),
        (-(2**53), "it holds a number that is too large"),
        ("\ud800", "it holds half a surrogate pair"),
        ({1: 2}, "a name is no text"),
        ({"a": b"x"}, "bytes has no canonical form"),
    ],
)
def test_what_has_no_form_is_refused(value: Any, why: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        canonical_json(value)
    assert caught.value.message == why


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a":1,"a":2}', "a name stands twice in an object"),
        (b'{"a":{"\\u0062":1,"b":2}}', "a name stands twice in an object"),
        (b"1.5", "it holds a number that is not whole"),
        (b"1e3", "it holds a number that is not whole"),
        (b"NaN", "it holds a number that is not whole"),
        (b"-Infinity", "it holds a number that is not whole"),
        (b"9007199254740992", "it holds a number that is too large"),
        (b"1" * 5_000, "it holds a number that is too large"),
        (b'"\\ud800"', "it holds half a surrogate pair"),
        (b'"\xff"', "it is no JSON in UTF-8"),
        (
            b"\xef\xbb\xbf1",
            "it is no JSON: Unexpected UTF-8 BOM (decode using utf-8-sig) in line 1",
        ),
        (b"[" * 40 + b"]" * 40, "it is nested too deeply"),
        (b"{", "it is no JSON: Expecting property name enclosed in double quotes in line 1"),
        (b"1 2", "it is no JSON: Extra data in line 1"),
    ],
)
def test_what_has_two_meanings_or_none_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_json(data)
    assert caught.value.message == why
