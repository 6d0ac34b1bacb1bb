"""Response curves of a client's items as draws, with how far they may be believed.

    draws of parameters -> outcome and marginal return at a steady spend, within what was observed

A curve learned from spend that people set is *observational*: spend follows demand as much as
demand follows spend. Only a lift test makes it an experiment's. Beyond 1.3 times the 95th
percentile of what was spent, nothing is said at all.
"""

import enum
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.errors import InvalidInputError
from ml.panel import Floats
from ml.response.shapes import Shape, effect_slopes, effects

__all__ = ["Curves", "Evidence", "ExtrapolationError", "Support", "observed_limit"]

_PERCENTILE: Final = 95
_BEYOND: Final = 1.3


class ExtrapolationError(InvalidInputError):
    """A spend was asked about that is far from all that was seen."""

    code = "SPEND_NEVER_OBSERVED"


class Evidence(enum.Enum):
    """Where a curve's slope comes from."""

    EXPERIMENT = "experiment"  # a lift test is among its evidence
    OBSERVED = "observed"  # mostly from the item's own history; observational
    PARTLY_POOLED = "partly_pooled"  # history and prior weigh about the same; observational
    PRIOR = "prior"  # the history hardly says anything: what is usual in the channel and client


@dataclass(frozen=True, slots=True)
class Support:
    """How far one curve may be believed.

    Attributes:
        evidence: Where its slope comes from.
        contraction: Share of the prior variance of the log marginal return that data removed.
        reason: Why, for people.
    """

    evidence: Evidence
    contraction: float
    reason: str

    @property
    def is_observational(self) -> bool:
        """No experiment stands behind it."""
        return self.evidence is not Evidence.EXPERIMENT


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Draws from the posterior of all items.

    Attributes:
        names: Of the items.
        shape: Parameters, each of shape (draws, items).
        reference: Spend per step at which `shape.level` is reached, shape (items,).
        limit: Highest spend per step that may be asked about, shape (items,).
        carried: Adstocked spend after the last step, shape (draws, items).
        support: One for each item.
    """

    names: tuple[str, ...]
    shape: Shape
    reference: Floats
    limit: Floats
    carried: Floats
    support: tuple[Support, ...]

    @property
    def draws(self) -> int:
        """Number of draws."""
        return int(self.carried.shape[0])

    def outcome(self, spend: Floats) -> Floats:
        """Outcome per step of a steady spend per step.

        Args:
            spend: Shape (items,) or (any, 1, items).

        Returns:
            Draws of the outcome of each item, last axes (draws, items).

        Raises:
            ExtrapolationError: An item would spend more than was ever observed, by far.
        """
        self.check(spend)
        return effects(spend / self.reference, self.shape)

    def marginal(self, spend: Floats) -> Floats:
        """Further outcome of one more unit of currency at a steady spend; shapes as `outcome`."""
        self.check(spend)
        _, by_spend, _, _ = effect_slopes(spend / self.reference, self.shape)
        return by_spend / self.reference

    def check(self, spend: Floats) -> None:
        """Refuse a spend per step beyond the limit of any item."""
        highest = spend.reshape(-1, len(self.names)).max(axis=0)
        beyond = np.flatnonzero(highest > self.limit * (1 + 1e-9))
        if len(beyond):
            item = int(beyond[0])
            raise ExtrapolationError(
                f"{self.names[item]!r} would spend {highest[item]:,.2f} a step; what was observed "
                f"supports up to {self.limit[item]:,.2f}.",
                hint="Raise the spend in steps, and ask again when some weeks have been seen.",
            )


def observed_limit(spend: Floats) -> Floats:
    """1.3 times the 95th percentile of the steps with spend, for each row of (items, steps)."""
    return np.array([_BEYOND * np.percentile(row[row > 0], _PERCENTILE) for row in spend])
