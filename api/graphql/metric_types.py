"""Types around metrics that are the same in every schema."""

from decimal import Decimal
from typing import Final

import strawberry

from domain.query.notices import NoticeCode
from domain.query.request import Align, CompareTo, Direction
from domain.time_window import Grain

__all__ = ["Compare", "IdFilter", "MetricsNotice", "Money", "Named", "PageInfo", "TextFilter"]

strawberry.enum(Grain, description="Calendar unit of a date; weeks start on Monday (ISO 8601).")
strawberry.enum(Direction, description="Order of rows; rows without a value come last in both.")
strawberry.enum(CompareTo, description="PREVIOUS_PERIOD ends the day before the asked one starts.")
strawberry.enum(
    NoticeCode,
    description="MIXED_ATTRIBUTION: null where platforms may claim the same sale; "
    "PARTIAL_CUT: only a part is reported this way.",
)
strawberry.enum(Align, description="WEEKDAY moves by whole weeks, so that Mondays meet Mondays.")

_NULLS: Final = "null among the values means rows without one"


@strawberry.type(description="An amount in one currency.")
class Money:
    """See the description."""

    amount: Decimal = strawberry.field(description="A decimal string, two to nine decimals.")
    currency: str = strawberry.field(description="ISO 4217 code.")


@strawberry.type(description="Something with an id and a name.")
class Named:
    """See the description."""

    id: strawberry.ID = strawberry.field(description="Opaque; filters take it.")
    name: str | None = strawberry.field(description="For people; null when nobody gave one.")


@strawberry.type(description="Where a page ends.")
class PageInfo:
    """See the description."""

    has_next_page: bool = strawberry.field(description="Whether there are more after this page.")
    end_cursor: str | None = strawberry.field(
        description="Give it as `after` to get the next page; null on an empty page."
    )


@strawberry.type(description="What to know about some metrics of an answer.")
class MetricsNotice:
    """See the description."""

    code: NoticeCode
    metrics: list[str] = strawberry.field(
        description="Their fields; conditions and orders may have brought some of them."
    )
    message: str
    hint: str = strawberry.field(description="What to do.")


@strawberry.input(description="Lay a base period beside the asked one; `compared` shows it.")
class Compare:
    """See the description."""

    to: CompareTo = strawberry.field(description="The base period.")
    align: Align = strawberry.field(
        default=Align.DATE, description="How days are laid beside each other."
    )


@strawberry.input(
    description=f"Keep rows that are (`in`) or are not (`not`) one of some; {_NULLS}."
)
class TextFilter:
    """See the description."""

    in_: list[str | None] | None = strawberry.field(name="in", default=None)
    not_: list[str | None] | None = strawberry.field(name="not", default=None)


@strawberry.input(
    description=f"Keep rows that are (`in`) or are not (`not`) one of some; {_NULLS}."
)
class IdFilter:
    """See the description."""

    in_: list[strawberry.ID | None] | None = strawberry.field(name="in", default=None)
    not_: list[strawberry.ID | None] | None = strawberry.field(name="not", default=None)
