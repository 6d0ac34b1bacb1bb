"""A month's pace as people say it.

Pace -> "Over budget: March 2026 will end at 3,720 EUR ...; spend 18 % less a day"
"""

from ml.forecast.forecast import QUANTILES
from ml.pacing.pace import Pace, Verdict

__all__ = ["describe_pace"]

_LOW, _MEDIAN, _HIGH = (QUANTILES.index(level) for level in (0.1, 0.5, 0.9))


def describe_pace(pace: Pace) -> str:
    """One or two sentences: where it ends, how sure that is, and what to do."""
    month = f"{pace.month.first:%B %Y}"
    budget = f"{pace.budget:,.2f} {pace.currency}"
    if pace.verdict is Verdict.TOO_LITTLE_KNOWN:
        return (
            f"Too little is known to say where {month} ends ({pace.spent:,.2f} of {budget} spent)."
        )
    if not pace.required:
        return f"{month} ended at {pace.landing[_MEDIAN]:,.2f} of {budget}."
    begin = {
        Verdict.OVER: f"Over budget ({pace.probability:.0%} sure)",
        Verdict.UNDER: f"Under budget ({pace.probability:.0%} sure)",
    }.get(pace.verdict, "On track")
    low, middle, high = (pace.landing[place] for place in (_LOW, _MEDIAN, _HIGH))
    where = f"{month} will end at {middle:,.2f} of {budget} (80 %: {low:,.2f} to {high:,.2f})"
    return f"{begin}: {where}{_late(pace)}.{_advice(pace)}"


def _late(pace: Pace) -> str:
    if not pace.missing:
        return ""
    days = len(pace.missing)
    return f", with {days} day{'s' * (days > 1)} not told yet and taken as usual"


def _advice(pace: Pace) -> str:
    if not pace.is_alert:
        return ""
    daily = sum(pace.required.values()) / len(pace.required)
    advice = f" To end on the budget, spend {daily:,.2f} {pace.currency} a day"
    if pace.change is None:
        return f"{advice}."
    by = abs(pace.change - 1)
    return f"{advice}: {by:.0%} {'more' if pace.change > 1 else 'less'} than expected."
