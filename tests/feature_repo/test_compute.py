"""Values of features, worked out by hand; and what was known when."""

from dataclasses import replace
from typing import Any

import pytest

from domain.facts.fact import HISTORY
from domain.ports import TenantScope
from feature_repo.compute import FeatureComputer
from feature_repo.feature_views import (
    CAMPAIGN_PERFORMANCE,
    CHANNEL_PERFORMANCE,
    CLIENT_PERFORMANCE,
    PRODUCT_SALES,
    SEGMENT_SALES,
)
from tests.feature_repo.conftest import A, B, account
from tests.feature_repo.ledger import Ledger, ad, at, customer, line, order, refund, visits

pytestmark = pytest.mark.anyio

ADS = account(A, 1)
SHOP = account(A, 2, source="shopify", stream="orders")
WEB = account(A, 4, source="ga4", stream="landing_page_day")


async def _campaigns(computer: FeatureComputer, moment: Any) -> dict[str, dict[str, Any]]:
    table = await computer.current(
        TenantScope(A), CAMPAIGN_PERFORMANCE, [str(ADS.connection_id)], moment
    )
    return {row["entity"].partition(":")[2]: row for row in table.to_pylist()}


async def _client(computer: FeatureComputer, moment: Any) -> dict[str, Any]:
    table = await computer.current(TenantScope(A), CLIENT_PERFORMANCE, [str(ADS.client_id)], moment)
    [row] = table.to_pylist()
    return dict(row)


async def test_a_campaigns_month(ledger: Ledger, computer: FeatureComputer) -> None:
    rows = [
        ad(n, "c1", "10", impressions=1000, clicks=20, conversions=2, attributed_revenue=50)
        for n in range(2, 30)
    ]
    await ledger.sync(ADS, "ads_daily", at(30, 4), rows, covers=(1, 29))
    found = await _campaigns(computer, at(30))
    assert found["c1"] == {
        "entity": f"{ADS.connection_id}:c1",
        "moment": 1774872000000000,
        "client_id": str(ADS.client_id),
        "currency": "EUR",
        "spend_7d": 70.0,
        "spend_28d": 280.0,
        "spend_previous_7d": 70.0,
        "spend_trend_7d": 0.0,
        "days_since_spend": 1,
        "days_reported_28d": 28,
        "impressions_7d": 7000,
        "impressions_28d": 28000,
        "clicks_7d": 140,
        "clicks_28d": 560,
        "conversions_7d": 14.0,
        "conversions_28d": 56.0,
        "attributed_revenue_7d": 350.0,
        "attributed_revenue_28d": 1400.0,
        "cpc_7d": 0.5,
        "ctr_7d": 0.02,
        "cpm_7d": 10.0,
        "attributed_roas_28d": 5.0,
    }


async def test_a_clients_shop_ads_and_site(ledger: Ledger, computer: FeatureComputer) -> None:
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20"), ad(10, "c2", "30")], (1, 29))
    orders = [order(28, "o1", "100"), order(27, "o2", "50"), order(5, "o3", "50")]
    await ledger.sync(SHOP, "orders", at(29), orders)
    await ledger.sync(SHOP, "refunds", at(29), [refund(27, "r1", "40")])
    await ledger.sync(SHOP, "customers", at(29), [customer(28, "k1"), customer(9, "k2")])
    seen = [visits(28, 200, 90), visits(28, 100, 20, "/sale"), visits(10, 100, 20)]
    await ledger.sync(WEB, "web_daily", at(29), seen, (1, 29))
    found = await _client(computer, at(30))
    assert {name: found[name] for name in CLIENT_PERFORMANCE.feature_names} == {
        "ads_currency": "EUR",
        "shop_currency": "EUR",
        "refund_currency": "EUR",
        "client_spend_7d": 20.0,
        "client_spend_28d": 50.0,
        "client_spend_previous_7d": 0.0,
        "client_spend_trend_7d": None,
        "client_days_since_spend": 2,
        "client_days_reported_28d": 2,
        "revenue_7d": 150.0,
        "revenue_28d": 200.0,
        "orders_7d": 2,
        "orders_28d": 3,
        "refunds_7d": 40.0,
        "refunds_28d": 40.0,
        "new_customers_7d": 1,
        "new_customers_28d": 2,
        "refund_rate_28d": 0.2,
        "average_order_value_28d": 200 / 3,
        "roas_7d": 7.5,
        "roas_28d": 4.0,
        "sessions_7d": 300,
        "sessions_28d": 400,
        "engaged_sessions_28d": 130,
        "engagement_rate_28d": 0.325,
        "orders_per_session_28d": 0.0075,
    }


async def test_nothing_known_of_a_kind_is_null_and_nothing_in_a_window_is_zero(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    await ledger.sync(ADS, "ads_daily", at(29), [ad(4, "c1", "20", clicks=3)], (1, 29))
    found = (await _campaigns(computer, at(30)))["c1"]
    assert (found["spend_7d"], found["spend_28d"]) == (0.0, 20.0)
    assert (found["clicks_7d"], found["cpc_7d"]) == (0, None)
    assert (found["impressions_28d"], found["conversions_28d"]) == (None, None)
    assert (await _client(computer, at(30)))["revenue_28d"] is None


async def test_today_and_the_29th_day_do_not_count(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    rows = [ad(30, "today", "1"), ad(29, "first", "1"), ad(2, "last", "1"), ad(1, "old", "1")]
    await ledger.sync(ADS, "ads_daily", at(30), rows, (1, 30))
    assert set(await _campaigns(computer, at(30))) == {"first", "last"}


async def test_days_are_those_of_the_accounts_zone(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    east = account(A, 1, time_zone="Pacific/Auckland")
    await ledger.sync(east, "ads_daily", at(29), [ad(29, "c1", "5")], (29, 29))
    # 29 March is over in Auckland (UTC+13) at 11:00 UTC of that day, and not at 10:00.
    assert set(await _campaigns(computer, at(29, 10))) == set()
    await ledger.sync(east, "ads_daily", at(29, 9), [ad(29, "c1", "6")], (29, 29))
    assert (await _campaigns(computer, at(29, 10))) == {}
    assert (await _campaigns(computer, at(29, 11)))["c1"]["spend_7d"] == 6.0


async def test_a_restatement_counts_from_when_it_was_known(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    await ledger.sync(ADS, "ads_daily", at(26), [ad(25, "c1", "10"), ad(25, "c2", "7")], (24, 25))
    await ledger.sync(ADS, "ads_daily", at(28), [ad(25, "c1", "99")], (25, 27))
    before, after = await _campaigns(computer, at(27)), await _campaigns(computer, at(28))
    assert {name: row["spend_7d"] for name, row in before.items()} == {"c1": 10.0, "c2": 7.0}
    assert {name: row["spend_7d"] for name, row in after.items()} == {"c1": 99.0}
    assert await _campaigns(computer, at(25)) == {}


async def test_an_empty_sync_takes_its_days_away(ledger: Ledger, computer: FeatureComputer) -> None:
    await ledger.sync(ADS, "ads_daily", at(26), [ad(25, "c1", "10")], (25, 25))
    await ledger.sync(ADS, "ads_daily", at(28), [], (25, 25))
    assert set(await _campaigns(computer, at(27))) == {"c1"}
    assert await _campaigns(computer, at(29)) == {}


async def test_an_order_counts_as_it_was_last_known(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    await ledger.sync(SHOP, "orders", at(26), [order(25, "o1", "10"), order(25, "o2", "5")])
    await ledger.sync(SHOP, "orders", at(28), [order(25, "o1", "8")])
    assert (await _client(computer, at(27)))["revenue_7d"] == 15.0
    assert (await _client(computer, at(28)))["revenue_7d"] == 13.0


async def test_amounts_of_two_currencies_are_not_added_up(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    other = account(A, 3, currency="USD")
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20")], (28, 28))
    await ledger.sync(other, "ads_daily", at(29), [ad(28, "c1", "20")], (28, 28))
    await ledger.sync(SHOP, "orders", at(29), [order(28, "o1", "100")])
    found = await _client(computer, at(30))
    assert (found["ads_currency"], found["client_spend_7d"], found["roas_7d"]) == (None,) * 3
    assert (found["revenue_7d"], found["client_days_reported_28d"]) == (100.0, 1)


async def test_amounts_of_two_currencies_are_not_divided(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    dollars = account(A, 2, currency="USD", source="shopify", stream="orders")
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20")], (28, 28))
    await ledger.sync(dollars, "orders", at(29), [order(28, "o1", "100")])
    found = await _client(computer, at(30))
    assert (found["client_spend_7d"], found["revenue_7d"], found["roas_7d"]) == (20.0, 100.0, None)


async def test_claims_of_two_attributions_are_not_added_up(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    rows = [
        ad(28, "c1", "1", conversions=1, attribution="x:7d:sales"),
        ad(27, "c1", "1", conversions=1, attribution="x:1d:sales"),
        ad(28, "c2", "1", conversions=1, attribution=None),
        ad(27, "c2", "1", conversions=1, attribution=None),
    ]
    await ledger.sync(ADS, "ads_daily", at(29), rows, (27, 28))
    found = await _campaigns(computer, at(30))
    assert (found["c1"]["spend_7d"], found["c1"]["conversions_7d"]) == (2.0, None)
    assert found["c2"]["conversions_7d"] == 2.0


async def test_a_row_without_campaign_belongs_to_the_client_alone(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, None, "20")], (28, 28))
    assert await _campaigns(computer, at(30)) == {}
    assert (await _client(computer, at(30)))["client_spend_7d"] == 20.0


async def test_history_of_an_earlier_system_does_not_count(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    told = replace(ADS, stream=HISTORY)
    await ledger.sync(told, "ads_daily", at(26), [ad(25, "c1", "7"), ad(24, "c2", "7")], (1, 25))
    await ledger.sync(ADS, "ads_daily", at(26), [ad(25, "c1", "10")], (25, 25))
    assert {
        name: row["spend_28d"] for name, row in (await _campaigns(computer, at(30))).items()
    } == {"c1": 10.0}


async def test_a_scope_sees_its_own_facts_only(ledger: Ledger, computer: FeatureComputer) -> None:
    other = account(A, 5, client=2)
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20")], (28, 28))
    await ledger.sync(other, "ads_daily", at(29), [ad(28, "c1", "5")], (28, 28))
    owners = [str(ADS.connection_id), str(other.connection_id)]
    seen = {}
    for name, scope in {
        "agency": TenantScope(A),
        "client": TenantScope(A, frozenset({other.client_id})),
        "nobody": TenantScope(A, frozenset()),
        "foreign": TenantScope(B),
    }.items():
        table = await computer.current(scope, CAMPAIGN_PERFORMANCE, owners, at(30))
        pairs = [(one.campaign("c1"), at(30)) for one in (ADS, other)]
        asked = await computer.asked(scope, CAMPAIGN_PERFORMANCE, pairs)
        assert asked.equals(table)
        seen[name] = table.column("spend_7d").to_pylist()
    assert seen == {"agency": [20.0, 5.0], "client": [5.0], "nobody": [], "foreign": []}


async def test_pairs_are_answered_each_as_of_its_instant(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    await ledger.sync(ADS, "ads_daily", at(26), [ad(25, "c1", "10")], (25, 25))
    await ledger.sync(ADS, "ads_daily", at(28), [ad(25, "c1", "99")], (25, 25))
    c1 = ADS.campaign("c1")
    pairs = [(c1, at(29)), (c1, at(27)), (c1, at(27)), (c1, at(20)), (ADS.campaign("c9"), at(29))]
    table = await computer.asked(TenantScope(A), CAMPAIGN_PERFORMANCE, pairs)
    assert table.select(["entity", "spend_7d"]).to_pylist() == [
        {"entity": c1, "spend_7d": 10.0},
        {"entity": c1, "spend_7d": 99.0},
    ]


async def test_no_pairs_are_an_empty_answer_of_the_same_shape(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    await ledger.sync(ADS, "ads_daily", at(26), [ad(25, "c1", "10")], (25, 25))
    for view in (CAMPAIGN_PERFORMANCE, CLIENT_PERFORMANCE):
        none = await computer.asked(TenantScope(A), view, [])
        some = await computer.current(TenantScope(A), view, [str(ADS.client_id)], at(29))
        assert none.num_rows == 0
        assert none.schema == some.schema


async def test_a_products_month(ledger: Ledger, computer: FeatureComputer) -> None:
    lines = [
        line(28, "l1", "p1", "30", 3),
        line(22, "l2", "p1", "20", 1),
        line(28, "l3", None, "9", 1),
    ]
    await ledger.sync(SHOP, "order_lines", at(29), lines)
    await ledger.sync(SHOP, "order_lines", at(29, 18), [line(28, "l1", "p1", "10", 1)])
    owner = [str(SHOP.connection_id)]
    [row] = (await computer.current(TenantScope(A), PRODUCT_SALES, owner, at(30))).to_pylist()
    assert row["entity"] == f"{SHOP.connection_id}:p1"
    assert {name: row[name] for name in PRODUCT_SALES.feature_names} == {
        "product_currency": "EUR",
        "product_revenue_7d": 10.0,
        "product_revenue_28d": 30.0,
        "product_revenue_previous_7d": 20.0,
        "product_revenue_trend_7d": -0.5,
        "product_units_7d": 1,
        "product_units_28d": 2,
        "product_order_lines_7d": 1,
        "product_order_lines_28d": 2,
        "product_days_since_sale": 2,
        "product_price_28d": 15.0,
    }


async def test_a_channel_joins_cost_visits_and_sales(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    by_search = {"channel": "paid_search"}
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20", clicks=4)], (1, 29))
    sold = [order(28, "o1", "100", **by_search), order(28, "o2", "7")]
    await ledger.sync(SHOP, "orders", at(29), sold)
    seen = [{**visits(28, 50, 10), **by_search}]
    await ledger.sync(WEB, "web_daily", at(29), seen, (1, 29))
    owner = [str(ADS.client_id)]
    table = await computer.current(TenantScope(A), CHANNEL_PERFORMANCE, owner, at(30))
    direct, search = table.to_pylist()
    assert (direct["entity"], search["entity"]) == (f"{owner[0]}:direct", f"{owner[0]}:paid_search")
    assert (direct["channel_revenue_28d"], direct["channel_spend_28d"]) == (7.0, None)
    assert search["channel_roas_28d"] == 5.0
    assert search["channel_orders_per_session_28d"] == 0.02
    assert (search["channel_clicks_7d"], search["channel_orders_7d"]) == (4, 1)


async def test_a_segment_of_few_people_has_no_values(
    ledger: Ledger, computer: FeatureComputer
) -> None:
    """Nineteen people of AT and a guest, and twenty of DE; of FR one who buys often."""

    def sold(country: str, people: int, orders: int) -> list[dict[str, Any]]:
        return [
            order(28, f"{country}{n}", "10", country=country, customer_id=f"{country}{n % people}")
            for n in range(orders)
        ]

    guest = order(28, "guest", "10", country="AT", customer_id=None)
    orders = [*sold("DE", 20, 20), *sold("AT", 19, 19), guest, *sold("FR", 1, 40)]
    await ledger.sync(SHOP, "orders", at(29), orders)
    owner = [str(SHOP.client_id)]
    table = await computer.current(TenantScope(A), SEGMENT_SALES, owner, at(30))
    pairs = [(f"{owner[0]}:{country}", at(30)) for country in ("AT", "DE", "FR")]
    assert await computer.asked(TenantScope(A), SEGMENT_SALES, pairs) == table
    [row] = table.to_pylist()
    assert (row["entity"], row["segment_orders_28d"]) == (f"{owner[0]}:DE", 20)
    assert row["segment_average_order_value_28d"] == 10.0
    for pair in pairs:
        known = ledger.reference(A, SEGMENT_SALES, *pair)
        assert (known is None) == (pair != pairs[1])
    await ledger.sync(
        SHOP, "orders", at(29, 18), [order(28, "guest", "10", country="AT", customer_id="AT19")]
    )
    table = await computer.current(TenantScope(A), SEGMENT_SALES, owner, at(30))
    assert table.column("segment_orders_28d").to_pylist() == [20, 20]
