"""When a channel is told: the window, reminders, the all clear, relapses."""

import datetime as dt
from typing import Any

import pytest

from api.alerts.notices import Notice, Told, next_notice, recall, take_due
from tenancy.tables import AlertSeverity, NoticePhase, RaisedAlert
from tests.api.alerts.samples import at, make_alert

OPENED, REMINDER, CLEARED = NoticePhase
INFO, WARNING, CRITICAL = AlertSeverity


def told(phase: NoticePhase, when: dt.datetime, times: int = 1, severity: Any = WARNING) -> Told:
    return Told(phase, severity, when, times)


def following(alert: RaisedAlert, known: Told | None, *, is_wanted: bool = True) -> Notice | None:
    return next_notice(alert, known, is_wanted=is_wanted)


def test_a_new_alert_waits_for_others_for_two_minutes() -> None:
    assert following(make_alert(), None) == Notice(OPENED, at(minutes=2))


def test_what_nobody_asks_for_is_not_told() -> None:
    assert following(make_alert(), None, is_wanted=False) is None
    assert following(make_alert(), told(OPENED, at(minutes=2)), is_wanted=False) is None


def test_over_before_it_was_told_it_is_not_told() -> None:
    assert following(make_alert(cleared_at=at(minutes=1)), None) is None


@pytest.mark.parametrize(
    ("times", "hours"), [(1, 4), (2, 8), (3, 16), (4, 24), (5, 24), (10_000, 24)]
)
def test_reminders_come_at_growing_distances(times: int, hours: int) -> None:
    last = told(REMINDER, at(hours=1), times)
    assert following(make_alert(), last) == Notice(REMINDER, at(hours=1 + hours))


def test_what_grows_worse_is_told_at_once() -> None:
    worse = make_alert(severity=CRITICAL, updated_at=at(minutes=30))
    known = told(OPENED, at(minutes=2))
    assert following(worse, known) == Notice(OPENED, at(minutes=30))
    assert following(make_alert(severity=INFO), known) == Notice(REMINDER, at(hours=4, minutes=2))


@pytest.mark.parametrize(
    ("relapses", "minutes"), [(0, 15), (1, 30), (2, 60), (3, 120), (4, 240), (5, 240), (999, 240)]
)
def test_the_all_clear_waits_longer_with_every_relapse(relapses: int, minutes: int) -> None:
    over = make_alert(cleared_at=at(hours=1), relapses=relapses)
    known = told(OPENED, at(minutes=2))
    assert following(over, known) == Notice(CLEARED, at(minutes=60 + minutes))


def test_the_all_clear_reaches_who_asks_for_it_no_longer() -> None:
    over = make_alert(cleared_at=at(hours=1))
    known = told(OPENED, at(minutes=2))
    assert following(over, known, is_wanted=False) == Notice(CLEARED, at(minutes=75))


def test_after_the_all_clear_there_is_nothing_to_tell() -> None:
    over = make_alert(cleared_at=at(hours=1))
    assert following(over, told(CLEARED, at(hours=2), 0)) is None


def test_a_relapse_after_the_all_clear_is_told_anew() -> None:
    back = make_alert(opened_at=at(hours=3), relapses=1)
    assert following(back, told(CLEARED, at(hours=2), 0)) == Notice(OPENED, at(hours=3, minutes=2))


def test_a_relapse_before_the_all_clear_is_no_news() -> None:
    back = make_alert(opened_at=at(hours=1), relapses=1)
    known = told(OPENED, at(minutes=2))
    assert following(back, known) == Notice(REMINDER, at(hours=4, minutes=2))


def test_the_past_is_recalled() -> None:
    assert recall([]) is None
    sent = [
        (OPENED, WARNING, at()),
        (REMINDER, WARNING, at(hours=4)),
        (OPENED, CRITICAL, at(hours=5)),
        (CLEARED, CRITICAL, at(hours=6)),
        (OPENED, INFO, at(hours=7)),
        (REMINDER, WARNING, at(hours=8)),
    ]
    known = [recall(sent[: number + 1]) for number in range(len(sent))]
    assert known == [
        Told(OPENED, WARNING, at(), 1),
        Told(REMINDER, WARNING, at(hours=4), 2),
        Told(OPENED, CRITICAL, at(hours=5), 3),
        Told(CLEARED, CRITICAL, at(hours=6), 0),
        Told(OPENED, INFO, at(hours=7), 1),
        Told(REMINDER, WARNING, at(hours=8), 2),
    ]


def test_what_is_due_takes_along_what_soon_will_be() -> None:
    waiting = [
        ("first", Notice(OPENED, at())),
        ("with it", Notice(REMINDER, at(minutes=2))),
        ("later", Notice(CLEARED, at(minutes=2, microseconds=1))),
    ]
    assert take_due(waiting, at()) == [("first", OPENED), ("with it", REMINDER)]
    assert take_due(waiting, at(microseconds=-1)) == []
    assert take_due([], at()) == []
