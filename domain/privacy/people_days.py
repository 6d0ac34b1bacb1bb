"""How long rows about a client's people are kept: as the policy says, or shorter.

    client's own days | policy -> day -> rows of earlier days are over

Sources: GDPR articles 5(1)(e) and 28(3)(a): the controller may want less, never more than was
recorded.
"""

import datetime as dt
from typing import Final

from domain.errors import InvalidInputError
from domain.privacy.retention_policies import RETENTION_POLICIES

__all__ = ["FEWEST_PEOPLE_DAYS", "MOST_PEOPLE_DAYS", "check_people_days", "people_over_before"]

MOST_PEOPLE_DAYS: Final = RETENTION_POLICIES["shop_people"].days or 0
# Shops still change orders of a season ago, and features look back four weeks.
FEWEST_PEOPLE_DAYS: Final = 90


def check_people_days(days: int) -> None:
    """Refuse days that the policy does not allow, or that would break what is computed.

    Raises:
        InvalidInputError: Too many, or too few.
    """
    if not FEWEST_PEOPLE_DAYS <= days <= MOST_PEOPLE_DAYS:
        raise InvalidInputError(
            f"rows about people cannot be kept for {days:,} days",
            hint=f"the policy allows {MOST_PEOPLE_DAYS:,} days at most, and"
            f" {FEWEST_PEOPLE_DAYS} are the fewest",
        )


def people_over_before(today: dt.date, own_days: int | None) -> dt.date:
    """Rows of earlier days are over; a row that is exactly so many days old is not yet.

    Args:
        today: In UTC.
        own_days: The client's own; None: those of the policy.
    """
    return today - dt.timedelta(days=MOST_PEOPLE_DAYS if own_days is None else own_days)
