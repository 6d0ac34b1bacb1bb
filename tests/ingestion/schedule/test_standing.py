"""When something new is said of a deadline ahead."""

import datetime as dt

import pytest

from ingestion.schedule.forecast import Expectation
from ingestion.schedule.standing import Standing, new_standing
from tenancy.tables import MissCause
from tests.ingestion.schedule.works import at, work

QUEUE, OUTAGE = MissCause.QUEUE, MissCause.OUTAGE
NEVER = None


@pytest.mark.parametrize(
    ("stood", "cause", "expected", "now", "said"),
    [
        # Nothing was said before: the first expectation is written down.
        (None, None, 30, None, (30, None)),
        (None, None, 61, QUEUE, (61, QUEUE)),
        # It moves by a little, or by enough.
        (30, None, 34, None, None),
        (30, None, 35, None, (35, None)),
        # A miss appears, another cause, and it stands.
        (58, None, 61, QUEUE, (61, QUEUE)),
        (61, QUEUE, 62, QUEUE, None),
        (61, QUEUE, 62, OUTAGE, (62, OUTAGE)),
        (61, QUEUE, NEVER, MissCause.REFUSED, (NEVER, MissCause.REFUSED)),
        (NEVER, MissCause.REFUSED, NEVER, MissCause.REFUSED, None),
        # It is taken back with ten minutes to spare, not before.
        (61, QUEUE, 59, None, None),
        (61, QUEUE, 51, None, (51, QUEUE)),
        (61, QUEUE, 50, None, (50, None)),
    ],
)
def test_says_what_is_new(
    stood: float | None,
    cause: MissCause | None,
    expected: float | None,
    now: MissCause | None,
    said: tuple[float | None, MissCause | None] | None,
) -> None:
    due = work(1, 60, expected_at=_at(stood), miss_cause=cause)
    standing = new_standing(due, Expectation(_at(expected), now))
    assert standing == (said and Standing(due, _at(said[0]), said[1]))


def _at(minute: float | None) -> dt.datetime | None:
    return None if minute is None else at(minute)
