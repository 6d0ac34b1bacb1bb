"""Limits of a document, checked before any standard rule runs.

    document -> measure each fragment once -> measure the operations -> figures | refusal

A fragment is measured once and its figures are reused wherever it is spread, so the work is linear
in the document's length even where the expanded query is exponential (a chain of 20 fragments that
each spread the next one twice is 731 characters and a million fields). Directives are not looked
at: a field under `@include(if: false)` counts. Cyclic fragments count once here and are refused by
the standard rules.

Sources: GraphQL specification, October 2021, section 6.3.2 (field collection); docs/graphql.md.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from domain.errors import Terminal, UserError

__all__ = ["DocumentFigures", "Limits", "QueryTooComplexError", "check_limits"]

_ROOT_TYPES: Final = frozenset({"Query", "Mutation"})
_INTROSPECTION: Final = frozenset({"__schema", "__type"})

# Figures stop growing here: they only have to be larger than any limit, and a DAG of fragments
# would otherwise make numbers of thousands of digits.
_CEILING: Final = 1_000_000_000


class QueryTooComplexError(UserError, Terminal):
    """The document is larger than one operation may be."""

    code = "QUERY_TOO_COMPLEX"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may ask for, after its fragments are expanded.

    Attributes:
        tokens: Lexical tokens of the text.
        depth: Levels of selections; introspection has its own.
        introspection_depth: The same under `__schema` and `__type`.
        aliases: Aliased fields in the whole document.
        breadth: Fields of one selection set.
        repeats: Selections of one response name in one selection set. The standard rule that
            compares them pairwise is quadratic in this number.
        cost: Sum over all fields; a root field counts its weight, every other field one.
        weights: Cost of root fields that start work of their own, by name.
    """

    tokens: int = 5_000
    depth: int = 10
    introspection_depth: int = 20
    aliases: int = 250
    breadth: int = 600
    repeats: int = 20
    cost: int = 4_000
    weights: tuple[tuple[str, int], ...] = (
        ("metrics", 200),
        ("features", 100),
        ("featureCatalogue", 100),
        ("budgetPlan", 500),
        ("budgetScenario", 500),
        ("planFeatureView", 500),
        ("applyFeatureView", 500),
        ("syncs", 50),
        ("quarantine", 50),
    )


@dataclass(frozen=True, slots=True)
class DocumentFigures:
    """What was measured, summed over the operations; `depth` and `breadth` are the largest."""

    depth: int
    introspection_depth: int
    aliases: int
    breadth: int
    cost: int


@dataclass(frozen=True, slots=True)
class _Figures:
    depth: int = 0
    introspection_depth: int = 0
    aliases: int = 0
    breadth: int = 0
    cost: int = 0
    names: tuple[tuple[str, int], ...] = ()


_NOTHING: Final = _Figures()


def check_limits(document: DocumentNode, limits: Limits) -> DocumentFigures:
    """Measure a parsed document.

    Returns:
        The figures, all within `limits`. Takes time linear in the length of the document.

    Raises:
        QueryTooComplexError: A figure is over its limit; says which, how much and the way out.
    """
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    meter = _Meter(fragments, limits)
    measured = [meter.fragment(name) for name in fragments]
    operations = [
        meter.selections(node.selection_set, is_root=True)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    ]
    everything = operations or measured
    figures = DocumentFigures(
        depth=max((part.depth for part in everything), default=0),
        introspection_depth=max((part.introspection_depth for part in everything), default=0),
        aliases=_capped(part.aliases for part in everything),
        breadth=max((part.breadth for part in everything), default=0),
        cost=_capped(part.cost for part in everything),
    )
    _compare(figures, limits)
    return figures


def _compare(figures: DocumentFigures, limits: Limits) -> None:
    checks = (
        ("levels deep", figures.depth, limits.depth, "select fewer levels"),
        (
            "levels of introspection deep",
            figures.introspection_depth,
            limits.introspection_depth,
            "the standard introspection query fits",
        ),
        ("aliases long", figures.aliases, limits.aliases, "split it into several requests"),
        ("fields wide", figures.breadth, limits.breadth, "split it into several requests"),
        ("points dear", figures.cost, limits.cost, "split it into several requests"),
    )
    for what, figure, limit, way_out in checks:
        if figure > limit:
            raise _too_complex(what, figure, limit, way_out)


def _too_complex(what: str, figure: int, limit: int, way_out: str) -> QueryTooComplexError:
    shown = f"over {_CEILING:,}" if figure >= _CEILING else f"{figure:,}"
    return QueryTooComplexError(
        f"the document is {shown} {what}, the limit is {limit:,}", hint=way_out
    )


def _capped(numbers: Iterable[int]) -> int:
    return min(sum(numbers), _CEILING)


class _Meter:
    """Measures selection sets; remembers fragments."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], limits: Limits) -> None:
        self._fragments = fragments
        self._limits = limits
        self._weights = dict(limits.weights)
        self._measured: dict[str, _Figures] = {}
        self._open: set[str] = set()

    def fragment(self, name: str) -> _Figures:
        known = self._measured.get(name)
        if known is not None:
            return known
        node = self._fragments.get(name)
        if node is None or name in self._open:
            return _NOTHING  # unknown or cyclic: the standard rules say so, with the place
        self._open.add(name)
        is_root = node.type_condition.name.value in _ROOT_TYPES
        figures = self.selections(node.selection_set, is_root=is_root)
        self._open.discard(name)
        self._measured[name] = figures
        return figures

    def selections(self, node: SelectionSetNode, *, is_root: bool) -> _Figures:
        parts = [self._selection(selection, is_root=is_root) for selection in node.selections]
        breadth = _capped(sum(count for _, count in part.names) for part in parts)
        if breadth > self._limits.breadth:
            way_out = "split it into several requests"
            raise _too_complex("fields wide", breadth, self._limits.breadth, way_out)
        names: Counter[str] = Counter()
        for part in parts:
            for name, count in part.names:
                names[name] += count
        self._check_repeats(names)
        return _Figures(
            depth=max((part.depth for part in parts), default=0),
            introspection_depth=max((part.introspection_depth for part in parts), default=0),
            aliases=_capped(part.aliases for part in parts),
            breadth=max(breadth, *(part.breadth for part in parts)),
            cost=_capped(part.cost for part in parts),
            names=tuple(names.items()),
        )

    def _check_repeats(self, names: Counter[str]) -> None:
        for name, count in names.items():
            if count > self._limits.repeats:
                raise QueryTooComplexError(
                    f"{name!r} is selected {count:,} times in one place, "
                    f"the limit is {self._limits.repeats}",
                    hint="select it once",
                )

    def _selection(self, node: SelectionNode, *, is_root: bool) -> _Figures:
        if isinstance(node, FieldNode):
            return self._field(node, is_root=is_root)
        if isinstance(node, FragmentSpreadNode):
            return self.fragment(node.name.value)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            on_root = is_root if condition is None else condition.name.value in _ROOT_TYPES
            return self.selections(node.selection_set, is_root=on_root)
        raise TypeError(type(node).__name__)  # pragma: no cover  # the grammar has no fourth kind

    def _field(self, node: FieldNode, *, is_root: bool) -> _Figures:
        name = node.name.value
        inner = _NOTHING
        if node.selection_set is not None:
            inner = self.selections(node.selection_set, is_root=False)
        is_introspection = name in _INTROSPECTION
        depth = 1 if is_introspection else inner.depth + 1
        introspection_depth = inner.depth + 1 if is_introspection else inner.introspection_depth
        return _Figures(
            depth=min(depth, _CEILING),
            introspection_depth=min(introspection_depth, _CEILING),
            aliases=min(inner.aliases + (node.alias is not None), _CEILING),
            breadth=inner.breadth,
            cost=min(inner.cost + (self._weights.get(name, 1) if is_root else 1), _CEILING),
            names=((node.alias.value if node.alias else name, 1),),
        )
