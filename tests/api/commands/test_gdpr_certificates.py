"""Certificates by command: taken from the platform, verified by the command line alone."""

import asyncio
import dataclasses
import stat
import uuid
from pathlib import Path

import pytest
from sqlalchemy import select

from domain.ids import public_id
from domain.privacy.certificate import state_erasure
from domain.privacy.evidence import ErasureEvidence, Rescan, RescanMoment
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    ProcessingRole,
    RequestState,
    Right,
)
from tenancy.tables import AuditEntry, Certificate, Client, SubjectRequest
from tenancy.unscoped import TenantProfile
from tests.api.cli.test_command_line import _run
from tests.domain.privacy.certificates import EVIDENCE, OTHER_KEY, PLACE
from tests.e2e.platform import Platform
from tests.isolation.entries import ROOT

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def evidence(platform: Platform, northwind: TenantProfile) -> ErasureEvidence:
    """Of an erasure that northwind carries out."""
    request_id = uuid.UUID(int=4_711)
    async with platform.runtime.database.session(northwind.tenant_id) as session:
        client_id = (await session.scalars(select(Client.id))).one()
        session.add(
            SubjectRequest(
                id=request_id,
                client_id=client_id,
                right=Right.ERASURE,
                channel=IntakeChannel.DESK,
                role=ProcessingRole.PROCESSOR,
                state=RequestState.WAITING,
                identity=IdentityLevel.VOUCHED,
                fingerprint=b"f",
                pseudonyms=[],
                scope={},
                policy="1",
                received_at=platform.clock.now,
                due_at=platform.clock.now,
                requested_by="user:ann",
            )
        )
    return dataclasses.replace(
        EVIDENCE,
        request_id=request_id,
        request=public_id("req", request_id),
        agency=public_id("ten", northwind.tenant_id),
    )


async def _issue(
    platform: Platform, northwind: TenantProfile, evidence: ErasureEvidence
) -> Certificate:
    async with platform.runtime.database.session(northwind.tenant_id) as session:
        return await platform.runtime.certificates.issue(session, evidence, actor="job:erase")


async def _cli(*words: str) -> tuple[int, list[str]]:
    """What the command line says, beside the loop that the platform runs in."""
    code, text = await asyncio.to_thread(_run, "gdpr", "verify", *words)
    return code, text.splitlines()


async def test_a_certificate_goes_out_and_verifies_anywhere(
    platform: Platform, northwind: TenantProfile, evidence: ErasureEvidence, tmp_path: Path
) -> None:
    first = await _issue(platform, northwind, evidence)
    older, newer, keys, trail = (
        str(tmp_path / name) for name in ("old.json", "new.json", "keys.json", "audit.jsonl")
    )
    told = await platform.command(
        "gdpr.certificate", tenant="northwind", request=evidence.request, to=older
    )
    assert told.lines == [
        f"certificate 1, revision 1, is in {older}",
        f"check it anywhere: bosco gdpr verify {older} --key {first.kid}",
    ]
    assert stat.S_IMODE((tmp_path / "old.json").stat().st_mode) == 0o600
    scanned = Rescan(RescanMoment.MATERIALISATION, done_at=platform.clock.now, found=0)
    later = dataclasses.replace(evidence, rescans=(*evidence.rescans[:2], scanned))
    await _issue(platform, northwind, later)
    await platform.command(
        "gdpr.certificate", tenant="northwind", request=evidence.request, to=newer
    )
    told = await platform.command("gdpr.certificates", tenant="northwind", limit=10)
    assert [row[:3] for row in told.table] == [
        ("2", evidence.request, "2"),
        ("1", evidence.request, "1"),
    ]
    await platform.command("gdpr.keys", to=keys)
    await platform.command("audit.export", tenant="northwind", to=trail)

    code, lines = await _cli(newer, "--keys", keys, "--audit", trail)
    assert (code, lines[-1]) == (0, "VALID"), lines
    assert (await _cli(newer, "--key", first.kid))[0] == 0
    code, lines = await _cli(older)
    said = " ".join(" ".join(lines).split())
    assert code == 0
    assert said.endswith(f"VALID if {first.kid} is a key of the platform's: compare")
    code, lines = await _cli(older, "--keys", keys, "--audit", trail)
    assert (code, lines[-1]) == (3, "INVALID: it was replaced: revision 2 is the newest")
    code, lines = await _cli(older, "--key", OTHER_KEY.kid)
    assert (code, " ".join(" ".join(lines).split())) == (
        3,
        f"INVALID: it is signed by key {first.kid}, which is not trusted",
    )


async def test_a_changed_file_is_invalid(
    platform: Platform, northwind: TenantProfile, evidence: ErasureEvidence, tmp_path: Path
) -> None:
    await _issue(platform, northwind, evidence)
    path = tmp_path / "certificate.json"
    await platform.command(
        "gdpr.certificate", tenant="northwind", request=evidence.request, to=str(path)
    )
    path.write_bytes(path.read_bytes().replace(b'"count": 14', b'"count": 15'))
    code, lines = await _cli(str(path))
    assert (code, " ".join(" ".join(lines).split())) == (
        3,
        "INVALID: the readable part is not what was signed: erased[0].count differs",
    )


async def test_who_took_a_certificate_is_on_record(
    platform: Platform, northwind: TenantProfile, evidence: ErasureEvidence, tmp_path: Path
) -> None:
    certificate = await _issue(platform, northwind, evidence)
    path = str(tmp_path / "certificate.json")
    arguments = {"tenant": "northwind", "request": evidence.request, "to": path}
    assert (await platform.command("gdpr.certificate", **arguments)).exit_code == 0
    async with platform.runtime.database.session(northwind.tenant_id) as session:
        newest = select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(1)
        entry = (await session.scalars(newest)).one()
    assert (entry.action, entry.object_id, entry.details) == (
        "certificate.exported",
        str(certificate.id),
        {"number": certificate.number, "revision": certificate.revision},
    )
    again = await platform.command("gdpr.certificate", **arguments)
    assert [error.message for error in again.errors] == [f"{path} is there already"]


async def test_a_revoked_key_is_told(
    platform: Platform, northwind: TenantProfile, evidence: ErasureEvidence, tmp_path: Path
) -> None:
    certificate = await _issue(platform, northwind, evidence)
    path, keys = str(tmp_path / "certificate.json"), str(tmp_path / "keys.json")
    await platform.command(
        "gdpr.certificate", tenant="northwind", request=evidence.request, to=path
    )
    told = await platform.command("keys.revoke", key=certificate.kid)
    assert told.lines == [
        (
            f"{certificate.kid} is revoked: certificates that it signed prove nothing; hand out the"
            " list of bosco gdpr keys anew"
        )
    ]
    assert (await platform.command("gdpr.keys", to=keys)).lines == [f"1 public keys are in {keys}"]
    code, lines = await _cli(path, "--keys", keys)
    assert (code, " ".join(" ".join(lines).split())) == (
        3,
        f"INVALID: its key {certificate.kid} was revoked: others may have had it",
    )
    told = await platform.command("gdpr.keys")
    assert [(row[0], row[2]) for row in told.table] == [
        (certificate.kid, "revoked: what it signed proves nothing")
    ]
    assert (await _issue(platform, northwind, evidence)).kid != certificate.kid


@pytest.mark.parametrize("content", ["[]", "{", '{"keys": [7]}', '{"keys": [{"kty": "EC"}]}'])
async def test_a_file_that_holds_no_keys_cannot_be_used(tmp_path: Path, content: str) -> None:
    keys, file = tmp_path / "keys.json", tmp_path / "certificate.json"
    keys.write_text(content)
    file.write_text("{}")
    code, lines = await _cli(str(file), "--keys", str(keys))
    assert code == 1
    assert "is no set of Ed25519 keys" in " ".join(" ".join(lines).split())


async def test_what_is_not_there_cannot_be_checked(tmp_path: Path) -> None:
    code, lines = await _cli(str(tmp_path / "nowhere.json"))
    assert (code, "No such file or directory" in " ".join(lines)) == (1, True)
    (tmp_path / "empty.json").write_text("")
    code, lines = await _cli(str(tmp_path / "empty.json"), "--key", "a", "--keys", "b")
    assert (code, "give --key or --keys, not both" in " ".join(lines)) == (2, True)


def test_the_format_is_described() -> None:
    """docs/gdpr.md names every member of the statement."""
    page = (ROOT / "docs/gdpr.md").read_text(encoding="utf-8")
    statement = state_erasure(EVIDENCE, PLACE)
    assert sorted(name for name in _names(statement) if f"`{name}`" not in page) == []


def _names(value: object) -> set[str]:
    match value:
        case dict():
            return set(value).union(*map(_names, value.values()))
        case list():
            return set[str]().union(*map(_names, value))
    return set()
