"""Who asks, and what they may ask for.

A `Caller` is made from a verified access token only, and everything behind the edge takes the
tenant from it: no header, path or argument names a tenant.
"""

import enum
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from domain.errors import PermissionDeniedError
from domain.ids import ClientId, TenantId
from domain.ports import TenantScope

__all__ = ["Caller", "Person", "Scope"]


class Scope(enum.Enum):
    """What a token allows.

    `METRICS_READ`: metrics, clients, definitions and plans. `METRICS_WRITE`: define and retire
    metrics, plan spend and events.
    `INGESTION_READ`: connections, syncs, quarantined rows, incidents. `INGESTION_WRITE`: look after
    incidents, and close them. `WEBHOOKS_MANAGE`: say who else is told what happens.
    `TOKENS_INTROSPECT`: ask what a token of the agency's other applications stands for, as a
    resource server does. `AUDIT_READ`: who did or saw what. `PRIVACY_READ`: requests of people
    about their data, and what they agreed to. `PRIVACY_WRITE`: decide on them, and record it.
    `FEATURES_WRITE`: plan, register and deprecate feature views of the agency.
    """

    METRICS_READ = "metrics:read"
    METRICS_WRITE = "metrics:write"
    FEATURES_WRITE = "features:write"
    INGESTION_READ = "ingestion:read"
    INGESTION_WRITE = "ingestion:write"
    WEBHOOKS_MANAGE = "webhooks:manage"
    TOKENS_INTROSPECT = "tokens:introspect"
    AUDIT_READ = "audit:read"
    PRIVACY_READ = "privacy:read"
    PRIVACY_WRITE = "privacy:write"


@dataclass(frozen=True, slots=True)
class Person:
    """Whom an application acts for.

    Attributes:
        user_id: A user of the caller's agency.
        family_id: Of the tokens that came of one consent; they are revoked together.
    """

    user_id: uuid.UUID
    family_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """The application behind a request, and the person, if it acts for one.

    Attributes:
        tenant_id: Its agency.
        client_id: Public id of the application (an OAuth client, not a brand).
        scopes: What it may do.
        clients: The brands it may see; None: all of the agency.
        metrics: The metrics it may see, by name; None: all.
        person: None: the application acts for itself.
    """

    tenant_id: TenantId
    client_id: str
    scopes: frozenset[str]
    clients: frozenset[ClientId] | None
    metrics: frozenset[str] | None = None
    person: Person | None = None

    @property
    def scope(self) -> TenantScope:
        """Whose data a question of this caller may see."""
        return TenantScope(self.tenant_id, self.clients)

    @property
    def actor(self) -> str:
        """How the audit names the caller."""
        if self.person is None:
            return f"client:{self.client_id}"
        return f"user:{self.person.user_id}"

    def require_metrics(self, names: Iterable[str]) -> None:
        """Check that the application may see metrics.

        Raises:
            PermissionDeniedError: It is limited to others (whoever manages it can add them).
        """
        if self.metrics is None:
            return
        if hidden := sorted(set(names) - self.metrics):
            raise PermissionDeniedError(
                f"the application may not see {', '.join(hidden)}",
                hint=f"it is limited to {', '.join(sorted(self.metrics))}",
            )

    def require(self, scope: Scope) -> None:
        """Check one scope.

        Raises:
            PermissionDeniedError: The token lacks it (whoever manages the application can add it).
        """
        if scope.value not in self.scopes:
            raise PermissionDeniedError(
                f"the token lacks the scope {scope.value}",
                hint="ask for a token with this scope; the agency grants it to the application",
            )
