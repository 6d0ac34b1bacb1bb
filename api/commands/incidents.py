"""What is wrong with the data: `bosco incidents`."""

from collections.abc import AsyncIterator

from sqlalchemy import select

from api.commands.lookup import find_agency, find_client
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.incidents import IncidentDesk, Person, find_incident
from api.runtime import Runtime
from domain.ids import parse_id, public_id
from ingestion.quality.release import list_held
from tenancy.tables import Client, Connection, Incident, IncidentEvent, IncidentState

__all__ = ["acknowledge_incident", "list_incidents", "resolve_incident", "show_incident"]


async def list_incidents(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco incidents list`: those that are not resolved, the latest first."""
    tenant = await find_agency(runtime, arguments["tenant"])
    query = (
        select(Incident, Connection, Client)
        .join(Connection, Connection.id == Incident.connection_id)
        .join(Client, Client.id == Incident.client_id)
        .order_by(Incident.last_found_at.desc(), Incident.id.desc())
        .limit(arguments["limit"])
    )
    if not arguments["all"]:
        query = query.where(Incident.state != IncidentState.RESOLVED)
    async with runtime.database.session(tenant.tenant_id) as session:
        if arguments.get("client"):
            client = await find_client(session, arguments["client"])
            query = query.where(Incident.client_id == client.id)
        found = (await session.execute(query)).all()
    rows = tuple(
        (
            public_id("inc", incident.id),
            incident.state.value,
            incident.severity.value,
            client.slug,
            f"{connection.source}.{incident.stream}",
            incident.check_name,
            incident.message,
        )
        for incident, connection, client in found
    )
    columns = ("id", "state", "severity", "client", "stream", "check", "what")
    yield TableEvent(f"incidents of {tenant.slug}", columns, rows)
    if rows:
        yield LineEvent(f"one in full: bosco incidents show {tenant.slug} ID")


async def show_incident(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco incidents show`: one with its story, and the syncs that it holds."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        incident = await find_incident(session, parse_id("inc", arguments["id"]))
        held = await list_held(session, incident.connection_id, incident.stream)
        events = select(IncidentEvent).where(IncidentEvent.incident_id == incident.id)
        story = (await session.scalars(events.order_by(IncidentEvent.id))).all()
    yield LineEvent(f"{incident.check_name}: {incident.message}")
    if incident.hint:
        yield LineEvent(incident.hint)
    rows = tuple(
        (f"{event.at:%Y-%m-%d %H:%M}", event.kind.value, event.actor, event.reason)
        for event in story
    )
    yield TableEvent("what happened", ("at (UTC)", "what", "by", "why"), rows)
    if held:
        yield TableEvent(
            "held syncs",
            ("id", "from", "to", "rows"),
            tuple((public_id("syn", s.id), s.slice_from, s.slice_to, s.rows) for s in held),
        )
        yield LineEvent(
            f"if they are right: bosco quality release {tenant.slug} {arguments['id']} --reason ..."
        )


async def acknowledge_incident(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco incidents acknowledge`: somebody looks after it."""
    tenant = await find_agency(runtime, arguments["tenant"])
    person = Person(arguments["actor"], arguments["reason"])
    incident_id = parse_id("inc", arguments["id"])
    await _desk(runtime).acknowledge(tenant.tenant_id, incident_id, person)
    yield LineEvent(f"{arguments['id']} acknowledged")


async def resolve_incident(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco incidents resolve`: it is put right, or was none."""
    tenant = await find_agency(runtime, arguments["tenant"])
    person = Person(arguments["actor"], arguments["reason"])
    incident_id = parse_id("inc", arguments["id"])
    await _desk(runtime).resolve(tenant.tenant_id, incident_id, person)
    yield LineEvent(f"{arguments['id']} resolved")


def _desk(runtime: Runtime) -> IncidentDesk:
    return IncidentDesk(runtime.database, runtime.clock, runtime.ids)
