"""Files that bring addresses and numbers: read beside the rows, kept nowhere in the clear."""

import json
from pathlib import Path

import pytest

from domain.facts import ADS_DAILY, CUSTOMERS, FACTS, ORDER_LINES
from domain.privacy.identifiers import IdentifierKind
from domain.yaml_document import InvalidDocumentError
from ingestion.connector.job import Account
from ingestion.files.feeds import identifier_fields, raw_file_stream
from ingestion.files.map_file import read_map
from ingestion.files.read_file import FilePage, read_file

ACCOUNT = Account("file", {}, "EUR", "Europe/Berlin")
MAP = """
map: profiles
file: {format: csv}
feeds:
  - fact: customers
    key: [Id]
    columns:
      reporting_date: Created
      customer_id: Id
      created_at: At
      country: Country
    identifiers: {email: Email, phone: Phone}
"""
HEADER = "Id,Created,At,Country,Email,Phone\n"
LINES = "ada,2026-03-01,2026-03-01T10:00:00Z,DE,Ada@northwind.example,030 901820\n"
BAD = "ben,2026-03-01,ben@northwind.example,DE,ben@northwind.example,030 901821\n"
MAP_NAME = "MAP.yaml"
NEVER = "never lands, so it is no part of 'key' or 'columns'"


def _read(tmp_path: Path, text: str, map_text: str = MAP) -> FilePage:
    path = tmp_path / "profiles.csv"
    path.write_text(HEADER + text, encoding="utf-8")
    [page] = read_file(path, read_map(map_text, MAP_NAME), account=ACCOUNT)
    return page


def test_they_come_beside_the_rows_and_are_no_unknown_cells(tmp_path: Path) -> None:
    [row] = _read(tmp_path, LINES).batch.to_pylist()
    assert (row["customer_id"], row["email"], row["phone"], row["unknown_fields"]) == (
        "ada",
        "Ada@northwind.example",
        "030 901820",
        None,
    )
    assert not {"email", "phone"} & {c.name for c in raw_file_stream(CUSTOMERS).raw_table.columns}


def test_a_line_that_does_not_fit_shows_none_and_tells_whom_it_names(tmp_path: Path) -> None:
    [row] = _read(tmp_path, BAD).rejected
    assert row.message.startswith("'***' is not ")
    assert json.loads(row.raw) == {
        "Id": "ben",
        "Created": "2026-03-01",
        "At": "ben@northwind.example",
        "Country": "DE",
        "Email": "",
        "Phone": "",
    }
    assert row.named == (
        (IdentifierKind.PLATFORM, "ben"),
        (IdentifierKind.EMAIL, "ben@northwind.example"),
        (IdentifierKind.PHONE, "030 901821"),
    )


def test_a_repeated_line_tells_whom_it_names(tmp_path: Path) -> None:
    page = _read(tmp_path, LINES + LINES)
    [row] = page.rejected
    assert row.reason == "duplicate_key"
    assert json.loads(row.raw)["Email"] == ""
    assert row.named == (
        (IdentifierKind.PLATFORM, "ada"),
        (IdentifierKind.EMAIL, "Ada@northwind.example"),
        (IdentifierKind.PHONE, "030 901820"),
    )


def test_of_a_line_that_is_no_row_nothing_is_kept(tmp_path: Path) -> None:
    page = _read(tmp_path, LINES + "ben,ben@northwind.example\n")
    [row] = page.rejected
    assert (row.raw, row.named) == ("{}", ())


def test_only_rows_that_name_somebody_bring_any() -> None:
    assert [one.name for one in identifier_fields(CUSTOMERS)] == ["email", "phone"]
    assert [one.name for one in identifier_fields(ORDER_LINES)] == ["email", "phone", "person"]
    assert identifier_fields(ADS_DAILY) == ()
    assert {fact.name for fact in FACTS.values() if identifier_fields(fact)} == {
        "orders",
        "order_lines",
        "refunds",
        "customers",
    }


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "fact: customers",
            "fact: ads_daily",
            "feeds[0].identifiers: rows of ads_daily name nobody",
        ),
        (
            "email: Email",
            "person: Id",
            "feeds[0].identifiers.person: customers has a column for it: give it as customer_id",
        ),
        (
            "key: [Id]",
            "key: [Email]",
            f"feeds[0].identifiers.email: 'Email' {NEVER}",
        ),
        (
            "customer_id: Id",
            "customer_id: {from: Phone}",
            f"feeds[0].identifiers.phone: 'Phone' {NEVER}",
        ),
        (
            "{email: Email, phone: Phone}",
            "{fax: Phone}",
            "feeds[0].identifiers.fax: unknown; known are email, person, phone",
        ),
    ],
)
def test_mistakes_are_told(old: str, new: str, told: str) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        read_map(MAP.replace(old, new), MAP_NAME)
    lines = [line.split(": ", 1)[1] for line in str(caught.value).split("\n")]
    assert told in lines
