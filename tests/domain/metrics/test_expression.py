from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.metrics.expression import (
    FUNCTIONS,
    Binary,
    Call,
    Expression,
    Name,
    Negate,
    Number,
    format_expression,
    iter_names,
    parse_expression,
)
from domain.metrics.tokens import ExpressionError

numbers = st.decimals(0, 10**12, places=4).map(Number)
names = st.sampled_from(["revenue", "spend", "cogs_rate"]).map(Name)


def larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    calls = st.sampled_from(sorted(FUNCTIONS)).flatmap(
        lambda name: st.builds(Call, st.just(name), st.tuples(*[inner] * FUNCTIONS[name]))
    )
    return (
        st.builds(Binary, st.sampled_from("+-*/"), inner, inner) | st.builds(Negate, inner) | calls
    )


trees: st.SearchStrategy[Expression] = st.recursive(numbers | names, larger, max_leaves=20)


@given(trees)
def test_reads_what_it_writes(tree: Expression) -> None:
    assert parse_expression(format_expression(tree)) == tree


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a-b-c", "a - b - c"),
        ("a-(b-c)", "a - (b - c)"),
        ("(a*b)/c", "a * b / c"),
        ("a*(b+1.50)", "a * (b + 1.50)"),
        ("-(a+b)*c", "-(a + b) * c"),
        ("- - a", "--a"),
        ("coalesce( a,0 )", "coalesce(a, 0)"),
        ("((a))", "a"),
    ],
)
def test_binds_as_in_arithmetic(text: str, written: str) -> None:
    assert format_expression(parse_expression(text)) == written


def test_multiplication_binds_tighter_than_addition() -> None:
    assert parse_expression("a + b * 2") == Binary(
        "+", Name("a"), Binary("*", Name("b"), Number(Decimal(2)))
    )


def test_names_come_from_left_to_right() -> None:
    tree = parse_expression("-b + greatest(a, 1) / b")
    assert [(one.name, one.position) for one in iter_names(tree)] == [
        ("b", 1),
        ("a", 14),
        ("b", 22),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a number, a name or '(', found the end at column 1\n  \n  ^"),
        ("a +", "expected a number, a name or '(', found the end at column 4\n  a +\n     ^"),
        ("a b", "expected an operator or the end, found 'b' at column 3\n  a b\n    ^"),
        ("(a", "expected ')', found the end at column 3\n  (a\n    ^"),
        ("a)", "expected an operator or the end, found ')' at column 2\n  a)\n   ^"),
        ("a ; b", "';' has no meaning here at column 3\n  a ; b\n    ^"),
        ("abs(a, b)", "abs takes 1 argument, not 2 at column 1\n  abs(a, b)\n  ^"),
        ("least(a)", "least takes 2 arguments, not 1 at column 1\n  least(a)\n  ^"),
        ("1 + abs", "abs is a function at column 5\n  1 + abs\n      ^ (write abs(...))"),
        (
            "avg(a)",
            (
                "there is no function 'avg' at column 1\n  avg(a)\n  ^ "
                "(functions are abs, coalesce, nullif, least, greatest)"
            ),
        ),
        (
            "0.1234567890",
            "a number has at most 29 digits and 9 decimals at column 1\n  0.1234567890\n  ^",
        ),
    ],
)
def test_shows_where_it_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse_expression(text)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(" * 33 + "a" + ")" * 33, "nested more than 32 deep"),
        ("-" * 33 + "a", "nested more than 32 deep"),
        ("+".join(["a"] * 129), "an expression has at most 256 words, this one 258"),
        ("a" * 2001, "an expression has at most 2000 characters, this one 2001"),
    ],
)
def test_limits_size_and_depth(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse_expression(text)
    assert raised.value.reason == reason


def test_reads_the_deepest_and_the_longest() -> None:
    assert parse_expression("(" * 32 + "a" + ")" * 32) == Name("a")
    assert len(list(iter_names(parse_expression("+".join(["a"] * 128))))) == 128
