"""Checks a GraphQL request and runs its root fields.

    text -> parse, validate -> operation, variables -> SelectedField tree -> pages -> JSON

Validation is graphql-core's; its message for an unknown field is worded as the platform words it.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from ingestion.simulator.shopify.catalogue import Catalogue
from ingestion.simulator.shopify.errors import FieldRefusalError, access_denied
from ingestion.simulator.shopify.pages import Page
from ingestion.simulator.shopify.project import Projector
from ingestion.simulator.shopify.schema import SCHEMA
from ingestion.simulator.shopify.selection import SelectedField, collect
from ingestion.simulator.shopify.world import ShopWorld, minute_of

__all__ = ["Outcome", "check_document", "run_fields", "select_fields"]

_UNKNOWN_FIELD: Final = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'\.")
_SCOPES: Final = {
    "orders": "read_orders",
    "customers": "read_customers",
    "product": "read_products",
    "variant": "read_products",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What running the root fields gave.

    Attributes:
        answer: `data`, and `errors` if a field was refused.
        returned: Nodes that each connection returned, by response key; of one inside nodes: on
            average, rounded up.
        warnings: Entries of `extensions.search`.
    """

    answer: dict[str, Any]
    returned: dict[str, int]
    warnings: list[dict[str, Any]]


def check_document(text: str) -> tuple[DocumentNode | None, list[dict[str, Any]]]:
    """Parse and validate `text`; returns the document, or None and its errors."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return None, [_error_of(error)]
    errors = validate(SCHEMA, document)
    return (None, [_error_of(error) for error in errors]) if errors else (document, [])


def select_fields(
    document: DocumentNode, operation_name: str | None, raw_variables: Mapping[str, Any]
) -> tuple[tuple[SelectedField, ...], list[dict[str, Any]]]:
    """Choose the operation and flatten its selection; returns the fields, or () and errors."""
    operations = [
        node
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        and (operation_name is None or (node.name and node.name.value == operation_name))
    ]
    root = SCHEMA.query_type
    if len(operations) != 1 or not isinstance(root, GraphQLObjectType):
        return (), [{"message": "An operation name is required"}]
    operation = operations[0]
    variables = get_variable_values(
        SCHEMA, operation.variable_definitions or (), dict(raw_variables)
    )
    if isinstance(variables, list):
        return (), [_error_of(error) for error in variables]
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    return collect(root, operation.selection_set.selections, fragments, variables), []


def run_fields(
    fields: tuple[SelectedField, ...],
    *,
    world: ShopWorld,
    catalogue: Catalogue,
    now: datetime,
    page_divisor: int = 1,
) -> Outcome:
    """Run the root fields; a refused one makes `data` null, as all of them are non-null."""
    projector = Projector(world, minute_of(now), page_divisor=page_divisor)
    data: dict[str, Any] = {}
    returned: dict[str, int] = {}
    warnings: list[dict[str, Any]] = []
    for field in fields:
        if field.name == "__typename":
            data[field.key] = "QueryRoot"
            continue
        render = projector.compile(field.type_name, field.children)
        if field.name == "shop":
            data[field.key] = render(world.shop)
            continue
        try:
            _check_scopes(field, field.key, world)
            page = _page_of(field, catalogue, now, page_divisor)
            rendered = render(page)
        except FieldRefusalError as error:
            told = {
                "message": error.message,
                "path": [error.key],
                "extensions": error.extensions,
            }
            return Outcome({"data": None, "errors": [told]}, returned, warnings)
        returned[field.key] = len(page.nodes)
        warnings.extend(page.warnings)
        data[field.key] = rendered
    for key, held in projector.inner.items():
        returned[key] = math.ceil(held["nodes"] / max(held["lists"], 1))
    return Outcome({"data": data}, returned, warnings)


def _check_scopes(field: SelectedField, key: str, world: ShopWorld) -> None:
    """Refuse the root field `key` when it, or something below it, needs a scope the app lacks."""
    scope = _SCOPES.get(field.name)
    if scope is not None and scope not in world.shop.scopes:
        raise access_denied(field.name, key, scope)
    for child in field.children:
        _check_scopes(child, key, world)


def _page_of(
    field: SelectedField, catalogue: Catalogue, now: datetime, page_divisor: int
) -> Page[Any]:
    ask = catalogue.orders if field.name == "orders" else catalogue.customers
    return ask(field.key, field.arguments, now, page_divisor=page_divisor)


def _error_of(error: GraphQLError) -> dict[str, Any]:
    told: dict[str, Any] = {"message": error.message}
    if error.locations:
        told["locations"] = [
            {"line": place.line, "column": place.column} for place in error.locations
        ]
    match = _UNKNOWN_FIELD.match(error.message)
    if match:
        field, type_name = match.groups()
        told["message"] = f"Field '{field}' doesn't exist on type '{type_name}'"
        told["extensions"] = {
            "code": "undefinedField",
            "typeName": type_name,
            "fieldName": field,
        }
    return told
