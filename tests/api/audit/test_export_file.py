"""Exports prove themselves: whole ones pass, whatever was done to one is found."""

import datetime as dt
import json
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from api.audit.checkpoints import SignedCheckpoint
from api.audit.export_file import ExportReader, ExportWriter, verify_export
from api.audit.statements import (
    UnprovenStatementError,
    key_id_of,
    read_public_key,
    read_statement,
    sign,
)
from api.commands.audit_verify_file import verify_file
from api.control.protocol import DoneEvent, Event, LineEvent
from domain.audit.checkpoint import Checkpoint
from domain.audit.verify import Fault, Link
from domain.errors import ConflictError, InvalidInputError
from domain.ids import TenantId
from tests.domain.audit.chains import NOON, TAMPERINGS, TENANT, Chain, make_chain

pytestmark = pytest.mark.anyio

CHAIN = make_chain(60)


def _new_key() -> ECKey:
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True)
    key.ensure_kid()
    return key


KEY, OTHER_KEY = _new_key(), _new_key()


def _signed(chain: Chain, key: ECKey = KEY) -> SignedCheckpoint:
    checkpoint = Checkpoint(TENANT, Link(len(chain), chain[-1].hash), NOON)
    return SignedCheckpoint(checkpoint, sign(checkpoint, key), key.as_dict(private=False))


def _write(path: Path, chain: Chain, signed: SignedCheckpoint) -> Path:
    with ExportWriter(path) as writer:
        writer.begin("northwind", signed)
        writer.write(chain)
        writer.finish(signed)
    return path


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Of the whole chain."""
    return _write(tmp_path / "audit.jsonl", CHAIN, _signed(CHAIN))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def test_what_is_written_is_read(export: Path) -> None:
    reader = ExportReader(export)
    assert list(reader) == CHAIN
    assert list(reader) == CHAIN  # once more
    assert (reader.tenant_id, reader.agency) == (TENANT, "northwind")
    assert [one.link.sequence for one in reader.anchors()] == list(range(1, 61))
    assert export.stat().st_mode & 0o777 == 0o600


def test_the_lines_are_those_of_the_documentation(export: Path) -> None:
    header, first, *_, last = map(json.loads, _lines(export))
    assert header == {
        "kind": "header",
        "format": "bosco-audit-1",
        "tenant": str(TENANT),
        "agency": "northwind",
        "exportedAt": "2026-03-01T12:00:00Z",
        "publicKey": KEY.as_dict(private=False),
    }
    assert first == {
        "kind": "entry",
        "sequence": 1,
        "id": str(uuid.UUID(int=1)),
        "at": "2026-03-01T12:00:00.000001Z",
        "actor": "user:1",
        "action": "connection.paused",
        "objectKind": "connection",
        "objectId": "con_1",
        "details": '{"source": "shopify", "tries": 1}',
        "previousHash": "00" * 32,
        "hash": CHAIN[0].hash.hex(),
    }
    assert last == {"kind": "checkpoint", "statement": last["statement"]}


def test_a_whole_file_is_in_order(export: Path) -> None:
    verdict = verify_export(ExportReader(export))
    assert (verdict.finding, verdict.entries, verdict.key_id) == (None, 60, KEY.kid)
    assert verdict.checkpoint == Checkpoint(TENANT, Link(60, CHAIN[-1].hash), NOON)


def test_every_tampering_with_a_file_is_found(tmp_path: Path) -> None:
    signed = _signed(CHAIN)
    for seed in range(300):
        rng = random.Random(seed)  # noqa: S311  # no secret
        chain = TAMPERINGS[seed % len(TAMPERINGS)](list(CHAIN), rng)
        path = tmp_path / f"{seed}.jsonl"
        is_foreign = any(one.tenant != TENANT.bytes for one in chain)  # no line says so
        verdict = verify_export(ExportReader(_write(path, chain, signed)))
        assert is_foreign or verdict.finding is not None, seed


@pytest.mark.parametrize("kept", [1, 2, 30, 61])
def test_a_file_that_was_cut_is_told(export: Path, kept: int) -> None:
    export.write_text("".join(_lines(export)[:kept]), encoding="utf-8")
    finding = verify_export(ExportReader(export)).finding
    assert finding is not None
    assert (finding.fault, finding.sequence) == (Fault.SHORTER, kept)


def test_a_fork_signed_by_another_key_has_another_key_id(tmp_path: Path) -> None:
    forged = make_chain(61)
    path = _write(tmp_path / "forged.jsonl", forged, _signed(forged, OTHER_KEY))
    verdict = verify_export(ExportReader(path))
    assert (verdict.finding, verdict.key_id) == (None, OTHER_KEY.kid)


def test_an_entry_after_the_end_is_told(tmp_path: Path) -> None:
    path = _write(tmp_path / "long.jsonl", CHAIN, _signed(CHAIN[:50]))
    finding = verify_export(ExportReader(path)).finding
    assert finding is not None
    assert finding.message == "the file has entries after entry 50, where it ends"


def _swap_key(header: dict[str, Any]) -> None:
    header["publicKey"] = OTHER_KEY.as_dict(private=False)


def _rename_key(header: dict[str, Any]) -> None:
    header["publicKey"] = {**OTHER_KEY.as_dict(private=False), "kid": KEY.kid}


def _break_key(header: dict[str, Any]) -> None:
    header["publicKey"] = {"kty": "EC"}


def _private_key(header: dict[str, Any]) -> None:
    header["publicKey"] = KEY.as_dict(private=True)


@pytest.mark.parametrize("change", [_swap_key, _rename_key, _break_key, _private_key])
def test_a_key_that_did_not_sign_proves_nothing(
    export: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    first, *rest = _lines(export)
    header = json.loads(first)
    change(header)
    export.write_text(json.dumps(header) + "\n" + "".join(rest), encoding="utf-8")
    with pytest.raises(UnprovenStatementError, match="a checkpoint proves nothing"):
        verify_export(ExportReader(export))


def _headless(lines: list[str]) -> list[str]:
    return lines[1:]


def _other_format(lines: list[str]) -> list[str]:
    return [lines[0].replace("bosco-audit-1", "bosco-audit-2"), *lines[1:]]


def _two_headers(lines: list[str]) -> list[str]:
    return [*lines[:3], lines[0], *lines[3:]]


def _two_ends(lines: list[str]) -> list[str]:
    return [*lines, lines[-1]]


def _no_json(lines: list[str]) -> list[str]:
    return [*lines[:4], "{]\n", *lines[4:]]


def _half_a_line(lines: list[str]) -> list[str]:
    return [*lines[:4], lines[4][:20]]


def _more_words(lines: list[str]) -> list[str]:
    return [*lines[:4], lines[4].replace('"actor"', '"note":"x","actor"'), *lines[5:]]


def _no_hash(lines: list[str]) -> list[str]:
    return [*lines[:4], lines[4].replace('"hash":"', '"hash":"zz'), *lines[5:]]


def _no_zone(lines: list[str]) -> list[str]:
    return [*lines[:4], lines[4].replace('Z","actor', '","actor'), *lines[5:]]


def _no_text(lines: list[str]) -> list[str]:
    return [*lines[:4], lines[4].replace('"user:', '"\\ud800user:'), *lines[5:]]


@pytest.mark.parametrize(
    "change",
    [
        _headless,
        _other_format,
        _two_headers,
        _two_ends,
        _no_json,
        _half_a_line,
        _more_words,
        _no_hash,
        _no_zone,
        _no_text,
        lambda _: [],
    ],
)
def test_what_is_no_export_is_told(export: Path, change: Callable[[list[str]], list[str]]) -> None:
    export.write_text("".join(change(_lines(export))), encoding="utf-8")
    with pytest.raises(InvalidInputError, match="is no audit export that bosco made: line "):
        verify_export(ExportReader(export))


def test_bytes_that_are_no_text_are_told(export: Path) -> None:
    export.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInputError, match="is no audit export"):
        ExportReader(export)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be read: No such file"):
        ExportReader(tmp_path / "nowhere")


def test_an_export_replaces_nothing(export: Path) -> None:
    before = export.read_bytes()
    with pytest.raises(ConflictError, match="is there already"):
        ExportWriter(export)
    assert export.read_bytes() == before


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "half.jsonl"

    def fail() -> None:
        with ExportWriter(path) as writer:
            writer.begin("northwind", _signed(CHAIN))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not path.exists()
    with pytest.raises(InvalidInputError, match="cannot be written: No such file"):
        ExportWriter(tmp_path / "nowhere" / "x")


# The statements themselves.


def test_a_statement_is_of_its_key_and_type() -> None:
    signed = _signed(CHAIN)
    assert key_id_of(signed.statement) == KEY.kid
    assert read_statement(signed.statement, {str(KEY.kid): KEY}) == signed.checkpoint
    with pytest.raises(UnprovenStatementError, match="a key that is not known here"):
        read_statement(signed.statement, {str(OTHER_KEY.kid): OTHER_KEY})
    with pytest.raises(UnprovenStatementError, match="its signature does not fit"):
        read_statement(signed.statement, {str(KEY.kid): OTHER_KEY})


@pytest.mark.parametrize(
    "claims", [{}, {"tenant": "x"}, {"more": 1}, {"sequence": "60"}, {"hash": "00"}]
)
def test_other_claims_are_no_statement(claims: dict[str, Any]) -> None:
    known = _signed(CHAIN).checkpoint.claims if claims else {}
    header = {"alg": "ES256", "typ": "bosco-audit-checkpoint+jws", "kid": KEY.kid}
    statement = jwt.encode(header, {**known, **claims}, KEY, algorithms=["ES256"])
    with pytest.raises(UnprovenStatementError, match="its signature does not fit"):
        read_statement(statement, {str(KEY.kid): KEY})


@pytest.mark.parametrize("statement", ["", "x", "a.b.c", "e30.e30.x"])
def test_what_is_no_statement_is_told(statement: str) -> None:
    with pytest.raises(UnprovenStatementError):
        read_statement(statement, {str(KEY.kid): KEY})


def test_an_access_token_is_no_statement() -> None:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid}
    token = jwt.encode(header, _signed(CHAIN).checkpoint.claims, KEY, algorithms=["ES256"])
    with pytest.raises(UnprovenStatementError, match="about something else"):
        read_statement(token, {str(KEY.kid): KEY})


def test_every_changed_letter_of_a_statement_is_found() -> None:
    statement = _signed(CHAIN).statement
    for place in range(0, len(statement), 3):
        letter = "A" if statement[place] != "A" else "B"
        changed = statement[:place] + letter + statement[place + 1 :]
        if place == len(statement) - 1:  # its last letter has bits that stand for nothing
            continue
        with pytest.raises(UnprovenStatementError):
            read_statement(changed, {str(KEY.kid): KEY})


def test_a_public_key_is_named_by_its_thumbprint() -> None:
    assert read_public_key(KEY.as_dict(private=False)).thumbprint() == KEY.kid


# `bosco audit verify --file`


async def _verify(path: Path, key: str | None) -> list[Event]:
    return [event async for event in verify_file(str(path), key)]


async def test_a_third_party_checks_a_file(export: Path) -> None:
    assert await _verify(export, KEY.kid) == [
        LineEvent(f"{export} is in order: 60 entries of northwind"),
        LineEvent("so it was at 2026-03-01 12:00 UTC"),
        DoneEvent(0),
    ]
    assert (await _verify(export, None))[2:] == [
        LineEvent(f"signed by key {KEY.kid}: make sure that it is the platform's"),
        DoneEvent(0),
    ]


def _change(path: Path, old: str, new: str) -> None:
    path.write_text("".join(_lines(path)).replace(old, new, 1), encoding="utf-8")


async def test_a_third_party_finds_what_was_changed(export: Path) -> None:
    assert await _verify(export, "other") == [
        LineEvent(f"{export} is NOT proven: it is signed by key {KEY.kid}, not other"),
        DoneEvent(3),
    ]
    _change(export, "user:3", "user:4")
    assert await _verify(export, KEY.kid) == [
        LineEvent(f"{export} is NOT in order: entry 3 was changed: its hash is not its own"),
        DoneEvent(3),
    ]


def test_a_statement_about_another_agency_is_told(tmp_path: Path) -> None:
    other = Checkpoint(TenantId(uuid.UUID(int=8)), Link(60, CHAIN[-1].hash), NOON)
    signed = _signed(CHAIN)
    path = tmp_path / "other.jsonl"
    with ExportWriter(path) as writer:
        writer.begin("northwind", signed)
        writer.write(CHAIN)
        writer.finish(SignedCheckpoint(other, sign(other, KEY), signed.public_key))
    with pytest.raises(UnprovenStatementError, match="it is of something else"):
        verify_export(ExportReader(path))


def test_claims_come_back_as_they_were() -> None:
    at = dt.datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC)
    checkpoint = Checkpoint(TENANT, Link(7, b"h" * 32), at)
    assert Checkpoint.from_claims(checkpoint.claims) == checkpoint
