"""A call budget that grants everything and writes down what it was asked."""

from dataclasses import dataclass, field

from domain.ports import BudgetBucket


@dataclass
class FakeCallBudget:
    """Fake of `domain.ports.CallBudget`; a hold lasts until it was told once."""

    acquired: list[str] = field(default_factory=list)
    holds: list[tuple[str, float]] = field(default_factory=list)
    pending: dict[str, float] = field(default_factory=dict)

    async def acquire(
        self,
        bucket: BudgetBucket,
        cost: float = 1.0,  # noqa: ARG002 - the port's name
        *,
        waited: bool = False,  # noqa: ARG002 - the port's name
    ) -> float:
        wait = self.pending.pop(bucket.key, 0.0)
        if not wait:
            self.acquired.append(bucket.key)
        return wait

    async def hold(self, bucket: BudgetBucket, seconds: float) -> None:
        self.holds.append((bucket.key, seconds))
        self.pending[bucket.key] = seconds
