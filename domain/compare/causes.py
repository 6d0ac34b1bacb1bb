"""Why two systems can differ, in words that say what to do."""

import enum
from dataclasses import dataclass

__all__ = ["Cause", "Reason"]


class Cause(enum.Enum):
    """Kinds of difference, from those of a whole account to those of one figure."""

    NOT_CONNECTED = "not_connected"  # the old system has the account, Bosco does not
    NOT_IN_OLD = "not_in_old"  # Bosco has the account, the old system does not
    UNIT = "unit"  # micros, cents or thousands on one side
    SIGN = "sign"  # costs or refunds written as negative numbers
    CURRENCY = "currency"  # amounts in another currency
    FACTOR = "factor"  # a tax, a fee: one factor on every amount
    SHIFTED_DAY = "shifted_day"  # every day stands under its neighbour
    TIME_ZONE = "time_zone"  # days are cut at another hour
    DAY_MISSING_IN_OLD = "day_missing_in_old"
    DAY_MISSING_IN_NEW = "day_missing_in_new"
    REPEATED_ROWS = "repeated_rows"  # the old system counted rows twice
    CAMPAIGN_MISSING_IN_OLD = "campaign_missing_in_old"
    CAMPAIGN_MISSING_IN_NEW = "campaign_missing_in_new"
    RESTATED = "restated"  # the platform changed the day after the old system had read it
    PARTIAL_DAY = "partial_day"  # the old system read the day before it was over
    ATTRIBUTION = "attribution"  # another window, or another definition of a conversion
    ROUNDING = "rounding"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Reason:
    """A cause found, with its evidence.

    Attributes:
        cause: Its kind.
        text: One sentence: what was seen.
    """

    cause: Cause
    text: str
