"""The program's own source files, and how mistakes in one are told."""

import datetime as dt
import re
from collections.abc import Callable

import pytest

from domain.errors import NotFoundError
from domain.facts import FACTS
from domain.facts.fact import ColumnType
from domain.yaml_document import InvalidDocumentError, parse_yaml
from ingestion.connector.source_file import (
    SOURCES_FOLDER,
    expiring,
    load_all_sources,
    load_source,
    read_source,
)
from ingestion.connector.spec import SourceSpec

GOOGLE = (SOURCES_FOLDER / "google_ads.yaml").read_text()
META = (SOURCES_FOLDER / "meta_ads.yaml").read_text()
SHOPIFY = (SOURCES_FOLDER / "shopify.yaml").read_text()


def _mistakes(text: str, name: str = "google_ads.yaml") -> list[str]:
    with pytest.raises(InvalidDocumentError) as caught:
        read_source(text, name)
    return str(caught.value).split("\n")


def _line(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_all_sources_load() -> None:
    assert {name: sorted(spec.streams) for name, spec in load_all_sources().items()} == {
        "ga4": ["property_day", "web_day"],
        "google_ads": [
            "account_day",
            "ad_day",
            "campaign_country_day",
            "campaign_day",
            "keyword_day",
            "search_term_day",
        ],
        "meta_ads": ["account_day", "ad_day", "campaign_country_day", "campaign_day"],
        "shopify": ["customers", "order_lines", "orders", "refunds"],
        "tiktok_ads": ["account_day", "ad_day", "campaign_country_day", "campaign_day"],
    }


@pytest.mark.parametrize("spec", load_all_sources().values(), ids=lambda spec: spec.name)
def test_mapped_types_fit_the_facts(spec: SourceSpec) -> None:
    for stream in spec.streams.values():
        for item in stream.mapping:
            if item.field is None:
                continue
            field = stream.field(item.field)
            column = FACTS[stream.fact].column(item.column)
            assert field is not None
            assert column is not None
            assert field.column.type is column.type, (stream.name, item.column)
            # A field may feed several columns and be in no doubt; what is personal stays so.
            assert field.column.personal == column.personal, (stream.name, item.column)


def test_raw_table_starts_with_lineage() -> None:
    table = load_source("google_ads").streams["campaign_day"].raw_table
    assert table.qualified == "raw.google_ads__campaign_day"
    assert [column.name for column in table.columns][:9] == [
        "tenant_id",
        "client_id",
        "connection_id",
        "sync_id",
        "object_id",
        "row_number",
        "account_currency",
        "account_time_zone",
        "date",
    ]
    types = {column.name: column.type for column in table.columns}
    assert types["cost"] is ColumnType.NUMERIC
    assert types["unknown_fields"] is ColumnType.JSON


def test_unknown_source_is_not_found_with_a_guess() -> None:
    with pytest.raises(NotFoundError) as caught:
        load_source("google_adz")
    assert caught.value.message == ("there is no source 'google_adz'; did you mean 'google_ads'?")


def test_expiring_versions_come_soonest_first() -> None:
    soon = [spec.name for spec in expiring(dt.date(2027, 6, 1), 30)]
    assert soon == ["meta_ads", "google_ads"]
    assert [spec.name for spec in expiring(dt.date(2027, 10, 1), 0)] == [*soon, "shopify"]
    assert expiring(dt.date(2026, 11, 20), 90) == []


def _replaced(old: str, new: str) -> Callable[[], str]:
    assert old in GOOGLE, old
    return lambda: GOOGLE.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "slice: {by: date, days: 14}",
            "slice: {by: date, dayz: 14}",
            "streams.campaign_day.slice.dayz: unknown; did you mean 'days'?",
        ),
        (
            "slice: {by: date, days: 14}",
            "slice: {by: date}",
            "streams.campaign_day.slice: 'days' is missing, which slices by date need",
        ),
        (
            "days: 14}",
            "days: many}",
            'streams.campaign_day.slice.days: expected a whole number, got "many"',
        ),
        (
            "type: money, unit: micros",
            "type: monye, unit: micros",
            ("streams.campaign_day.fields.cost.type: 'monye' is none of string, int, decimal, "
            "float, money, date, timestamp, local_date, bool, json; did you mean 'money'?"),
        ),
        (
            "SEARCH: paid_search",
            "SEARCH: paid_serch",
            ("streams.campaign_day.map.channel: 'paid_serch' is not a canonical channel; "
            "did you mean 'paid_search'?"),
        ),
        (
            "      reporting_date: date\n",
            "      date: date\n",
            "streams.campaign_day.map: 'reporting_date' is missing, which ads_daily needs",
        ),
        (
            "clicks: clicks",
            "clicks: clickz",
            "streams.campaign_day.map.clicks: there is no field 'clickz'; did you mean 'clicks'?",
        ),
        (
            "key: [campaign_id, date, device]",
            "key: [campaign_id, day, device]",
            ("streams.campaign_day.key[1]: there is no field 'day'; "
            "known are date, campaign_id, campaign_name, channel_type, device, cost, impressions, "
            "clicks, conversions, conversions_value, currency, time_zone"),
        ),
        (
            "fact: ads_daily",
            "fact: ads_dayly",
            "streams.campaign_day.fact: there is no fact 'ads_dayly'; did you mean 'ads_daily'?",
        ),
        (
            "BETWEEN '{from}'",
            "BETWEEN '{form}'",
            ("streams.campaign_day.request: {form} is not known here; did you mean 'from'? "
            "(a GraphQL selection needs spaces: { id })"),
        ),
        (
            'sunset: "2027-06-30"',
            'sunset: "2027-06-31"',
            "api.sunset: 2027-06-31 is not a date: day is out of range for month",
        ),
        (
            'example: "1234567890"',
            "example: abc",
            "account.example: does not fit the pattern [0-9]{10}",
        ),
        (
            "campaign_id: {from: campaign.id,",
            "campaign_id: {from: 'campaign.[id',",
            ("streams.campaign_day.fields.campaign_id: 'campaign.[id' is not a path: '[id' is not "
            "understood (write keys with dots between, list[0], list[key=value], list[] or *)"),
        ),
    ],
)  # fmt: skip
def test_mistakes_name_line_field_and_expectation(old: str, new: str, told: str) -> None:
    text = _replaced(old, new)()
    place, _, message = _mistakes(text)[0].partition(": ")
    assert message == told
    assert place.startswith("google_ads.yaml:")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "[4]}}, budget: app_usage",
            "[4]}}, budget: app_use",
            "throttled_when[0].budget: there is no budget 'app_use'; did you mean 'app_usage'?",
        ),
        (
            "campaign_name: {from: campaign_name, type: string, holds: advertising_object}",
            "campaign_name: {from: campaign_name, type: string, sum: true}",
            "streams.campaign_day.fields.campaign_name.sum: only numbers are added up",
        ),
        (
            "history: {days: 1120, ",
            "history: {days: 0, ",
            "streams.account_day.history.days: 0 is less than the minimum of 1",
        ),
    ],
)
def test_mistakes_in_budgets_sums_and_histories_are_told(old: str, new: str, told: str) -> None:
    assert old in META
    (mistake,) = _mistakes(META.replace(old, new, 1), "meta_ads.yaml")
    assert mistake == f"meta_ads.yaml:{_line(META, old)}: {told}"


def test_lines_are_right_and_several_mistakes_come_at_once() -> None:
    text = GOOGLE.replace("days: 14}", "days: 0}").replace("scope: app", "scope: apps")
    scope = _line(text, "scope: apps")
    days = _line(text, "days: 0}")
    assert _mistakes(text) == [
        (
            f"google_ads.yaml:{scope}: budgets[0].scope: 'apps' is none of provider, app, "
            "account, credentials; did you mean 'app'?"
        ),
        f"google_ads.yaml:{days}: streams.campaign_day.slice.days: 0 is less than the minimum of 1",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x 1\nb: *x\n", "f.yaml:1: anchors and aliases are not allowed; write the value out"),
        ("a: !!python/object:os.system 1\n", "f.yaml:1: tags are not allowed; write plain values"),
        ("a: 1\na: 2\n", "f.yaml:2: a: stands here twice"),
        ("a: [1, 2\n", "f.yaml:2: expected ',' or ']', but got '<stream end>'"),
        ("[" * 60, "f.yaml:1: more than 50 levels deep"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: but found another document"),
        ("a: \x07", "f.yaml:1: not YAML"),
    ],
)
def test_yaml_itself_is_checked(text: str, told: str) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        parse_yaml(text, "f.yaml")
    assert str(caught.value).startswith(told)


def test_words_stay_words() -> None:
    text = "no: NO\nday: 2026-11-20\ntime: 12:30:00\noctal: 010\nhuge: " + "9" * 5000
    data = parse_yaml(text, "f.yaml").data
    assert data == {
        "no": "NO",
        "day": "2026-11-20",
        "time": "12:30:00",
        "octal": 10,
        "huge": "9" * 5000,
    }


GA4 = (SOURCES_FOLDER / "ga4.yaml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "limit: 5, per: hour, burst: 5, counts",
            "counts",
            "budgets[1]: 'limit' is missing, which budgets of server errors need",
        ),
        (
            "{kind: left, budget: property_tokens,",
            "{kind: left, budget: server_errors,",
            "rate_signals[0].budget: there is no budget 'server_errors'; known are property_tokens",
        ),
        (
            'checked: "2026-11-29"',
            'checked: "2026-11-31"',
            "evidence.checked: 2026-11-31 is not a date: day is out of range for month",
        ),
    ],
)
def test_mistakes_about_quotas_and_evidence_are_told(old: str, new: str, told: str) -> None:
    assert old in GA4
    mistake = _mistakes(GA4.replace(old, new, 1), "ga4.yaml")[0]
    assert mistake.partition(": ")[2] == told


def test_name_of_the_file_is_the_name_of_the_source() -> None:
    assert _mistakes(SHOPIFY, "shop.yaml") == [
        "shop.yaml:13: source: the file of 'shopify' is shopify.yaml"
    ]


def test_unknown_word_list_is_told() -> None:
    text = SHOPIFY.replace("words: visit_channel", "words: visit_chanel", 1)
    told = _mistakes(text, "shopify.yaml")
    assert "there is no word list 'visit_chanel'; did you mean 'visit_channel'?" in told[0]


@pytest.mark.parametrize(
    ("visit", "channel"),
    [
        ("google / cpc", "paid_search"),
        ("google / shopping", "shopping"),
        ("facebook / paid", "paid_social"),
        ("instagram / cpc", "paid_social"),
        ("klaviyo / email", "email"),
        ("newsletter", "email"),
        ("google / organic", "organic_search"),
        ("instagram / social", "organic_social"),
        ("blog.example / referral", "referral"),
        ("awin / affiliate", "affiliate"),
        ("criteo / display", "display"),
        ("something / strange", "other"),
    ],
)
def test_shopify_visits_become_channels(visit: str, channel: str) -> None:
    field = load_source("shopify").streams["orders"].field("channel")
    assert field is not None
    assert next(word for pattern, word in field.words if re.fullmatch(pattern, visit)) == channel
