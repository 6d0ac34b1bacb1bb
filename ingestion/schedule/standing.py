"""What is said of a deadline ahead, and when that changes.

    due sync + what was foretold + Expectation -> Standing | None: nothing new to say

A miss is told as soon as it is expected, and taken back only when there is some time to spare, so
that an expectation that wavers around the deadline is told once.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from ingestion.schedule.forecast import Expectation
from tenancy.due_work import DueWork
from tenancy.tables import MissCause

__all__ = ["Standing", "new_standing"]

TAKEN_BACK_WITH: Final = dt.timedelta(minutes=10)
# Smaller changes of an expected instant are not worth a row.
WORTH_TELLING: Final = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is expected of a due sync from now on.

    Attributes:
        expected_at: When it will be done; None: not before somebody acts.
        cause: Why that is too late; None: it is not.
    """

    work: DueWork
    expected_at: dt.datetime | None
    cause: MissCause | None


def new_standing(work: DueWork, expectation: Expectation) -> Standing | None:
    """What to say now of a sync whose deadline is ahead; None: what was said still holds."""
    cause = _standing_cause(work, expectation)
    if cause is work.miss_cause and not _has_moved(work.expected_at, expectation.finish):
        return None
    return Standing(work, expectation.finish, cause)


def _standing_cause(work: DueWork, expectation: Expectation) -> MissCause | None:
    if expectation.cause is not None or work.miss_cause is None or expectation.finish is None:
        return expectation.cause
    spare = work.deadline_at - expectation.finish
    return None if spare >= TAKEN_BACK_WITH else work.miss_cause


def _has_moved(before: dt.datetime | None, after: dt.datetime | None) -> bool:
    if before is None or after is None:
        return before is not after
    return abs(after - before) >= WORTH_TELLING
