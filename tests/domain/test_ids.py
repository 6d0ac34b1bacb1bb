"""Public ids: the TypeID form, its round trip and its refusals."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.ids import parse_id, public_id


def test_writes_the_example_of_the_specification() -> None:
    value = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    assert public_id("prefix", value) == "prefix_01h455vb4pex5vsknk084sn02q"
    assert parse_id("prefix", "prefix_01h455vb4pex5vsknk084sn02q") == value


@given(st.uuids())
def test_reads_back_what_it_wrote(value: uuid.UUID) -> None:
    assert parse_id("cli", public_id("cli", value)) == value


@given(st.uuids(), st.uuids())
def test_sorts_as_the_uuids_do(one: uuid.UUID, two: uuid.UUID) -> None:
    assert (one < two) == (public_id("cli", one) < public_id("cli", two))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cli_",
        "con_01h455vb4pex5vsknk084sn02q",  # another kind
        "cli_01h455vb4pex5vsknk084sn02",  # one letter short
        "cli_01h455vb4pex5vsknk084sn02u",  # u is not in the alphabet
        "cli_81h455vb4pex5vsknk084sn02q",  # more than 128 bits
        "cli_01H455VB4PEX5VSKNK084SN02Q",  # upper case
    ],
)
def test_refuses_what_is_no_id(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_id("cli", text)
    assert caught.value.message == f"{text!r} is not an id of this kind"
    assert caught.value.hint == "ids of this kind look like cli_ and 26 letters or digits"
