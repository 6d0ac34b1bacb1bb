"""Recipients of a client's data, told of an erasure through the outbox.

person's identifiers -> a notice for each recipient, in the run's transaction -> delivered by itself
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from domain.ports import Clock, IdFactory
from domain.privacy.identifiers import Identifier
from gdpr.erasure.work import RunRequest
from gdpr.recipients.outbox import tell_recipients
from tenancy.session import TenantSession
from tenancy.vault import Vault

__all__ = ["OutboxRecipients"]


@dataclass(frozen=True, slots=True)
class OutboxRecipients:
    """`gdpr.erasure.work.Recipients`: those that officers have named."""

    vault: Vault
    clock: Clock
    ids: IdFactory

    async def notify(
        self,
        session: TenantSession,
        run_id: uuid.UUID,
        request: RunRequest,
        identifiers: Sequence[Identifier],
    ) -> int:
        """See `Recipients.notify`; a notice is one for its request, whichever run."""
        del run_id
        notices = await tell_recipients(
            session,
            request.request_id,
            identifiers,
            vault=self.vault,
            now=self.clock(),
            ids=self.ids,
        )
        return len(notices)
