"""A pseudonym is that of one identifier, client and tenant, and is what its construction says."""

import base64
import hmac
import uuid

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import ClientId, ConnectionId
from domain.privacy.identifiers import (
    Identifier,
    IdentifierKind,
    email,
    order,
    phone,
    platform_id,
)
from tenancy.privacy.pseudonyms import Pseudonyms, digest_of

ACME, BOLT = ClientId(uuid.UUID(int=1)), ClientId(uuid.UUID(int=2))
SHOP, OTHER_SHOP = ConnectionId(uuid.UUID(int=11)), ConnectionId(uuid.UUID(int=12))
NAMES = Pseudonyms(b"k" * 32, b"s" * 32)
ADA = email("ada@northwind.example")


def test_is_an_hmac_of_its_parts_with_their_lengths() -> None:
    parts = (ACME.bytes, b"email", b"", b"ada@northwind.example")
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    digest = hmac.digest(b"k" * 32, message, "sha256")[:20]
    assert NAMES.of(ACME, ADA) == "sp_" + base64.b32encode(digest).decode().lower()


def test_clients_kinds_connections_and_tenants_are_kept_apart() -> None:
    told = [
        NAMES.of(ACME, ADA),
        NAMES.of(BOLT, ADA),
        NAMES.of(None, ADA),
        NAMES.of(ACME, Identifier(IdentifierKind.PHONE, ADA.value)),
        NAMES.of(ACME, platform_id("191167", SHOP)),
        NAMES.of(ACME, platform_id("191167", OTHER_SHOP)),
        NAMES.of(ACME, phone("+49 30 901820")),
        Pseudonyms(b"l" * 32, b"s" * 32).of(ACME, ADA),
    ]
    assert len(set(told)) == len(told)


def test_spellings_of_one_address_have_one_pseudonym() -> None:
    assert NAMES.of(ACME, email(" ADA@Northwind.example")) == NAMES.of(ACME, ADA)


@given(st.lists(st.text(min_size=1).filter(lambda text: text == text.strip())))
def test_digests_of_many_ids_are_those_of_their_pseudonyms(values: list[str]) -> None:
    for kind, make in ((IdentifierKind.PLATFORM, platform_id), (IdentifierKind.ORDER, order)):
        expected = [digest_of(NAMES.of(ACME, make(value, SHOP))) for value in values]
        assert list(NAMES.digests(ACME, kind, SHOP, values)) == expected


def test_a_surrogate_tells_no_pseudonym() -> None:
    order = NAMES.surrogate(SHOP, "order_id", "299938")
    assert order.startswith("erased_")
    assert order == NAMES.surrogate(SHOP, "order_id", "299938")
    assert order != NAMES.surrogate(OTHER_SHOP, "order_id", "299938")
    assert order != NAMES.surrogate(SHOP, "order_line_id", "299938")
    assert order.removeprefix("erased_") != NAMES.of(None, platform_id("299938", SHOP))[3:]


@given(st.text(), st.text(), st.text(), st.text())
def test_no_two_objects_share_a_surrogate(what: str, value: str, other: str, more: str) -> None:
    if (what, value) != (other, more):
        assert NAMES.surrogate(SHOP, what, value) != NAMES.surrogate(SHOP, other, more)


def test_keys_never_show() -> None:
    assert repr(NAMES) == "Pseudonyms(***)"
