"""What carries a request out: one fulfiller for each right, wired in `api/bootstrap.py`.

request is READY -> durable job -> Fulfiller.fulfil -> Fulfilled -> WAITING, COUNTERSIGNING or
    COMPLETED
"""

import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

from domain.ids import TenantId
from domain.ports import Steps
from domain.privacy.rights import RequestOutcome

__all__ = ["Fulfilled", "Fulfiller"]


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """How it went.

    Attributes:
        outcome: `NOTHING_FOUND` needs an officer's countersignature.
        waits_for: What has still to happen before the request is complete, one phrase each for
            people: "rescan after time travel, 2026-12-08". Empty: nothing.
        counts: What was touched, by store; no identifiers.
    """

    outcome: RequestOutcome
    waits_for: tuple[str, ...] = ()
    counts: dict[str, Any] = field(default_factory=dict)


class Fulfiller(Protocol):
    """Carries out the requests for one right."""

    async def fulfil(self, steps: Steps, tenant_id: TenantId, request_id: uuid.UUID) -> Fulfilled:
        """Carry a request out, in durable steps; called again after a crash, it goes on.

        Args:
            steps: Of the job. Names of steps, arguments and results are ids and counts.
            tenant_id: Whose.
            request_id: Its subject is known and proved, and nothing holds it back.

        Raises:
            BoscoError: It failed; a `Transient` one is tried again until the deadline is near.
        """
