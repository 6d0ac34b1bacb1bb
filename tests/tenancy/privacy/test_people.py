"""Whatever the order of the records, the people are the sets that share an id or an address."""

import uuid
from collections.abc import Iterable, Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from domain.privacy.identifiers import Identifier, email, order, phone, platform_id
from tenancy.privacy.people import Person, gather
from tests.tenancy.privacy.agency import SHOP

ADA, ADA_AT_WORK = email("ada@northwind.example"), email("ada@contoso.example")
ADA_ID, BEN_ID = platform_id("1", SHOP), platform_id("2", SHOP)
PHONE = phone("+49 30 901820")

_IDENTIFIERS = st.one_of(
    st.sampled_from([platform_id(str(number), SHOP) for number in range(6)]),
    st.sampled_from([email(f"{name}@northwind.example") for name in "abcdef"]),
    st.sampled_from([phone(f"+4930901820{number}") for number in range(3)]),
)
RECORDS = st.lists(st.lists(_IDENTIFIERS, min_size=1, max_size=4, unique=True), max_size=12)


def named(*identifiers: Identifier) -> dict[str, Identifier]:
    return {f"{one.kind.value} {one.value}": one for one in identifiers}


def _people(
    *groups: Sequence[Identifier], known: Mapping[str, uuid.UUID] | None = None
) -> list[Person]:
    return list(gather([named(*group) for group in groups], known or {}))


def sets_of(records: Iterable[Sequence[Identifier]]) -> set[frozenset[Identifier]]:
    """The oracle: one record after the other, with all that it shares an id or an address with."""
    sets: list[set[Identifier]] = []
    for record in records:
        named = {one for one in record if one.kind is not PHONE.kind}
        theirs = [one for one in sets if one & named]
        if named:
            sets = [one for one in sets if one not in theirs]
            sets.append(set(record).union(*theirs))
    return {frozenset(one) for one in sets}


def test_an_address_brings_two_ids_together() -> None:
    assert _people((ADA_ID, ADA), (BEN_ID, ADA)) == [
        Person(named(ADA_ID, ADA, BEN_ID), frozenset())
    ]


def test_a_telephone_number_does_not() -> None:
    assert _people((ADA_ID, PHONE), (BEN_ID, PHONE)) == [
        Person(named(ADA_ID, PHONE), frozenset()),
        Person(named(BEN_ID, PHONE), frozenset()),
    ]


def test_a_number_or_an_order_alone_tells_of_nobody() -> None:
    assert _people((PHONE,), (order("9", SHOP),), ()) == []


def test_who_placed_an_order_is_one_person() -> None:
    nine = order("9", SHOP)
    assert _people((nine, PHONE), (nine, ADA)) == [Person(named(nine, PHONE, ADA), frozenset())]


def test_what_is_known_brings_records_together() -> None:
    mine = uuid.UUID(int=7)
    known = dict.fromkeys(named(ADA, ADA_AT_WORK), mine)
    assert _people((ADA_ID, ADA), (BEN_ID, ADA_AT_WORK), known=known) == [
        Person(named(ADA_ID, ADA, BEN_ID, ADA_AT_WORK), frozenset({mine}))
    ]


def test_a_record_may_be_of_several_that_were_known_apart() -> None:
    first, second = uuid.UUID(int=7), uuid.UUID(int=8)
    known = {"email ada@northwind.example": first, "platform 1": second}
    assert _people((ADA_ID, ADA), known=known) == [
        Person(named(ADA_ID, ADA), frozenset({first, second}))
    ]


@given(RECORDS, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_people(records: list[list[Identifier]], chance: object) -> None:
    expected = sets_of(records)
    assert {frozenset(one.identifiers.values()) for one in _people(*records)} == expected
    chance.shuffle(records)  # type: ignore[attr-defined]
    assert {frozenset(one.identifiers.values()) for one in _people(*records)} == expected
