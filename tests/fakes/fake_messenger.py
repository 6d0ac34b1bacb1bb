"""A mail server that keeps what it was given."""

from dataclasses import dataclass, field

from domain.ids import TenantId

__all__ = ["FakeMessenger"]


@dataclass(slots=True)
class FakeMessenger:
    """See `domain.ports.Messenger`.

    Attributes:
        is_up: False: it takes nothing.
        sent: Address, subject and text of each message.
        agencies: That wrote them.
    """

    is_up: bool = True
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    agencies: list[TenantId] = field(default_factory=list)

    async def send_mail(self, tenant_id: TenantId, to: str, subject: str, text: str) -> bool:
        if self.is_up:
            self.sent.append((to, subject, text))
            self.agencies.append(tenant_id)
        return self.is_up
