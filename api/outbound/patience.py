"""How long the other side may take."""

from dataclasses import dataclass

__all__ = ["Patience"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds one attempt may take.

    Attributes:
        connect: Until a connection stands.
        answer: Without a word from the other side.
        total: In all, also when words come drop by drop.
    """

    connect: float = 5.0
    answer: float = 10.0
    total: float = 25.0
