"""When a model has to be trained anew, and why.

    drift of features, coverage, age, erasures -> decide -> Retraining (by when, reasons in words)

Pure; `ml.registry.due` keeps what is decided.

Sources: Siddiqi, Credit risk scorecards (2006), chapter 6: a population stability index above 0.2
is a shift to act upon. GDPR article 12(3): a month for what a person asked.
Decision: ADR-0032.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["LARGEST_SHIFT", "OLDEST", "Coverage", "Retraining", "Signs", "decide"]

LARGEST_SHIFT: Final = 0.2
OLDEST: Final = dt.timedelta(days=28)
# Of actuals within 80 %. Wider than the gate's: forecasts of each morning overlap, so that a share
# of a quarter's origins is known to several points only, and a retraining is not free.
_COVERED: Final = (0.70, 0.90)
_FEWEST: Final = 500
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many actuals lay within 80 % intervals.

    Attributes:
        share: Fraction.
        forecasts: Of how many.
    """

    share: float
    forecasts: int


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of a champion.

    Attributes:
        as_of: UTC instant of its snapshot.
        shifts: Population stability index of each feature, serving against training.
        coverage: Of the served forecasts of late, by group of agencies.
        erasure_due: By when it has to be trained anew, because people were erased whose figures it
            saw; None: nobody was.
    """

    as_of: dt.datetime
    shifts: Mapping[str, float] = field(default_factory=dict)
    coverage: Mapping[str, Coverage] = field(default_factory=dict)
    erasure_due: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Retraining:
    """That a model has to be trained anew.

    Attributes:
        due_at: UTC instant.
        reasons: Sentences without a full stop.
    """

    due_at: dt.datetime
    reasons: tuple[str, ...]


def decide(signs: Signs, now: dt.datetime) -> Retraining | None:
    """Whether the champion has to be trained anew; None: it need not.

    Args:
        signs: Of the champion.
        now: UTC instant.
    """
    found = [*_drift(signs, now), *_coverage(signs, now), *_age(signs, now), *_erasure(signs)]
    if not found:
        return None
    return Retraining(min(due_at for due_at, _ in found), tuple(reason for _, reason in found))


Reason = tuple[dt.datetime, str]


def _drift(signs: Signs, now: dt.datetime) -> Iterator[Reason]:
    shifted = {name: psi for name, psi in signs.shifts.items() if psi > LARGEST_SHIFT}
    if not shifted:
        return
    largest = sorted(shifted, key=lambda name: (-shifted[name], name))[:_MOST_NAMED]
    told = ", ".join(f"{name} (PSI {shifted[name]:.2f})" for name in largest)
    more = len(shifted) - len(largest)
    yield now, f"features have shifted: {told}{f' and {more} more' if more else ''}"


def _coverage(signs: Signs, now: dt.datetime) -> Iterator[Reason]:
    lowest, highest = _COVERED
    for group, one in sorted(signs.coverage.items()):
        if one.forecasts >= _FEWEST and not lowest <= one.share <= highest:
            held = f"{one.share:.1%} of {one.forecasts:,} actuals"
            yield now, f"80 % intervals held {held} in group {group}"


def _age(signs: Signs, now: dt.datetime) -> Iterator[Reason]:
    due_at = signs.as_of + OLDEST
    if now >= due_at:
        yield due_at, f"it has seen nothing since {signs.as_of:%Y-%m-%d}"


def _erasure(signs: Signs) -> Iterator[Reason]:
    if signs.erasure_due is not None:
        yield signs.erasure_due, "people were erased whose figures are part of what it saw"
