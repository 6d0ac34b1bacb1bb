"""Words of a metric expression.

    text -> tokenize -> tokens -> domain.metrics.expression.parse_expression

A complaint shows the text with a caret under the column it is about.
"""

import enum
import re
from dataclasses import dataclass
from typing import Final

from domain.errors import InvalidInputError

__all__ = ["ExpressionError", "Kind", "Token", "tokenize"]

_MAX_CHARACTERS: Final = 2000
_MAX_WHOLE_DIGITS: Final = 29  # the range of NUMERIC: 29 digits before the point and 9 after it
_MAX_DECIMALS: Final = 9
_WORD: Final = re.compile(
    r"(?P<space>\s+)|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>[-+*/(),])"
)


class Kind(enum.Enum):
    """What a token is."""

    NUMBER = "number"
    NAME = "name"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an expression; `position` is its column, counted from 0."""

    kind: Kind
    text: str
    position: int


class ExpressionError(InvalidInputError):
    """An expression cannot be read, or makes no sense (whoever wrote it can mend it).

    Attributes:
        expression: The text.
        position: Column that the complaint is about, counted from 0.
        reason: The complaint alone, without the text and the caret.
    """

    code = "INVALID_EXPRESSION"

    def __init__(self, reason: str, expression: str, position: int, *, hint: str = "") -> None:
        line = " ".join(expression.splitlines()) if "\n" in expression else expression
        super().__init__(
            f"{reason} at column {position + 1}\n  {line}\n  {' ' * position}^", hint=hint
        )
        self.expression = expression
        self.position = position
        self.reason = reason


def tokenize(text: str) -> tuple[Token, ...]:
    """Cut an expression into tokens; the last one is `END`.

    Raises:
        ExpressionError: A foreign character, a number outside NUMERIC, or more than 2,000
            characters.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ExpressionError(
            f"an expression has at most {_MAX_CHARACTERS} characters, this one {len(text)}",
            text[:60],
            0,
            hint="give parts of it names of their own",
        )
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _WORD.match(text, position)
        if match is None:
            raise ExpressionError(f"{text[position]!r} has no meaning here", text, position)
        if match.lastgroup == "number":
            _check_number(match.group(), text, position)
        if match.lastgroup != "space":
            tokens.append(Token(Kind(match.lastgroup), match.group(), position))
        position = match.end()
    return (*tokens, Token(Kind.END, "the end", len(text)))


def _check_number(number: str, text: str, position: int) -> None:
    whole, _, decimals = number.partition(".")
    if len(whole) > _MAX_WHOLE_DIGITS or len(decimals) > _MAX_DECIMALS:
        raise ExpressionError(
            f"a number has at most {_MAX_WHOLE_DIGITS} digits and {_MAX_DECIMALS} decimals",
            text,
            position,
        )
