"""What a provider saw: every call with its instant, and the most in any window."""

from collections import deque
from collections.abc import Iterable, Sequence

__all__ = ["jain_index", "most_in_any_window"]


def most_in_any_window(instants: Iterable[float], seconds: float) -> int:
    """The most instants in any half-open window of so many seconds; they come in order."""
    window: deque[float] = deque()
    most = 0
    for instant in instants:
        window.append(instant)
        while window[0] <= instant - seconds:
            window.popleft()
        most = max(most, len(window))
    return most


def jain_index(shares: Sequence[float]) -> float:
    """Fairness of shares: 1 when all are equal, 1/n when one has everything.

    Source: Jain, Chiu and Hawe, "A Quantitative Measure of Fairness and Discrimination for Resource
    Allocation in Shared Computer Systems", DEC-TR-301 (1984).
    """
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))
