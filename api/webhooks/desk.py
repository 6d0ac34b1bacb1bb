"""What people do about webhooks: make endpoints, look after them, have events told again.

    words -> read_wish -> Wish -> WebhookDesk -> endpoint, audit entry; a secret, shown once

Who may see only some clients sees the endpoints that hear of no others; an endpoint of another
agency is not found.
"""

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from api.outbound.address import read_url
from api.webhooks.endpoints import find_endpoint, open_secrets, public_endpoint_id, seal_secrets
from api.webhooks.outcome import withdraw_alert
from api.webhooks.replay import replay_failed, replay_message
from api.webhooks.signing import new_secret
from domain.errors import ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError
from domain.ids import ClientId, TenantId
from domain.ports import Clock, IdFactory
from tenancy import audit
from tenancy.session import Database, TenantSession
from tenancy.tables import (
    Client,
    EndpointState,
    WebhookEndpoint,
    WebhookEventType,
)
from tenancy.vault import Secret, Vault

__all__ = ["OLD_SECRET_SIGNS_FOR", "Operator", "WebhookDesk", "Wish", "read_wish"]

OLD_SECRET_SIGNS_FOR: Final = dt.timedelta(days=1)
_MOST_ENDPOINTS: Final = 20  # of one agency: each of them is told of everything that it asks for
_LONGEST_DESCRIPTION: Final = 200
_LONGEST_URL: Final = 2_000
_EXAMPLE: Final = "https://hooks.example.com/bosco"


@dataclass(frozen=True, slots=True)
class Operator:
    """Who does something.

    Attributes:
        actor: `user:<id>`, `client:<id>` or `cli:<name>`.
        clients: The only clients that they may see; None: all of the agency.
    """

    actor: str
    clients: Collection[ClientId] | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """An endpoint as somebody wants it.

    Attributes:
        event_types: Empty: all, also those that are added later.
        clients: Empty: all that the operator may see.
    """

    url: str
    description: str
    event_types: tuple[WebhookEventType, ...]
    clients: tuple[ClientId, ...]


def read_wish(
    url: str,
    *,
    description: str,
    event_types: Sequence[WebhookEventType],
    clients: Sequence[ClientId],
    is_production: bool,
) -> Wish:
    """Check what somebody wants.

    Raises:
        InvalidInputError: Something cannot be used; says what and why.
    """
    parts = read_url(url, named="the URL", example=_EXAMPLE, is_production=is_production)
    if len(url) > _LONGEST_URL:
        raise InvalidInputError(f"the URL has more than {_LONGEST_URL} characters")
    if len(description) > _LONGEST_DESCRIPTION or not (description.isprintable()):
        raise InvalidInputError(
            "the description cannot be used",
            hint=f"use at most {_LONGEST_DESCRIPTION} characters, on one line",
        )
    return Wish(
        url=parts.geturl(),
        description=description.strip(),
        event_types=tuple(dict.fromkeys(event_types)),
        clients=tuple(dict.fromkeys(clients)),
    )


@dataclass(frozen=True, slots=True)
class WebhookDesk:
    """Changes endpoints, one transaction each; every change is audited.

    Attributes:
        random_bytes: Cryptographic randomness.
    """

    database: Database
    vault: Vault
    clock: Clock
    ids: IdFactory
    random_bytes: Callable[[int], bytes]

    async def add(
        self, tenant_id: TenantId, wish: Wish, operator: Operator
    ) -> tuple[WebhookEndpoint, Secret]:
        """Make an endpoint; nobody can read its secret again.

        Raises:
            NotFoundError: The agency has no such client, or the operator may not see it.
            PermissionDeniedError: The operator may see no client at all.
            ConflictError: The agency has as many endpoints as it can have.
        """
        secret = new_secret(self.random_bytes)
        async with self.database.session(tenant_id) as session:
            clients = await _clients_of(session, wish, operator)
            await _check_room(session)
            endpoint = WebhookEndpoint(
                id=self.ids(),
                url=wish.url,
                description=wish.description,
                event_types=[kind.value for kind in wish.event_types] or None,
                client_ids=clients,
                state=EndpointState.ACTIVE,
                created_at=self.clock(),
            )
            endpoint.secrets = await seal_secrets(self.vault, session, endpoint, secret)
            session.add(endpoint)
            self._record(session, endpoint, operator, "created")
        return endpoint, secret

    async def remove(self, tenant_id: TenantId, public: str, operator: Operator) -> WebhookEndpoint:
        """Tell an endpoint nothing any more; its secrets are forgotten.

        Raises:
            NotFoundError: There is no such endpoint for this operator.
        """
        async with self.database.session(tenant_id) as session:
            endpoint = await find_endpoint(session, public, operator.clients)
            endpoint.removed_at, endpoint.secrets = self.clock(), None
            endpoint.old_secret_until = None
            await withdraw_alert(session, endpoint, now=self.clock())
            self._record(session, endpoint, operator, "removed")
        return endpoint

    async def resume(self, tenant_id: TenantId, public: str, operator: Operator) -> WebhookEndpoint:
        """Tell an endpoint of new events again; of earlier ones when they are replayed.

        Raises:
            NotFoundError: There is no such endpoint for this operator.
        """
        async with self.database.session(tenant_id) as session:
            endpoint = await find_endpoint(session, public, operator.clients)
            endpoint.state, endpoint.disabled_because = EndpointState.ACTIVE, None
            endpoint.failing_since = endpoint.not_before = None
            await withdraw_alert(session, endpoint, now=self.clock())
            self._record(session, endpoint, operator, "resumed")
        return endpoint

    async def rotate(
        self, tenant_id: TenantId, public: str, operator: Operator, *, at_once: bool = False
    ) -> Secret:
        """Give an endpoint a new secret; for a day the one before signs too.

        Args:
            tenant_id: The agency.
            public: Id of the endpoint.
            operator: Who does it.
            at_once: The one before signs nothing any more: somebody else knows it.

        Raises:
            NotFoundError: There is no such endpoint for this operator.
            CredentialError: Its secrets do not open; it has to be added again.
        """
        secret, now = new_secret(self.random_bytes), self.clock()
        async with self.database.session(tenant_id) as session:
            endpoint = await find_endpoint(session, public, operator.clients)
            old = None
            if not at_once:
                old, *_ = await open_secrets(self.vault, session, endpoint, now=now)
            endpoint.secrets = await seal_secrets(self.vault, session, endpoint, secret, old)
            endpoint.old_secret_until = None if at_once else now + OLD_SECRET_SIGNS_FOR
            self._record(session, endpoint, operator, "secret_rotated")
        return secret

    async def replay_message(
        self, tenant_id: TenantId, public: str, message: str, operator: Operator
    ) -> int:
        """Have one event told again; see `api.webhooks.replay`.

        Raises:
            NotFoundError: There is no such endpoint for this operator, or no such message.
            ConflictError: The endpoint is switched off.
        """
        async with self.database.session(tenant_id) as session:
            endpoint = await _find_active(session, public, operator)
            number = await replay_message(session, endpoint, message, now=self.clock())
            self._record(session, endpoint, operator, "replayed", events=number)
        return number

    async def replay_failed(
        self, tenant_id: TenantId, public: str, since: dt.datetime, operator: Operator
    ) -> int:
        """Have told again what was given up since an instant; see `api.webhooks.replay`.

        Raises:
            NotFoundError: There is no such endpoint for this operator.
            ConflictError: The endpoint is switched off.
        """
        async with self.database.session(tenant_id) as session:
            endpoint = await _find_active(session, public, operator)
            number = await replay_failed(session, endpoint, since, now=self.clock())
            self._record(session, endpoint, operator, "replayed", events=number)
        return number

    def _record(
        self,
        session: TenantSession,
        endpoint: WebhookEndpoint,
        operator: Operator,
        done: str,
        **details: int,
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=operator.actor,
            action=f"webhook.{done}",
            object_kind="webhook_endpoint",
            object_id=str(endpoint.id),
            details={"endpoint": public_endpoint_id(endpoint), **details},
        )


async def _find_active(session: TenantSession, public: str, operator: Operator) -> WebhookEndpoint:
    endpoint = await find_endpoint(session, public, operator.clients)
    if endpoint.state is EndpointState.DISABLED:
        raise ConflictError(
            f"the endpoint is switched off: {endpoint.disabled_because}",
            hint=f"bosco webhooks resume AGENCY {public}, then replay",
        )
    return endpoint


async def _clients_of(
    session: TenantSession, wish: Wish, operator: Operator
) -> list[ClientId] | None:
    """The clients that the endpoint may hear of; None: all, also those that come later."""
    if not wish.clients:
        if operator.clients is None:
            return None
        if not operator.clients:
            raise PermissionDeniedError("the token shows no client to be told of")
        return sorted(operator.clients)
    known = set(await session.scalars(select(Client.id).where(Client.id.in_(wish.clients))))
    if operator.clients is not None:
        known &= set(operator.clients)
    if missing := [client for client in wish.clients if client not in known]:
        raise NotFoundError(
            f"{len(missing)} of the clients are not clients of this agency",
            hint="clients lists them",
        )
    return list(wish.clients)


async def _check_room(session: TenantSession) -> None:
    is_there = WebhookEndpoint.removed_at.is_(None)
    number = await session.scalar(select(func.count()).where(is_there)) or 0
    if number >= _MOST_ENDPOINTS:
        raise ConflictError(
            f"the agency has {number} webhook endpoints already",
            hint="remove one that is not needed any more",
        )
