"""Scalars of the schema.

`Count` is a whole number beyond GraphQL's 32-bit `Int` (impressions of one agency pass 2^31 in a
month), written as a JSON number. Amounts are Strawberry's `Decimal`: a string.
"""

from typing import Final, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

__all__ = ["SCALARS", "Count"]

Count = NewType("Count", int)

_LARGEST: Final = 2**63 - 1


def _whole_number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST:
        raise GraphQLError(f"Count cannot represent {value!r}: a whole number of 64 bits")
    return value


SCALARS: Final[dict[object, ScalarDefinition]] = {
    Count: strawberry.scalar(
        name="Count",
        description="A whole number of up to 64 bits, as a JSON number.",
        serialize=_whole_number,
        parse_value=_whole_number,
    )
}
