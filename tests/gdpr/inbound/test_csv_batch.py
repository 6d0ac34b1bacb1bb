"""Files of requests: every row is an intake, or says what is wrong with it."""

import csv
import datetime as dt
import io
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.ids import ClientId, ConnectionId
from domain.privacy.identifiers import Identifier, IdentifierKind
from domain.privacy.rights import IdentityLevel, IntakeChannel, Right
from gdpr.inbound.csv_batch import COLUMNS, BatchPlace, BatchRow, KnownConnection, read_batch
from gdpr.requests.intake import Intake

CLIENT = ClientId(uuid.UUID(int=1))
SHOP, OTHER, ADS = (ConnectionId(uuid.UUID(int=number)) for number in (2, 3, 4))
PLACE = BatchPlace(
    CLIENT,
    "Europe/Berlin",
    (
        KnownConnection(SHOP, "shopify", "acme-shoes"),
        KnownConnection(OTHER, "shopify", "acme-hats"),
        KnownConnection(ADS, "ga4", "123"),
    ),
    "cli:ops",
    dt.datetime(2026, 3, 15, 9, 30, tzinfo=dt.UTC),
)
HEADER = "right,received_on,email,phone,source,account,customer,order,reference\n"


def rows(text: str) -> list[BatchRow]:
    return list(read_batch(io.StringIO(text, newline=""), PLACE))


def test_a_row_is_read_whole() -> None:
    (row,) = rows(
        HEADER
        + "Erasure,2026-03-01, Ada@Example.com ,+49 30 901820,shopify,acme-hats,77,1001,A-1\n"
    )
    assert row == BatchRow(
        2,
        Intake(
            client_id=CLIENT,
            right=Right.ERASURE,
            channel=IntakeChannel.BATCH,
            identifiers=(
                Identifier(IdentifierKind.EMAIL, "ada@example.com"),
                Identifier(IdentifierKind.PHONE, "+4930901820"),
                Identifier(IdentifierKind.PLATFORM, "77", OTHER),
                Identifier(IdentifierKind.ORDER, "1001", OTHER),
            ),
            received_at=dt.datetime(2026, 2, 28, 23, tzinfo=dt.UTC),  # midnight in Berlin
            requested_by="cli:ops",
            identity=IdentityLevel.CLAIMED,
            external_ref="A-1",
        ),
    )
    assert "ada" not in repr(row)


def test_columns_come_in_any_order_and_most_may_be_missing() -> None:
    (row,) = rows("\ufeffreceived_on,EMAIL,right\n2026-03-01,ada@example.com,access\n")
    assert row.intake is not None
    assert (row.intake.right, row.intake.external_ref) == (Right.ACCESS, "received 2026-03-01")


def test_lines_are_those_of_the_file() -> None:
    found = rows(
        'right,received_on,email,reference\naccess,2026-03-01,a@b.example,"two\nlines"\n'
        "\nacces,2026-03-01,a@b.example,x\n"
    )
    assert [(row.line, bool(row.problem)) for row in found] == [(3, False), (5, True)]


RIGHTS = (
    "access, rectification, erasure, restriction, portability, objection, decision_review,"
    " withdrawal"
)
NO_CONNECTION = (
    " of the client's connections fit 'source' and 'account', which say whose customer or order"
    " it is"
)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("delete,2026-03-01,a@b.example,,,,,,", f"'right' is none of {RIGHTS}"),
        (",2026-03-01,a@b.example,,,,,,", f"'right' is none of {RIGHTS}"),
        ("access,01.03.2026,a@b.example,,,,,,", "'received_on' is no day like 2026-10-01"),
        ("access,,a@b.example,,,,,,", "'received_on' is no day like 2026-10-01"),
        ("access,2026-02-30,a@b.example,,,,,,", "'received_on' is no day like 2026-10-01"),
        ("access,2026-03-16,a@b.example,,,,,,", "'received_on' is in the future"),
        ("access,2026-03-01,ada,,,,,,", "that is not an e-mail address"),
        ("access,2026-03-01,,12,,,,,", "that is not a telephone number"),
        (
            "access,2026-03-01,,,,,,,",
            "it names nobody: give email, phone, customer or order",
        ),
        ("access,2026-03-01,,,shopify,,77,,", f"several{NO_CONNECTION}"),
        ("access,2026-03-01,,,hubspot,,77,,", f"none{NO_CONNECTION}"),
        ("access,2026-03-01,,,,,,1001,", f"none{NO_CONNECTION}"),
        ("access,2026-03-01,a@b.example", "it has more or fewer cells than the header"),
        (
            "access,2026-03-01,a@b.example,,,,,,,,",
            "it has more or fewer cells than the header",
        ),
        (
            f"access,2026-03-01,a@b.example,,,,,,{'r' * 1001}",
            "a cell is too long, or holds what is no text",
        ),
        (
            "access,2026-03-01,a@b.example,,,,,,\0",
            "a cell is too long, or holds what is no text",
        ),
    ],
)
def test_a_bad_row_says_what_is_wrong_and_not_what_it_holds(row: str, problem: str) -> None:
    good = "access,2026-03-01,a@b.example,,,,,,"
    found = rows(f"{HEADER}{good}\n{row}\n{good}\n")
    assert [(one.line, one.problem) for one in found] == [(2, ""), (3, problem), (4, "")]
    assert [one.intake is None for one in found] == [False, True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1 lacks the column 'right'"),
        ("right,email\n", "line 1 lacks the column 'received_on'"),
        ("right,received_on,mail\n", "line 1 names a column that nobody knows"),
        ("right,received_on,right\n", "line 1 names a column twice"),
        ('right,received_on\n"access,2026-03-01\n', "line 2 is no CSV"),
    ],
)
def test_a_file_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        rows(text)
    assert refused.value.message == message


@given(st.lists(st.lists(st.text(max_size=12), min_size=1, max_size=11), max_size=6))
def test_whatever_stands_in_it_each_row_is_an_intake_or_a_problem(
    cells: list[list[str]],
) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows(cells)
    try:
        found = rows(file.getvalue())
    except InvalidInputError:  # a NUL, or a quote that does not end
        return
    assert all((row.intake is None) == bool(row.problem) for row in found)
