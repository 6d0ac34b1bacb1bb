"""The canonical bytes: the documented ones, and different ones for different entries."""

import datetime as dt
import hashlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audit.entry import ChainedEntry, canonical_bytes, compute_hash, microseconds_of
from tests.domain.audit.chains import make_chain

TEXTS = st.text("ab1:\x01\N{EURO SIGN}", max_size=4)  # short and alike, so that borders can move
IDS = st.sampled_from([number.to_bytes(16) for number in (0, 1, 256)])
INTEGERS = st.integers(-1, 3) | st.integers(-(2**63), 2**63 - 1)
HASHES = st.sampled_from([bytes(32), b"a" * 32, b"1" * 32])
ENTRIES = st.builds(
    ChainedEntry,
    tenant=IDS,
    sequence=INTEGERS,
    id=IDS,
    at=INTEGERS,
    actor=TEXTS,
    action=TEXTS,
    object_kind=TEXTS,
    object_id=TEXTS,
    details=TEXTS,
    previous_hash=HASHES,
    hash=st.just(b""),
)


@given(ENTRIES, ENTRIES)
def test_different_entries_have_different_bytes(one: ChainedEntry, other: ChainedEntry) -> None:
    assert (canonical_bytes(one) == canonical_bytes(other)) == (one == other)


@given(ENTRIES, st.sampled_from(["actor", "action", "object_kind", "object_id"]))
def test_a_text_that_moves_to_the_next_field_changes_the_bytes(
    entry: ChainedEntry, field: str
) -> None:
    following = ChainedEntry._fields[ChainedEntry._fields.index(field) + 1]
    text, after = getattr(entry, field), getattr(entry, following)
    moved = entry._replace(**{field: "", following: text + after})
    assert (canonical_bytes(moved) == canonical_bytes(entry)) == (text == "")


def test_the_bytes_are_those_of_the_documentation() -> None:
    entry = ChainedEntry(
        tenant=uuid.UUID(int=1).bytes,
        sequence=2,
        id=uuid.UUID(int=3).bytes,
        at=microseconds_of(dt.datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=dt.UTC)),
        actor="user:7",
        action="a",
        object_kind="",
        object_id="\N{EURO SIGN}",
        details="{}",
        previous_hash=b"p" * 32,
        hash=b"",
    )
    expected = (
        b"bosco audit 1"
        + b"p" * 32
        + bytes(15)
        + b"\x01"
        + bytes(7)
        + b"\x02"
        + bytes(15)
        + b"\x03"
        + (1_000_005).to_bytes(8)
        + b"\0\0\0\x06user:7"
        + b"\0\0\0\x01a"
        + b"\0\0\0\0"
        + b"\0\0\0\x03\xe2\x82\xac"
        + b"\0\0\0\x02{}"
    )
    assert canonical_bytes(entry) == expected
    assert compute_hash(entry) == hashlib.sha256(expected).digest()
    assert entry.entry_id == uuid.UUID(int=3)
    assert entry.instant == dt.datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"previous_hash": b"short"},
        {"tenant": b"short"},
        {"id": b"a" * 17},
        {"at": -(2**63) - 1},
        {"sequence": 2**63},
        {"actor": "\ud800"},
    ],
)
def test_what_no_entry_can_be_has_no_bytes(wrong: dict[str, object]) -> None:
    (entry,) = make_chain(1)
    with pytest.raises(ValueError, match=r"length|range|surrogates"):
        canonical_bytes(entry._replace(**wrong))  # type: ignore[arg-type]  # by name
