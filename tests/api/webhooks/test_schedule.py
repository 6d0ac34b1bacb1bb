"""When a delivery is tried again."""

import datetime as dt

import pytest

from api.webhooks.schedule import GIVEN_UP_AFTER, next_wait, read_retry_after

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def test_the_schedule_is_that_of_the_specification() -> None:
    at, times = dt.timedelta(), []
    for attempts in range(1, GIVEN_UP_AFTER):
        wait = next_wait(attempts, jitter=0.0)
        assert wait is not None
        at += wait
        times.append(at)
    # Standard Webhooks 1.0.0, "Example retry schedule": time since start.
    assert [
        f"{t // HOUR:02}:{t // dt.timedelta(minutes=1) % 60:02}:{t.seconds % 60:02}" for t in times
    ] == [
        "00:00:05",
        "00:05:05",
        "00:35:05",
        "02:35:05",
        "07:35:05",
        "17:35:05",
        "31:35:05",
        "51:35:05",
        "75:35:05",
    ]
    assert next_wait(GIVEN_UP_AFTER, jitter=0.0) is None
    assert next_wait(GIVEN_UP_AFTER, jitter=0.0, asked=HOUR) is None


def test_jitter_only_makes_it_later() -> None:
    assert next_wait(2, jitter=0.5) == dt.timedelta(minutes=5.5)
    assert next_wait(2, jitter=0.999) == dt.timedelta(minutes=5, seconds=59, microseconds=940_000)


def test_the_endpoint_is_left_alone_as_long_as_it_asks() -> None:
    assert next_wait(1, jitter=0.0, asked=HOUR) == HOUR
    assert next_wait(4, jitter=0.0, asked=HOUR) == 2 * HOUR


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("0", dt.timedelta()),
        ("120", dt.timedelta(minutes=2)),
        ("86401", 24 * HOUR),
        ("9" * 400, 24 * HOUR),
        ("Sun, 01 Mar 2026 12:30:00 GMT", HOUR / 2),
        ("Sun, 01 Mar 2026 11:30:00 GMT", dt.timedelta()),
        ("Sun, 01 Mar 2026 12:30:00 -0000", HOUR / 2),
        ("Thu, 31 Dec 9999 23:59:59 GMT", 24 * HOUR),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("Sun, 99 Mar 2026 12:30:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, wait: dt.timedelta | None) -> None:
    assert read_retry_after(text, NOW) == wait
