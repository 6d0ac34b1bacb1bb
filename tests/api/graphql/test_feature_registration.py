"""An agency's own feature views in GraphQL: planned, applied, read, told of, deprecated."""

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from api.feature_lineage import origins_of
from api.identity.rights import SCOPES_OF_ROLES
from feature_repo.catalogue import PLATFORM
from feature_repo.registration.backfill import BACKFILL_JOB
from ingestion.connector.source_file import load_all_sources
from tenancy.tables import AuditEntry, FeatureDefinition, Role
from tests.api.graphql.edge import Agency, Edge
from tests.fakes.fake_jobs import FakeJobs
from tests.feature_repo.registration.samples import BRAND, brand
from tests.feature_repo.samples import feature_table

pytestmark = pytest.mark.anyio

PLAN = """mutation P($yaml: String!) { planFeatureView(input: {definition: $yaml}) {
  ... on FeatureViewPlanned { plan { view isNew earlier mayBeApplied refusals notices
    tests { name passed } changes { feature kind isBreaking } cost { rows queries usd } } }
  ... on PlanFeatureViewError { code message hint } } }"""
APPLY = """mutation A($yaml: String!) { applyFeatureView(input: {definition: $yaml}) {
  ... on FeatureViewApplied { isNew plan { view } }
  ... on ApplyFeatureViewError { code message hint } } }"""
DEPRECATE = """mutation D($view: String!, $day: Date!, $next: String) {
  deprecateFeatureView(input: {view: $view, lastDay: $day, successor: $next}) {
    ... on FeatureViewDeprecated { view notice retiresAt }
    ... on DeprecateFeatureViewError { code message } } }"""
CATALOGUE = """query C($view: String) { featureCatalogue(view: $view) {
  name origin version owner entity ttlSeconds freshnessSeconds asOf isFresh personalData
  features { name unit services origins { fact column personalData } }
  deprecation { notice successor } backfill { clients clientsFilled filledAt } } }"""
VALUES = """query V($service: String!) { features(service: $service) { notice nodes { status
  values { ... on RegisteredValues { values { name unit number text amount { amount currency } } } }
  } } }"""
SECOND = BRAND.replace("version: 1", "version: 2")
VIEW = "brand_pulse_v1"


@pytest.fixture
async def engineer(edge: Edge, northwind: Agency) -> str:
    return await edge.token(northwind, "metrics:read", "features:write")


async def ask(edge: Edge, token: str, document: str, **variables: Any) -> Any:
    (answer,) = (await edge.data(document, token, **variables)).values()
    return answer


async def test_a_plan_tells_and_writes_nothing(
    edge: Edge, northwind: Agency, engineer: str
) -> None:
    found = (await ask(edge, engineer, PLAN, yaml=BRAND))["plan"]
    assert {name: found[name] for name in ("view", "isNew", "earlier", "mayBeApplied")} == {
        "view": VIEW,
        "isNew": True,
        "earlier": None,
        "mayBeApplied": True,
    }
    assert [one["passed"] for one in found["tests"]] == [True, True]
    assert found["cost"]["queries"] == len(northwind.clients)
    async with edge.database.session(northwind.tenant_id) as session:
        assert list(await session.scalars(select(FeatureDefinition))) == []


async def test_a_wrong_file_is_told_by_its_lines(edge: Edge, engineer: str) -> None:
    wrong = BRAND.replace("entity: client", "entity: clients")
    for document in (PLAN, APPLY):
        refused = await ask(edge, engineer, document, yaml=wrong)
        assert refused["code"] == "INVALID_INPUT"
        assert refused["message"] == (
            "definition:5: entity: 'clients' has no features of an agency's own;"
            " did you mean 'client'?"
        )


async def test_a_view_is_applied_filled_once_and_audited(
    edge: Edge, northwind: Agency, engineer: str
) -> None:
    for is_new in (True, False):
        applied = await ask(edge, engineer, APPLY, yaml=BRAND)
        assert applied == {"isNew": is_new, "plan": {"view": VIEW}}
    jobs: Any = edge.services.feature_backfills.jobs
    assert isinstance(jobs, FakeJobs)
    (job,) = jobs.jobs.values()
    assert (job.name, job.arguments) == (
        BACKFILL_JOB,
        {"tenant_id": str(northwind.tenant_id), "view": VIEW},
    )
    async with edge.database.session(northwind.tenant_id) as session:
        entries = list(await session.scalars(select(AuditEntry)))
    assert [(one.action, one.object_id) for one in entries] == [("feature_view.applied", VIEW)]
    assert entries[0].actor.startswith("client:app_")


async def test_the_catalogue_tells_of_a_view(edge: Edge, engineer: str) -> None:
    await ask(edge, engineer, APPLY, yaml=BRAND)
    (found,) = await ask(edge, engineer, CATALOGUE, view=VIEW)
    features = {one["name"]: one for one in found.pop("features")}
    assert found == {
        "name": VIEW,
        "origin": "AGENCY",
        "version": 1,
        "owner": "team data science",
        "entity": "client",
        "ttlSeconds": 259_200,
        "freshnessSeconds": 93_600,
        "asOf": None,
        "isFresh": None,
        "personalData": "aggregate_figures",
        "deprecation": None,
        "backfill": {"clients": 0, "clientsFilled": 0, "filledAt": None},
    }
    assert features["pulse_return_14d"] == {
        "name": "pulse_return_14d",
        "unit": "RATIO",
        "services": [VIEW],
        "origins": [
            {
                "fact": "orders",
                "column": "revenue",
                "personalData": "user.behavior.purchase_history",
            },
            {"fact": "ads_daily", "column": "spend", "personalData": None},
        ],
    }
    names = [one["name"] for one in await ask(edge, engineer, CATALOGUE, view=None)]
    assert names == [*PLATFORM.views, VIEW]
    error = await edge.error(CATALOGUE, engineer, view="brand_pulse_v9")
    assert error["extensions"]["code"] == "NOT_FOUND"


async def test_values_are_read_like_those_of_any_service(
    edge: Edge, northwind: Agency, engineer: str
) -> None:
    await ask(edge, engineer, APPLY, yaml=BRAND)
    view = brand().view
    client = northwind.clients["acme"]
    values = {
        "pulse_ads_currency": "EUR",
        "pulse_spend_14d": 12.5,
        "pulse_orders_14d": 3,
        "pulse_return_14d": None,
    }
    online = edge.services.feature_backfills.refresh.online
    table = feature_table(view, client, edge.clock(), {str(client): values})
    await online.replace(northwind.tenant_id, view, str(client), table)
    page = await ask(edge, engineer, VALUES, service=VIEW)
    assert page["notice"] is None
    (node,) = page["nodes"]
    found = {one.pop("name"): one for one in node["values"]["values"]}
    assert list(found) == list(view.feature_names)
    nothing = {"number": None, "text": None, "amount": None}
    assert found["pulse_ads_currency"] == {**nothing, "unit": "CODE", "text": "EUR"}
    assert found["pulse_spend_14d"] == {
        **nothing,
        "unit": "MONEY",
        "amount": {"amount": "12.50", "currency": "EUR"},
    }
    assert found["pulse_orders_14d"] == {**nothing, "unit": "COUNT", "number": 3.0}
    assert found["pulse_return_14d"] == {**nothing, "unit": "RATIO"}
    listed = await edge.data("{ featureServices { name valuesType } }", engineer)
    assert {"name": VIEW, "valuesType": "RegisteredValues"} in listed["featureServices"]


async def test_a_deprecated_view_tells_its_readers(edge: Edge, engineer: str) -> None:
    await ask(edge, engineer, APPLY, yaml=BRAND)
    await ask(edge, engineer, APPLY, yaml=SECOND)
    told = await ask(edge, engineer, DEPRECATE, view=VIEW, day="2100-01-31", next="brand_pulse_v2")
    notice = "deprecated, served until 2100-01-31 UTC; use brand_pulse_v2"
    assert told == {"view": VIEW, "notice": notice, "retiresAt": "2100-02-01T00:00:00+00:00"}
    assert (await ask(edge, engineer, VALUES, service=VIEW))["notice"] == notice
    (found,) = await ask(edge, engineer, CATALOGUE, view=VIEW)
    assert found["deprecation"] == {"notice": notice, "successor": "brand_pulse_v2"}


async def test_another_agency_finds_nothing_of_it(
    edge: Edge, southwind: Agency, engineer: str
) -> None:
    await ask(edge, engineer, APPLY, yaml=BRAND)
    theirs = await edge.token(southwind, "metrics:read", "features:write")
    assert [one["name"] for one in await ask(edge, theirs, CATALOGUE, view=None)] == [
        *PLATFORM.views
    ]
    error = await edge.error(VALUES, theirs, service=VIEW)
    assert error["extensions"]["code"] == "NOT_FOUND"
    refused = await ask(edge, theirs, DEPRECATE, view=VIEW, day="2100-01-31", next=None)
    assert refused["code"] == "NOT_FOUND"


async def test_a_token_for_some_clients_plans_on_their_figures(
    edge: Edge, northwind: Agency
) -> None:
    limited = await edge.token(northwind, "features:write", clients=("acme",))
    found = (await ask(edge, limited, PLAN, yaml=BRAND))["plan"]
    assert found["cost"]["queries"] == 1


@pytest.mark.parametrize("role", list(Role))
async def test_owners_admins_and_ml_engineers_register(
    edge: Edge, northwind: Agency, role: Role
) -> None:
    token = await edge.token(northwind, *sorted(scope.value for scope in SCOPES_OF_ROLES[role]))
    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        (PLAN, {"yaml": "view: brand"}),
        (APPLY, {"yaml": "view: brand"}),
        (DEPRECATE, {"view": VIEW, "day": "2100-01-31", "next": None}),
    )
    for document, variables in asked:
        if role in {Role.OWNER, Role.ADMIN, Role.ML_ENGINEER}:
            answer = await ask(edge, token, document, **variables)
            assert answer["code"] in {
                "INVALID_INPUT",
                "NOT_FOUND",
            }  # let in, and told what is wrong
        else:
            error = await edge.error(document, token, **variables)
            assert error["extensions"]["code"] == "INSUFFICIENT_SCOPE"
    assert [one["name"] for one in await ask(edge, token, CATALOGUE, view=None)] == [
        *PLATFORM.views
    ]


async def test_an_application_of_some_metrics_sees_no_figures_by_planning(
    edge: Edge, northwind: Agency
) -> None:
    client_id = f"app_{uuid.uuid4().hex}"
    await edge.register(
        northwind, client_id=client_id, scopes=("features:write",), metrics=("clicks",)
    )
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": "s3cret",
    }
    token = (await edge.http.post("/oauth/token", data=form)).json()["access_token"]
    for document in (PLAN, APPLY):
        refused = await ask(edge, token, document, yaml=BRAND)
        assert refused["message"] == "the application is limited to some metrics"
    async with edge.database.session(northwind.tenant_id) as session:
        assert list(await session.scalars(select(FeatureDefinition))) == []


def test_lineage_leads_to_fields_of_platforms() -> None:
    view = PLATFORM.view("campaign_performance")
    (spend,) = origins_of(view, view.feature("spend_7d"), load_all_sources())
    assert (spend.fact, spend.column, spend.personal) == ("ads_daily", "spend", "")
    by_source: dict[str, set[str]] = {}
    for one in spend.fields:
        source, stream, _ = one.split(".", 2)
        by_source.setdefault(source, set()).add(stream)
    assert {"google_ads", "meta_ads", "tiktok_ads"} <= set(by_source)
    trend = origins_of(view, view.feature("cpc_7d"), load_all_sources())
    assert [one.column for one in trend] == ["spend", "clicks"]
    days = origins_of(view, view.feature("days_reported_28d"), load_all_sources())
    assert [one.column for one in days] == ["reporting_date"]
    code = origins_of(view, view.feature("currency"), load_all_sources())
    assert [one.column for one in code] == ["currency"]
