"""What was found, in words: the same in alerts, commands and GraphQL.

a row of a day -> sentences without figures that nobody asked for
"""

from collections.abc import Iterator

from feature_repo.monitoring.drift import DRIFTED
from feature_repo.monitoring.reads import MISMATCH_LIMIT
from tenancy.tables import FeatureDay, FeatureVerdict, FeatureViewDay

__all__ = [
    "describe_age",
    "describe_drift",
    "describe_feature",
    "describe_freshness",
    "describe_mismatches",
    "is_differing",
    "mismatch_rate",
]

_SLIGHT = 0.1  # a PSI above it is a minor shift
_HOUR = 3_600
_DAY = 24 * _HOUR


def mismatch_rate(day: FeatureViewDay) -> float | None:
    """Share of the values compared that differ; None: no reads were logged."""
    return day.mismatches / day.compared if day.compared else None


def is_differing(day: FeatureViewDay) -> bool:
    """Whether more values differ than may."""
    return (mismatch_rate(day) or 0) > MISMATCH_LIMIT


def describe_age(seconds: float) -> str:
    """`7 h`, or `3.5 days` from two days on."""
    return f"{seconds / _HOUR:.0f} h" if seconds < 2 * _DAY else f"{seconds / _DAY:.1f} days"


def describe_freshness(day: FeatureViewDay) -> str:
    """How old the values are, against what is promised."""
    promised = describe_age(day.objective_seconds)
    if day.oldest_as_of is None:
        return "nothing has been computed yet"
    age = describe_age((day.measured_at - day.oldest_as_of).total_seconds())
    if day.freshness is FeatureVerdict.UNUSUAL:
        return f"late: {day.late:,} of {day.entities:,} older than {promised}, the oldest {age}"
    return f"fresh: at most {age} old ({promised} promised)"


def describe_mismatches(day: FeatureViewDay) -> str:
    """Whether what was served is what the facts say."""
    rate = mismatch_rate(day)
    if rate is None:
        return "no reads to be computed again"
    verdict = "differing" if is_differing(day) else "equal"
    return (
        f"{verdict}: {day.mismatches:,} of {day.compared:,} values of {day.reads:,} reads differ"
        f" ({rate:.2%}; at most {MISMATCH_LIMIT:.1%} may)"
    )


def describe_drift(day: FeatureDay) -> str:
    """How far the values have moved in 28 days."""
    if day.psi is None:
        return "too few values to say"
    moved = f"PSI {day.psi:.2f}"
    if day.drift_verdict is FeatureVerdict.UNUSUAL:
        return f"drifted ({moved})"
    if day.psi > DRIFTED:
        return f"may be chance ({moved})"
    return f"slight shift ({moved})" if day.psi > _SLIGHT else f"stable ({moved})"


def describe_feature(day: FeatureDay) -> list[str]:
    """What is not as usual; empty: nothing."""
    return list(_remarks(day))


def _remarks(day: FeatureDay) -> Iterator[str]:
    if day.nulls_verdict is FeatureVerdict.UNUSUAL and day.usual_null_rate is not None:
        usual = f"usual: at most {day.usual_null_rate:.0%}"
        yield f"{day.nulls / day.count:.0%} unknown ({usual})"
    if day.range_verdict is FeatureVerdict.UNUSUAL:
        seen = f"{day.minimum:,.6g} to {day.maximum:,.6g}"
        yield f"{seen} (usual: {day.usual_low:,.6g} to {day.usual_high:,.6g})"
    if day.drift_verdict is FeatureVerdict.UNUSUAL:
        yield describe_drift(day)
