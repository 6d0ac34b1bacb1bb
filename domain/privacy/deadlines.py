"""By when a request has to be answered, as data and as sums over a calendar.

    received (instant) -> day in the controller's zone -> + months + days the clock stood still
        -> next working day -> end of that day (instant)

Two clocks run: the law's, towards the person, and the contract's, towards the controller, when the
agency is only a processor. Where the law may be read in two ways, the earlier date is taken: a
public holiday counts only when the whole country keeps it, and a pause only in full days.

Sources: Regulation (EU) 2016/679 (GDPR), articles 12(3), 12(4), 12(6), 28(3)(e), 33(1); Regulation
(EEC, Euratom) 1182/71, article 3; EDPB Guidelines 01/2022 on the right of access, paragraphs 157 to
162 (same date of the next month, last day of a shorter one; suspension while identity is open).
Decision: ADR-0026.
"""

import calendar
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from domain.privacy.rights import ProcessingRole

__all__ = [
    "CURRENT_POLICY",
    "POLICIES",
    "DeadlinePolicy",
    "WorkCalendar",
    "assist_by",
    "due_at",
    "end_of_period",
    "is_without_delay",
]

_SATURDAY: Final = 5
_WORKING_DAYS_WITHIN: Final = 2  # article 3(5)


@dataclass(frozen=True, slots=True)
class DeadlinePolicy:
    """The figures of the law, and of the contracts, under one name that a request keeps.

    Attributes:
        version: Of these figures; never used again for others.
        act_months: From receipt until the person is answered.
        extension_months: More, when the person is told why within the first ones.
        identity_working_days: Within so many, asking for identity is without undue delay, and the
            clock stands still until it is proved.
        assist: From receipt until the controller has the processor's help.
        breach: From knowledge of a breach until the authority is told.
        warn: An alert is raised when so much is left, the longest first.
        warn_assist: Likewise of the controller's help.
        retry_until: When so much is left, failures are no longer only tried again.
    """

    version: str
    act_months: int
    extension_months: int
    identity_working_days: int
    assist: dt.timedelta
    breach: dt.timedelta
    warn: tuple[dt.timedelta, ...]
    warn_assist: dt.timedelta
    retry_until: dt.timedelta


_GDPR_2018: Final = DeadlinePolicy(
    version="gdpr-2018",
    act_months=1,
    extension_months=2,
    identity_working_days=3,
    assist=dt.timedelta(hours=72),
    breach=dt.timedelta(hours=72),
    warn=(dt.timedelta(days=7), dt.timedelta(days=2)),
    warn_assist=dt.timedelta(days=1),
    retry_until=dt.timedelta(days=3),
)
POLICIES: Final[Mapping[str, DeadlinePolicy]] = {_GDPR_2018.version: _GDPR_2018}
CURRENT_POLICY: Final = _GDPR_2018


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Days where the controller is.

    Attributes:
        time_zone: The controller's.
        is_public_holiday: Whether all of its country keeps that day.
    """

    time_zone: ZoneInfo
    is_public_holiday: Callable[[dt.date], bool]

    def day_of(self, instant: dt.datetime) -> dt.date:
        """The day there."""
        return instant.astimezone(self.time_zone).date()

    def end_of(self, day: dt.date) -> dt.datetime:
        """The UTC instant at which a day has ended there; also where midnight is skipped."""
        midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), self.time_zone)
        return midnight.astimezone(dt.UTC)

    def is_working(self, day: dt.date) -> bool:
        """Neither Saturday nor Sunday nor a public holiday."""
        return day.weekday() < _SATURDAY and not self.is_public_holiday(day)


def due_at(
    policy: DeadlinePolicy,
    received_at: dt.datetime,
    days: WorkCalendar,
    *,
    is_extended: bool = False,
    paused: dt.timedelta = dt.timedelta(0),
) -> dt.datetime:
    """The instant before which the person has to be answered.

    Args:
        policy: Whose figures count.
        received_at: UTC instant.
        days: Where the controller is.
        is_extended: The person was told in time that it takes longer. Both periods are one that
            runs from receipt: the end of the first does not move that of the second.
        paused: How long the clock stood still, in all; only its full days count.
    """
    months = policy.act_months + (policy.extension_months if is_extended else 0)
    return days.end_of(
        end_of_period(days.day_of(received_at), days, months=months, more_days=paused.days)
    )


def assist_by(
    policy: DeadlinePolicy, role: ProcessingRole, received_at: dt.datetime
) -> dt.datetime | None:
    """The instant before which the controller has to be helped; None: we are the controller."""
    return None if role is ProcessingRole.CONTROLLER else received_at + policy.assist


def is_without_delay(
    policy: DeadlinePolicy, received_at: dt.datetime, asked_at: dt.datetime, days: WorkCalendar
) -> bool:
    """Whether identity was asked for soon enough for the clock to stand still meanwhile."""
    day = days.day_of(received_at)
    for _ in range(policy.identity_working_days):
        day = _next_working(day + dt.timedelta(days=1), days)
    return asked_at < days.end_of(day)


def end_of_period(
    start: dt.date, days: WorkCalendar, *, months: int, more_days: int = 0
) -> dt.date:
    """The last day of a period that runs from a day, which itself does not count.

    Args:
        start: Day of the event.
        days: Which days are worked.
        months: The period ends on the same date so many months on, or on the last of that month.
        more_days: Added to that.
    """
    last = _next_working(_same_date(start, months) + dt.timedelta(days=more_days), days)
    while _working_days(start, last, days) < _WORKING_DAYS_WITHIN:
        last = _next_working(last + dt.timedelta(days=1), days)
    return last


def _same_date(start: dt.date, months: int) -> dt.date:
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    return dt.date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def _next_working(day: dt.date, days: WorkCalendar) -> dt.date:
    """The day itself, if it is worked."""
    while not days.is_working(day):
        day += dt.timedelta(days=1)
    return day


def _working_days(start: dt.date, last: dt.date, days: WorkCalendar) -> int:
    """In a period whose first day is that after `start`; no more than asked for are counted."""
    count, day = 0, last
    while day > start and count < _WORKING_DAYS_WITHIN:
        count += days.is_working(day)
        day -= dt.timedelta(days=1)
    return count
