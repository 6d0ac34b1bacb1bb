"""The record of processing and the question after an assessment, by command."""

import json

import pytest
from sqlalchemy import select

from api.control.protocol import JsonEvent
from domain.ids import TenantId
from tenancy.tables import AuditEntry, Membership, Role, User
from tenancy.unscoped import TenantProfile
from tests.api.cli.test_command_line import _run
from tests.e2e.platform import Platform

pytestmark = pytest.mark.anyio


async def _newest(platform: Platform, tenant_id: TenantId) -> AuditEntry:
    async with platform.runtime.database.session(tenant_id) as session:
        newest = select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(1)
        return (await session.scalars(newest)).one()


async def _appoint(platform: Platform, tenant_id: TenantId) -> None:
    """Dana becomes the agency's officer."""
    user_id = platform.runtime.ids()
    async with platform.runtime.database.session(tenant_id) as session:
        user = User(
            id=user_id,
            email="dana@northwind.example",
            name="Dana",
            created_at=platform.clock.now,
        )
        session.add(user)
        await session.flush()
        role = Role.DATA_PROTECTION_OFFICER
        session.add(Membership(id=platform.runtime.ids(), user_id=user_id, role=role))


async def test_a_record_names_the_agency_its_officer_and_its_clients(
    platform: Platform, northwind: TenantProfile
) -> None:
    await _appoint(platform, northwind.tenant_id)
    told = await platform.command(
        "gdpr.record", tenant="northwind", format="md", **{"as": "processor"}
    )
    text = "\n".join(told.lines)
    assert text.startswith(
        f"# Record of processing of {northwind.name}, as processor\n\n## 30(2)(a)"
    )
    assert f"\n- Processor: {northwind.name}.\n" in text
    assert "\n- Data protection officer: Dana <dana@northwind.example>.\n" in text
    assert "\n- Controller: " in text
    assert "\n## 30(2)(d) security measures\n" in text
    entry = await _newest(platform, northwind.tenant_id)
    assert (entry.action, entry.object_id, entry.details) == (
        "gdpr.record_written",
        str(northwind.tenant_id),
        {"what": "processor"},
    )


async def test_a_record_for_programs_has_the_letters_of_the_law(
    platform: Platform, northwind: TenantProfile
) -> None:
    told = await platform.command(
        "gdpr.record", tenant=northwind.slug, format="json", **{"as": "controller"}
    )
    [record] = [event.value for event in told.events if isinstance(event, JsonEvent)]
    assert list(record) == [f"30(1)({letter})" for letter in "abcdefg"]
    assert record["30(1)(a)"]["says"][0] == f"Controller: {northwind.name}."


async def test_whether_an_assessment_is_due_is_told_and_on_record(
    platform: Platform, northwind: TenantProfile
) -> None:
    told = await platform.command("gdpr.dpia", tenant="northwind")
    found = {row[0]: row[1] for row in told.table}
    assert found["People who cannot easily refuse?"] == "employee"
    assert found["Special categories or convictions?"] == "no"
    assert told.lines == ["no assessment is due"]
    entry = await _newest(platform, northwind.tenant_id)
    assert (entry.action, entry.details) == ("gdpr.assessment_checked", {"what": "not due"})


async def test_an_agency_that_there_is_not_is_told(platform: Platform) -> None:
    told = await platform.command("gdpr.dpia", tenant="nowhere")
    assert [error.message for error in told.errors] == ["there is no agency 'nowhere'"]


def test_the_inventory_needs_no_agency() -> None:
    code, text = _run("gdpr", "inventory", "--store", "jobs")
    assert code == 0
    assert "requested_by" in text
    code, text = _run("gdpr", "inventory", "--store", "redis", "--format", "json")
    assert code == 0
    rate = next(one for one in json.loads(text) if one["table"] == "t:<tenant>:rate")
    assert rate["holds"] == "staff_calls"
    assert rate["category"] == "user.unique_id.pseudonymous"
    assert rate["retention"] == "counted_call"


def test_a_store_that_there_is_not_is_told() -> None:
    code, text = _run("gdpr", "inventory", "--store", "attic")
    assert code == 2
    assert "'attic' is not one of" in " ".join(text.split())
