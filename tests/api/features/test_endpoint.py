"""`/features/...`: as of each row's instant, in the order asked, and only what is the caller's."""

import datetime as dt
import uuid
from typing import Any

import httpx
import orjson
import pyarrow as pa
import pytest
from sqlalchemy import select

from api.features.endpoint import MOST_BYTES
from domain.ids import ConnectionId, public_id
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE, CLIENT_PERFORMANCE
from tenancy.tables import AuditEntry
from tenancy.warehouse.port import Warehouse
from tests.api.graphql.edge import Agency, Edge, edge, edge_warehouse, northwind, southwind
from tests.feature_repo.ledger import Account, Ledger, ad, at, order

__all__ = ["edge", "edge_warehouse", "northwind", "southwind"]

pytestmark = pytest.mark.anyio

PAST, NOW = "/features/historical", "/features/online"
INSTANTS = [at(27), at(29), at(40)]


@pytest.fixture
async def ledger(edge: Edge, edge_warehouse: Warehouse, northwind: Agency) -> Ledger:
    """northwind's campaigns: a day that is told twice, at acme and at bolt; an order of acme's."""
    del edge
    await edge_warehouse.ensure_tables(Ledger.tables())
    ledger = Ledger(edge_warehouse)
    for slug in ("acme", "bolt"):
        ads = _account(northwind, slug)
        await ledger.sync(ads, "ads_daily", at(26), [ad(25, "c1", "10", clicks=5)], (25, 25))
        await ledger.sync(ads, "ads_daily", at(28), [ad(25, "c1", "99", clicks=9)], (25, 25))
    shop = _account(northwind, "acme", source="shopify", stream="orders")
    await ledger.sync(shop, "orders", at(26), [order(25, "o1", "30")])
    return ledger


def _account(agency: Agency, slug: str, **more: str) -> Account:
    return Account(agency.tenant_id, agency.clients[slug], agency.connections[slug], **more)


def _campaign(agency: Agency, slug: str, campaign: str = "c1") -> str:
    return f"{agency.connection(slug)}:{campaign}"


def _iso(instants: list[dt.datetime]) -> list[str]:
    return [instant.isoformat() for instant in instants]


async def _post(edge: Edge, path: str, token: str | None, body: Any) -> httpx.Response:
    headers = {"content-type": "application/json"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return await edge.http.post(path, content=content, headers=headers)


async def _table(edge: Edge, path: str, token: str, body: Any) -> dict[str, list[Any]]:
    reply = await _post(edge, path, token, body)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/vnd.apache.arrow.stream"
    columns: dict[str, list[Any]] = pa.ipc.open_stream(reply.content).read_all().to_pydict()
    return columns


async def _error(edge: Edge, path: str, token: str | None, body: Any) -> tuple[int, dict[str, Any]]:
    reply = await _post(edge, path, token, body)
    [error] = reply.json()["errors"]
    return reply.status_code, {"message": error["message"], **error["extensions"]}


def _spend(ids: list[str], instants: list[dt.datetime] | None = None, **more: Any) -> Any:
    entities = {"campaign_key": ids}
    if instants is not None:
        entities["event_timestamp"] = _iso(instants)
    return {"features": ["campaign_performance:spend_7d"], "entities": entities, **more}


async def test_each_row_is_as_of_its_instant(edge: Edge, northwind: Agency, ledger: Ledger) -> None:
    token = await edge.token(northwind, "metrics:read")
    campaigns = [_campaign(northwind, "acme", name) for name in ("c1", "c1", "c1", "c9")]
    instants = [*INSTANTS, at(29)]
    body = {
        "features": ["campaign_performance", "client_sales_v1"],
        "entities": {
            "event_timestamp": _iso(instants),
            "client_key": [northwind.client("acme")] * 4,
            "campaign_key": campaigns,
        },
    }
    columns = await _table(edge, PAST, token, body)
    connection = str(northwind.connections["acme"])
    for number, (campaign, instant) in enumerate(zip(campaigns, instants, strict=True)):
        own = f"{connection}:{campaign.partition(':')[2]}"
        for view, entity_id, names in (
            (CAMPAIGN_PERFORMANCE, own, CAMPAIGN_PERFORMANCE.feature_names),
            (CLIENT_PERFORMANCE, str(northwind.clients["acme"]), ("revenue_28d", "roas_28d")),
        ):
            expected = ledger.reference(northwind.tenant_id, view, entity_id, instant) or {}
            assert [columns[name][number] for name in names] == [
                None if expected.get(name) is None else pytest.approx(expected[name])
                for name in names
            ]
    assert columns["spend_7d"] == [10.0, 99.0, 0.0, None]


async def test_a_plan_is_worked_out_now_and_then(
    edge: Edge, northwind: Agency, ledger: Ledger
) -> None:
    del ledger
    token = await edge.token(northwind, "metrics:read")
    ids = [_campaign(northwind, "acme", name) for name in ("c1", "c1", "c1", "c9")]
    instants = [*INSTANTS, at(29)]
    body = {
        "features": ["campaign_plan", "campaign_performance:clicks_7d"],
        "entities": {"campaign_key": ids, "event_timestamp": _iso(instants)},
        "request": {"planned_spend_7d": [20, 198, 5, 5]},
    }
    assert await _table(edge, PAST, token, body) == {
        "clicks_7d": [5, 9, 0, None],
        "planned_spend_ratio": [2.0, 2.0, None, None],  # 10, 99, nothing spent, nothing known
        "planned_clicks": [10.0, 18.0, None, None],
        "planned_attributed_revenue": [None] * 4,
    }
    now = {
        "features": ["campaign_plan:planned_spend_ratio"],
        "entities": {"campaign_key": [_campaign(northwind, "acme", "c2")] * 2},
        "request": {"planned_spend_7d": [59.5, None]},
    }
    columns = await _table(edge, NOW, token, now)
    assert columns["planned_spend_ratio"] == [2.0, None]
    assert list(columns) == ["campaign_performance__as_of", "planned_spend_ratio"]


@pytest.mark.parametrize(
    ("request_values", "message"),
    [
        ({}, "request does not bring what the features need"),
        ([], "request does not bring what the features need"),
        ({"planned_spend_7d": [1], "x": [1]}, "request does not bring what the features need"),
        ({"planned_spend_7d": []}, "planned_spend_7d must be a list of numbers"),
        ({"planned_spend_7d": [True]}, "planned_spend_7d must be a list of numbers"),
    ],
)
async def test_a_plan_needs_its_numbers(
    edge: Edge, northwind: Agency, request_values: Any, message: str
) -> None:
    token = await edge.token(northwind, "metrics:read")
    body = _spend([_campaign(northwind, "acme")], request=request_values)
    body["features"] = ["campaign_plan"]
    status, error = await _error(edge, NOW, token, body)
    assert (status, error["message"]) == (400, message)
    assert error["hint"] == "they need planned_spend_7d: a number or null for each of 1 rows"


async def test_a_training_set_is_noted(edge: Edge, northwind: Agency, ledger: Ledger) -> None:
    del ledger
    token = await edge.token(northwind, "metrics:read")
    body = _spend([_campaign(northwind, "acme")] * 2, [at(29)] * 2, full_feature_names=True)
    columns = await _table(edge, PAST, token, body)
    assert columns == {"campaign_performance__spend_7d": [99.0, 99.0]}
    query = select(AuditEntry).where(AuditEntry.action == "training_set.read")
    async with edge.database.session(northwind.tenant_id) as session:
        [entry] = (await session.scalars(query)).all()
    assert (entry.object_kind, entry.object_id) == ("features", "campaign_performance")
    assert entry.actor.startswith("client:app_")
    assert entry.details == {"rows": 2, "features": ["campaign_performance__spend_7d"]}


async def test_what_is_served_now(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    ids = [_campaign(northwind, "acme", name) for name in ("nobody", "c2")]
    columns = await _table(edge, NOW, token, _spend(ids))
    assert columns == {
        "campaign_performance__as_of": [None, dt.datetime(2026, 3, 15, 9, 30, tzinfo=dt.UTC)],
        "spend_7d": [None, 29.75],
    }
    assert (await _table(edge, NOW, token, _spend([])))["spend_7d"] == []


async def test_another_agency_and_another_client_see_nothing(
    edge: Edge, northwind: Agency, southwind: Agency, ledger: Ledger
) -> None:
    del ledger
    ids = [_campaign(northwind, "acme"), _campaign(northwind, "bolt")]
    bolt = await edge.token(northwind, "metrics:read", clients=("bolt",))
    foreign = await edge.token(southwind, "metrics:read")
    past = _spend(ids, [at(29)] * 2)
    assert (await _table(edge, PAST, foreign, past))["spend_7d"] == [None, None]
    assert (await _table(edge, PAST, bolt, past))["spend_7d"] == [None, 99.0]
    assert (await _table(edge, NOW, foreign, _spend(ids)))["spend_7d"] == [None, None]
    assert (await _table(edge, NOW, bolt, _spend(ids)))["spend_7d"][0] is None


@pytest.mark.parametrize("path", [PAST, NOW])
async def test_who_may_not_ask(edge: Edge, northwind: Agency, path: str) -> None:
    body = _spend([_campaign(northwind, "acme")], [at(29)])
    reply = await _post(edge, path, None, body)
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"].startswith('Bearer realm="bosco"')
    assert (await _error(edge, path, "x.y.z", body))[1]["code"] == "UNAUTHENTICATED"
    other = await edge.token(northwind, "ingestion:read")
    status, error = await _error(edge, path, other, body)
    assert (status, error["code"]) == (403, "INSUFFICIENT_SCOPE")
    async with edge.database.session(northwind.tenant_id) as session:
        noted = (await session.scalars(select(AuditEntry.action))).all()
    assert "training_set.read" not in noted


async def test_an_app_of_some_metrics_gets_no_others(edge: Edge, northwind: Agency) -> None:
    await edge.register(northwind, client_id="limited", metrics=("clicks",))
    form = {"grant_type": "client_credentials", "client_id": "limited", "client_secret": "s3cret"}
    token = (await edge.http.post("/oauth/token", data=form)).json()["access_token"]
    status, error = await _error(edge, NOW, token, _spend([_campaign(northwind, "acme")]))
    assert (status, error["message"]) == (403, "the application may not see spend_7d")


UNKNOWN = f"{public_id('con', ConnectionId(uuid.UUID(int=7)))}:1"


@pytest.mark.parametrize(
    ("changed", "status", "message"),
    [
        ({"features": []}, 400, "no features are asked for"),
        ({"features": "spend_7d"}, 400, "features must be a list of texts"),
        ({"features": ["weather"]}, 404, "there is no feature view or service 'weather'"),
        (
            {"features": ["campaign_performance:spend_6d"]},
            404,
            "campaign_performance has no feature 'spend_6d'",
        ),
        ({"entities": []}, 400, "the body is no question"),
        ({"entities": {}}, 400, "entities lack campaign_key, event_timestamp"),
        (
            {"entities": {"campaign_key": [], "event_timestamp": [], "label": []}},
            400,
            "entities have label too",
        ),
        (
            {"entities": {"campaign_key": [], "event_timestamp": ["2026-03-01T00:00:00Z"]}},
            400,
            "the columns of entities are not of one length",
        ),
        (
            {"entities": {"campaign_key": ["1"], "event_timestamp": ["2026-03-01T00:00:00Z"]}},
            400,
            "row 1 has the campaign_key '1', which is none",
        ),
        (
            {"entities": {"campaign_key": [UNKNOWN], "event_timestamp": ["2026-03-01T00:00"]}},
            400,
            "row 1 has the event_timestamp '2026-03-01T00:00', which is none",
        ),
        (
            {"entities": {"campaign_key": [UNKNOWN], "event_timestamp": ["1026-03-01T00:00Z"]}},
            400,
            "row 1 has the event_timestamp '1026-03-01T00:00Z', which is none",
        ),
        (
            {"entities": {"campaign_key": [""] * 50_001, "event_timestamp": [""] * 50_001}},
            400,
            "50,001 rows are too many",
        ),
        ({"full_feature_names": "yes"}, 400, "full_feature_names must be true or false"),
    ],
)
async def test_what_is_no_question_is_told(
    edge: Edge, northwind: Agency, changed: dict[str, Any], status: int, message: str
) -> None:
    token = await edge.token(northwind, "metrics:read")
    body = _spend([_campaign(northwind, "acme")], [at(29)]) | changed
    told, error = await _error(edge, PAST, token, body)
    assert (told, error["message"]) == (status, message)


async def test_a_body_that_is_none(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    assert (await _error(edge, NOW, token, b"{"))[0] == 400
    assert (await _error(edge, NOW, token, b" " * (MOST_BYTES + 1)))[0] == 413
    headers = {"authorization": f"Bearer {token}", "content-type": "text/plain"}
    assert (await edge.http.post(NOW, content=b"{}", headers=headers)).status_code == 415
    assert (await edge.http.get(NOW, headers=headers)).status_code == 405
