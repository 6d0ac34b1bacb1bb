"""The executor: ready JSON passes through it unopened.

    resolver -> ReadyJson -> complete_value -> orjson.Fragment in the result -> orjson.dumps

Graphql-core completes a list cell by cell: 10,000 rows of 10 fields hold the event loop for 0.4 s.
The rows of an answer are written as JSON from their columns instead, and this executor puts the
text where the completed list would have been. Everything else is completed as usual.

Source: graphql-core 3.3 `execution/executor.py`; Strawberry's `execution_context_class`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import FieldNode, GraphQLObjectType, GraphQLOutputType, GraphQLResolveInfo
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path

__all__ = ["Collected", "ReadyJson", "RowExecutor"]

# Selections that share a response key, after fragments, @include and @skip.
Collected = dict[str, list[FieldDetails]]


@dataclass(frozen=True, slots=True)
class ReadyJson:
    """A value of the response, as JSON text in UTF-8 that fits the field's type and selection."""

    text: bytes


class RowExecutor(Executor[Any]):
    """Executes one operation; shows itself to the resolvers as `context.executor`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.context_value.executor = self

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """As the base class, but leave ready JSON as it is."""
        if isinstance(result, ReadyJson):
            return orjson.Fragment(result.text)
        return super().complete_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def selected(self, type_name: str, nodes: Sequence[FieldNode | FieldDetails]) -> Collected:
        """The fields selected below some nodes, on an object type.

        Fragments are opened, `@include` and `@skip` are obeyed, equal response keys are together.

        Args:
            type_name: Type of the value at these nodes.
            nodes: All places that select it under one response key.
        """
        object_type = self.schema.type_map[type_name]
        if not isinstance(object_type, GraphQLObjectType):
            raise TypeError(type_name)
        details = [
            node if isinstance(node, FieldDetails) else FieldDetails(node, None) for node in nodes
        ]
        return self.collect_subfields(object_type, details).grouped_field_set
