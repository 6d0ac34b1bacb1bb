"""What names people is taken out of what is kept of a record, and nothing else is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.facts import CUSTOMERS, ORDER_LINES, ORDERS
from domain.privacy.identifiers import IdentifierKind
from domain.yaml_document import InvalidDocumentError
from ingestion.connector.columns import ColumnTyper
from ingestion.connector.job import Account
from ingestion.connector.naming import naming_fields, without_addresses, without_paths
from ingestion.connector.source_file import load_source, read_source
from ingestion.files.feeds import raw_file_stream
from tests.ingestion.sources.test_source_files import SHOPIFY

ACCOUNT = Account("acme-shoes", {}, "EUR", "Europe/Berlin")
STREAM = load_source("shopify").streams["customers"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("'ada@northwind.example' is not a date", "'***' is not a date"),
        ('{"a":"ada.l+x@mail.northwind.example","b":1}', '{"a":"***","b":1}'),
        ("<ada@northwind.example>, ben@contoso.example", "<***>, ***"),
        ("ada@localhost costs 3 @ 4.50", "ada@localhost costs 3 @ 4.50"),
    ],
)
def test_addresses_are_not_to_be_read(text: str, shown: str) -> None:
    assert without_addresses(text) == shown


@given(st.text(st.characters(exclude_characters="@")))
def test_texts_without_addresses_stay(text: str) -> None:
    assert without_addresses(text) == text


@pytest.mark.parametrize(
    ("record", "paths", "kept"),
    [
        ({"a": {"mail": "x"}, "b": 1}, ["a.mail"], {"a": {"mail": None}, "b": 1}),
        ({"a": None, "b": 1}, ["a.mail"], {"a": None, "b": 1}),
        ({"a": "x"}, ["a.mail"], {"a": None}),
        ({"a": [{"mail": "x"}]}, ["a[].mail"], {"a": None}),
        ({"a": [{"mail": "x"}]}, ["a[0].mail"], {"a": None}),
        ({"b": 1}, ["^.mail"], {"b": 1}),
        ([1], ["mail"], [1]),
    ],
)
def test_values_at_paths_are_taken_out(record: object, paths: list[str], kept: object) -> None:
    assert json.loads(without_paths(json.dumps(record), paths)) == kept


def test_what_is_no_json_is_kept_only_where_nothing_is_to_be_taken_out() -> None:
    assert without_paths("{", []) == "{"
    assert without_paths("{", ["mail"]) == "{}"


def test_fields_name_whom_the_facts_columns_name() -> None:
    assert naming_fields(raw_file_stream(ORDERS)) == {
        "order_id": IdentifierKind.ORDER,
        "customer_id": IdentifierKind.PLATFORM,
        "email": IdentifierKind.EMAIL,
        "phone": IdentifierKind.PHONE,
    }
    assert naming_fields(raw_file_stream(CUSTOMERS))["customer_id"] is IdentifierKind.PLATFORM
    assert naming_fields(raw_file_stream(ORDER_LINES))["person"] is IdentifierKind.PLATFORM


def _typed(**changed: object) -> dict[str, list[object]]:
    values: dict[str, object] = {
        "id": "gid://shopify/Customer/1",
        "createdAt": "2026-03-01T10:00:00Z",
        "updatedAt": None,
        "defaultAddress.countryCodeV2": "DE",
        "defaultEmailAddress.emailAddress": "ada@northwind.example",
        "defaultPhoneNumber.phoneNumber": "+4930901820",
        "numberOfOrders": "1",
    }
    return {path: [value] for path, value in (values | changed).items()}


def test_a_rejected_record_shows_no_address_and_no_number() -> None:
    raw = {
        "id": "gid://shopify/Customer/1",
        "createdAt": "ada@northwind.example",
        "defaultEmailAddress": {"emailAddress": "ada@northwind.example"},
        "defaultPhoneNumber": {"phoneNumber": "+4930901820"},
    }
    typer = ColumnTyper(STREAM, ACCOUNT)
    columns = _typed(createdAt="ada@northwind.example")
    typed = typer.type_rows(columns, [1], None, lambda _: json.dumps(raw))
    [row] = typed.rejected
    assert row.message.startswith("'***' is not")
    assert json.loads(row.raw) == raw | {
        "defaultEmailAddress": {"emailAddress": None},
        "defaultPhoneNumber": {"phoneNumber": None},
    }
    assert row.named == (
        (IdentifierKind.PLATFORM, "1"),
        (IdentifierKind.EMAIL, "ada@northwind.example"),
        (IdentifierKind.PHONE, "+4930901820"),
    )


@pytest.mark.parametrize("value", [{"a": 1}, 7, ["ada@northwind.example"], True])
def test_no_row_is_refused_for_what_does_not_land(value: object) -> None:
    typer = ColumnTyper(STREAM, ACCOUNT)
    columns = _typed(**{"defaultEmailAddress.emailAddress": value})
    typed = typer.type_rows(columns, [1], None, lambda _: "{}")
    assert (typed.rejected, typed.drift) == ((), ())
    assert typed.batch.column("email").to_pylist() == [None]


KINDS = "email, phone, person"
FIELD = "streams.customers.fields.email"
HAS_ONE = "customers has a column for the platform's id of a person: map the field"
NOT_REQUIRED = "an identifier never lands, so no row is refused for it: leave 'required' out"
EMAIL = "identifier: email, holds: person_identifier"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            EMAIL,
            "identifier: fax, holds: person_identifier",
            f"{FIELD}.identifier: 'fax' is none of {KINDS}; known are {KINDS}",
        ),
        (
            EMAIL,
            f"required: true, {EMAIL}",
            f"{FIELD}: {NOT_REQUIRED}",
        ),
        (
            "key: [customer_id]",
            "key: [email]",
            f"{FIELD}: an identifier never lands: it is no part of 'key' or 'map'",
        ),
        (
            EMAIL,
            "identifier: person, holds: person_identifier",
            f"{FIELD}: {HAS_ONE}",
        ),
        (
            f"emailAddress, type: string, {EMAIL}",
            f"emailAddress, type: json, {EMAIL}",
            "streams.customers.fields.email: an identifier is read as a string",
        ),
        (
            'from: customer.id, type: string, strip: "gid://shopify/Customer/", holds',
            "from: customer.id, type: int, holds",
            "streams.orders.fields.customer_id: 'customer_id' is read as a string",
        ),
    ],
)
def test_mistakes_are_told(old: str, new: str, told: str) -> None:
    assert old in SHOPIFY
    with pytest.raises(InvalidDocumentError) as caught:
        read_source(SHOPIFY.replace(old, new), "shopify.yaml")
    assert told in [line.split(": ", 1)[1] for line in str(caught.value).split("\n")]
