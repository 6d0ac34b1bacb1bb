"""The simulator's clock: runs on like a real one, and can be moved.

    wall clock + offset -> now

Everything that depends on time (data that restates, tokens, quotas, leaky buckets) reads this one
clock, so moving it a day ahead ages the data, expires the tokens and refills the buckets at once.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["SimulatedClock", "wall_clock"]


def wall_clock() -> datetime:
    """Read the machine's clock as a UTC instant."""
    return datetime.now(UTC)


class SimulatedClock:
    """A clock that starts at `start` and then advances with `wall`."""

    def __init__(
        self, start: datetime | None = None, *, wall: Callable[[], datetime] = wall_clock
    ) -> None:
        """Start the clock.

        Args:
            start: UTC instant to start at; `None` follows `wall` as it is.
            wall: Source of real time; a test passes a function of its own.
        """
        self._wall = wall
        self._start = start
        self._offset = timedelta(0)
        self.reset()

    def now(self) -> datetime:
        """Return the simulated UTC instant."""
        return self._wall() + self._offset

    def move_to(self, instant: datetime) -> None:
        """Make `instant` (time-zone aware) the present; time runs on from there."""
        self._offset = instant.astimezone(UTC) - self._wall()

    def reset(self) -> None:
        """Go back to the start instant."""
        self._offset = timedelta(0)
        if self._start is not None:
            self.move_to(self._start)
