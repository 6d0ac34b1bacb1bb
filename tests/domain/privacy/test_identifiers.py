"""Two spellings of one identifier are one text; what is none is refused and not repeated."""

import uuid

import pytest

from domain.errors import InvalidInputError
from domain.ids import ConnectionId
from domain.privacy.identifiers import Identifier, IdentifierKind, email, order, phone, platform_id

SHOP = ConnectionId(uuid.UUID(int=1))


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("ada@northwind.example", "ada@northwind.example"),
        ("  Ada@Northwind.Example \n", "ada@northwind.example"),
        ("\uff21\uff24\uff21@northwind.example", "ada@northwind.example"),  # full-width letters
        ("ada+shop@northwind.example", "ada+shop@northwind.example"),
        ("a.d.a@gmail.example", "a.d.a@gmail.example"),
    ],
)
def test_one_address_has_one_spelling(written: str, normalised: str) -> None:
    assert email(written) == Identifier(IdentifierKind.EMAIL, normalised)


@pytest.mark.parametrize("text", ["", "ada", "ada@", "@x.example", "a b@x.example", "a@b"])
def test_no_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        email(text)
    assert str(caught.value) == (
        "that is not an e-mail address (write it like ada@northwind.example)"
    )


# Numbers of Shopify's and the regulators' examples; 555 is fiction in North America.
@pytest.mark.parametrize(
    ("written", "country", "normalised"),
    [
        ("+49 30 901820", "", "+4930901820"),
        ("0049 30 901820", "DE", "+4930901820"),
        ("030 901820", "de", "+4930901820"),
        ("(030) 90-18-20", "DE", "+4930901820"),
        ("555-625-1199", "US", "+15556251199"),
        ("555-625-1199", "", "5556251199"),  # nobody knows whose country
        (
            "\u0660\u0663\u0660 \u0669\u0660\u0661\u0668\u0662\u0660",
            "DE",
            "+4930901820",
        ),  # Arabic digits
    ],
)
def test_one_number_has_one_spelling(written: str, country: str, normalised: str) -> None:
    assert phone(written, country=country) == Identifier(IdentifierKind.PHONE, normalised)


@pytest.mark.parametrize("text", ["", "call me", "+49"])
def test_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="not a telephone number"):
        phone(text)


def test_ids_of_a_platform_belong_to_their_connection() -> None:
    assert platform_id(" 191167 ", SHOP) == Identifier(IdentifierKind.PLATFORM, "191167", SHOP)
    assert order("299938", SHOP) == Identifier(IdentifierKind.ORDER, "299938", SHOP)
    with pytest.raises(InvalidInputError, match="empty"):
        platform_id("  ", SHOP)


def test_an_identifier_never_shows() -> None:
    assert repr(email("ada@northwind.example")) == "Identifier(email)"
