"""Limits of a document."""

import pytest
from graphql import get_introspection_query, parse

from api.graphql.limits import Limits, QueryTooComplexError, check_limits


def chain(length: int, *, twice: bool = True) -> str:
    """A chain of fragments, each spreading the next one (twice)."""
    spread = "...f{0} ...f{0}" if twice else "...f{0}"
    parts = [f"fragment f{n} on Q{{{spread.format(n + 1)}}}" for n in range(length)]
    return "{a{...f0}}" + "".join(parts) + f"fragment f{length} on Q{{b}}"


def test_measures_an_ordinary_document() -> None:
    figures = check_limits(
        parse("query A { metrics { rows { x: spend { amount } roas } } } query B { me { id } }"),
        Limits(),
    )
    assert (figures.depth, figures.introspection_depth) == (4, 0)
    assert (figures.aliases, figures.breadth) == (1, 2)
    assert figures.cost == 200 + 1 + 2 + 1 + 2  # metrics, rows, two fields, amount; me, id


class CountingInt(int):
    """A number that counts how often it is compared: once per selection set that is measured."""

    comparisons = 0

    def __lt__(self, other: int) -> bool:
        type(self).comparisons += 1
        return int(self) < other


def test_exponential_fragments_take_linear_work() -> None:
    limits = Limits(breadth=CountingInt(10**12), repeats=10**12)
    with pytest.raises(QueryTooComplexError, match="1,048,577 points dear"):
        check_limits(parse(chain(20)), limits)
    assert CountingInt.comparisons == 24  # 21 fragments, the query, its field; the last comparison


def test_names_limit_figure_and_way_out() -> None:
    with pytest.raises(QueryTooComplexError) as caught:
        check_limits(parse("{a{b{c{d}}}}"), Limits(depth=3))
    assert caught.value.message == "the document is 4 levels deep, the limit is 3"
    assert caught.value.hint == "select fewer levels"
    assert caught.value.code == "QUERY_TOO_COMPLEX"


@pytest.mark.parametrize(
    ("document", "limits", "message"),
    [
        (
            "{" + " ".join(f"a{n}: b" for n in range(4)) + "}",
            Limits(aliases=3),
            "the document is 4 aliases long, the limit is 3",
        ),
        ("{a b c d}", Limits(breadth=3), "the document is 4 fields wide, the limit is 3"),
        ("{a a a}", Limits(repeats=2), "'a' is selected 3 times in one place, the limit is 2"),
        (
            "{a: metrics{x} b: metrics{x}}",
            Limits(cost=401),
            "the document is 402 points dear, the limit is 401",
        ),
        (
            "{a{...f} c{...f}} fragment f on Q {b{d{e}}}",
            Limits(depth=3),
            "the document is 4 levels deep, the limit is 3",
        ),
        (
            "{...r} fragment r on Query {metrics{x}}",
            Limits(cost=200),
            "the document is 201 points dear, the limit is 200",
        ),
        (
            "{... on Query {metrics{x}}}",
            Limits(cost=200),
            "the document is 201 points dear, the limit is 200",
        ),
        (
            "{__schema{types{fields{type{name}}}}}",
            Limits(introspection_depth=4),
            "the document is 5 levels of introspection deep, the limit is 4",
        ),
    ],
)
def test_refuses(document: str, limits: Limits, message: str) -> None:
    with pytest.raises(QueryTooComplexError) as caught:
        check_limits(parse(document), limits)
    assert caught.value.message == message


def test_a_nested_field_named_like_a_root_field_is_cheap() -> None:
    assert check_limits(parse("{a{metrics}}"), Limits()).cost == 2


def test_skipped_fields_count() -> None:
    figures = check_limits(parse("{a @skip(if: true) {b} c @include(if: false)}"), Limits())
    assert (figures.depth, figures.cost) == (2, 3)


def test_cyclic_fragments_end() -> None:
    document = parse("{...a} fragment a on Q {x ...b} fragment b on Q {y ...a}")
    assert check_limits(document, Limits()).cost == 2


def test_unknown_fragments_are_left_to_the_standard_rules() -> None:
    assert check_limits(parse("{a ...missing}"), Limits()).cost == 1


def test_the_standard_introspection_query_fits() -> None:
    document = parse(
        get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
        )
    )
    assert check_limits(document, Limits()).introspection_depth == 15
