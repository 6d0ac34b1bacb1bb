"""Files that hold several accounts, as text and as Parquet."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.errors import InvalidInputError
from ingestion.connector.job import Account
from ingestion.files.account_refs import AccountRef
from ingestion.files.map_file import read_map
from ingestion.files.read_file import FilePage, find_accounts, read_file

MAP = """
map: export
file: {format: %s}
account: {currency: EUR, time_zone: Europe/Berlin}
accounts:
  source: {from: platform, enum: {google: google_ads, facebook: meta_ads}}
  account_id: account
feeds:
  - fact: ads_daily
    key: [day, campaign]
    constants: {channel: other}
    columns: {reporting_date: day, campaign_id: campaign, spend: cost, clicks: clicks}
"""
CSV = """day,platform,account,campaign,cost,clicks
2026-10-01,google,1,c1,1.25,3
2026-10-01,facebook,1,c1,2.50,4
2026-10-01,bing,7,c1,9,9
2026-10-01,google,,c1,9,9
2026-10-01,google,1,c1,9,9
2026-10-02,google,2,c9,-3,1
"""
GOOGLE, META, OTHER = (
    AccountRef("google_ads", "1"),
    AccountRef("meta_ads", "1"),
    AccountRef("google_ads", "2"),
)
WHOLE = Account("", {}, "EUR", "Europe/Berlin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "export.csv"
    file.write_text(CSV)
    return file


def read(path: Path, kind: str = "csv", *, as_is: bool = False) -> FilePage:
    (page,) = read_file(path, read_map(MAP % kind, "map.yaml"), account=WHOLE, as_is=as_is)
    return page


def test_each_row_says_whose_it_is(path: Path) -> None:
    page = read(path)
    assert page.accounts == [GOOGLE, META]
    assert page.batch.column("spend").to_pylist() == [Decimal("1.25"), Decimal("2.50")]
    assert [(row.row_number, row.field, row.reason) for row in page.rejected] == [
        (4, "platform", "unknown_word"),
        (5, "account", "missing"),
        (6, "day", "duplicate_key"),
        (7, "cost", "below_minimum"),
    ]
    assert page.rejected[0].message == "'bing' is no platform that the map knows (google, facebook)"


def test_as_is_nothing_but_nobodys_rows_are_left_out(path: Path) -> None:
    page = read(path, as_is=True)
    assert page.accounts == [GOOGLE, META, GOOGLE, OTHER]
    assert page.batch.column("spend").to_pylist()[-1] == Decimal(-3)
    assert [row.row_number for row in page.rejected] == [4, 5]


def test_accounts_are_found_with_their_lines(path: Path) -> None:
    found = find_accounts(path, read_map(MAP % "csv", "map.yaml"))
    assert found == {GOOGLE: 2, META: 1, OTHER: 1}


def test_parquet_is_read_like_text(tmp_path: Path) -> None:
    file = tmp_path / "export.parquet"
    rows = pa.table(
        {
            "day": pa.array([dt.date(2026, 10, 1), dt.date(2026, 10, 2)]),
            "platform": ["google", "facebook"],
            "account": pa.array([1, 1], pa.int64()),
            "campaign": ["c1", None],
            "cost": pa.array([0.1, 1e-7], pa.float64()),
            "clicks": pa.array([3, None], pa.int64()),
        }
    )
    pq.write_table(rows, file)
    page = read(file, "parquet")
    assert page.rejected == ()
    assert page.accounts == [GOOGLE, META]
    assert page.batch.column("reporting_date").to_pylist() == [
        dt.date(2026, 10, 1),
        dt.date(2026, 10, 2),
    ]
    assert page.batch.column("campaign_id").to_pylist() == ["c1", None]
    assert page.batch.column("spend").to_pylist() == [Decimal("0.1"), Decimal("1e-7")]
    assert page.batch.column("clicks").to_pylist() == [3, None]
    assert page.batch.column("row_number").to_pylist() == [2, 3]


def test_what_is_no_plain_parquet_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"export\.csv is no Parquet file"):
        read(path, "parquet")
    nested = tmp_path / "nested.parquet"
    pq.write_table(pa.table({"day": [[1]]}), nested)
    with pytest.raises(InvalidInputError) as caught:
        read(nested, "parquet")
    assert caught.value.message == "nested.parquet has columns of lists or structures: day"
    assert caught.value.hint == "export plain columns"
