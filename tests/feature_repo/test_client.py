"""The notebook's client against a running server: Feast's calls, rows in the order given."""

import asyncio
import uuid

import pandas as pd
import pytest
import requests

from domain.ids import ConnectionId, public_id
from feature_repo import client
from feature_repo.client import FeatureRequestError, NotebookFeatures, connect
from tenancy.warehouse.port import Warehouse
from tests.api.graphql.edge import edge_warehouse
from tests.api.oauth.serving import BOARD, SECRET, Served, served
from tests.feature_repo.ledger import Account, Ledger, ad, at

__all__ = ["edge_warehouse", "served"]

pytestmark = pytest.mark.anyio

REFS = ["campaign_performance:spend_7d", "campaign_performance:currency"]


@pytest.fixture
async def bosco(served: Served, edge_warehouse: Warehouse) -> NotebookFeatures:
    """A connection of northwind's, whose acme has a campaign with a day that is told twice."""
    await edge_warehouse.ensure_tables(Ledger.tables())
    ledger, agency = Ledger(edge_warehouse), served.agency
    ads = Account(agency.tenant_id, agency.clients["acme"], agency.connections["acme"])
    await ledger.sync(ads, "ads_daily", at(26), [ad(25, "c1", "10")], (25, 25))
    await ledger.sync(ads, "ads_daily", at(28), [ad(25, "c1", "99")], (25, 25))
    return await asyncio.to_thread(_connect, served)


def _connect(served: Served) -> NotebookFeatures:
    form = {"grant_type": "client_credentials", "scope": "metrics:read"}
    reply = requests.post(
        f"{served.issuer}/oauth/token", data=form, auth=(BOARD, SECRET), timeout=60
    )
    return connect(served.issuer, reply.json()["access_token"])


async def test_a_training_set_keeps_its_rows_and_labels(
    served: Served, bosco: NotebookFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_ROWS", 2)  # three rows go in two pieces
    campaign = f"{served.agency.connection('acme')}:c1"
    frame = pd.DataFrame(
        {
            "label": [1, 0, 1],
            "campaign_key": [campaign, f"{campaign}x", campaign],
            "event_timestamp": pd.to_datetime(["2026-03-29", "2026-03-29", "2026-03-27"]),
        }
    )
    job = await asyncio.to_thread(bosco.get_historical_features, frame, REFS)
    found = job.to_df()
    assert list(found.columns) == [*frame.columns, "spend_7d", "currency"]
    pd.testing.assert_frame_equal(found[list(frame.columns)], frame, check_dtype=False)
    assert job.to_arrow().select(["spend_7d", "currency"]).to_pydict() == {
        "spend_7d": [99.0, None, 10.0],
        "currency": ["EUR", None, "EUR"],
    }
    planned = frame.assign(planned_spend_7d=[19.8, 1, None])
    plan = await asyncio.to_thread(
        bosco.get_historical_features, planned, ["campaign_plan:planned_spend_ratio"]
    )
    assert plan.to_arrow().column("planned_spend_ratio").to_pylist() == [0.2, None, None]
    assert list(plan.to_df().columns) == [*planned.columns, "planned_spend_ratio"]
    named = await asyncio.to_thread(
        bosco.get_historical_features, frame[:0], "campaign_pacing_v1", full_feature_names=True
    )
    assert len(named.to_df()) == 0
    assert "campaign_performance__days_since_spend" in named.to_df().columns


async def test_what_is_served_now(served: Served, bosco: NotebookFeatures) -> None:
    campaign = f"{served.agency.connection('acme')}:nobody"
    online = await asyncio.to_thread(
        bosco.get_online_features, "campaign_pacing_v1", [{"campaign_key": campaign}]
    )
    columns = online.to_dict()
    assert columns["campaign_key"] == [campaign]
    assert (columns["spend_7d"], columns["campaign_performance__as_of"]) == ([None], [None])
    assert online.to_df().shape == (1, 8)


async def test_refusals_are_told_in_the_servers_words(bosco: NotebookFeatures) -> None:
    unknown = f"{public_id('con', ConnectionId(uuid.UUID(int=7)))}:1"
    frame = pd.DataFrame({"campaign_key": [unknown], "event_timestamp": ["2026-03-29"]})
    with pytest.raises(FeatureRequestError) as told:
        await asyncio.to_thread(bosco.get_historical_features, frame, ["campaign_performance:x"])
    assert (told.value.status, told.value.message) == (
        404,
        "campaign_performance has no feature 'x'",
    )
    assert told.value.hint.startswith("it has currency, spend_7d")
    with pytest.raises(FeatureRequestError, match="lacks event_timestamp"):
        bosco.get_historical_features(frame[["campaign_key"]], REFS)
    with pytest.raises(FeatureRequestError, match="was not reached: ConnectError"):
        connect("http://127.0.0.1:9", "t").get_online_features(REFS, [{"campaign_key": unknown}])
