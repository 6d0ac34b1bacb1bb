"""The audit trail by command: who did or saw what, its proof, and what the proof rests on."""

import datetime as dt
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from sqlalchemy import make_url, select

from api.audit.checkpoints import BrokenChainError
from api.audit.export_file import ExportReader
from api.audit.statements import sign
from domain.audit.checkpoint import Checkpoint
from domain.audit.verify import Fault, Link
from domain.ids import TenantId, public_id
from tenancy.tables import AuditCheckpoint, AuditEntry
from tenancy.unscoped import TenantProfile
from tests.api.commands.conftest import make_agency
from tests.e2e.platform import Platform, Told

pytestmark = pytest.mark.anyio

_NAMES = itertools.count(1)


@pytest.fixture
async def agency(platform: Platform) -> TenantProfile:
    """A new agency, with one entry: its client was made."""
    return await make_agency(platform, f"agency-{next(_NAMES)}")


async def _entries(platform: Platform, tenant: TenantProfile) -> list[AuditEntry]:
    async with platform.runtime.database.session(tenant.tenant_id) as session:
        return list(await session.scalars(select(AuditEntry).order_by(AuditEntry.sequence)))


async def _add_clients(platform: Platform, tenant: TenantProfile, *slugs: str) -> None:
    for slug in slugs:
        told = await platform.command("clients.add", tenant=tenant.slug, slug=slug, name=slug)
        assert told.exit_code == 0


@asynccontextmanager
async def _superuser(platform: Platform) -> AsyncIterator[AsyncConnection[Any]]:
    """Past every right, row-level security and trigger."""
    url = make_url(platform.runtime.urls.database_url).set(drivername="postgresql")
    plain = url.render_as_string(hide_password=False)
    async with await AsyncConnection.connect(plain) as connection:
        await connection.execute("SET session_replication_role = replica")
        yield connection


async def _tamper(platform: Platform, tenant: TenantProfile, statement: str) -> None:
    async with _superuser(platform) as connection:
        done = await connection.execute(statement.encode(), {"tenant": tenant.tenant_id})
        assert done.rowcount > 0


async def _verify(platform: Platform, tenant: TenantProfile, **more: str) -> Told:
    return await platform.command("audit.verify", tenant=tenant.slug, **more)


async def _export(platform: Platform, tenant: TenantProfile, path: Path) -> Told:
    return await platform.command("audit.export", tenant=tenant.slug, to=str(path))


# Who did or saw what.


async def test_lists_the_newest_first_and_records_the_look(
    platform: Platform, agency: TenantProfile
) -> None:
    await _add_clients(platform, agency, "bolt")
    told = await platform.command("audit.list", tenant=agency.slug, limit=50)
    entries = await _entries(platform, agency)
    at = f"{platform.clock.now:%Y-%m-%d %H:%M:%S}"
    assert told.table == [
        ("2", at, "test", "client.created", f"client:{entries[1].object_id}", '{"slug": "bolt"}'),
        (
            *("1", at, "test", "client.created", f"client:{entries[0].object_id}"),
            '{"slug": "acme-shoes"}',
        ),
    ]
    last = entries[-1]
    assert (last.action, last.object_kind, last.object_id) == (
        "audit.read",
        "audit",
        str(agency.tenant_id),
    )
    assert last.details == {
        "entries": 2,
        "about": None,
        "actor": None,
        "since": None,
        "before": None,
    }


async def test_lists_what_is_asked_for(platform: Platform, agency: TenantProfile) -> None:
    await _add_clients(platform, agency, "bolt")
    await platform.command("audit.list", tenant=agency.slug, limit=1, actor="cli:eva")
    first = (await _entries(platform, agency))[0]
    public = public_id("cli", first.id.__class__(first.object_id))
    today = f"{platform.clock.now:%Y-%m-%d}"
    tomorrow = f"{platform.clock.now + dt.timedelta(days=1):%Y-%m-%d}"
    for asked, numbers in (
        ({"about": "client"}, ["2", "1"]),
        ({"about": f"client:{first.object_id}"}, ["1"]),
        ({"about": f"client:{public}"}, ["1"]),
        ({"about": "client:x"}, []),
        ({"by": "cli:eva"}, ["3"]),
        ({"about": "client", "by": "cli:eva"}, []),
        ({"about": "client", "since": today}, ["2", "1"]),
        ({"since": tomorrow}, []),
        ({"about": "client", "limit": 1}, ["2"]),
    ):
        arguments: dict[str, Any] = {"limit": 50, **asked}
        told = await platform.command("audit.list", tenant=agency.slug, **arguments)
        assert [row[0] for row in told.table] == numbers, asked


async def test_shows_nothing_of_another_agency(platform: Platform, agency: TenantProfile) -> None:
    other = await make_agency(platform, f"agency-{next(_NAMES)}")
    theirs = {entry.object_id for entry in await _entries(platform, other)}
    told = await platform.command("audit.list", tenant=agency.slug, limit=50)
    assert not any(one in repr(told.table) for one in theirs)


async def test_a_wrong_day_is_told(platform: Platform, agency: TenantProfile) -> None:
    told = await platform.command("audit.list", tenant=agency.slug, limit=5, since="yesterday")
    (error,) = told.errors
    assert error.message == "--since is 'yesterday': that is not a day"


# Export, and the proof against it.


async def test_an_export_is_recorded_and_part_of_itself(
    platform: Platform, agency: TenantProfile, tmp_path: Path
) -> None:
    path = tmp_path / "audit.jsonl"
    told = await _export(platform, agency, path)
    assert told.exit_code == 0
    reader = ExportReader(path)
    exported = list(reader)
    assert [one.action for one in exported] == ["client.created", "audit.exported"]
    assert [one.entry_id for one in exported] == [
        one.id for one in await _entries(platform, agency)
    ]
    (keys,) = [line for line in told.lines if line.startswith("signed by key ")]
    assert told.lines == [
        f"2 entries of {agency.slug} are in {path}",
        f"signed by key {reader.public_key['kid']}",
        (
            "keep it where the platform cannot write; later: "
            f"bosco audit verify {agency.slug} --against {path}"
        ),
    ]
    assert keys == told.lines[1]


async def test_a_trail_that_goes_on_is_in_order(
    platform: Platform, agency: TenantProfile, tmp_path: Path
) -> None:
    assert (await _verify(platform, agency)).lines == [
        f"the audit trail of {agency.slug} is in order: 1 entries",
        "there is no checkpoint yet: what was cut off at the end would not be seen",
    ]
    path = tmp_path / "audit.jsonl"
    await _export(platform, agency, path)
    await _add_clients(platform, agency, "bolt", "core")
    told = await _verify(platform, agency, against=str(path))
    assert told.exit_code == 0
    now = f"{platform.clock.now:%Y-%m-%d %H:%M}"
    assert told.lines == [
        f"the audit trail of {agency.slug} is in order: 5 entries",
        f"held against 1 checkpoints; the last one is of {now} UTC, entry 3",
        "held against every entry of audit.jsonl",
    ]
    last = (await _entries(platform, agency))[-1]
    assert (last.action, last.details) == ("audit.verified", {"entries": 5, "wrong": []})


_FORK = """
WITH forged AS (
    SELECT tenant_id, sequence, audit_hash(previous_hash, tenant_id, sequence, id, at, 'evil',
        action, object_kind, object_id, details) AS new_hash
    FROM audit_entries WHERE tenant_id = %(tenant)s AND sequence = 3
)
UPDATE audit_entries e SET actor = 'evil', hash = new_hash FROM forged f
WHERE e.tenant_id = f.tenant_id AND e.sequence = f.sequence
"""


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "UPDATE audit_entries SET details = '{}' WHERE tenant_id = %(tenant)s AND sequence = 1",
            "entry 1 was changed: its hash is not its own",
        ),
        (
            "DELETE FROM audit_entries WHERE tenant_id = %(tenant)s AND sequence = 2",
            "entry 2 is not there: entry 3 comes in its place",
        ),
        (
            "DELETE FROM audit_entries WHERE tenant_id = %(tenant)s AND sequence > 1",
            ("the chain ends at entry 1, but the checkpoint of 2026-11-02 06:00 UTC knows entry 3"),
        ),
        (
            _FORK,
            (
                "entry 3 is another one than the checkpoint of 2026-11-02 06:00 UTC knows:"
                " the chain was written anew, here or before"
            ),
        ),
    ],
)
async def test_tampering_is_found_by_the_checkpoint(
    platform: Platform, agency: TenantProfile, tmp_path: Path, statement: str, message: str
) -> None:
    platform.clock.now = dt.datetime(2026, 11, 2, 6, tzinfo=dt.UTC)
    await _add_clients(platform, agency, "bolt")
    await _export(platform, agency, tmp_path / "audit.jsonl")
    await _tamper(platform, agency, statement)
    told = await _verify(platform, agency)
    assert told.exit_code == 3
    assert told.lines == [f"the audit trail of {agency.slug} is NOT in order: {message}"]
    assert (await _entries(platform, agency))[-1].details["wrong"] == [message]


async def test_the_database_put_back_is_found_by_the_export_alone(
    platform: Platform, agency: TenantProfile, tmp_path: Path
) -> None:
    """Whoever takes the newest checkpoints away with the entries leaves no trace inside."""
    path = tmp_path / "audit.jsonl"
    await _add_clients(platform, agency, "bolt")
    await _export(platform, agency, path)
    for table in ("audit_entries", "audit_checkpoints"):
        await _tamper(
            platform, agency, f"DELETE FROM {table} WHERE tenant_id = %(tenant)s AND sequence > 2"
        )
    inside = await _verify(platform, agency)
    assert inside.exit_code == 0
    assert inside.lines[1].startswith("there is no checkpoint yet")
    outside = await _verify(platform, agency, against=str(path))
    assert outside.exit_code == 3
    # Verifying has added an entry of its own in the place of the lost one.
    (line,) = outside.lines
    assert line == (
        f"the audit trail of {agency.slug} is NOT in order: entry 3 is another one than"
        " the export audit.jsonl knows: the chain was written anew, here or before"
    )


async def test_a_checkpoint_of_another_key_is_found(
    platform: Platform, agency: TenantProfile, tmp_path: Path
) -> None:
    await _export(platform, agency, tmp_path / "audit.jsonl")
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True)
    key.ensure_kid()
    async with _superuser(platform) as connection:  # with its public half put in beside ours
        await connection.execute(
            "INSERT INTO signing_keys SELECT %s, algorithm, %s, wrapped_private_key, created_at,"
            " created_at, revoked_at FROM signing_keys LIMIT 1",
            (key.kid, Jsonb(key.as_dict(private=False))),
        )
    checkpoint = Checkpoint(agency.tenant_id, Link(1, bytes(32)), platform.clock.now)
    await _put_checkpoint(platform, agency.tenant_id, checkpoint, sign(checkpoint, key))
    told = await _verify(platform, agency)
    assert told.exit_code == 3
    (line,) = told.lines
    assert line == (
        f"the audit trail of {agency.slug} is NOT in order:"
        " 1 checkpoints are not signed by this platform"
    )


async def _put_checkpoint(
    platform: Platform, tenant_id: TenantId, checkpoint: Checkpoint, statement: str
) -> None:
    async with platform.runtime.database.session(tenant_id) as session:
        session.add(
            AuditCheckpoint(
                id=platform.runtime.ids(),
                sequence=checkpoint.link.sequence,
                at=checkpoint.at,
                statement=statement,
            )
        )


async def test_a_checkpoint_of_another_agency_is_found(
    platform: Platform, agency: TenantProfile
) -> None:
    other = await make_agency(platform, f"agency-{next(_NAMES)}")
    signed = await platform.runtime.checkpoints.take(other.tenant_id)
    await _put_checkpoint(platform, agency.tenant_id, signed.checkpoint, signed.statement)
    told = await _verify(platform, agency)
    assert told.exit_code == 3
    (line,) = told.lines
    assert line == (
        f"the audit trail of {agency.slug} is NOT in order:"
        " 1 checkpoints are not signed by this platform"
    )


async def test_checkpoints_of_a_revoked_key_are_not_counted(
    platform: Platform, agency: TenantProfile
) -> None:
    signed = await platform.runtime.checkpoints.take(agency.tenant_id)
    await platform.runtime.signing_keys.revoke(str(signed.public_key["kid"]))
    told = await _verify(platform, agency)
    assert told.lines[1:] == [
        "1 checkpoints of revoked keys were not counted",
        "there is no checkpoint yet: what was cut off at the end would not be seen",
    ]
    again = await platform.runtime.checkpoints.take(agency.tenant_id)
    assert again.public_key["kid"] != signed.public_key["kid"]
    assert "held against 1 checkpoints" in (await _verify(platform, agency)).lines[1]


async def test_evidence_that_is_not_whole_accuses_nobody(
    platform: Platform, agency: TenantProfile, tmp_path: Path
) -> None:
    path = tmp_path / "audit.jsonl"
    await _export(platform, agency, path)
    _rewrite(path)
    (error,) = (await _verify(platform, agency, against=str(path))).errors
    assert error.message == (
        f"{path} is not whole itself: entry 1 was changed: its hash is not its own"
    )


def _rewrite(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"test"', '"evil"', 1), encoding="utf-8")


async def test_evidence_of_another_agency_is_refused(
    platform: Platform, agency: TenantProfile, tmp_path: Path
) -> None:
    other = await make_agency(platform, f"agency-{next(_NAMES)}")
    await _export(platform, other, tmp_path / "audit.jsonl")
    told = await _verify(platform, agency, against=str(tmp_path / "audit.jsonl"))
    (error,) = told.errors
    assert error.message == f"{tmp_path / 'audit.jsonl'} is of another agency than {agency.slug}"


async def test_a_broken_trail_is_not_exported_as_if_it_were_whole(
    platform: Platform, agency: TenantProfile, tmp_path: Path
) -> None:
    await _tamper(
        platform, agency, "UPDATE audit_entries SET actor = 'x' WHERE tenant_id = %(tenant)s"
    )
    told = await _export(platform, agency, tmp_path / "audit.jsonl")
    (error,) = told.errors
    assert error.code == "AUDIT_CHAIN_BROKEN"
    assert not (tmp_path / "audit.jsonl").exists()


# Checkpoints by the hour.


async def test_checkpoints_are_taken_when_there_is_something_new(
    platform: Platform, agency: TenantProfile
) -> None:
    checkpoints = platform.runtime.checkpoints
    for _ in range(2):
        await checkpoints.take_due()
        assert await _sequences(platform, agency) == [1]
    await _add_clients(platform, agency, "bolt")
    for hours in (0, 23):
        platform.clock.advance(hours=hours)
        await checkpoints.take_due()
        assert await _sequences(platform, agency) == [1, 2]
    platform.clock.advance(hours=1)
    assert await checkpoints.take_due() > 0
    assert await _sequences(platform, agency) == [1, 2, 2]
    statements = [line["statement"] for line in platform.log("audit_checkpoint")]
    async with platform.runtime.database.session(agency.tenant_id) as session:
        stored = set(await session.scalars(select(AuditCheckpoint.statement)))
    assert stored <= set(statements)


async def _sequences(platform: Platform, tenant: TenantProfile) -> list[int]:
    async with platform.runtime.database.session(tenant.tenant_id) as session:
        query = select(AuditCheckpoint.sequence).order_by(AuditCheckpoint.sequence)
        return list(await session.scalars(query))


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit_entries SET actor = 'x' WHERE tenant_id = %(tenant)s", Fault.EDITED),
        ("DELETE FROM audit_entries WHERE tenant_id = %(tenant)s AND sequence > 1", Fault.SHORTER),
        (
            "UPDATE audit_entries SET hash = '' WHERE tenant_id = %(tenant)s AND sequence = 2",
            Fault.FORKED,
        ),
    ],
)
async def test_a_broken_chain_gets_no_new_checkpoint(
    platform: Platform, agency: TenantProfile, statement: str, fault: Fault
) -> None:
    await _add_clients(platform, agency, "bolt")
    await platform.runtime.checkpoints.take(agency.tenant_id)
    await _add_clients(platform, agency, "core")
    await _tamper(platform, agency, statement)
    with pytest.raises(BrokenChainError) as caught:
        await platform.runtime.checkpoints.take(agency.tenant_id)
    assert caught.value.finding.fault is fault
    await platform.runtime.checkpoints.take_due()
    assert await _sequences(platform, agency) == [2]
    told = [one for one in platform.log("audit_chain_broken") if one["fault"] == fault.value]
    assert str(agency.tenant_id) in {one["tenant_id"] for one in told}


async def test_an_agency_without_anything_has_nothing_to_state(platform: Platform) -> None:
    slug = f"agency-{next(_NAMES)}"
    new = {"slug": slug, "name": "New", "currency": "EUR", "time_zone": "Europe/Berlin"}
    assert (await platform.command("tenants.add", **new)).exit_code == 0
    await platform.runtime.checkpoints.take_due()
    tenant = await platform.runtime.doors.find_tenant(slug)
    assert tenant is not None
    assert await _sequences(platform, tenant) == []
