"""What a platform grants now, as far as it matters to everybody who reads from it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

__all__ = ["ASSUMED_OUTAGE", "Allowance", "ProviderState", "Providers"]

# How long a platform that is away is expected to stay away, from any moment on. Nobody knows, but
# who is to be warned an hour ahead has to be warned while there still may be an hour.
ASSUMED_OUTAGE: Final = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Allowance:
    """One quota that all connections of a platform share.

    Attributes:
        calls: That are granted at once, now.
        most: Of them that are ever granted at once.
        per_second: That come back.
    """

    calls: float
    most: float
    per_second: float


@dataclass(frozen=True, slots=True)
class ProviderState:
    """One platform.

    Attributes:
        allowances: Quotas with a known limit.
        away_since: UTC instant since when it does not answer; None: it does.
        held_until: UTC instant until which it grants no calls; None: it does.
    """

    allowances: tuple[Allowance, ...] = ()
    away_since: dt.datetime | None = None
    held_until: dt.datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether a sync that starts now can get anything."""
        return self.away_since is None and self.held_until is None

    @property
    def calls_per_second(self) -> float:
        """What the platform grants in the long run; infinite when nothing limits it."""
        return min((item.per_second for item in self.allowances), default=inf)

    def opens_at(self, now: dt.datetime) -> dt.datetime:
        """When a sync can start, as far as one can tell."""
        away = now if self.away_since is None else now + ASSUMED_OUTAGE
        return max(away, self.held_until or now)


Providers = Mapping[str, ProviderState]  # by source
