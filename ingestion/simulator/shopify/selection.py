"""Flattening of selection sets: aliases, fragments, @include and @skip resolved.

    OperationDefinition + variables -> collect -> SelectedField tree

Both the cost of a query and the projection of its rows walk this tree. Parsing, validation and
coercion of variables and arguments are graphql-core's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    get_named_type,
)
from graphql.execution.values import get_argument_values, get_directive_values
from graphql.type import is_list_type, is_non_null_type

__all__ = ["SelectedField", "collect"]


@dataclass(frozen=True, slots=True)
class SelectedField:
    """One field of a flattened selection.

    Attributes:
        key: Response key: alias or name.
        name: Name in the schema; `__typename` too.
        arguments: Coerced arguments.
        type_name: Name of the object type it returns; empty for a leaf.
        is_list: Whether it returns a list.
        children: Selection below it; empty for a leaf.
    """

    key: str
    name: str
    arguments: dict[str, Any]
    type_name: str
    is_list: bool
    children: tuple["SelectedField", ...]


def collect(
    parent: GraphQLObjectType,
    selections: Sequence[SelectionNode],
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Any,
) -> tuple[SelectedField, ...]:
    """Flatten `selections` on `parent`; the document has been validated.

    Args:
        parent: Object type that is selected from.
        selections: Its selection set.
        fragments: Fragment definitions of the document by name.
        variables: Variables as graphql-core coerced them.
    """
    nodes: dict[str, list[FieldNode]] = {}
    _gather(selections, fragments, variables, nodes)
    return tuple(_field(parent, key, group, fragments, variables) for key, group in nodes.items())


def _gather(
    selections: Sequence[SelectionNode],
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Any,
    nodes: dict[str, list[FieldNode]],
) -> None:
    for node in selections:
        if not _is_included(node, variables):
            continue
        if isinstance(node, FieldNode):
            key = node.alias.value if node.alias else node.name.value
            nodes.setdefault(key, []).append(node)
        elif isinstance(node, FragmentSpreadNode):
            # The schema has no abstract types, so a valid fragment always applies.
            fragment = fragments[node.name.value]
            _gather(fragment.selection_set.selections, fragments, variables, nodes)
        elif isinstance(node, InlineFragmentNode):
            _gather(node.selection_set.selections, fragments, variables, nodes)


def _is_included(node: SelectionNode, variables: Any) -> bool:
    skip = get_directive_values(GraphQLSkipDirective, node, variables)
    if skip and skip["if"]:
        return False
    include = get_directive_values(GraphQLIncludeDirective, node, variables)
    return include is None or bool(include["if"])


def _field(
    parent: GraphQLObjectType,
    key: str,
    group: list[FieldNode],
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Any,
) -> SelectedField:
    name = group[0].name.value
    if name == "__typename":
        return SelectedField(key, name, {}, "", is_list=False, children=())
    definition = parent.fields[name]
    arguments = get_argument_values(definition, group[0], variables)
    target = get_named_type(definition.type)
    is_list = _is_list(definition.type)
    if not isinstance(target, GraphQLObjectType):
        return SelectedField(key, name, arguments, "", is_list=is_list, children=())
    merged = [
        each for node in group if node.selection_set for each in node.selection_set.selections
    ]
    children = collect(target, merged, fragments, variables)
    return SelectedField(key, name, arguments, target.name, is_list=is_list, children=children)


def _is_list(type_: GraphQLOutputType) -> bool:
    return is_list_type(type_.of_type if is_non_null_type(type_) else type_)
