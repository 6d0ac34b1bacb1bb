"""Files: good rows arrive, every kind of bad row is told with its line."""

import csv
import datetime as dt
import json
import tempfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.facts import REFUNDS
from ingestion.connector.job import Account, RejectedRow
from ingestion.files.encoding import detect_encoding
from ingestion.files.feeds import raw_file_stream
from ingestion.files.map_file import read_map
from ingestion.files.map_spec import MapSpec
from ingestion.files.read_file import FilePage, UnreadableFileError, check_file, read_file

ACCOUNT = Account("file", {}, "EUR", "Europe/Berlin")
HEADER = "day,channel,spend,clicks\n"
MAP_TEXT = """
map: plain
file: {file}
feeds:
  - fact: ads_daily
    key: [day, channel]
    columns: {{reporting_date: day, channel: channel, spend: spend, clicks: clicks{columns}}}
"""
UNPIVOT = """
map: wide
file: {format: csv}
feeds:
  - fact: ads_daily
    key: [day]
    columns: {reporting_date: day}
    unpivot:
      - {set: {channel: tv}, columns: {spend: tv, clicks: tv_clicks}}
      - {set: {channel: radio}, columns: {spend: radio}}
"""

Write = Callable[[str | bytes], Path]


def _map(file: str = "{format: csv}", columns: str = "") -> MapSpec:
    return read_map(MAP_TEXT.format(file=file, columns=columns), "MAP.yaml")


def _read(path: Path, spec: MapSpec, block_rows: int = 20_000) -> list[FilePage]:
    return list(read_file(path, spec, account=ACCOUNT, block_rows=block_rows))


def _rows(pages: list[FilePage], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[n] for n in names) for page in pages for row in page.batch.to_pylist()]


def _rejected(pages: list[FilePage]) -> list[tuple[int, str, str]]:
    return [(row.row_number, row.field, row.reason) for page in pages for row in page.rejected]


def _messages(pages: list[FilePage]) -> list[tuple[int, str]]:
    return [(row.row_number, row.message) for page in pages for row in page.rejected]


def test_rows_carry_line_account_and_unmapped_columns(write: Write) -> None:
    (page,) = _read(write("day,channel,spend,clicks,note\n2026-11-01,tv,1.50,3,hello\n"), _map())
    (row,) = page.batch.to_pylist()
    assert {name: value for name, value in row.items() if value is not None} == {
        "row_number": 2,
        "natural_key": '["2026-11-01","tv"]',
        "reporting_date": dt.date(2026, 11, 1),
        "channel": "tv",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "spend": Decimal("1.5"),
        "clicks": 3,
        "unknown_fields": '{"note":"hello"}',
    }
    assert page.feed.name == "ads_daily"


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        ("2026-11-01,tv,1.50", "", "ragged_row"),
        ("2026-11-01,tv,1.50,3,4", "", "ragged_row"),
        ("2026-02-30,tv,1.50,3", "day", "not_a_date"),
        (",tv,1.50,3", "day", "missing"),
        ("2026-11-01,tv,-1.50,3", "spend", "below_minimum"),
        ('2026-11-01,tv,"1,234.50",3', "spend", "not_a_number"),
        ("2026-11-01,tv,1.50,3.5", "clicks", "not_whole"),
        ("2026-11-01,tv,NaN,3", "spend", "not_finite"),
        ("2026-11-01,television,1.50,3", "channel", "unknown_value"),
        ("2026-11-01,t\0v,1.50,3", "", "nul_character"),
        ('2026-11-01,"tv"x,1.50,3', "", "malformed_row"),
    ],
)
def test_bad_line_is_told_and_the_others_stay(
    write: Write, line: str, field: str, reason: str
) -> None:
    pages = _read(write(f"{HEADER}2026-11-02,tv,1,1\n{line}\n2026-11-03,tv,2,2\n"), _map())
    assert _rejected(pages) == [(3, field, reason)]
    assert _rows(pages, "row_number", "spend") == [(2, Decimal(1)), (4, Decimal(2))]


def test_rejected_row_keeps_all_its_cells(write: Write) -> None:
    path = write(f"{HEADER}2026-11-01,tv,1\n2026-11-01,tv,x,1\n2026-11-02,tv,1,1,5,6\n")
    assert [json.loads(row.raw) for row in _read(path, _map())[0].rejected] == [
        {"day": "2026-11-01", "channel": "tv", "spend": "1"},
        {"day": "2026-11-01", "channel": "tv", "spend": "x", "clicks": "1"},
        {
            "day": "2026-11-02",
            "channel": "tv",
            "spend": "1",
            "clicks": "1",
            "more cells": ["5", "6"],
        },
    ]


def test_bytes_that_are_no_text_reject_their_line_only(write: Write) -> None:
    long_start = "".join(f"2020-01-01,tv{n},1,1\n" for n in range(60_000))  # over the sample
    path = write((HEADER + long_start).encode() + b"2026-11-01,t\xffv,1,1\n2026-11-02,tv,1,1\n")
    assert detect_encoding(path) == "utf-8-sig"
    pages = _read(path, _map())
    told = [row for page in pages for row in page.rejected if row.reason == "bad_encoding"]
    assert told == [
        RejectedRow(
            60_002,
            "",
            "bad_encoding",
            "has bytes that are no UTF-8; declare the file's encoding in the map",
            '{"day":"2026-11-01","channel":"t?v","spend":"1","clicks":"1"}',
        )
    ]
    assert _rows(pages, "row_number") == [(60_003,)]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("day,größe\n".encode(), "utf-8-sig"),
        ("day,größe\n".encode("latin-1"), "cp1252"),
        ("day,größe\n".encode() + b"\xff\n", "utf-8-sig"),
        ("day,cost\n".encode("utf-16"), "utf-16"),
        ("day,cost\n".encode("utf-16-le"), "utf-16-le"),
        ("day,cost\n".encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_encoding_is_found_out(write: Write, content: bytes, encoding: str) -> None:
    assert detect_encoding(write(content)) == encoding


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("utf-16-le", ""),
        ("latin-1", ""),
        ("cp1252", ""),
        ("latin-1", "latin-1"),
        ("utf-8-sig", "utf-8"),
    ],
)
def test_letters_arrive_in_every_encoding(write: Write, encoding: str, declared: str) -> None:
    file = f"{{format: csv, encoding: {declared}}}" if declared else "{format: csv}"
    path = write("day,channel,spend,clicks,Größe\n2026-11-01,tv,1,1,Ü\n".encode(encoding))
    pages = _read(path, _map(file, ", campaign_name: Größe"))
    assert _rows(pages, "row_number", "campaign_name") == [(2, "Ü")]


def test_crlf_blank_lines_and_quoted_line_breaks_keep_the_line_numbers(write: Write) -> None:
    text = (
        'day,channel,spend,clicks,name\r\n2026-11-01,tv,1,1,"a\r\nb"\r\n\r\n2026-11-02,tv,2,2,c\r\n'
    )
    pages = _read(write(text), _map(columns=", campaign_name: name"))
    assert _rows(pages, "row_number", "campaign_name") == [(2, "a\r\nb"), (5, "c")]


def test_open_quote_is_told_with_the_lines_that_it_took(write: Write) -> None:
    path = write(f'{HEADER}2026-11-01,tv,1,1\n2026-11-02,"tv,1,1\n2026-11-03,tv,1,1\n')
    pages = _read(path, _map())
    assert _messages(pages) == [
        (
            3,
            (
                "is not CSV: unexpected end of data; "
                "a quote that is left open took lines 3 to 4 for one row"
            ),
        )
    ]
    assert json.loads(pages[0].rejected[0].raw) == {
        "row": '2026-11-02,"tv,1,1\n2026-11-03,tv,1,1\n'
    }
    assert _rows(pages, "row_number") == [(2,)]


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ('{format: csv, decimal: ",", thousands: ".", delimiter: ";"}', "1.234,50", "1234.5"),
        ('{format: csv, thousands: ",", delimiter: ";"}', "1,234,567.5", "1234567.5"),
        ('{format: csv, thousands: "\'", delimiter: ;}', "1'234.5", "1234.5"),
        ('{format: csv, thousands: " ", delimiter: ;}', "1\N{NO-BREAK SPACE}234.5", "1234.5"),
        ('{format: csv, decimal: ",", delimiter: ";"}', "0,5", "0.5"),
    ],
)
def test_declared_separators_are_read(write: Write, file: str, text: str, expected: str) -> None:
    path = write(f"{HEADER}2026-11-01,tv,{{}},1\n".replace(",", ";").replace("{}", text))
    assert _rows(_read(path, _map(file)), "spend") == [(Decimal(expected),)]


@pytest.mark.parametrize("text", ["1.23", "1,2,3", "12.34,5", ",5", "1.234.5", "1234.567"])
def test_wrong_grouping_is_rejected_not_guessed(write: Write, text: str) -> None:
    file = '{format: csv, decimal: ",", thousands: ".", delimiter: ";"}'
    path = write(f"{HEADER}2026-11-01,tv,{{}},1\n".replace(",", ";").replace("{}", text))
    assert _messages(_read(path, _map(file))) == [
        (2, f"{text!r} is not a number with the declared separators")
    ]


def test_separators_that_are_not_declared_are_hinted_at(write: Write) -> None:
    pages = _read(write(f'{HEADER}2026-11-01,tv,"1,234.50",1\n'), _map())
    assert _messages(pages) == [
        (2, "'1,234.50' is not a number; declare its separators (decimal, thousands)")
    ]


def test_second_line_of_a_key_is_rejected_across_blocks(write: Write) -> None:
    path = write(f"{HEADER}2026-11-01,tv,1,1\n2026-11-02,tv,2,2\n2026-11-01,tv,3,3\n")
    pages = _read(path, _map(), block_rows=2)
    assert [page.batch.num_rows for page in pages] == [2, 0]
    assert pages[1].rejected == (
        RejectedRow(
            4,
            "day",
            "duplicate_key",
            "has the key of line 2: day '2026-11-01', channel 'tv'",
            '{"day":"2026-11-01","channel":"tv","spend":"3","clicks":"3"}',
            '["2026-11-01","tv"]',
            dt.date(2026, 11, 1),
        ),
    )


def _identities(pages: list[FilePage]) -> list[tuple[int, str | None, dt.date | None]]:
    return [
        (row.row_number, row.natural_key, row.reporting_date)
        for page in pages
        for row in page.rejected
    ]


def test_rejected_rows_keep_their_key_and_day(write: Write) -> None:
    path = write(f"{HEADER}2026-11-01,tv,x,1\n2026-11-31,tv,1,1\n2026-11-01,tv,1\n")
    assert _identities(_read(path, _map())) == [
        (2, '["2026-11-01","tv"]', dt.date(2026, 11, 1)),
        (3, '["2026-11-31","tv"]', None),
        (4, None, None),
    ]


def test_of_a_wide_line_each_set_has_its_key(write: Write) -> None:
    path = write("day,tv,tv_clicks,radio\n2026-11-01,x,2,y\n2026-11-31,1,2,3\n")
    assert _identities(_read(path, read_map(UNPIVOT, "MAP.yaml"))) == [
        (2, '["2026-11-01","tv"]', dt.date(2026, 11, 1)),
        (2, '["2026-11-01","radio"]', dt.date(2026, 11, 1)),
        (3, None, None),
    ]


def test_bad_line_does_not_occupy_its_key(write: Write) -> None:
    path = write(f"{HEADER}2026-11-01,tv,x,1\n2026-11-01,tv,2,2\n2026-11-01,tv,3,3\n")
    pages = _read(path, _map())
    assert _messages(pages) == [
        (2, "'x' is not a number"),
        (4, "has the key of line 3: day '2026-11-01', channel 'tv'"),
    ]
    assert _rows(pages, "row_number") == [(3,)]


def test_wide_line_becomes_a_row_for_each_filled_set(write: Write) -> None:
    path = write("day,tv,tv_clicks,radio\n2026-11-01,1,2,3\n2026-11-02,,,4\n2026-11-03,,5,\n")
    pages = _read(path, read_map(UNPIVOT, "MAP.yaml"))
    assert _rejected(pages) == []
    assert _rows(pages, "row_number", "natural_key", "spend", "clicks") == [
        (2, '["2026-11-01","tv"]', Decimal(1), 2),
        (4, '["2026-11-03","tv"]', None, 5),
        (2, '["2026-11-01","radio"]', Decimal(3), None),
        (3, '["2026-11-02","radio"]', Decimal(4), None),
    ]


def test_bad_cell_costs_its_set_only_and_a_bad_shared_cell_is_told_once(write: Write) -> None:
    path = write("day,tv,tv_clicks,radio\n2026-11-01,1,2,x\n2026-11-31,1,2,3\n")
    pages = _read(path, read_map(UNPIVOT, "MAP.yaml"))
    assert _rejected(pages) == [(2, "radio", "not_a_number"), (3, "day", "not_a_date")]
    assert _rows(pages, "row_number", "channel") == [(2, "tv")]


def test_sets_read_the_lines_that_are_left(write: Write) -> None:
    path = write("day,tv,tv_clicks,radio\n2026-11-31,9,9,9\n2026-11-01,1,2,3\nx,9,9,9\n")
    pages = _read(path, read_map(UNPIVOT, "MAP.yaml"))
    assert _rejected(pages) == [(2, "day", "not_a_date"), (4, "day", "not_a_date")]
    assert _rows(pages, "row_number", "natural_key", "spend", "clicks") == [
        (3, '["2026-11-01","tv"]', Decimal(1), 2),
        (3, '["2026-11-01","radio"]', Decimal(3), None),
    ]


def test_word_outside_an_enum_is_told_with_the_files_words(write: Write) -> None:
    mapped = "channel: {from: channel, enum: {Fernsehen: tv, Funk: radio}}"
    text = MAP_TEXT.format(file="{format: csv}", columns="").replace("channel: channel", mapped)
    path = write(f"{HEADER}2026-11-01,Fernsehen,1,1\n2026-11-02,tv,1,1\n")
    pages = _read(path, read_map(text, "MAP.yaml"))
    assert _rows(pages, "channel") == [("tv",)]
    assert _messages(pages) == [(3, "'tv' is none of Fernsehen, Funk")]


def test_instants_and_their_days_are_read_in_the_accounts_zone(write: Write) -> None:
    spec = read_map(
        """
map: people
file: {format: csv}
feeds:
  - fact: customers
    key: [id]
    columns:
      reporting_date: {from: made, type: local_date}
      customer_id: id
      created_at: made
""",
        "MAP.yaml",
    )
    lines = [
        "id,made",
        "1,2026-11-01 23:30",
        "2,2026-11-01T23:30:00Z",
        "3,2026-07-01 00:10",
        "4,yesterday",
    ]
    pages = _read(write("\n".join(lines)), spec)
    assert _rejected(pages) == [(5, "made", "not_an_instant")]
    assert _rows(pages, "reporting_date", "created_at") == [
        (dt.date(2026, 11, 1), dt.datetime(2026, 11, 1, 22, 30, tzinfo=dt.UTC)),
        (dt.date(2026, 11, 2), dt.datetime(2026, 11, 1, 23, 30, tzinfo=dt.UTC)),
        (dt.date(2026, 7, 1), dt.datetime(2026, 6, 30, 22, 10, tzinfo=dt.UTC)),
    ]


def test_one_file_feeds_several_facts(write: Write) -> None:
    spec = read_map(
        """
map: shop
file: {format: csv, dates: "%d.%m.%Y"}
feeds:
  - fact: orders
    key: [id]
    constants: {order_status: paid}
    columns:
      reporting_date: day
      order_id: id
      ordered_at: at
      channel:
        from: how
        enum: {Anzeige: paid_search, Brief: email}
        otherwise: other
        missing: direct
      revenue: total
  - fact: ads_daily
    key: [id]
    constants: {channel: email}
    columns: {reporting_date: day, campaign_id: id, spend: cost}
""",
        "MAP.yaml",
    )
    lines = [
        "id,day,at,how,total,cost,note",
        "1,01.11.2026,2026-11-01T10:00:00Z,Anzeige,10,1,x",
        "2,02.11.2026,2026-11-02T10:00:00Z,,11,,y",
        "3,03.11.2026,2026-11-03T10:00:00Z,Flyer,,3,z",
        "short",
    ]
    pages = _read(write("\n".join(lines)), spec)
    assert [page.feed.fact for page in pages] == ["orders", "ads_daily"]
    assert _rows(pages[:1], "order_id", "channel", "unknown_fields") == [
        ("1", "paid_search", '{"note":"x"}'),
        ("2", "direct", '{"note":"y"}'),
    ]
    assert _rejected(pages[:1]) == [(4, "total", "missing"), (5, "", "ragged_row")]
    assert _rows(pages[1:], "row_number", "spend") == [
        (2, Decimal(1)),
        (3, None),
        (4, Decimal(3)),
    ]
    assert _rejected(pages[1:]) == []


def test_raw_table_is_the_fact_behind_lineage_and_key() -> None:
    stream = raw_file_stream(REFUNDS)
    table = stream.raw_table
    assert (stream.source, stream.key) == ("file", ("natural_key",))
    assert table.qualified == "raw.file__refunds"
    assert [column.name for column in table.columns][8:] == [
        "natural_key",
        "reporting_date",
        *(column.name for column in REFUNDS.columns),
        "unknown_fields",
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "data.csv is empty (its first line has to name the columns)"),
        (
            b"\nday\n",
            "data.csv begins with an empty line (its first line has to name the columns)",
        ),
        (
            b"PK\x03\x04rest",
            (
                "data.csv is not a text file: it looks like an Excel workbook or another "
                "zip archive (save it as CSV)"
            ),
        ),
        (
            b"a\0b\n",
            "data.csv is not a text file: its first line has NUL characters (save it as CSV)",
        ),
        (b"x" * 1_048_577, "data.csv is not a text file: its first line does not end"),
        (
            b"day,channel,day,clicks\n",
            (
                "the first line of data.csv names 'day' more than once "
                "(give every column a name of its own)"
            ),
        ),
        (
            b"day,chanel,spend,clicks\n",
            (
                "data.csv lacks columns that the map names: 'channel' (did you mean 'chanel'?); "
                "it has 'day', 'chanel', 'spend', 'clicks' "
                "(correct the names in the map, or send the file with these columns)"
            ),
        ),
        (
            b"day;channel;spend;clicks\n",
            (
                "data.csv lacks columns that the map names: 'day', 'channel', 'spend', 'clicks'; "
                "it has 'day;channel;spend;clicks' "
                "(the file has one column only: is ',' its delimiter?)"
            ),
        ),
        (
            b"2026-11-01,x\n",
            (
                "data.csv lacks columns that the map names: 'day', 'channel', 'spend', 'clicks'; "
                "it has '2026-11-01', 'x' "
                "(does the file lack its header? Its first line has to name the columns)"
            ),
        ),
    ],
)
def test_file_without_a_usable_first_line_is_refused(
    write: Write, content: bytes, told: str
) -> None:
    path = write(content)
    with pytest.raises(InvalidInputError) as checked:
        check_file(path, _map())
    with pytest.raises(InvalidInputError) as read:
        _read(path, _map())
    assert str(checked.value) == str(read.value) == told


def test_file_with_a_header_only_gives_an_empty_page(write: Write) -> None:
    (page,) = _read(write(HEADER), _map())
    assert (page.batch.num_rows, page.rejected) == (0, ())


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        check_file(tmp_path / "none.csv", _map())
    assert caught.value.message == "none.csv cannot be read: No such file or directory"


def test_file_that_changes_while_it_is_read_is_refused(write: Write) -> None:
    path = write(HEADER + "".join(f"2026-11-0{n},tv,{n},1\n" for n in range(1, 10)))
    pages = read_file(path, _map(), account=ACCOUNT, block_rows=2)
    assert next(pages).batch.num_rows == 2
    with path.open("a") as file:
        file.write("2026-11-20,tv,1,1\n")
    with pytest.raises(UnreadableFileError) as caught:
        list(pages)
    assert str(caught.value) == "data.csv was changed while it was read (import it again)"


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@given(
    st.lists(
        st.tuples(
            st.dates().map(str),
            st.decimals(min_value=0, max_value=10**9, places=2).map(str),
            TEXTS,
        ),
        max_size=20,
        unique_by=lambda row: row[0],
    ),
    st.integers(min_value=1, max_value=7),
)
def test_what_a_csv_writer_writes_is_read_back(rows: list[tuple[str, str, str]], size: int) -> None:
    spec = _map(columns=", campaign_name: name")
    lines = [(day, "tv", spend, "1", name) for day, spend, name in rows]
    pages = _read_written(["day", "channel", "spend", "clicks", "name"], lines, spec, size)
    assert _rejected(pages) == []
    assert _rows(pages, "reporting_date", "spend", "campaign_name") == [
        (dt.date.fromisoformat(day), Decimal(spend), name or None) for day, spend, name in rows
    ]


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=2, max_size=6, unique=True))
def test_different_keys_never_meet(keys: list[tuple[str, str]]) -> None:
    spec = read_map(
        """
map: plain
file: {format: csv}
feeds:
  - {fact: ads_daily, key: [a, b], constants: {channel: tv}, columns: {reporting_date: day}}
""",
        "MAP.yaml",
    )
    lines = [("2026-11-01", *key) for key in keys]
    pages = _read_written(["day", "a", "b"], lines, spec, 100)
    assert _rejected(pages) == []
    assert len(set(_rows(pages, "natural_key"))) == len(keys)


def _read_written(
    header: list[str], lines: Sequence[tuple[str, ...]], spec: MapSpec, size: int
) -> list[FilePage]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *lines])
        return _read(path, spec, block_rows=size)
