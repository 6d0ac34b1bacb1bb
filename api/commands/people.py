"""People of an agency: `bosco people`.

The operator acts as an owner does, so this is how the first person of an agency comes in.
"""

from collections.abc import AsyncIterator

from api.commands.lookup import find_agency, find_client, suggest
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.identity.links import LINK_LIFETIMES, Links
from api.identity.people import Invited, Manager, People, PersonSeen
from api.identity.provider_sign_in import CALLBACK
from api.identity.providers import Providers
from api.identity.second_factors import SecondFactors
from api.identity.sessions import Sessions
from api.runtime import Runtime
from domain.errors import InvalidInputError, NotFoundError
from domain.ids import ClientId
from tenancy.tables import Role
from tenancy.unscoped import TenantProfile

__all__ = [
    "add_person",
    "deactivate_person",
    "list_people",
    "people_of",
    "reset_person",
    "set_provider",
    "set_role",
]


def people_of(runtime: Runtime) -> People:
    """Whoever changes people."""
    return People(
        database=runtime.database,
        sessions=Sessions(runtime.database, runtime.clock, runtime.ids, runtime.random_bytes),
        links=Links(runtime.database, runtime.clock, runtime.ids, runtime.random_bytes),
        second_factors=SecondFactors(runtime.vault, runtime.clock, runtime.random_bytes),
        clock=runtime.clock,
        ids=runtime.ids,
    )


async def add_person(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco people add`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    invited = await people_of(runtime).invite(
        tenant.tenant_id,
        _operator(arguments),
        email=arguments["email"],
        name=arguments["name"],
        role=_role(arguments["role"]),
        clients=await _clients(runtime, tenant, arguments["clients"]),
    )
    yield LineEvent(f"{invited.email} is invited to {tenant.slug}")
    for line in _told(runtime, invited):
        yield line


async def list_people(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco people list`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    rows = tuple(
        (
            person.email,
            person.name,
            "; ".join(
                role.role.value
                if role.clients is None
                else f"{role.role.value} ({', '.join(role.clients.values())})"
                for role in person.roles
            ),
            "yes" if person.has_authenticator else "no",
            f"{person.last_seen_at:%Y-%m-%d %H:%M}" if person.last_seen_at else "never",
            _state(person),
        )
        for person in await people_of(runtime).list_people(tenant.tenant_id)
    )
    columns = ("e-mail", "name", "roles", "authenticator", "last seen", "state")
    yield TableEvent(f"people of {tenant.slug}", columns, rows)


async def set_role(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco people role`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    person = await _find(runtime, tenant, arguments["email"])
    role, operator = _role(arguments["role"]), _operator(arguments)
    people = people_of(runtime)
    if arguments["take_away"]:
        await people.withdraw_role(tenant.tenant_id, operator, person.user_id, role)
        yield LineEvent(f"{person.email} is {role.value} no more")
        return
    clients = await _clients(runtime, tenant, arguments["clients"])
    await people.give_role(tenant.tenant_id, operator, person.user_id, role, clients)
    where = f"at {', '.join(arguments['clients'])}" if clients else "at all clients"
    yield LineEvent(f"{person.email} is {role.value} {where}")


async def deactivate_person(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco people deactivate`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    person = await _find(runtime, tenant, arguments["email"])
    people, operator = people_of(runtime), _operator(arguments)
    if arguments["undo"]:
        await people.reactivate(tenant.tenant_id, operator, person.user_id)
        yield LineEvent(f"{person.email} may come in again")
        return
    await people.deactivate(tenant.tenant_id, operator, person.user_id)
    yield LineEvent(f"{person.email} is put out: sessions have ended, and tokens are refused")


async def reset_person(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco people reset`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    person = await _find(runtime, tenant, arguments["email"])
    people, operator = people_of(runtime), _operator(arguments)
    if arguments["authenticator"]:
        await people.remove_authenticator(tenant.tenant_id, operator, person.user_id)
        yield LineEvent(f"the authenticator of {person.email} is removed")
    made = await people.make_link(tenant.tenant_id, operator, person.user_id)
    for line in _told(runtime, made):
        yield line


async def set_provider(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco people provider`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    is_production = runtime.settings.env == "production"
    providers = Providers(
        runtime.database, runtime.vault, runtime.clock, runtime.ids, is_production
    )
    if arguments["issuer"] is None:
        removed = await providers.remove(tenant.tenant_id, actor=arguments["actor"])
        told = "has no provider any more" if removed else "has no provider"
        yield LineEvent(f"{tenant.slug} {told}")
        return
    credentials = arguments["credentials"]
    await providers.set(
        tenant.tenant_id,
        issuer=arguments["issuer"],
        client_id=credentials.get("client_id", ""),
        secret=credentials.get("client_secret", ""),
        actor=arguments["actor"],
    )
    yield LineEvent(f"people of {tenant.slug} may sign in at {arguments['issuer']}")
    yield LineEvent(f"let it send them back to {runtime.issuer}{CALLBACK}")


def _told(runtime: Runtime, made: Invited) -> list[LineEvent]:
    hours = int(LINK_LIFETIMES[made.kind].total_seconds()) // 3600
    return [
        LineEvent(f"link  {runtime.issuer}{made.path}"),
        LineEvent(f"it works once, within {hours} hours, and is not shown again"),
    ]


def _operator(arguments: Arguments) -> Manager:
    return Manager(arguments["actor"], is_owner=True)


async def _find(runtime: Runtime, tenant: TenantProfile, email: str) -> PersonSeen:
    people = people_of(runtime)
    person = await people.find_by_email(tenant.tenant_id, email)
    if person is None:
        known = [one.email for one in await people.list_people(tenant.tenant_id)]
        hint = suggest(email, known, none=f"bosco people add {tenant.slug} EMAIL --name NAME")
        raise NotFoundError(f"{tenant.slug} has no person {email!r}", hint=hint)
    return person


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        known = [role.value for role in Role]
        raise InvalidInputError(
            f"there is no role {text!r}", hint=suggest(text, known, none="")
        ) from None


async def _clients(runtime: Runtime, tenant: TenantProfile, slugs: list[str]) -> list[ClientId]:
    async with runtime.database.session(tenant.tenant_id) as session:
        return [(await find_client(session, slug)).id for slug in slugs]


def _state(person: PersonSeen) -> str:
    if not person.is_active:
        return "deactivated"
    return "invited" if person.is_invited else "active"
