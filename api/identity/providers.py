"""The agency's own OpenID Connect provider: kept, and its documents and keys read.

    Providers.set -> identity_providers (secret sealed) -> find -> metadata, keys (kept for a while)

Sources: OpenID Connect Discovery 1.0 sections 3 and 4; RFC 7517 (keys).
"""

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from authlib.oidc.discovery import get_well_known_url
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import select, update

from api.identity.provider_calls import ProviderCalls, ProviderFailedError
from api.outbound.address import read_url
from domain.errors import InvalidInputError
from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from tenancy import audit
from tenancy.session import Database, TenantSession
from tenancy.tables import IdentityProvider, Tenant
from tenancy.vault import Purpose, TenantKey, Vault

__all__ = ["KnownProvider", "Metadata", "ProviderDocuments", "Providers"]

_METADATA_LIFETIME: Final = dt.timedelta(hours=1)
_KEYS_LIFETIME: Final = dt.timedelta(hours=24)
_KEYS_AT_MOST_EVERY: Final = dt.timedelta(minutes=1)  # unknown key ids ask for new ones


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """The provider of one agency.

    Attributes:
        client_id: Ours, at the provider.
    """

    id: uuid.UUID
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider says of itself.

    Attributes:
        takes_basic: Whether our secret goes into HTTP Basic; else into the form.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    takes_basic: bool


@dataclass(frozen=True, slots=True)
class Providers:
    """Keeps the provider of each agency.

    Attributes:
        is_production: Refuses plain http.
    """

    database: Database
    vault: Vault
    clock: Clock
    ids: IdFactory
    is_production: bool

    async def set(
        self, tenant_id: TenantId, *, issuer: str, client_id: str, secret: str, actor: str
    ) -> None:
        """Let people sign in at a provider, in place of the one before.

        Raises:
            InvalidInputError: The issuer is no address, or the id or secret is empty.
        """
        url = read_url(
            issuer,
            named="the issuer",
            example="https://login.northwind.example",
            is_production=self.is_production,
        )
        if url.query or not client_id or not secret:
            raise InvalidInputError(
                "an issuer without a query, a client id and a secret are needed",
                hint="take them from the provider's page about our app",
            )
        async with self.database.session(tenant_id) as session:
            await self._remove(session)
            provider_id = self.ids()
            sealed = self.vault.seal_for(
                await self._key(session),
                {"client_secret": secret},
                tenant_id=tenant_id,
                purpose=Purpose.IDENTITY_PROVIDER,
                object_id=provider_id,
            )
            session.add(
                IdentityProvider(
                    id=provider_id,
                    issuer=issuer,
                    client_id=client_id,
                    sealed_secret=sealed,
                    created_at=self.clock(),
                    removed_at=None,
                )
            )
            self._audit(session, actor, "identity_provider.set", provider_id)

    async def remove(self, tenant_id: TenantId, *, actor: str) -> bool:
        """Let nobody sign in at a provider any more; False: nobody could."""
        async with self.database.session(tenant_id) as session:
            removed = await self._remove(session)
            for provider_id in removed:
                self._audit(session, actor, "identity_provider.removed", provider_id)
        return bool(removed)

    async def find(self, session: TenantSession) -> KnownProvider | None:
        """The provider of the session's agency, or None."""
        query = select(IdentityProvider).where(IdentityProvider.removed_at.is_(None))
        row = await session.scalar(query)
        if row is None:
            return None
        opened = self.vault.open_for(
            await self._key(session),
            row.sealed_secret,
            tenant_id=session.tenant_id,
            purpose=Purpose.IDENTITY_PROVIDER,
            object_id=row.id,
        )
        return KnownProvider(row.id, row.issuer, row.client_id, opened["client_secret"].reveal())

    async def _remove(self, session: TenantSession) -> list[uuid.UUID]:
        rows = await session.scalars(
            update(IdentityProvider)
            .where(IdentityProvider.removed_at.is_(None))
            .values(removed_at=self.clock())
            .returning(IdentityProvider.id)
        )
        return list(rows)

    async def _key(self, session: TenantSession) -> TenantKey:
        tenant = await session.get_one(Tenant, session.tenant_id)
        return await self.vault.open_tenant_key(tenant.id, tenant.wrapped_data_key)

    def _audit(
        self, session: TenantSession, actor: str, action: str, provider_id: uuid.UUID
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action=action,
            object_kind="identity_provider",
            object_id=str(provider_id),
            details={},
        )


class ProviderDocuments:
    """What providers publish, kept for a while in this process.

    Args:
        calls: To them.
        clock: Present instant.
        is_production: Refuses plain http.
    """

    def __init__(self, calls: ProviderCalls, clock: Clock, *, is_production: bool) -> None:
        self._calls = calls
        self._clock = clock
        self._is_production = is_production
        self._metadata: dict[str, tuple[dt.datetime, Metadata]] = {}
        self._keys: dict[str, tuple[dt.datetime, KeySet]] = {}

    async def metadata(self, issuer: str) -> Metadata:
        """The provider's description of itself.

        Raises:
            ProviderFailedError: It has none, or one of another issuer.
        """
        now = self._clock()
        known = self._metadata.get(issuer)
        if known is not None and now - known[0] < _METADATA_LIFETIME:
            return known[1]
        found = await self._calls.get(get_well_known_url(issuer, external=True))
        if found.get("issuer") != issuer:
            raise _misdescribed("it names another issuer")
        methods = found.get("token_endpoint_auth_methods_supported")
        metadata = Metadata(
            issuer=issuer,
            authorization_endpoint=self._address(found, "authorization_endpoint"),
            token_endpoint=self._address(found, "token_endpoint"),
            jwks_uri=self._address(found, "jwks_uri"),
            takes_basic=not isinstance(methods, list) or "client_secret_basic" in methods,
        )
        self._metadata[issuer] = now, metadata
        return metadata

    async def keys(self, metadata: Metadata, key_id: str | None) -> KeySet:
        """The provider's keys; asked for again when one of that id is not among them.

        Raises:
            ProviderFailedError: It has none.
        """
        now = self._clock()
        known = self._keys.get(metadata.jwks_uri)
        if known is not None:
            age = now - known[0]
            has_key = key_id is None or key_id in {key.kid for key in known[1].keys}
            if age < (_KEYS_LIFETIME if has_key else _KEYS_AT_MOST_EVERY):
                return known[1]
        found: Any = await self._calls.get(metadata.jwks_uri)
        try:
            keys = KeySet.import_key_set(found)
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise _misdescribed("its keys cannot be read") from error
        self._keys[metadata.jwks_uri] = now, keys
        return keys

    def _address(self, found: dict[str, Any], name: str) -> str:
        address = found.get(name)
        try:
            if not isinstance(address, str):
                raise _misdescribed(f"it names no {name}")
            read_url(address, named=name, example="https://...", is_production=self._is_production)
        except InvalidInputError as error:
            raise _misdescribed(f"its {name} cannot be used") from error
        return address


def _misdescribed(reason: str) -> ProviderFailedError:
    return ProviderFailedError(
        f"your agency's provider describes itself wrongly: {reason}",
        hint="tell whoever looks after the provider",
    )
