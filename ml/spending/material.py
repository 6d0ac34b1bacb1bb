"""What the curves of a client are learnt from, out of what is known of its ads.

    panel of channels or campaigns, lift tests, events -> known days -> who runs and has results
        -> Observed, with results of the days on which they are final | what it takes, in words

A day whose results still grow would teach that spend of late brings nothing, so its spend counts
(it works on) and its results do not. A channel or campaign that spends, but of which there is too
little to say anything, is left out with the reason and is no part of a plan.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.errors import Terminal, UserError
from ml.ledger.ripe import MATURE_AFTER
from ml.panel import DAILY, Floats, Measure, Panel, Series
from ml.response.observed import LiftTest, Observed
from ml.response.season import calendar

__all__ = [
    "RECENT_DAYS",
    "Event",
    "Experiment",
    "LeftOut",
    "Material",
    "TooLittleDataError",
    "complete_steps",
    "gather",
    "key_of",
]

RECENT_DAYS: Final = 28  # four whole weeks; what spends now has spent in them

# Weekdays, a trend and a slope: eight weeks hold each weekday eight times.
_FEWEST_DAYS: Final = 56
_FEWEST_OF_ITEM: Final = 28

# Standard deviation over mean, as `ml.response.support` has it.
_HARDLY_MOVED: Final = 0.1

# An account that has told nothing for two weeks is not waited for.
_SILENT_DAYS: Final = 14

# Each event is a column of baseline and of demand.
_MOST_EVENTS: Final = 12


class TooLittleDataError(UserError, Terminal):
    """There is not enough of the past to say what spend brings."""

    code = "TOO_LITTLE_DATA"


@dataclass(frozen=True, slots=True)
class Event:
    """Days that are not like others."""

    name: str
    days: frozenset[dt.date]


@dataclass(frozen=True, slots=True)
class Experiment:
    """A lift test, as it was noted.

    Attributes:
        key: Channel or campaign, as `key_of`.
        spend_change: Over the period, signed.
        effect: Of the measure, over the period.
    """

    id: uuid.UUID
    key: str
    first: dt.date
    last: dt.date
    spend_change: float
    effect: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A channel or campaign that spends and is no part of a plan."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Of one fit.

    Attributes:
        observed: Its names are keys of channels or campaigns.
        start: Date of the first step.
        final_day: The last one whose results are final.
        events: Names of the events, in the order of their columns.
        tests: Experiments that count, as the fit takes them.
        tests_used: Their ids.
        left_out: Who spends and is not among the items.
    """

    observed: Observed
    start: dt.date
    final_day: dt.date
    events: tuple[str, ...]
    tests: tuple[LiftTest, ...]
    tests_used: tuple[uuid.UUID, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def last_day(self) -> dt.date:
        """Date of the last step."""
        return self.start + dt.timedelta(days=self.observed.spend.shape[1] - 1)


def key_of(series: Series) -> str:
    """What tells a channel or a campaign apart within a client."""
    return series.campaign or series.channel or "other"


def complete_steps(panel: Panel) -> int:
    """Steps until the last one of which everybody who still tells has told its spend."""
    known = np.isfinite(panel.values[Measure.SPEND])
    still_tell = known[:, -_SILENT_DAYS:].any(axis=1)
    complete = np.flatnonzero(known[still_tell].all(axis=0) & still_tell.any())
    return int(complete[-1]) + 1 if len(complete) else 0


def gather(
    panel: Panel,
    measure: Measure,
    today: dt.date,
    events: Sequence[Event] = (),
    experiments: Sequence[Experiment] = (),
    shown: Mapping[str, str] | None = None,
) -> Material:
    """Choose what can be learnt from.

    Args:
        panel: What is known now of one client, in one currency, by channel or by campaign.
        measure: Revenue or conversions.
        today: Of the agency; says which results are final.
        events: Of the client.
        experiments: Those of this measure and currency.
        shown: Keys as people know them, for words.

    Raises:
        TooLittleDataError: Nothing can be learnt yet; says what it takes (caller, with time).
    """
    panel = panel.until(complete_steps(panel))
    spend = np.maximum(np.nan_to_num(panel.values[Measure.SPEND]), 0)
    final = np.where(np.isnan(panel.values[Measure.SPEND]), np.nan, panel.values[measure])
    youngest = (today - panel.start).days - MATURE_AFTER[measure]  # final up to this column
    final[:, max(youngest + 1, 0) :] = np.nan
    names = shown or {}
    places, left_out = _chosen(panel, spend, final, measure, names)
    days = int(((spend > 0) & np.isfinite(final)).any(axis=0).sum())
    if not places or days < _FEWEST_DAYS:
        raise _too_few(days, measure, left_out)
    first = int(np.argmax((spend[places] > 0).any(axis=0)))
    start = panel.day(first)
    steps = panel.steps - first
    kept = [one for one in events if any(0 <= (day - start).days < steps for day in one.days)]
    kept = sorted(kept, key=lambda one: max(one.days))[-_MOST_EVENTS:]
    keys = tuple(key_of(panel.series[place]) for place in places)
    observed = Observed(
        names=keys,
        channels=tuple(panel.series[place].channel or "other" for place in places),
        spend=spend[places, first:],
        outcomes=final[places, first:],
        feeds=np.arange(len(places)),
        calendar=calendar(start, DAILY, steps, [one.days for one in kept]),
        controls=np.zeros((steps, 0)),
    )
    used = [one for one in experiments if _counts(one, keys, start, steps)]
    _check_moved(observed, used, names)
    return Material(
        observed=observed,
        start=start,
        final_day=panel.day(min(youngest, panel.steps - 1)),
        events=tuple(one.name for one in kept),
        tests=tuple(_test(one, keys, start) for one in used),
        tests_used=tuple(one.id for one in used),
        left_out=tuple(left_out),
    )


def _chosen(
    panel: Panel, spend: Floats, final: Floats, measure: Measure, shown: Mapping[str, str]
) -> tuple[list[int], list[LeftOut]]:
    runs = (spend[:, -RECENT_DAYS:] > 0).any(axis=1)
    told = ((spend > 0) & np.isfinite(final)).sum(axis=1)
    brought = np.nan_to_num(final).sum(axis=1)
    places, left_out = [], []
    for place in np.flatnonzero(runs).tolist():
        key = key_of(panel.series[place])
        if told[place] < _FEWEST_OF_ITEM:
            reason = (
                f"{shown.get(key, key)} has {told[place]} days of spend whose {measure.value} is "
                f"final; it takes {_FEWEST_OF_ITEM}"
            )
            left_out.append(LeftOut(key, reason))
        elif brought[place] <= 0:
            reason = f"no platform has claimed any {measure.value} for {shown.get(key, key)}"
            left_out.append(LeftOut(key, reason))
        else:
            places.append(place)
    return places, left_out


def _too_few(days: int, measure: Measure, left_out: Sequence[LeftOut]) -> TooLittleDataError:
    final = f"it is final after {MATURE_AFTER[measure]} days"
    if days < _FEWEST_DAYS:
        return TooLittleDataError(
            f"there are {days} days of spend whose {measure.value} is final; what spend brings can "
            f"be told from {_FEWEST_DAYS} on",
            hint=f"{final}: ask again in {_FEWEST_DAYS - days} days, or load earlier ones",
        )
    reasons = "; ".join(one.reason for one in left_out) or "nothing has spent of late"
    return TooLittleDataError(f"nothing can be planned: {reasons}", hint=final)


def _check_moved(observed: Observed, used: Sequence[Experiment], shown: Mapping[str, str]) -> None:
    moved = observed.spend.std(axis=1) / observed.spend.mean(axis=1)
    if used or (moved >= _HARDLY_MOVED).any():
        return
    most = int(np.argmax(moved))
    key = observed.names[most]
    raise TooLittleDataError(
        f"no spend has moved enough to show what it brings: {shown.get(key, key)} moved most, by "
        f"{moved[most]:.0%} of its mean; it takes {_HARDLY_MOVED:.0%}",
        hint="change a spend by a fifth for four weeks, or note a lift test (docs/budgets.md)",
    )


def _counts(one: Experiment, keys: Sequence[str], start: dt.date, steps: int) -> bool:
    return one.key in keys and one.first >= start and (one.last - start).days < steps


def _test(one: Experiment, keys: Sequence[str], start: dt.date) -> LiftTest:
    days = (one.last - one.first).days + 1
    begins = (one.first - start).days
    return LiftTest(
        item=keys.index(one.key),
        start=begins,
        stop=begins + days,
        change=one.spend_change / days,
        effect=one.effect,
        standard_error=one.standard_error,
    )
