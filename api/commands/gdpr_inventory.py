"""What we hold of people, the record of processing, and whether an assessment is due.

bosco gdpr inventory    from the code alone
bosco gdpr record       + the agency's officers, clients and their sources
bosco gdpr dpia         + how many people, from how many sources
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Final

from sqlalchemy import func, select

from api.commands.lookup import find_agency
from api.control.protocol import Arguments, DoneEvent, Event, JsonEvent, LineEvent, TableEvent
from api.privacy_inventory import read_inventory
from api.runtime import Runtime
from domain.facts import FACTS
from domain.privacy.held import HeldColumn, Store
from domain.privacy.rights import ProcessingRole
from gdpr.inventory.agency_record import load_record
from gdpr.inventory.collect import Inventory
from gdpr.inventory.dpia import Extent, assess
from gdpr.inventory.gaps import find_gaps
from gdpr.inventory.page import write_page
from gdpr.inventory.record import Record
from ingestion.connector.spec import SourceSpec
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import Connection, Subject
from tenancy.unscoped import TenantProfile

__all__ = ["assess_agency", "show_inventory", "show_record"]

_INCOMPLETE: Final = 3  # exit code


async def show_inventory(store: str | None, form: str) -> AsyncIterator[Event]:
    """`bosco gdpr inventory`. Exit code 3 when a column does not say what it holds."""
    inventory = read_inventory()
    columns = inventory.columns if store is None else inventory.of(Store[store.upper()])
    match form:
        case "json":
            yield JsonEvent([_as_json(one) for one in columns])
        case "md":
            yield LineEvent(write_page(Inventory(columns)).rstrip("\n"))
        case _:
            yield _counts(inventory, store)
            yield _personal(columns)
    gaps = find_gaps(inventory)
    for gap in gaps:
        yield LineEvent(gap)
    yield DoneEvent(_INCOMPLETE if gaps else 0)


async def show_record(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr record`: that it was written is on record.

    Raises:
        NotFoundError: There is no such agency.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    role = ProcessingRole(arguments["as"])
    async with runtime.database.session(tenant.tenant_id) as session:
        record = await load_record(session, read_inventory(), role)
        _note(runtime, session, tenant, arguments["actor"], "gdpr.record_written", role.value)
    match arguments["format"]:
        case "json":
            yield JsonEvent(
                {one.item: {"asks": one.heading, "says": one.lines} for one in record.sections}
            )
        case form:
            yield LineEvent(_as_text(record, is_markdown=form == "md"))


async def assess_agency(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr dpia`: what asks for an impact assessment; that it was asked is on record.

    Raises:
        NotFoundError: There is no such agency.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        extent = await _extent(session, runtime.sources)
        found = assess(read_inventory(), extent)
        due = "due" if found.reasons else "not due"
        _note(runtime, session, tenant, arguments["actor"], "gdpr.assessment_checked", due)
    rows = tuple(
        (one.question, "; ".join(one.evidence) or "no", one.source) for one in found.findings
    )
    yield TableEvent(f"impact assessment of {tenant.slug}", ("question", "found", "asked by"), rows)
    if not found.reasons:
        yield LineEvent("no assessment is due")
        return
    yield LineEvent("an assessment is due (article 35 GDPR), since")
    for reason in found.reasons:
        yield LineEvent(f"- {reason}")


def _counts(inventory: Inventory, store: str | None) -> TableEvent:
    rows = []
    for one in Store:
        columns = inventory.of(one)
        if store is None or one is Store[store.upper()]:
            personal = sum(column.personal is not None for column in columns)
            tables = len({column.table for column in columns})
            rows.append((one.value, tables, len(columns), personal))
    return TableEvent("what is held", ("store", "tables", "columns", "about people"), tuple(rows))


def _personal(columns: tuple[HeldColumn, ...]) -> TableEvent:
    rows = tuple(
        (one.store.value, one.table, one.column, one.personal.category, one.retention)
        for one in columns
        if one.personal is not None
    )
    head = ("store", "table", "column", "category", "kept")
    return TableEvent("about people", head, rows)


def _as_json(one: HeldColumn) -> dict[str, object]:
    what = one.personal
    told: dict[str, object] = {
        "store": one.store.value,
        "table": one.table,
        "column": one.column,
        "holds": one.holds.name if one.holds else None,
    }
    if what is None:
        return told
    return told | {
        "category": what.category,
        "subjects": what.subjects,
        "purpose": what.purpose,
        "legalBasis": what.basis.value,
        "role": what.role.value,
        "retention": one.retention,
        "recipients": [to.value for to in what.recipients],
        "foundBy": what.key.value,
        "path": list(one.path),
    }


def _as_text(record: Record, *, is_markdown: bool) -> str:
    """Section by section, in the order of the law."""
    mark, bullet = ("## ", "- ") if is_markdown else ("", "  ")
    title = f"Record of processing of {record.agency.name}, as {record.role.value}"
    parts = [f"# {title}" if is_markdown else title]
    for one in record.sections:
        parts += ["", f"{mark}{one.item} {one.heading}", *([""] if is_markdown else [])]
        parts += [f"{bullet}{line}" for line in one.lines]
    return "\n".join(parts)


async def _extent(session: TenantSession, sources: Mapping[str, SourceSpec]) -> Extent:
    """People that are known, and how many sources tell of people at one client."""
    people = await session.scalar(select(func.count()).select_from(Subject)) or 0
    query = select(Connection.client_id, Connection.source).distinct()
    naming = {name for name, source in sources.items() if _names_people(source)}
    told = Counter(client for client, source in await session.execute(query) if source in naming)
    return Extent(people=people, most_sources=max(told.values(), default=0))


def _names_people(source: SourceSpec) -> bool:
    facts = {stream.fact for stream in source.streams.values()}
    return any(column.names for name in facts for column in FACTS[name].columns)


def _note(
    runtime: Runtime,
    session: TenantSession,
    tenant: TenantProfile,
    actor: str,
    action: str,
    what: str,
) -> None:
    audit.record(
        session,
        clock=runtime.clock,
        ids=runtime.ids,
        actor=actor,
        action=action,
        object_kind="tenant",
        object_id=str(tenant.tenant_id),
        details={"what": what},
    )
