"""An alarm as people say it: what, since when, how large, what it costs, what to check.

Alarm -> what, where, what happened, what to do
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.anomalies.alarms import Alarm, State
from ml.anomalies.causes import Cause
from ml.anomalies.deviation import Deviation
from ml.panel import Measure, Series

__all__ = ["Words", "describe_alarm", "describe_place"]

_TITLES: Final = {
    Cause.SPEND_RUNAWAY: "Spend runs away",
    Cause.SPEND_STOPPED: "Spend has stopped",
    Cause.SPEND_FALL: "Spend has fallen",
    Cause.SITE_OUTAGE: "Visits and sales have fallen together",
    Cause.TRACKING_BREAK: "Sales are no longer counted",
    Cause.DOUBLE_COUNTING: "Sales are counted twice",
    Cause.ORDER_VALUE_FALL: "Orders are worth less",
    Cause.ORDER_VALUE_RISE: "Orders are worth more",
    Cause.SALES_FALL: "Sales have fallen",
    Cause.SALES_RISE: "Sales have risen",
    Cause.TRAFFIC_FALL: "Visits have fallen",
    Cause.TRAFFIC_RISE: "Visits have risen",
}
_CHECKS: Final = {
    Cause.SPEND_RUNAWAY: "Check budgets and bids, and what was changed last; pause if unwanted.",
    Cause.SPEND_STOPPED: "Check whether it was paused, its budget used up, or a payment refused.",
    Cause.SPEND_FALL: "Check budgets, bids and rejected ads.",
    Cause.SITE_OUTAGE: "Open the site and its checkout; ask who changed it last.",
    Cause.TRACKING_BREAK: "Make a test order; check the tag, the consent banner, the release.",
    Cause.DOUBLE_COUNTING: "Look for a second tag or import; compare with the shop's orders.",
    Cause.ORDER_VALUE_FALL: "Check prices, discounts, and the value that the tag sends.",
    Cause.ORDER_VALUE_RISE: "Check prices, currency, and the value that the tag sends.",
    Cause.SALES_FALL: "Check stock, prices, landing pages and competitors.",
    Cause.SALES_RISE: "Look at what sells: raise the budget if it lasts, check the tag if not.",
    Cause.TRAFFIC_FALL: "Check links and landing pages, and whether the analytics tag still fires.",
    Cause.TRAFFIC_RISE: "Look at sources and countries: a campaign, the press, or robots.",
}
_MONEY: Final = {Measure.SPEND, Measure.REVENUE, Measure.SALES}


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of an alarm.

    Attributes:
        title: What it looks like.
        where: In which part of the client's account.
        story: Since when, each measure with what was expected, and the money at stake.
        check: What to do first.
    """

    title: str
    where: str
    story: str
    check: str


def describe_alarm(alarm: Alarm) -> Words:
    """Put an alarm into words; whose it is, the caller says."""
    measures = "; ".join(_measure(one) for one in alarm.deviations)
    story = f"{_time(alarm)}. {measures[0].upper()}{measures[1:]}.{_stake(alarm)}"
    return Words(_TITLES[alarm.cause], describe_place(alarm.root), story, _CHECKS[alarm.cause])


def describe_place(series: Series) -> str:
    """Channel and campaign, by the platform's id; all channels where it is the whole client."""
    parts = [] if series.channel is None else [series.channel.replace("_", " ")]
    if series.campaign is not None:
        parts.append(f"campaign {series.campaign.partition(':')[2] or series.campaign}")
    return ", ".join(parts) or "all channels"


def _time(alarm: Alarm) -> str:
    since, last = f"{alarm.since:%-d %B %Y}", f"{alarm.last:%-d %B %Y}"
    if alarm.state is State.OVER:
        return f"On {since}" if alarm.since == alarm.last else f"From {since} to {last}"
    if alarm.state is State.LASTING:
        return f"Since {since}, and taken as the new level now"
    return f"Since {since}"


def _measure(deviation: Deviation) -> str:
    name = deviation.measure.value
    unit = f" {deviation.series.currency}" if _has_currency(deviation) else ""
    low, high, actual = (
        f"{value:,.0f}" for value in (deviation.low, deviation.high, deviation.actual)
    )
    change = f", {deviation.change:+.0%}" if np.isfinite(deviation.change) else ""
    age = f" after {deviation.age} days" if deviation.age > 1 else ""
    return f"{name} {actual}{unit} where {low} to {high} was expected{age}{change}"


def _has_currency(deviation: Deviation) -> bool:
    return deviation.measure in _MONEY and deviation.series.currency is not None


def _stake(alarm: Alarm) -> str:
    if np.isnan(alarm.stake) or alarm.root.currency is None:
        return ""
    return f" At stake until now: {alarm.stake:,.0f} {alarm.root.currency}."
