"""docs/audit.md is enough to check an export: a verifier written from it, without our code."""

import datetime as dt
import hashlib
import json
import uuid
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from tests.api.audit.test_export_file import export

__all__ = ["export"]

DOCUMENT = Path(__file__).parents[3] / "docs" / "audit.md"
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _is_in_order(path: Path) -> bool:
    header, *entries, last = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    number, previous = 0, "00" * 32
    for entry in entries:
        number += 1
        if (entry["sequence"], entry["previousHash"]) != (number, previous):
            return False
        if hashlib.sha256(_bytes(header["tenant"], entry)).hexdigest() != entry["hash"]:
            return False
        previous = entry["hash"]
    signed = jws.deserialize_compact(
        last["statement"], ECKey.import_key(header["publicKey"]), algorithms=["ES256"]
    )
    claims = json.loads(signed.payload)
    found = (claims["tenant"], claims["sequence"], claims["hash"])
    typ = signed.headers()["typ"]
    return typ == "bosco-audit-checkpoint+jws" and found == (header["tenant"], number, previous)


def _bytes(tenant: str, entry: dict[str, str]) -> bytes:
    instant = dt.datetime.fromisoformat(entry["at"]) - EPOCH
    microseconds = instant // dt.timedelta(microseconds=1)
    raw = b"bosco audit 1" + bytes.fromhex(entry["previousHash"]) + uuid.UUID(tenant).bytes
    raw += int(entry["sequence"]).to_bytes(8, signed=True) + uuid.UUID(entry["id"]).bytes
    raw += microseconds.to_bytes(8, signed=True)
    for name in ("actor", "action", "objectKind", "objectId", "details"):
        text = entry[name].encode()
        raw += len(text).to_bytes(4) + text
    return raw


def test_a_verifier_written_from_the_documentation_agrees(export: Path) -> None:
    assert _is_in_order(export)
    export.write_text(export.read_text("utf-8").replace("user:3", "user:4", 1), encoding="utf-8")
    assert not _is_in_order(export)


@pytest.mark.parametrize(
    "name",
    ["sequence", "id", "at", "actor", "action", "objectKind", "objectId", "details"],
)
def test_the_documentation_names_every_member(export: Path, name: str) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    entry = json.loads(export.read_text(encoding="utf-8").splitlines()[1])
    assert name in entry
    assert f"`{name}`" in text or f'"{name}"' in text
