"""Sends messages to the outside world."""

import ssl
from dataclasses import dataclass, field

from api.alerts.outgoing import Outcome, Outgoing
from api.alerts.target import Target
from api.outbound.patience import Patience

__all__ = ["AlertSender"]


@dataclass(frozen=True, slots=True)
class AlertSender:
    """Sends one message to one target; failing is an answer, not an error.

    Attributes:
        public_only: Refuse private and local addresses.
        patience: With the other side.
        tls: Whom a mail server's certificate has to convince.
    """

    public_only: bool
    patience: Patience = field(default_factory=Patience)
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    async def send(self, target: Target, outgoing: Outgoing) -> Outcome:
        """Send a message once, within half a minute."""
        from api.alerts.dispatch import dispatch  # noqa: PLC0415  # half a second of imports

        return await dispatch(
            target,
            outgoing,
            public_only=self.public_only,
            patience=self.patience,
            tls=self.tls,
        )
