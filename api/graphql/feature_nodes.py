"""Entities and their features in an answer.

    rows + names of clients and accounts -> EntityFeatures
    EntityFeatures + selection -> JSON of the whole list

A hundred campaigns are five hundred fields before the first value, and completing them one by one
takes longer than reading and writing the values. So the selection is read once, and the list is
written in one go. Values of views that an agency registered are completed as usual: they are few.
"""

import datetime as dt
import enum
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import orjson
import strawberry
from graphql import FieldNode
from graphql.execution.collect_fields import FieldDetails

from api.graphql.context import EdgeInfo
from api.graphql.execution import ReadyJson, RowExecutor
from api.graphql.feature_values import FEATURE_VALUES, ValueWriters
from api.graphql.metric_types import Named
from feature_repo.read import FeatureRow

__all__ = ["EntityFeatures", "FeatureEntity", "FeatureStatus", "nodes_of"]


@strawberry.enum(description="Whether there are values of an entity.")
class FeatureStatus(enum.Enum):
    """See the description."""

    PRESENT = "present"
    NOT_FOUND = strawberry.enum_value(
        "not_found", description="Nothing to show: unknown, or not refreshed for `ttlSeconds`."
    )


@strawberry.type(description="What has features: a campaign, an ad, a product, a client and so on.")
class FeatureEntity:
    """See the description."""

    id: strawberry.ID = strawberry.field(
        description="A client's own; of a campaign, ad or product its connection's, a colon and "
        "the platform's; of a channel or segment its client's, a colon and its name."
    )
    client: Named | None
    connection: Named | None = strawberry.field(
        description="null: the entity is a client, or a part of one."
    )


@strawberry.type(description="Features of an entity.")
class EntityFeatures:
    """See the description."""

    entity: FeatureEntity
    status: FeatureStatus
    as_of: dt.datetime | None = strawberry.field(
        description="Only what was known by then has counted; null: NOT_FOUND."
    )
    row: strawberry.Private[FeatureRow | None]
    writers: strawberry.Private[ValueWriters]

    @strawberry.field(  # type: ignore[untyped-decorator]
        graphql_type=FEATURE_VALUES | None, description="Of the service; null: NOT_FOUND."
    )
    def values(self) -> Any:
        """See the description."""
        return None if self.row is None else self.writers.registered(self.row.values)


_Write = Callable[[Any], Any]

# Fields that are objects, and the type of these; every other field is a leaf.
_OBJECTS: Final[Mapping[tuple[str, str], str]] = {
    (EntityFeatures.__name__, "entity"): FeatureEntity.__name__,
    (FeatureEntity.__name__, "client"): Named.__name__,
    (FeatureEntity.__name__, "connection"): Named.__name__,
}


def nodes_of(info: EdgeInfo, writers: ValueWriters, nodes: Sequence[EntityFeatures]) -> Any:
    """What a field of these nodes resolves to: the list as JSON, or the list itself."""
    if not writers.is_typed:
        return nodes
    write = _object(info.executor, EntityFeatures.__name__, info.nodes, writers)
    return ReadyJson(orjson.dumps([write(node) for node in nodes]))


def _object(
    executor: RowExecutor,
    type_name: str,
    places: Sequence[FieldNode | FieldDetails],
    writers: ValueWriters,
) -> _Write:
    members = []
    for key, details in executor.selected(type_name, places).items():
        field = details[0].node.name.value
        members.append((key, _member(executor, type_name, field, details, writers)))

    def write(value: Any) -> dict[str, Any] | None:
        return None if value is None else {key: member(value) for key, member in members}

    return write


def _member(
    executor: RowExecutor,
    type_name: str,
    field: str,
    details: Sequence[FieldDetails],
    writers: ValueWriters,
) -> _Write:
    match field:
        case "__typename":
            return lambda _: type_name
        case "values":
            write = writers.writer(executor, details)
            return lambda node: None if node.row is None else write(node.row.values)
        case "status":
            return lambda node: node.status.name
        case "asOf":
            return lambda node: None if node.as_of is None else node.as_of.isoformat()
    read = attrgetter(field)
    if (below := _OBJECTS.get((type_name, field))) is None:
        return read
    write_below = _object(executor, below, details, writers)
    return lambda node: write_below(read(node))
