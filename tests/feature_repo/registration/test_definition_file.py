"""A view's file: what it becomes, and every mistake with its line."""

import datetime as dt

import pytest

from domain.privacy.holds import AGGREGATE_FIGURES
from domain.yaml_document import InvalidDocumentError
from feature_repo.entities import CAMPAIGN, CLIENT
from feature_repo.feature import (
    Change,
    Count,
    Currency,
    DaysReported,
    DaysSince,
    Quotient,
    Total,
    Unit,
    Window,
)
from feature_repo.registration.definition_file import read_definition
from tests.feature_repo.registration.samples import BRAND, CAMPAIGN_FILE, brand


def mistakes(text: str) -> list[str]:
    with pytest.raises(InvalidDocumentError) as caught:
        read_definition(text, "v.yaml")
    return [f"{one.line}: {one.field}: {one.message}" for one in caught.value.mistakes]


def test_the_file_of_the_docs_is_read() -> None:
    found = brand()
    view = found.view
    assert (found.name, found.version, view.name, view.owner) == (
        *("brand_pulse", 1, "brand_pulse_v1"),
        "team data science",
    )
    assert (view.entity, view.ttl_seconds, view.freshness_seconds) == (CLIENT, 259_200, 93_600)
    assert view.holds is AGGREGATE_FIGURES
    assert [(one.name, one.unit, one.rule) for one in view.features] == [
        ("pulse_ads_currency", Unit.CODE, Currency("ads_daily")),
        ("pulse_spend_14d", Unit.MONEY, Total("ads_daily", "spend", Window(1, 14))),
        ("pulse_spend_before", Unit.MONEY, Total("ads_daily", "spend", Window(15, 28))),
        ("pulse_spend_change", Unit.RATIO, Change("pulse_spend_before", "pulse_spend_14d")),
        ("pulse_shop_currency", Unit.CODE, Currency("orders")),
        ("pulse_revenue_14d", Unit.MONEY, Total("orders", "revenue", Window(1, 14))),
        ("pulse_orders_14d", Unit.COUNT, Count("orders", Window(1, 14))),
        ("pulse_return_14d", Unit.RATIO, Quotient("pulse_revenue_14d", "pulse_spend_14d")),
    ]
    assert found.declared == {"ads_daily": ("spend",), "orders": ("revenue",)}


def test_a_campaign_s_view_has_the_other_rules() -> None:
    found = read_definition(CAMPAIGN_FILE, "v.yaml")
    assert found.view.entity is CAMPAIGN
    assert [one.rule for one in found.view.features[3:]] == [
        DaysReported("ads_daily", Window(1, 28)),
        DaysSince("ads_daily", "clicks"),
    ]
    (case,) = found.cases
    assert case.as_of == dt.datetime(2026, 3, 15, 11, tzinfo=dt.UTC)
    assert case.own_id == "c1"
    assert [row["clicks"] for row in case.rows["ads_daily"]] == [3, 70]
    assert {row["known_at"] for row in case.rows["ads_daily"]} == {
        dt.datetime(2026, 3, 15, 10, tzinfo=dt.UTC)
    }


def test_words_do_not_change_what_values_mean() -> None:
    words = brand(("team data science", "ada"), ("Orders, last 14 days.", "How many orders."))
    assert words.fingerprint == brand().fingerprint
    meaning = brand(
        ("total: orders.revenue\n    days: [1, 14]", "total: orders.revenue\n    days: [1, 13]")
    )
    assert meaning.fingerprint != brand().fingerprint


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "keys: [a_tenant_id, client_key]",
            "keys: [client_key]",
            ["6: keys: a_tenant_id is missing: without the agency's key nothing is stored"],
        ),
        (
            "keys: [a_tenant_id, client_key]",
            "keys: [client_key, a_tenant_id]",
            ["6: keys: expected [a_tenant_id, client_key]"],
        ),
        (
            "entity: client",
            "entity: clinet",
            ["5: entity: 'clinet' has no features of an agency's own; did you mean 'client'?"],
        ),
        (
            "  ads_daily: [spend]",
            "  ads_dayly: [spend]",
            ["11: facts.ads_dayly: there is no such fact; did you mean 'ads_daily'?"],
        ),
        (
            "  ads_daily: [spend]",
            "  ads_daily: [spent]",
            ["11: facts.ads_daily[0]: ads_daily has no 'spent'; did you mean 'spend'?"],
        ),
        (
            "  orders: [revenue]",
            "  orders: []",
            ["36: features[5]: orders.revenue is not declared in facts"],
        ),
        (
            "  orders: [revenue]",
            "  orders: [revenue, order_status]",
            ["12: facts.orders[1]: no feature reads 'order_status'"],
        ),
        (
            "days: [15, 28]",
            "days: [15, 29]",
            ["23: features[2]: days 15 to 29 are not within 1 to 28"],
        ),
        (
            "    unit: count\n",
            "    unit: ratio\n",
            ["41: features[6]: its unit is count, not ratio"],
        ),
        (
            "    total: ads_daily.spend\n    days: [15, 28]",
            "    total: ads_daily.spend",
            ["23: features[2].days: total needs days, [first, last]"],
        ),
        (
            "    currency: orders",
            "    currency: orders\n    count: orders",
            ["32: features[4]: needs one of total, count, days_reported, days_since, "],
        ),
        (
            "freshness_hours: 26",
            "freshness_hours: 73",
            ["8: freshness_hours: is longer than ttl_hours: values would be gone before"],
        ),
        (
            "not one of them.\n    as_of: 2026-03-15T12:00:00Z",
            "not one of them.\n    as_of: 2026-03-15T12:00:00",
            ["52: tests[0].as_of: expected an instant with its zone, 2026-03-01T12:00:00Z"],
        ),
        (
            "{reporting_date: 2026-03-10, revenue: 50}",
            '{revenue: "50", price: 1}',
            [
                "60: tests[0].facts.orders[0]: 'reporting_date' is missing",
                "60: tests[0].facts.orders[0].price: orders has no 'price'",
                "60: tests[0].facts.orders[0].revenue: expected a number",
            ],
        ),
        ("owner: team data science\n", "", ["1: : 'owner' is missing"]),
    ],
)
def test_a_mistake_is_told_with_its_line(before: str, after: str, told: list[str]) -> None:
    assert before in BRAND
    found = mistakes(BRAND.replace(before, after, 1))
    assert [one[: len(want)] for one, want in zip(found, told, strict=True)] == told


def test_a_column_about_a_person_is_refused() -> None:
    changed = BRAND.replace("orders: [revenue]", "orders: [customer_id]").replace(
        "orders.revenue", "orders.customer_id"
    )
    assert "36: features[5]: orders.customer_id is about a person (user.unique_id)" in mistakes(
        changed
    )


def test_rows_of_tests_name_nobody() -> None:
    row = "{reporting_date: 2026-03-10, revenue: 50}"
    changed = BRAND.replace(row, row.replace("revenue", "customer_id: 77, revenue"))
    place = "60: tests[0].facts.orders[0].customer_id"
    assert mistakes(changed) == [f"{place}: is about a person (user.unique_id): tests do without"]


@pytest.mark.parametrize("name", ["current_date", "client_id", "event_timestamp", "a_tenant_id"])
def test_words_of_statements_and_tables_are_reserved(name: str) -> None:
    changed = BRAND.replace("name: pulse_orders_14d", f"name: {name}").replace(
        "      pulse_orders_14d: 1\n", ""
    )
    assert mistakes(changed) == [f"41: features[6].name: {name!r} is reserved"]


@pytest.mark.parametrize("name", ["select", "Spend_a", "a__b", "a b", "x'; DROP TABLE y", "ä_b"])
def test_names_are_words_that_a_statement_can_hold(name: str) -> None:
    changed = BRAND.replace("name: pulse_orders_14d", f'name: "{name}"')
    assert mistakes(changed)[0].startswith('41: features[6].name: "')


def test_a_name_that_is_there_twice_is_told() -> None:
    changed = BRAND.replace("name: pulse_shop_currency", "name: pulse_ads_currency")
    assert "14: features[0].name: 'pulse_ads_currency' is there twice" in mistakes(changed)
