"""Expressions over metrics: a small grammar, read by precedence climbing.

    "revenue * (1 - cogs_rate) - spend" -> parse_expression -> tree -> format_expression -> text

    sum      = product (("+" | "-") product)*
    product  = unary (("*" | "/") unary)*
    unary    = "-" unary | primary
    primary  = number | name | function "(" sum ("," sum)* ")" | "(" sum ")"

Writing a tree and reading it again gives the same tree. Sources: V. Pratt, Top Down Operator
Precedence (1973).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from domain.metrics.tokens import ExpressionError, Kind, Token, tokenize

__all__ = [
    "FUNCTIONS",
    "Binary",
    "Call",
    "Expression",
    "Name",
    "Negate",
    "Number",
    "format_expression",
    "iter_names",
    "parse_expression",
]

FUNCTIONS: Final = {"abs": 1, "coalesce": 2, "nullif": 2, "least": 2, "greatest": 2}

_STRENGTH: Final = {"+": 1, "-": 1, "*": 2, "/": 2}
_UNARY_STRENGTH: Final = 3
_MAX_DEPTH: Final = 32
_MAX_TOKENS: Final = 256


@dataclass(frozen=True, slots=True)
class Number:
    """A constant, never negative: the minus sign is a `Negate`."""

    value: Decimal
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A metric or a parameter."""

    name: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Negate:
    """The operand with its sign turned."""

    operand: "Expression"
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`, operator one of `+ - * /`; division by zero is missing (NULL)."""

    operator: str
    left: "Expression"
    right: "Expression"
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One of `FUNCTIONS` with its arguments."""

    function: str
    arguments: tuple["Expression", ...]
    position: int = field(default=0, compare=False)


Expression = Number | Name | Negate | Binary | Call


def parse_expression(text: str) -> Expression:
    """Read an expression.

    Raises:
        ExpressionError: Not of the grammar, more than 256 words, or nested more than 32 deep.
    """
    tokens = tokenize(text)
    if len(tokens) > _MAX_TOKENS:
        raise ExpressionError(
            f"an expression has at most {_MAX_TOKENS} words, this one {len(tokens)}",
            text,
            tokens[_MAX_TOKENS].position,
            hint="give parts of it names of their own",
        )
    parser = _Parser(text, tokens)
    tree = parser.climb(0, 0)
    parser.expect_end()
    return tree


def format_expression(tree: Expression) -> str:
    """Write an expression with no more parentheses than needed."""
    match tree:
        case Number(value=value):
            return f"{value:f}"
        case Name(name=name):
            return name
        case Negate(operand=operand):
            return f"-{_enclosed(operand, _UNARY_STRENGTH)}"
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(format_expression, arguments))})"
        case Binary(operator=operator, left=left, right=right):
            strength = _STRENGTH[operator]
            return f"{_enclosed(left, strength)} {operator} {_enclosed(right, strength + 1)}"


def iter_names(tree: Expression) -> Iterator[Name]:
    """Every name in an expression, from left to right."""
    match tree:
        case Name():
            yield tree
        case Negate(operand=operand):
            yield from iter_names(operand)
        case Binary(left=left, right=right):
            yield from iter_names(left)
            yield from iter_names(right)
        case Call(arguments=arguments):
            for argument in arguments:
                yield from iter_names(argument)
        case Number():
            return


def _enclosed(tree: Expression, strength: int) -> str:
    text = format_expression(tree)
    return f"({text})" if isinstance(tree, Binary) and _STRENGTH[tree.operator] < strength else text


class _Parser:
    """Reads tokens from left to right; `depth` counts open parentheses and minus signs."""

    def __init__(self, text: str, tokens: tuple[Token, ...]) -> None:
        self._text = text
        self._tokens = tokens
        self._next = 0

    def climb(self, strength: int, depth: int) -> Expression:
        """Read operators that bind tighter than `strength`."""
        tree = self._unary(depth)
        while self._peek.text in _STRENGTH and _STRENGTH[self._peek.text] > strength:
            sign = self._take()
            right = self.climb(_STRENGTH[sign.text], depth)
            tree = Binary(sign.text, tree, right, sign.position)
        return tree

    def expect_end(self) -> None:
        if self._peek.kind is not Kind.END:
            raise self._unexpected("an operator or the end")

    @property
    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _unary(self, depth: int) -> Expression:
        if depth > _MAX_DEPTH:
            raise ExpressionError(
                f"nested more than {_MAX_DEPTH} deep",
                self._text,
                self._peek.position,
                hint="give parts of it names of their own",
            )
        if self._peek.text == "-":
            sign = self._take()
            return Negate(self._unary(depth + 1), sign.position)
        return self._primary(depth)

    def _primary(self, depth: int) -> Expression:
        token = self._peek
        if token.kind is Kind.NUMBER:
            self._take()
            return Number(Decimal(token.text), token.position)
        if token.kind is Kind.NAME:
            self._take()
            return self._call(token, depth) if self._peek.text == "(" else _name(token, self._text)
        if token.text == "(":
            self._take()
            tree = self.climb(0, depth + 1)
            self._expect(")")
            return tree
        raise self._unexpected("a number, a name or '('")

    def _call(self, name: Token, depth: int) -> Call:
        if name.text not in FUNCTIONS:
            raise ExpressionError(
                f"there is no function {name.text!r}",
                self._text,
                name.position,
                hint=f"functions are {', '.join(FUNCTIONS)}",
            )
        self._expect("(")
        arguments = [self.climb(0, depth + 1)]
        while self._peek.text == ",":
            self._take()
            arguments.append(self.climb(0, depth + 1))
        self._expect(")")
        wanted = FUNCTIONS[name.text]
        if len(arguments) != wanted:
            raise ExpressionError(
                f"{name.text} takes {wanted} argument{'s' * (wanted > 1)}, not {len(arguments)}",
                self._text,
                name.position,
            )
        return Call(name.text, tuple(arguments), name.position)

    def _expect(self, sign: str) -> None:
        if self._peek.text != sign:
            raise self._unexpected(repr(sign))
        self._take()

    def _unexpected(self, wanted: str) -> ExpressionError:
        token = self._peek
        found = token.text if token.kind is Kind.END else repr(token.text)
        return ExpressionError(f"expected {wanted}, found {found}", self._text, token.position)


def _name(token: Token, text: str) -> Name:
    if token.text in FUNCTIONS:
        raise ExpressionError(
            f"{token.text} is a function",
            text,
            token.position,
            hint=f"write {token.text}(...)",
        )
    return Name(token.text, token.position)
