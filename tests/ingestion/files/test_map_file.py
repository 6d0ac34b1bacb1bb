"""MAP.yaml: mistakes are told with line, field and what was expected."""

from pathlib import Path

import pytest

from domain.errors import InvalidInputError
from domain.facts import FACTS
from domain.yaml_document import InvalidDocumentError
from ingestion.files.map_file import load_map, read_map

GOOD = """map: plain
label: Plain
file: {format: csv}
feeds:
  - fact: ads_daily
    key: [day]
    constants: {channel: tv}
    columns: {reporting_date: day, spend: cost}
"""


def test_good_map_is_read() -> None:
    spec = read_map(GOOD, "MAP.yaml")
    assert spec.feeds[0].file_columns == ("day", "cost")
    assert spec.feeds[0].sets == ()
    assert spec.stream_of(spec.feeds[0]) == "plain.ads_daily"
    assert (spec.currency, spec.time_zone) == ("", "")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "spend: cost",
            "spend: cost, region: place",
            (
                "MAP.yaml:8: feeds[0].columns.region: ads_daily has no column 'region'; "
                "ads_country_daily has, and what it is given counts in ads_daily too"
            ),
        ),
        (
            "spend: cost",
            "spent: cost",
            (
                "MAP.yaml:8: feeds[0].columns.spent: ads_daily has no column 'spent'; "
                "did you mean 'spend'?"
            ),
        ),
        (
            "channel: tv",
            "channel: telly",
            (
                "MAP.yaml:7: feeds[0].constants.channel: 'telly' is not a canonical channel; "
                "known are paid_search, shopping, performance_max, display, video, paid_social, "
                "email, organic_search, organic_social, referral, affiliate, direct, tv, "
                "out_of_home, print, radio, other"
            ),
        ),
        (
            "    constants: {channel: tv}\n",
            "",
            "MAP.yaml:7: feeds[0].columns: 'channel' is missing, which ads_daily needs",
        ),
        (
            "channel: tv",
            "channel: tv, currency: EUR",
            (
                "MAP.yaml:7: feeds[0].constants.currency: is one for the whole file: "
                "give it as account.currency"
            ),
        ),
        (
            "channel: tv",
            "channel: tv, clicks: '1'",
            "MAP.yaml:7: feeds[0].constants.clicks: only columns of text can be constant",
        ),
        (
            "format: csv",
            "format: csv, delimitr: ;",
            "MAP.yaml:3: file.delimitr: unknown; did you mean 'delimiter'?",
        ),
        (
            "format: csv",
            "format: csv, dates: '%d.%m'",
            "MAP.yaml:3: file.dates: '%d.%m' is no format of dates; an example is '%d.%m.%Y'",
        ),
        (
            "format: csv",
            "format: csv, thousands: .",
            "MAP.yaml:3: file.thousands: is the decimal separator too",
        ),
        (
            "format: csv",
            "format: csv, decimal: ','",
            "MAP.yaml:3: file.decimal: is the delimiter too; say which delimiter the file has",
        ),
        (
            "feeds:",
            "account: {currency: euro, time_zone: Europe/Berlim}\nfeeds:",
            (
                "MAP.yaml:4: account.currency: 'euro' is not a currency code "
                "(use ISO 4217, for example EUR)\n"
                "MAP.yaml:4: account.time_zone: 'Europe/Berlim' is not a time zone; "
                "did you mean 'Europe/Berlin'?"
            ),
        ),
        (
            "fact: ads_daily",
            "fact: ads",
            (f"MAP.yaml:5: feeds[0].fact: there is no fact 'ads'; known are {', '.join(FACTS)}"),
        ),
        (
            "spend: cost",
            "spend: {from: cost, rounded: true}",
            "MAP.yaml:8: feeds[0].columns.spend.rounded: unknown; did you mean 'round'?",
        ),
        (
            "spend: cost",
            "spend: {from: cost, round: true}",
            "MAP.yaml:8: feeds[0].columns.spend.round: does not fit spend, which is NUMERIC",
        ),
        (
            "spend: cost",
            "spend: cost, device: {from: d, otherwise: phone}",
            (
                "MAP.yaml:8: feeds[0].columns.device.otherwise: 'phone' is not a canonical device; "
                "known are mobile, desktop, tablet, tv, other\n"
                "MAP.yaml:8: feeds[0].columns.device.otherwise: needs an 'enum'"
            ),
        ),
        (
            "{channel: tv}\n",
            (
                "{device: tv}\n    unpivot:\n      - {set: {channel: tv}, columns: {clicks: a}}\n"
                "      - {set: {channel: tv}, columns: {spend: b}}\n"
            ),
            (
                "MAP.yaml:10: feeds[0].unpivot[1]: 'spend' is given for every row already\n"
                "MAP.yaml:10: feeds[0].unpivot[1].set: stands above too; "
                "two rows of a line would have the same key"
            ),
        ),
        (
            "feeds:\n",
            "feeds:\n  - {fact: ads_daily, key: [d], columns: {reporting_date: d, channel: c}}\n",
            "MAP.yaml:6: feeds[1]: a feed named 'ads_daily' stands above; give this one a name",
        ),
    ],
)
def test_mistakes_are_told(old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(InvalidDocumentError) as caught:
        read_map(GOOD.replace(old, new), "MAP.yaml")
    assert caught.value.message == told


def test_map_of_unreasonable_length_is_refused() -> None:
    with pytest.raises(InvalidDocumentError, match="longer than 1000000 characters"):
        read_map(GOOD + "#" * 1_000_001, "MAP.yaml")


def test_map_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "MAP.yaml"
    with pytest.raises(InvalidInputError) as caught:
        load_map(path)
    assert caught.value.message == f"the map {path} cannot be read: No such file or directory"
    path.write_bytes(b"map: \xff")
    with pytest.raises(InvalidInputError) as caught:
        load_map(path)
    assert caught.value.message == f"the map {path} is not UTF-8 text"
