"""Lineage of a feature view: from fields of platforms by columns of facts to models and answers."""

import datetime as dt
import uuid
from typing import Any

import pytest

from domain.ids import ClientId, public_id
from tenancy.tables import ForecastLevel, ForecastRole, MadeForecast, ModelState, ModelVersion
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

ORIGINS = """{ featureCatalogue(view: "campaign_performance") {
  features { name origins { column sourceFields measures } } } }"""
LINEAGE = """query L($view: String!) { featureCatalogue(view: $view) { lineage {
  measure features origin series method model { id kind number state asOf } } } }"""
NOW = dt.datetime(2026, 3, 15, 6, tzinfo=dt.UTC)
DAY = dt.date(2026, 3, 15)


async def _lineage(edge: Edge, token: str, view: str = "campaign_performance") -> Any:
    (found,) = (await edge.data(LINEAGE, token, view=view))["featureCatalogue"]
    return found["lineage"]


async def _forecast(
    edge: Edge,
    agency: Agency,
    client_id: ClientId,
    measure: str,
    *,
    series: str = "",
    origin: dt.date = DAY,
    role: ForecastRole = ForecastRole.SERVED,
    version_id: uuid.UUID | None = None,
) -> None:
    row = MadeForecast(
        id=edge.ids(),
        client_id=client_id,
        level=ForecastLevel.CLIENT,
        series=series,
        currency="EUR",
        measure=measure,
        origin=origin,
        made_at=NOW,
        role=role,
        method="mean" if version_id is None else "pooled",
        version_id=version_id,
        is_planned=False,
        horizons=[7],
        quantiles=[1.0, 2.0, 3.0, 4.0, 5.0],
        baselines={},
        actuals=None,
        scored_at=None,
    )
    async with edge.database.session(agency.tenant_id) as session:
        session.add(row)


async def _version(edge: Edge, agency: Agency, state: ModelState) -> uuid.UUID:
    version = ModelVersion(
        id=edge.ids(),
        kind="forecast",
        number=7,
        state=state,
        state_since=NOW,
        follows=None,
        created_at=NOW,
        code="code",
        features="features",
        as_of=NOW - dt.timedelta(days=1),
        data_hash="0" * 64,
        agencies=2,
        figures=1_000,
        parameters={},
        metrics={},
        inputs={},
        artefact_hash="1" * 64,
        artefact_bytes=1,
        retrain_by=None,
        destroyed_at=None,
    )
    async with edge.database.session(agency.tenant_id) as session:
        session.add(version)
    return version.id


async def test_a_column_leads_back_to_fields_and_on_to_measures(
    edge: Edge, northwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read")
    (found,) = (await edge.data(ORIGINS, token))["featureCatalogue"]
    features = {one["name"]: one["origins"] for one in found["features"]}
    (spend,) = features["spend_7d"]
    assert spend["measures"] == ["SPEND"]
    assert spend["sourceFields"] == [
        "google_ads.campaign_day.cost",
        "meta_ads.campaign_day.spend",
        "tiktok_ads.campaign_day.spend",
    ]
    assert [(one["column"], one["measures"]) for one in features["attributed_roas_28d"]] == [
        ("attributed_revenue", ["REVENUE"]),
        ("spend", ["SPEND"]),
    ]
    assert [one["measures"] for one in features["currency"]] == [
        ["SPEND", "CONVERSIONS", "REVENUE"]
    ]
    assert [one["measures"] for one in features["clicks_7d"]] == [[]]  # no model learns from them


async def test_measures_lead_to_the_latest_answers_and_their_model(
    edge: Edge, northwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read")
    acme, bolt = northwind.clients["acme"], northwind.clients["bolt"]
    version_id = await _version(edge, northwind, ModelState.CHAMPION)
    for client_id, series in ((acme, ""), (acme, "channel=email"), (bolt, "")):
        await _forecast(edge, northwind, client_id, "spend", series=series, version_id=version_id)
    await _forecast(edge, northwind, acme, "spend", series="channel=video")
    old = DAY - dt.timedelta(days=1)
    await _forecast(edge, northwind, acme, "spend", series="channel=audio", origin=old)
    challenger = ForecastRole.SHADOW
    for measure in ("spend", "conversions"):
        await _forecast(
            *(edge, northwind, bolt, measure),
            series="channel=radio",
            role=challenger,
            version_id=version_id,
        )
    model = {
        "id": public_id("mdl", version_id),
        "kind": "forecast",
        "number": 7,
        "state": "CHAMPION",
        "asOf": "2026-03-14T06:00:00+00:00",
    }
    resting = [
        *("currency", "spend_7d", "spend_28d", "spend_previous_7d", "spend_trend_7d"),
        *("days_since_spend", "days_reported_28d", "cpc_7d", "cpm_7d", "attributed_roas_28d"),
    ]
    told = {(one["measure"], one["method"]): one for one in await _lineage(edge, token)}
    spend = {"measure": "SPEND", "features": resting, "origin": "2026-03-15"}
    assert told["SPEND", "mean"] == {**spend, "series": 1, "method": "mean", "model": None}
    assert told["SPEND", "pooled"] == {**spend, "series": 3, "method": "pooled", "model": model}
    assert set(told) == {
        ("SPEND", "mean"),
        ("SPEND", "pooled"),
        ("REVENUE", f"{northwind.canary} mean"),
    }
    limited = await edge.token(northwind, "metrics:read", clients=("bolt",))
    assert [one["series"] for one in await _lineage(edge, limited)] == [1]


async def test_answers_of_another_agency_are_none(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    await _forecast(edge, northwind, northwind.clients["acme"], "spend")
    token = await edge.token(southwind, "metrics:read")
    assert [one["method"] for one in await _lineage(edge, token)] == [f"{southwind.canary} mean"]


async def test_a_view_that_no_model_shares_a_column_with_leads_nowhere(
    edge: Edge, northwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read")
    assert await _lineage(edge, token, "product_sales") == []
