"""What a legal hold can keep while the rest of a person is erased, by category of data.

    hold over a category -> whatever tells of it stays as it is, whole -> the rest is erased

A row is of one category, that of the day that it tells of (`Table.tells_of`): so an order stays
with its person, whatever else it says. Whatever stays can be found again only by what names the
person, so that stays as well.

Source: GDPR article 17(3).
"""

from collections.abc import Mapping
from typing import Final

from domain.errors import InvalidInputError

__all__ = ["HELD_CATEGORIES", "check_category"]

# Fideslang category -> what of it is kept, for people.
HELD_CATEGORIES: Final[Mapping[str, str]] = {
    "user.account": "customer records",
    "user.behavior.purchase_history": "orders, order lines and refunds",
    "user.contact": "addresses and telephone numbers, sealed",
}


def check_category(category: str) -> None:
    """Refuse a category that nothing could be kept under.

    Raises:
        InvalidInputError: There is no such category (the officer can name one).
    """
    if category not in HELD_CATEGORIES:
        known = "; ".join(f"{name} ({what})" for name, what in HELD_CATEGORIES.items())
        raise InvalidInputError(
            f"a hold cannot be over {category!r} alone",
            hint=f"name no category for all of the data, or one of: {known}",
        )
