"""Everything that the gateway can answer, enumerated from its own schema.

    introspection -> a document for each root field with every leaf below it -> answers as one text

A new field is part of the matrix the moment it is in the schema.
"""

import uuid
from collections.abc import AsyncIterator, Iterator

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    build_client_schema,
    get_introspection_query,
    get_named_type,
    is_leaf_type,
    is_object_type,
    is_required_argument,
    is_union_type,
)

from domain.ids import public_id
from domain.metrics.catalogue import build_catalogue
from domain.metrics.naming import camel_case
from feature_repo.feature_services import SERVICES
from tests.api.graphql.edge import Agency, Edge
from tests.api.graphql.privacy_rows import privacy_id

__all__ = [
    "ARGUMENTS",
    "SCOPES",
    "ask_everything",
    "documents",
    "of_agency",
    "read_schema",
    "selection_of",
]

SCOPES = (
    *("metrics:read", "metrics:write", "ingestion:read", "audit:read", "webhooks:manage"),
    *("privacy:read", "privacy:write", "features:write"),
)
PERIOD = 'period: {from: "2026-01-01", to: "2026-03-31"}'

COMING = 'from: "2026-03-15", to: "2026-03-31"'
SPENDS = 'spends: [{channel: "paid_search", amount: "5"}]'

# Answers that take more days than these agencies have; `api/graphql/test_budget` asks as others.
EMPTY = {name: {"TOO_LITTLE_DATA"} for name in ("budgetPlan", "budgetScenario")}

NOTICES = "notices { code metrics message hint }"

# Values for arguments that have no default.
ARGUMENTS = {
    "period": PERIOD,
    "grain": "grain: MONTH",
    "of": "of: spend",
    "from": 'from: "2026-01-01"',
    "to": 'to: "2026-03-31"',
    "id": 'id: "REQUEST"',  # of the agency that asks
    "view": 'view: "campaign_performance"',
    "client": 'client: "CLIENT"',  # likewise
    "measure": "measure: REVENUE",
    "name": 'name: "forecast"',
    "person": 'person: {email: "ada@northwind.example"}',
    "budgetPlan.input": f'input: {{client: "CLIENT", {COMING}, total: "5"}}',
    "budgetScenario.input": f'input: {{client: "CLIENT", {COMING}, {SPENDS}}}',
    "ids": f'ids: ["{public_id("rcp", uuid.UUID(int=7))}"]',
}


async def read_schema(edge: Edge, agency: Agency) -> GraphQLSchema:
    """The agency's schema, as a client reads it."""
    token = await edge.token(agency, *SCOPES)
    return build_client_schema(await edge.data(get_introspection_query(), token))


def documents(schema: GraphQLSchema) -> dict[str, str]:
    """One document for each root field; `metrics` has one for each dimension, `features` one for
    each service.

    Returns:
        By name: root field, `metrics by <dimension>` or `features by <service>`.
    """
    query = schema.query_type
    assert query is not None
    found = {
        name: f"{{ {_select(name, field, frozenset())} }}"
        for name, field in query.fields.items()
        if name not in {"metrics", "features"}
    }
    found |= {f"metrics by {name}": text for name, text in _metric_documents(schema)}
    selection = _selection(query.fields["features"], frozenset())
    for name in SERVICES:
        found[f"features by {name}"] = f'{{ features(service: "{name}") {{ {selection} }} }}'
    return found


def _metric_documents(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    row = schema.type_map["MetricsRow"]
    assert isinstance(row, GraphQLObjectType)
    catalogue = build_catalogue()
    metrics = {camel_case(name): info for name, info in catalogue.metrics.items()}
    for name in row.fields:
        if name in metrics or name == "compared":
            continue
        fields = " ".join(
            _select(metric, row.fields[metric], frozenset())
            for metric, info in metrics.items()
            if name == "date" or any(camel_case(d) == name for d in info.dimensions)
        )
        dimension = _select(name, row.fields[name], frozenset())
        rows = f"rows {{ {dimension} {fields} }}"
        yield name, f"{{ metrics({PERIOD}) {{ {NOTICES} currency {rows} }} }}"


def _select(name: str, field: GraphQLField, above: frozenset[str]) -> str:
    given = [
        ARGUMENTS.get(f"{name}.{argument}") or ARGUMENTS[argument]
        for argument, spec in field.args.items()
        if is_required_argument(spec)
    ]
    text = f"{name}({', '.join(given)})" if given else name
    selection = _selection(field, above)
    return f"{text} {{ {selection} }}" if selection else text


def _selection(field: GraphQLField, above: frozenset[str]) -> str:
    kind = get_named_type(field.type)
    if is_leaf_type(kind):
        return ""
    if is_union_type(kind):
        members = {one.name: _fields(one, above) for one in kind.types}
        return " ".join(f"... on {name} {{ {fields} }}" for name, fields in members.items())
    assert is_object_type(kind), f"{kind} needs a rule of its own here"
    return _fields(kind, above)


def _fields(kind: GraphQLObjectType, above: frozenset[str]) -> str:
    inner = [
        _select(child, spec, above | {kind.name})
        for child, spec in kind.fields.items()
        if get_named_type(spec.type).name not in above
    ]
    return " ".join(inner)


def selection_of(field: GraphQLField) -> str:
    """Everything below a field that needs no argument of its own."""
    return _selection(field, frozenset())


def of_agency(document: str, agency: Agency) -> str:
    """A document that asks for an agency's own request, or its first client."""
    client = agency.client(next(iter(agency.clients)))
    own = document.replace('"REQUEST"', f'"{privacy_id(agency.slug, "req")}"')
    return own.replace('"CLIENT"', f'"{client}"')


async def ask_everything(edge: Edge, agency: Agency) -> AsyncIterator[tuple[str, str]]:
    """Name and answer's text of every document, asked as an app of `agency` with all scopes."""
    token = await edge.token(agency, *SCOPES)
    for name, document in documents(await read_schema(edge, agency)).items():
        reply = await edge.ask(of_agency(document, agency), token)
        codes = {error["extensions"]["code"] for error in reply.json().get("errors", ())}
        assert codes == EMPTY.get(name, set()), (name, reply.json().get("errors"))
        yield name, reply.text
