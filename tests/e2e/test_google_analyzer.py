"""Google's own analyzer accepts every text that a sync and its questions send to BigQuery."""

import datetime as dt
import re
from pathlib import Path

import pytest

from api.bootstrap import open_runtime, warehouse_tables
from api.settings import load_settings
from domain.facts.fact import Column, ColumnType, Role
from domain.facts.tables import Table
from ingestion.simulator.server import SimulatorServer, create_simulator
from tests.e2e.platform import FakeClock, Platform
from tests.e2e.world import NOW, connect_google_ads, connect_shopify, make_agency, small_world
from tests.fixtures.warehouse import Analyze

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.xdist_group("zetasql")]

QUESTIONS = (
    {"metrics": "spend,revenue,roas,net_revenue", "by": "channel,week"},
    {"metrics": "spend,attributed_roas,cpc", "by": "campaign"},
    {"metrics": "orders,new_customers,refunds", "by": "client,month"},
    {"metrics": "revenue,average_order_value", "by": "order_status,country"},
)


async def test_every_text_is_googles_sql(
    bigquery_emulator: str, bigquery_analyzer: Analyze, open_folder: Path
) -> None:
    texts: list[str] = []
    settings = load_settings(
        {
            "BOSCO_STATE_DIR": str(open_folder / "analyzed"),
            "WAREHOUSE_URL": f"bigquery://local/analyzed?location=EU&endpoint={bigquery_emulator}",
        }
    )
    clock = FakeClock(NOW)
    with SimulatorServer(create_simulator(small_world(), wall=lambda: NOW)) as server:
        async with open_runtime(settings, clock=clock, on_statement=texts.append) as runtime:
            tenant = await make_agency(runtime, "northwind")
            await connect_google_ads(runtime, tenant, server.url, start=dt.date(2026, 10, 20))
            await connect_shopify(runtime, tenant, server.url, start=dt.date(2026, 10, 20))
            platform = Platform(runtime, clock)
            assert (await platform.command("sync", tenant="northwind")).exit_code == 0
            for question in QUESTIONS:
                told = await platform.command(
                    "query", tenant="northwind", last=10, document=None, **question
                )
                assert told.exit_code == 0
            tables = warehouse_tables(runtime.loader.streams)
    kinds = {text.split(maxsplit=1)[0] for text in texts}
    assert kinds >= {"INSERT", "DELETE", "WITH"}
    for text in dict.fromkeys(texts):
        bigquery_analyzer(text, [*tables, *_staged(text, tables)], "analyzed")


def _staged(text: str, tables: list[Table]) -> list[Table]:
    """The tables that a load passes through: like their target."""
    names = set(re.findall(r"analyzed_ops`?\.`?(\w+)", text))
    target = re.search(r"INSERT INTO `?analyzed_(\w+)`?\.`?(\w+)", text)
    columns: tuple[Column, ...] = (
        Column("tenant_id", ColumnType.STRING, Role.ATTRIBUTE, "Agency."),
    )
    for table in tables:
        if target is not None and (table.schema, table.name) == target.groups():
            columns = table.columns
    return [Table("ops", name, columns) for name in sorted(names)]
