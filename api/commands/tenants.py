"""Agencies and their clients: `bosco tenants`, `bosco clients`."""

import re
from collections.abc import AsyncIterator
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from api.commands.lookup import find_agency
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.errors import ConflictError, InvalidInputError
from domain.ids import ClientId, TenantId
from domain.money import parse_currency
from tenancy import audit
from tenancy.tables import Client
from tenancy.unscoped import TenantProfile

__all__ = [
    "add_client",
    "add_tenant",
    "create_client",
    "create_tenant",
    "list_clients",
    "list_tenants",
]

_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


async def create_tenant(
    runtime: Runtime, *, slug: str, name: str, currency: str, time_zone: str
) -> TenantProfile:
    """Make an agency with a data key of its own.

    Raises:
        InvalidInputError: A malformed slug, currency or time zone.
        ConflictError: The slug is taken.
    """
    profile = TenantProfile(
        tenant_id=TenantId(runtime.ids()),
        slug=_check_slug(slug),
        name=name,
        currency=parse_currency(currency),
        time_zone=_check_time_zone(time_zone),
        created_at=runtime.clock(),
    )
    key = await runtime.vault.create_tenant_key(profile.tenant_id)
    await runtime.doors.create_tenant(profile, wrapped_data_key=key)
    return profile


async def create_client(
    runtime: Runtime, tenant: TenantProfile, *, slug: str, name: str, actor: str
) -> ClientId:
    """Make a client of an agency, in the agency's currency and time zone.

    Raises:
        InvalidInputError: A malformed slug.
        ConflictError: The agency has such a client already.
    """
    client_id = ClientId(runtime.ids())
    try:
        async with runtime.database.session(tenant.tenant_id) as session:
            session.add(
                Client(
                    id=client_id,
                    slug=_check_slug(slug),
                    name=name,
                    currency=tenant.currency,
                    time_zone=tenant.time_zone,
                    created_at=runtime.clock(),
                )
            )
            audit.record(
                session,
                clock=runtime.clock,
                ids=runtime.ids,
                actor=actor,
                action="client.created",
                object_kind="client",
                object_id=str(client_id),
                details={"slug": slug},
            )
    except IntegrityError as error:
        if "uq_clients__" not in str(error.orig):
            raise
        raise ConflictError(
            f"the agency has a client {slug!r} already", hint="choose another slug"
        ) from error
    return client_id


async def add_tenant(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco tenants add`."""
    profile = await create_tenant(
        runtime,
        slug=arguments["slug"],
        name=arguments["name"],
        currency=arguments["currency"],
        time_zone=arguments["time_zone"],
    )
    yield LineEvent(f"agency {profile.slug} made: {profile.currency}, {profile.time_zone}")
    yield LineEvent(f"next: bosco clients add {profile.slug} CLIENT --name NAME")


async def list_tenants(runtime: Runtime, _: Arguments) -> AsyncIterator[Event]:
    """`bosco tenants list`."""
    rows = tuple(
        (tenant.slug, tenant.name, tenant.currency, tenant.time_zone)
        for tenant in await runtime.doors.list_tenants()
    )
    yield TableEvent("agencies", ("slug", "name", "currency", "time zone"), rows)


async def add_client(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco clients add`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    slug = arguments["slug"]
    await create_client(
        runtime, tenant, slug=slug, name=arguments["name"], actor=arguments["actor"]
    )
    yield LineEvent(f"client {slug} of {tenant.slug} made")
    account = f"{tenant.slug} {slug} SOURCE ACCOUNT --credentials FILE"
    yield LineEvent(f"next: bosco connections add {account}")
    yield LineEvent(f"or a file: bosco import {tenant.slug} {slug} FILE --map FILE")


async def list_clients(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco clients list`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        clients = (await session.scalars(select(Client).order_by(Client.slug))).all()
    rows = tuple((client.slug, client.name) for client in clients)
    yield TableEvent(f"clients of {tenant.slug}", ("slug", "name"), rows)


def _check_slug(slug: str) -> str:
    if not _SLUG.fullmatch(slug):
        raise InvalidInputError(
            f"{slug!r} cannot be a short name",
            hint="use up to 63 small letters, digits and inner hyphens, for example acme-shoes",
        )
    return slug


def _check_time_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidInputError(
            f"{name!r} is not a time zone", hint="use an IANA name, for example Europe/Berlin"
        ) from None
