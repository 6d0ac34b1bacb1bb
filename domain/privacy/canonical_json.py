"""JSON of which every value has exactly one way of being written, so that bytes can be signed.

    value -> canonical_json -> bytes, one line            what is signed and hashed
    value -> readable_json -> bytes, indented              what people read
    bytes -> read_json -> value, or refused: a name twice, a fraction, no Unicode

The way is that of RFC 8785 (JSON Canonicalization Scheme): no space, names in the order of their
UTF-16 code units, texts escaped only where JSON demands it, UTF-8. Of numbers only whole ones are
taken, up to 2**53 - 1 either way: these are written alike by everybody (RFC 8785 section 3.2.2.3,
RFC 7493 section 2.2), and nothing here needs others.

Decision: ADR-0030.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from domain.errors import InvalidInputError

__all__ = ["JsonValue", "canonical_json", "read_json", "readable_json"]

JsonValue: TypeAlias = "bool | int | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"

_LARGEST: Final = 2**53 - 1
_DEEPEST: Final = 32


def canonical_json(value: JsonValue) -> bytes:
    """The canonical bytes of a value.

    Raises:
        InvalidInputError: It holds a fraction, a number beyond 2**53 - 1, half a surrogate pair, a
            name that is no text, or something that JSON has no word for.
    """
    return _write(value, indent=None)


def readable_json(value: JsonValue) -> bytes:
    """The same with two spaces for each level and a line feed at the end; as unique.

    Raises:
        InvalidInputError: As `canonical_json`.
    """
    return _write(value, indent=2) + b"\n"


def read_json(data: bytes) -> Any:
    """Read JSON that has one meaning only.

    Raises:
        InvalidInputError: No JSON in UTF-8; a name that stands twice in an object; a fraction, an
            exponent or a number that is too large; nested more than 32 deep.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
        return _ordered(value, _DEEPEST)
    except (UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError("it is no JSON in UTF-8") from error
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"it is no JSON: {error.msg} in line {error.lineno}") from error
    except ValueError as error:  # a number of thousands of digits
        raise InvalidInputError("it holds a number that is too large") from error


def _write(value: JsonValue, *, indent: int | None) -> bytes:
    text = json.dumps(
        _ordered(value, _DEEPEST),
        ensure_ascii=False,
        allow_nan=False,
        indent=indent,
        separators=(",", ":") if indent is None else (",", ": "),
    )
    return text.encode("utf-8")


def _ordered(value: Any, levels: int) -> Any:
    """A copy with the names of each object in their order, checked on the way."""
    if levels < 0:
        raise InvalidInputError("it is nested too deeply")
    match value:
        case None | bool():
            return value
        case int():
            if abs(value) > _LARGEST:
                raise InvalidInputError("it holds a number that is too large")
            return value
        case str():
            return _checked(value)
        case Mapping():
            names = sorted(map(_checked, value), key=lambda name: name.encode("utf-16-be"))
            return {name: _ordered(value[name], levels - 1) for name in names}
        case list() | tuple():
            return [_ordered(one, levels - 1) for one in value]
    raise InvalidInputError(f"{type(value).__name__} has no canonical form")


def _checked(text: object) -> str:
    if not isinstance(text, str):
        raise InvalidInputError("a name is no text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInputError("it holds half a surrogate pair") from error
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidInputError("a name stands twice in an object")
    return found


def _refuse_number(_: str) -> Any:
    raise InvalidInputError("it holds a number that is not whole")
