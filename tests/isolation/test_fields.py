"""Every argument of every field of the gateway, given what is another agency's.

    schema -> each argument that takes an id or a text -> loot | its made-up like, as every caller
    -> the same answer, no canary, no row changed | as its owner: an answer that differs

The last part proves the first: what was tried is worth something to whom it belongs.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    is_input_object_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
)
from sqlalchemy import select
from structlog.testing import capture_logs

from api.graphql.schema_factory import MUTATIONS, QUERIES
from api.identity.caller import Scope
from domain.ids import public_id
from tenancy.tables import Role, WebhookEndpoint
from tests.api.graphql.edge import Agency, Edge, edge, edge_warehouse, northwind, southwind
from tests.isolation.loot import callers_of, marks_of, redacted, rows_of, take_loot
from tests.isolation.matrix import ARGUMENTS, SCOPES, of_agency, read_schema, selection_of

__all__ = ["edge", "edge_warehouse", "northwind", "southwind"]

pytestmark = pytest.mark.anyio

# What an argument names, by field and path, or by its path in any field; None: nothing of a tenant.
NAMED: Mapping[str, str | None] = {
    "metrics.where.client.in": "client",
    "metrics.where.client.not": "client",
    "metrics.where.connection.in": "connection",
    "metrics.where.connection.not": "connection",
    "features.clients": "client",
    "features.entities": "campaign",
    "features.requests.entity": "campaign",
    "syncs.connection": "connection",
    "incidents.client": "client",
    "incidents.connection": "connection",
    "alerts.client": "client",
    "auditTrail.object": "object",
    "auditTrail.actor": "actor",
    "acknowledgeIncident.id": "incident",
    "resolveIncident.id": "incident",
    "retireMetric.name": "metric",
    "addWebhook.input.clients": "client",
    "removeWebhook.id": "endpoint",
    "replayWebhook.id": "endpoint",
    "replayWebhook.message": "message",
    "consent.client": "client",
    "consentReceipts.ids": "receipt",
    "recordConsent.words.client": "client",
    **{
        # People of one's own client; `api/graphql/test_consent` has those of others.
        f"{field}.{path}": None
        for field in ("consent.person", "recordConsent.words.person")
        for path in ("email", "phone", "platformIds.connection", "platformIds.id")
    },
    **{
        f"recordConsent.words.{path}": None  # one's own words
        for path in (
            *("notice", "gpc", "tcString.text", "flag.source", "flag.state"),
            *("consentMode.type", "consentMode.state"),
        )
    },
    "addConsentNotice.input.client": "client",
    **{f"addConsentNotice.input.{path}": None for path in ("version", "language", "text")},
    "plans.client": "client",
    "forecast.client": "client",
    "modelCard.name": None,  # of the platform; `ml/registry/test_cards` has shares of others
    "budgetPlan.input.client": "client",
    "budgetPlan.input.bounds.campaign": "campaign",
    "budgetScenario.input.client": "client",
    "budgetScenario.input.spends.campaign": "campaign",
    "anomalies.client": "client",
    "pacing.client": "client",
    "acknowledgeAnomaly.id": "anomaly",
    "planSpend.input.target.client": "client",
    "planSpend.input.target.campaign": "campaign",
    "planEvent.input.client": "client",
    "noteLiftTest.input.target.client": "client",
    "noteLiftTest.input.target.campaign": "campaign",
    "removePlan.id": "plan",
    **dict.fromkeys(  # one's own words
        (
            *("budgetPlan.input.currency", "budgetPlan.input.bounds.channel"),
            *("budgetScenario.input.currency", "budgetScenario.input.spends.channel"),
            *("planSpend.input.target.channel", "planSpend.input.currency"),
            *("planEvent.input.name", "noteLiftTest.input.target.channel"),
            *("noteLiftTest.input.currency", "noteLiftTest.input.source"),
        )
    ),
    "webhookDeliveries.endpoint": "endpoint",
    "subjectRequests.client": "client",
    "subjectRequest.id": "subject_request",
    "erasurePreview.id": "subject_request",
    "searchAgain.id": "subject_request",
    "declareNobody.id": "subject_request",
    "askIdentity.id": "subject_request",
    "approveErasure.id": "subject_request",
    "countersignRequest.id": "subject_request",
    "lookAgain.id": "subject_request",
    "withdrawRequest.id": "subject_request",
    "chooseSubject.id": "subject_request",
    "vouchIdentity.id": "subject_request",
    "extendRequest.id": "subject_request",
    "refuseRequest.id": "subject_request",
    "grantRequest.id": "subject_request",
    "tellLifting.id": "subject_request",
    "liftRequest.id": "subject_request",
    "chooseSubject.pseudonym": "pseudonym",
    "holdRequest.input.request": "subject_request",
    "releaseHold.id": "hold",
    "createSubjectRequest.input.client": "client",
    "createSubjectRequest.input.identifiers.connection": "connection",
    "createSubjectRequest.input.identifiers.value": None,
    "createSubjectRequest.input.purposes": None,
    "createSubjectRequest.input.language": None,
    "holdRequest.input.basis": None,
    "holdRequest.input.owner": None,
    "holdRequest.input.category": None,
    "extendRequest.reason": None,
    "refuseRequest.reason": None,
    "refuseRequest.remedy": None,
    "grantRequest.reason": None,
    "tellLifting.reason": None,
    "liftRequest.reason": None,
    "addWebhook.input.url": None,
    "addWebhook.input.description": None,
    "acknowledgeIncident.reason": None,
    "resolveIncident.reason": None,
    "defineMetric.input.definition": None,  # an agency's own words; `test_graphql` has its names
    "features.service": "feature_view",
    "featureCatalogue.view": "feature_view",
    "deprecateFeatureView.input.view": "feature_view",
    "deprecateFeatureView.input.successor": "feature_view",
    "planFeatureView.input.definition": None,  # an agency's own words
    "applyFeatureView.input.definition": None,
    "featureHealth.view": "feature_view",
    "metrics.period.month": None,
    "metrics.period.quarter": None,
    "after": None,  # a position in one's own list, or the number of one's own entry
}

PERIOD = 'from: "2026-01-01" to: "2026-01-31"'
COMING = 'from: "2026-03-15" to: "2026-03-31"'
SOMEBODY = '{kind: EMAIL, value: "nobody@a.example"}'
SAID = 'person: {email: "ada@northwind.example"} at: "2020-03-01T12:00:00Z" gpc: "1"'

# Values of arguments that a document cannot do without.
GIVEN = {
    **{name: given for name, given in ARGUMENTS.items() if name != "id"},
    "service": 'service: "campaign_pacing_v1"',
    "features.requests": "plannedSpend7d: 100",
    "features.requests.entity.service": 'service: "campaign_plan"',
    "reason": 'reason: "seen"',
    "pseudonym": 'pseudonym: "sp_x"',
    "proof": "proof: DOCUMENT",
    "chooseSubject.pseudonym.id": 'id: "REQUEST"',
    "addConsentNotice.input": 'version: "1" language: "en" text: "We count."',
    "holdRequest.input": 'basis: "tax" owner: "counsel"',
    "createSubjectRequest.input.client@1": f"right: ACCESS identifiers: [{SOMEBODY}]",
    "createSubjectRequest.input.identifiers.connection@2": 'kind: ORDER value: "1001"',
    "createSubjectRequest.input.identifiers.connection@1": 'right: ACCESS client: "CLIENT"',
    "addWebhook.input": 'url: "https://a.example/"',
    "words": f"words: [{{{ARGUMENTS['client']} {SAID}}}]",
    "recordConsent.words": SAID,
    "budgetPlan.input": f'{COMING} total: "5"',
    "budgetPlan.input.bounds.campaign@1": f'client: "CLIENT" {COMING} total: "5"',
    "budgetScenario.input": f'{COMING} spends: [{{amount: "5" channel: "display"}}]',
    "budgetScenario.input.spends": 'amount: "5"',
    "budgetScenario.input.spends.campaign@1": f'client: "CLIENT" {COMING}',
    "planSpend.input": f'{PERIOD} amount: "5" currency: "EUR"',
    "planSpend.input.target.campaign@2": 'client: "CLIENT"',
    "planEvent.input": f'{PERIOD} name: "sale"',
    "noteLiftTest.input": f'''{PERIOD} measure: REVENUE spendChange: "5" currency: "EUR"
        effect: "6" standardError: "1" source: "geo holdout"''',
    "noteLiftTest.input.target": 'channel: "paid_search"',
    "noteLiftTest.input.target.campaign@2": 'client: "CLIENT" channel: "paid_search"',
    "deprecateFeatureView.input": 'lastDay: "2100-01-01"',
    "deprecateFeatureView.input.successor@1": 'view: "own_v1" lastDay: "2100-01-01"',
    "removeWebhook.id": "",
    "replayWebhook.id": 'failedSince: "2026-03-01T00:00:00Z"',
}
ROWS = "rows { client { name } clicks } totals { clicks }"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document takes a text.

    Attributes:
        field: Root field.
        path: Names of the argument and of the fields below it.
        lists: Which of these take lists.
    """

    operation: str
    field: str
    path: tuple[str, ...]
    lists: tuple[bool, ...]

    @property
    def name(self) -> str:
        return ".".join((self.field, *self.path))

    @property
    def named(self) -> str | None:
        """What it names.

        Raises:
            KeyError: Nobody has said.
        """
        if self.path == ("after",):
            return None
        if self.field == "metrics" and self.path[0] == "where" and self.name not in NAMED:
            return "campaign" if self.path[1] in {"campaign", "adGroup", "ad"} else "text"
        return NAMED[self.name]

    def document(self, schema: GraphQLSchema, value: str, endpoint: str = "") -> str:
        """A document that gives `value` there, and what else the field needs of one's own."""
        root = schema.query_type if self.operation == "query" else schema.mutation_type
        assert root is not None
        field = root.fields[self.field]
        text = f'"{value}"'
        for depth, is_list in reversed(list(enumerate(self.lists))):
            text = f"{self.path[depth]}: [{text}]" if is_list else f"{self.path[depth]}: {text}"
            beside = GIVEN.get(".".join((self.field, *self.path[:depth])), "")
            beside = GIVEN.get(f"{self.name}@{depth}", beside)
            text = f"{{{text} {beside}}}" if depth else text
        given = [text, GIVEN.get(self.name, "")]
        for name, spec in field.args.items():
            if is_required_argument(spec) and name != self.path[0]:
                own = GIVEN.get(f"{self.name}.{name}") or GIVEN.get(name)
                given.append(own or f'{name}: "{endpoint}"')
        selected = ROWS if self.field == "metrics" else selection_of(field)
        return f"{self.operation} {{ {self.field}({' '.join(given)}) {{ {selected} }} }}"


def places(schema: GraphQLSchema) -> Iterator[Place]:
    """Every place that takes an id or a text."""
    for operation, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        assert root is not None
        for field_name, field in root.fields.items():
            for name, argument in field.args.items():
                for path, lists in _texts(name, argument.type):
                    yield Place(operation, field_name, path, lists)


def _texts(name: str, kind: Any) -> Iterator[tuple[tuple[str, ...], tuple[bool, ...]]]:
    inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    is_list, named = is_list_type(inner), get_named_type(kind)
    if is_input_object_type(named):
        assert isinstance(named, GraphQLInputObjectType)
        for child, spec in named.fields.items():
            for path, lists in _texts(child, spec.type):
                yield (name, *path), (is_list, *lists)
    elif named.name in {"ID", "String"}:
        yield (name,), (is_list,)


@pytest.mark.parametrize("is_reversed", [False, pytest.param(True, marks=pytest.mark.slow)])
async def test_what_is_another_agency_s_is_nothing(
    edge: Edge, northwind: Agency, southwind: Agency, database_url: str, *, is_reversed: bool
) -> None:
    victim, other = (southwind, northwind) if is_reversed else (northwind, southwind)
    loot = await take_loot(edge, victim, next(iter(victim.clients)))
    schema = await read_schema(edge, other)
    roles = tuple(Role) if is_reversed else (Role.OWNER, Role.CLIENT_VIEWER)
    callers = [one for one in await callers_of(edge, other, *roles) if one.bearer is not None]
    endpoint = await _endpoint(edge, other)
    before, marks = rows_of(database_url, victim), marks_of(victim)
    tried = set()
    with capture_logs() as logs:
        for place in places(schema):
            if place.named is None:
                continue
            one = loot[place.named]
            # What a text filters by is looked up nowhere: two callers are as good as all.
            for caller in callers[-2:] if place.named == "text" else callers:
                answers = [
                    redacted(
                        await edge.ask(
                            of_agency(place.document(schema, text, endpoint), other), caller.bearer
                        ),
                        loot,
                    )
                    for text in (one.value, one.void)
                ]
                assert answers[0] == answers[1], (place.name, caller.name)
                assert not [mark for mark in marks if mark in answers[0]], place.name
            tried.add(place.field)
    assert tried == {
        *("metrics", "features", "syncs", "incidents", "alerts", "auditTrail"),
        *("acknowledgeIncident", "resolveIncident", "retireMetric", "addWebhook"),
        *("removeWebhook", "replayWebhook", "webhookDeliveries"),
        *("subjectRequests", "subjectRequest", "createSubjectRequest", "searchAgain"),
        "erasurePreview",
        *("chooseSubject", "declareNobody", "askIdentity", "vouchIdentity", "approveErasure"),
        *("countersignRequest", "lookAgain", "grantRequest", "extendRequest", "refuseRequest"),
        *("tellLifting", "liftRequest", "withdrawRequest", "holdRequest", "releaseHold"),
        *("consent", "consentReceipts", "recordConsent", "addConsentNotice"),
        *("featureCatalogue", "featureHealth", "deprecateFeatureView"),
        *("budgetPlan", "budgetScenario"),
        *("anomalies", "pacing", "acknowledgeAnomaly"),
        *("forecast", "plans", "planSpend", "planEvent", "noteLiftTest", "removePlan"),
    }
    assert not [mark for mark in marks if mark in repr(logs)]
    assert rows_of(database_url, victim) == before


async def test_what_was_tried_is_worth_something_to_its_owner(
    edge: Edge, southwind: Agency
) -> None:
    loot = await take_loot(edge, southwind, "zeta")
    schema = await read_schema(edge, southwind)
    token = await edge.token(southwind, *SCOPES, "ingestion:write")
    endpoint = await _endpoint(edge, southwind)
    equal = set()
    for place in sorted(places(schema), key=_order):
        if place.named in {None, "text"} or "not" in place.path:
            continue
        one = loot[place.named]
        mine, nobody_s = [
            (
                await edge.ask(of_agency(place.document(schema, text, endpoint), southwind), token)
            ).json()
            for text in (one.value, one.void)
        ]
        if mine == nobody_s:
            equal.add(place.name)
    # Facts without campaigns' ids below the level of a campaign: what is filtered is nothing.
    # Two verbs ask for a person behind the token, which this one has not.
    assert equal <= {
        *("metrics.where.ad.in", "metrics.where.adGroup.in"),
        *("approveErasure.id", "countersignRequest.id"),
        # Too little is known to plan with; `api/graphql/test_budget` names those of others.
        *("budgetPlan.input.bounds.campaign", "budgetScenario.input.spends.campaign"),
    }


def _order(place: Place) -> int:
    """What changes what others need comes last; what others change comes first."""
    return {"removeWebhook.id": 2, "removePlan.id": 2, "chooseSubject.pseudonym": 0}.get(
        place.name, 1
    )


async def test_a_client_that_the_token_does_not_show_is_nothing(
    edge: Edge, northwind: Agency, database_url: str
) -> None:
    """The right agency without the right: what is of `acme`, to a token of `bolt` alone."""
    loot = await take_loot(edge, northwind, "acme")
    schema = await read_schema(edge, northwind)
    token = await edge.token(northwind, *SCOPES, "ingestion:write", clients=("bolt",))
    before = rows_of(database_url, northwind)
    hidden = {public_id("cli", northwind.clients["acme"]), northwind.connection("acme")}
    for place in places(schema):
        # A definition is the whole agency's, and what a text filters by is looked up nowhere.
        if place.named in {None, "metric", "feature_view", "text"}:
            continue
        one = loot[place.named]
        answers = [
            redacted(
                await edge.ask(of_agency(place.document(schema, text), northwind), token), loot
            )
            for text in (one.value, one.void)
        ]
        assert answers[0] == answers[1], place.name
        assert not [mark for mark in hidden if mark in answers[0]], place.name
    assert rows_of(database_url, northwind) == before


async def test_a_token_without_the_scope_gets_nothing_and_does_nothing(
    edge: Edge, northwind: Agency, database_url: str
) -> None:
    await take_loot(edge, northwind, "acme")
    schema = await read_schema(edge, northwind)
    needed = {field.name: field.scope for field in (*QUERIES, *MUTATIONS)}
    needed["metrics"] = Scope.METRICS_READ
    all_scopes = {*SCOPES, "ingestion:write"}
    for operation, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        assert root is not None
        assert set(root.fields) <= set(needed)
        for name, field in root.fields.items():
            scope = needed[name]
            if scope is None:
                assert name == "me"
                continue
            token = await edge.token(northwind, *sorted(all_scopes - {scope.value}))
            before = rows_of(database_url, northwind)
            reply = await edge.ask(_plain(operation, name, field), token)
            (error,) = reply.json()["errors"]
            assert error["extensions"]["code"] == "INSUFFICIENT_SCOPE", name
            assert reply.json()["data"] in (None, {name: None})
            assert northwind.canary not in reply.text
            assert rows_of(database_url, northwind) == before


async def test_nobody_gets_nothing(edge: Edge, northwind: Agency, database_url: str) -> None:
    schema = await read_schema(edge, northwind)
    before = rows_of(database_url, northwind)
    for operation, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            for token in (None, "", "x.y.z", str(uuid.uuid4())):
                reply = await edge.ask(_plain(operation, name, field), token)
                assert reply.status_code == 401, name
                assert "data" not in reply.json()
                assert northwind.canary not in reply.text
    assert rows_of(database_url, northwind) == before


async def _endpoint(edge: Edge, agency: Agency) -> str:
    """An endpoint of the agency's own."""
    async with edge.database.session(agency.tenant_id) as session:
        found = (await session.scalars(select(WebhookEndpoint.id))).first()
    assert found is not None
    return public_id("whk", found)


def _plain(operation: str, name: str, field: GraphQLField) -> str:
    """A document with what the field cannot do without."""
    given = [
        GIVEN.get(argument) or f"{argument}: {_any_value(spec.type)}"
        for argument, spec in field.args.items()
        if is_required_argument(spec)
    ]
    arguments = f"({', '.join(given)})" if given else ""
    selected = ROWS if name == "metrics" else selection_of(field)
    return f"{operation} {{ {name}{arguments} {{ {selected} }} }}"


def _any_value(kind: Any) -> str:
    named = get_named_type(kind)
    if isinstance(named, GraphQLEnumType):
        return str(next(iter(named.values)))
    if isinstance(named, GraphQLInputObjectType):
        inner = [
            f"{name}: {_any_value(spec.type)}"
            for name, spec in named.fields.items()
            if is_required_input_field(spec)
        ]
        return f"{{{', '.join(inner)}}}"
    return {"Date": '"2026-01-01"', "Decimal": '"1"'}.get(named.name, '"x"')
