import pytest

from domain.metrics.definition import Additivity, Unit
from domain.metrics.expression import parse_expression
from domain.metrics.inference import Inferred, infer
from domain.metrics.tokens import ExpressionError

NAMES = {
    "money": Inferred(Unit.MONEY, Additivity.FULL),
    "other_money": Inferred(Unit.MONEY, Additivity.FULL),
    "count": Inferred(Unit.COUNT, Additivity.FULL),
    "number": Inferred(Unit.NUMBER, Additivity.FULL),
    "ratio": Inferred(Unit.RATIO),
    "distinct": Inferred(Unit.COUNT),
    "rate": Inferred(None),
}


def inferred(text: str) -> Inferred:
    return infer(text, parse_expression(text), NAMES)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("money + other_money", Unit.MONEY),
        ("money / other_money", Unit.RATIO),
        ("money / count", Unit.MONEY),
        ("money / number", Unit.MONEY),
        ("money / ratio", Unit.MONEY),
        ("money * ratio", Unit.MONEY),
        ("number * money", Unit.MONEY),
        ("count * money", Unit.MONEY),
        ("rate * money", Unit.MONEY),
        ("count + count", Unit.COUNT),
        ("count - distinct", Unit.COUNT),
        ("-count", Unit.COUNT),
        ("count + 1", Unit.NUMBER),
        ("count * 2", Unit.NUMBER),
        ("count * ratio", Unit.NUMBER),
        ("count / 1000", Unit.NUMBER),
        ("count / ratio", Unit.NUMBER),
        ("count / count", Unit.RATIO),
        ("count / number", Unit.RATIO),
        ("1 / count", Unit.RATIO),
        ("count + number", Unit.NUMBER),
        ("number - 1", Unit.NUMBER),
        ("ratio + ratio", Unit.RATIO),
        ("1 - ratio", Unit.RATIO),
        ("ratio * ratio", Unit.RATIO),
        ("ratio / ratio", Unit.RATIO),
        ("1 / ratio", Unit.RATIO),
        ("ratio / 2", Unit.RATIO),
        ("abs(money)", Unit.MONEY),
        ("coalesce(money, 0)", Unit.MONEY),
        ("greatest(0, count)", Unit.COUNT),
        ("money + 0", Unit.MONEY),
        ("nullif(ratio, 1)", Unit.RATIO),
        ("1 + 2", None),
    ],
)
def test_infers_units(text: str, unit: Unit | None) -> None:
    assert inferred(text).unit is unit


@pytest.mark.parametrize(
    "text",
    [
        "money",
        "money - other_money",
        "-count",
        "money * 2",
        "rate * money",
        "money / 3",
        "count + number",
        "money * (1 - rate) - other_money",
        "(money + money) / 2",
    ],
)
def test_sums_and_scalings_are_additive(text: str) -> None:
    assert inferred(text).additivity is Additivity.FULL


@pytest.mark.parametrize(
    "text",
    [
        "money / count",
        "ratio",
        "distinct",
        "count + distinct",
        "count + 1",
        "abs(money)",
        "greatest(money, 0)",
        "money * ratio",
        "coalesce(money, 0)",
        "1 / count",
        "money - 0",
    ],
)
def test_everything_else_is_not(text: str) -> None:
    assert inferred(text).additivity is Additivity.NONE


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("money * other_money", "money (money) cannot be multiplied by other_money (money)", 6),
        ("money + count", "money (money) cannot be added to count (count)", 6),
        ("money - 1", "1 (a constant) cannot be subtracted from money (money)", 6),
        ("1 + money / count", "1 (a constant) cannot be added to money / count (money)", 2),
        ("ratio + count", "ratio (ratio) cannot be added to count (count)", 6),
        ("count * count", "count (count) cannot be multiplied by count (count)", 6),
        ("count / money", "count (count) cannot be divided by money (money)", 6),
        ("1 / money", "1 (a constant) cannot be divided by money (money)", 2),
        ("greatest(money, 1)", "greatest of money (money) and 1 (a constant) has no unit", 0),
        ("coalesce(money, count)", "coalesce of money (money) and count (count) has no unit", 0),
    ],
)
def test_names_both_sides_that_do_not_fit(text: str, reason: str, position: int) -> None:
    with pytest.raises(ExpressionError) as raised:
        inferred(text)
    assert (raised.value.reason, raised.value.position) == (reason, position)
