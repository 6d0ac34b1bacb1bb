"""Whether an answer of GraphQL has the shape that its document asked for."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_nullable_type,
    is_abstract_type,
    is_enum_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

__all__ = ["deviations"]

_LEAVES: dict[str, type | tuple[type, ...]] = {
    "Boolean": bool,
    "Count": int,
    "Date": str,
    "DateTime": str,
    "Decimal": str,
    "Float": (int, float),
    "ID": str,
    "Int": int,
    "String": str,
}


def deviations(schema: GraphQLSchema, document: DocumentNode, data: Any) -> list[str]:
    """What is wrong with `data`, by path; fragments by name are not expected.

    A null where the schema has `!` is wrong, a null elsewhere is not: an error may explain it.
    """
    (operation,) = (d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    root = schema.get_root_type(operation.operation)
    assert root is not None
    return list(_object(schema, root, operation.selection_set, data, "data"))


def _value(
    schema: GraphQLSchema,
    kind: GraphQLOutputType,
    selections: SelectionSetNode | None,
    value: Any,
    path: str,
) -> Iterator[str]:
    if value is None:
        if is_non_null_type(kind):
            yield f"{path} is null"
        return
    inner: Any = get_nullable_type(kind)
    if is_list_type(inner):
        if not isinstance(value, list):
            yield f"{path} is no list"
            return
        for number, item in enumerate(value):
            yield from _value(schema, inner.of_type, selections, item, f"{path}[{number}]")
    elif is_object_type(inner) or is_abstract_type(inner):
        assert selections is not None
        yield from _object(schema, inner, selections, value, path)
    elif is_enum_type(inner):
        if value not in inner.values:
            yield f"{path} is {value!r}, no {inner.name}"
    elif not isinstance(value, _LEAVES[inner.name]):
        yield f"{path} is {value!r}, no {inner.name}"


def _object(
    schema: GraphQLSchema, kind: Any, selections: SelectionSetNode, value: Any, path: str
) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no object"
        return
    if is_abstract_type(kind):
        if "__typename" not in value:
            return  # nothing tells which of its types it is
        kind = schema.type_map[value["__typename"]]
    asked = dict(_fields(kind, selections))
    if asked.keys() != value.keys():
        yield f"{path} has {sorted(value)}, asked was {sorted(asked)}"
    for name, field in asked.items():
        if name not in value:
            continue
        if field.name.value == "__typename":
            if value[name] != kind.name:
                yield f"{path}.{name} is {value[name]!r}, no {kind.name}"
            continue
        found = kind.fields[field.name.value].type
        yield from _value(schema, found, field.selection_set, value[name], f"{path}.{name}")


def _fields(
    kind: GraphQLObjectType, selections: SelectionSetNode
) -> Iterator[tuple[str, FieldNode]]:
    for selection in selections.selections:
        assert not isinstance(selection, FragmentSpreadNode)
        if isinstance(selection, FieldNode):
            yield (selection.alias or selection.name).value, selection
        elif isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            if condition is None or condition.name.value == kind.name:
                yield from _fields(kind, selection.selection_set)
