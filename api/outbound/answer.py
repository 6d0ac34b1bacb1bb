"""How sending went."""

from dataclasses import dataclass

__all__ = ["Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request went.

    Attributes:
        status: Of the answer; None: there was none.
        retry_after: As the header has it; empty: there was none.
        failure: Why it counts as failed; empty: it does not.
    """

    status: int | None
    retry_after: str
    failure: str

    @property
    def is_taken(self) -> bool:
        """Whether the other side took the message."""
        return not self.failure
