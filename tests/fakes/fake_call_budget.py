"""A call budget that grants all that is not held and writes down what it was asked."""

import datetime as dt
from dataclasses import dataclass, field

from domain.ports import BudgetBucket, BudgetLeft, Clock


@dataclass
class FakeCallBudget:
    """Fake of `domain.ports.CallBudget` and `BudgetGauge`."""

    clock: Clock
    acquired: list[str] = field(default_factory=list)
    holds: list[tuple[str, float]] = field(default_factory=list)
    _held_until: dict[str, dt.datetime] = field(default_factory=dict)

    async def acquire(
        self,
        bucket: BudgetBucket,
        cost: float = 1.0,  # noqa: ARG002 - the port's name
        *,
        waited: bool = False,  # noqa: ARG002 - the port's name
    ) -> float:
        now = self.clock()
        wait = (self._held_until.get(bucket.key, now) - now).total_seconds()
        if wait > 0:
            return wait
        self.acquired.append(bucket.key)
        return 0.0

    async def hold(self, bucket: BudgetBucket, seconds: float) -> None:
        self.holds.append((bucket.key, seconds))
        until = self.clock() + dt.timedelta(seconds=seconds)
        self._held_until[bucket.key] = max(until, self._held_until.get(bucket.key, until))

    async def look(self, bucket: BudgetBucket) -> BudgetLeft:
        now = self.clock()
        held = (self._held_until.get(bucket.key, now) - now).total_seconds()
        return BudgetLeft(bucket.capacity, max(0.0, held))
