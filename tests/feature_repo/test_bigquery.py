"""The same values from the BigQuery emulator."""

import pytest

from domain.ports import TenantScope
from feature_repo.compute import FeatureComputer
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE, CLIENT_PERFORMANCE
from tenancy.warehouse.bigquery import BigQueryWarehouse
from tenancy.warehouse.port import Warehouse
from tests.feature_repo.conftest import A, account
from tests.feature_repo.ledger import Ledger, ad, at, customer, order, refund

ADS = account(A, 1, time_zone="America/New_York")
SHOP = account(A, 2, source="shopify", stream="orders")


async def _fill(ledger: Ledger) -> None:
    rows = [ad(n, "c1", "10.25", clicks=n, impressions=100 * n, conversions=1) for n in (20, 25)]
    await ledger.sync(ADS, "ads_daily", at(26), [*rows, ad(25, "c2", "3")], (20, 25))
    await ledger.sync(ADS, "ads_daily", at(28), [ad(25, "c1", "99", clicks=3)], (24, 27))
    await ledger.sync(SHOP, "orders", at(26), [order(25, "o1", "30"), order(24, "o2", "7")])
    await ledger.sync(SHOP, "orders", at(28), [order(25, "o1", "20")])
    await ledger.sync(SHOP, "refunds", at(28), [refund(27, "r1", "5")])
    await ledger.sync(SHOP, "customers", at(28), [customer(27, "k1")])


@pytest.mark.slow
@pytest.mark.anyio
async def test_the_emulator_agrees_with_duckdb(
    facts: Warehouse, bigquery_warehouse: BigQueryWarehouse
) -> None:
    await bigquery_warehouse.ensure_tables(Ledger.tables())
    answers = []
    for warehouse in (facts, bigquery_warehouse):
        await _fill(Ledger(warehouse))
        computer = FeatureComputer(warehouse)
        found = []
        for view, owner in (
            (CAMPAIGN_PERFORMANCE, str(ADS.connection_id)),
            (CLIENT_PERFORMANCE, str(ADS.client_id)),
        ):
            for moment in (at(27), at(29)):
                table = await computer.current(TenantScope(A), view, [owner], moment)
                pairs = [(entity, moment) for entity in table.column("entity").to_pylist()]
                asked = await computer.asked(TenantScope(A), view, pairs)
                assert asked.to_pylist() == table.to_pylist()
                found += table.to_pylist()
        answers.append(found)
    assert len(answers[0]) == 5
    assert answers[1] == answers[0]
