"""What is sealed opens in its own place, nowhere else, and never shows."""

import copy
import hmac
import itertools
import json
import pickle
import stat
import traceback
import uuid
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import ConnectionId, TenantId
from tenancy.vault import (
    CredentialError,
    MasterKey,
    MasterKeyError,
    Purpose,
    Secret,
    TenantKey,
    Vault,
)

ALICE, BOB = TenantId(uuid.UUID(int=1)), TenantId(uuid.UUID(int=2))
SHOP, ADS = ConnectionId(uuid.UUID(int=11)), ConnectionId(uuid.UUID(int=12))
KEY, OTHER_KEY = TenantKey(b"k" * 32), TenantKey(b"o" * 32)
TOKEN = "shpat_0123456789"
VAULT = Vault(MasterKey(b"m" * 32))

credentials = st.dictionaries(st.text(), st.text(), max_size=4)


def sealed_token() -> bytes:
    return VAULT.seal(KEY, {"token": TOKEN}, tenant_id=ALICE, connection_id=SHOP)


@given(credentials)
def test_sealed_credentials_open_in_their_place(given_credentials: dict[str, str]) -> None:
    sealed = VAULT.seal(KEY, given_credentials, tenant_id=ALICE, connection_id=SHOP)
    opened = VAULT.open(KEY, sealed, tenant_id=ALICE, connection_id=SHOP)
    assert {name: secret.reveal() for name, secret in opened.items()} == given_credentials


@pytest.mark.parametrize(
    ("key", "tenant_id", "connection_id"),
    [(OTHER_KEY, ALICE, SHOP), (KEY, BOB, SHOP), (KEY, ALICE, ADS), (OTHER_KEY, BOB, ADS)],
)
def test_sealed_credentials_open_nowhere_else(
    key: TenantKey, tenant_id: TenantId, connection_id: ConnectionId
) -> None:
    with pytest.raises(CredentialError) as error:
        VAULT.open(key, sealed_token(), tenant_id=tenant_id, connection_id=connection_id)
    assert error.value.message == (
        f"the stored credentials of connection {connection_id} cannot be opened"
    )
    assert error.value.hint == "connect the account again"
    assert TOKEN not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize("purpose", Purpose)
def test_what_is_sealed_for_one_row_opens_for_no_other(purpose: Purpose) -> None:
    user = uuid.UUID(int=11)
    place: dict[str, Any] = {"tenant_id": ALICE, "purpose": purpose, "object_id": user}
    sealed = VAULT.seal_for(KEY, {"secret": TOKEN}, **place)
    assert VAULT.open_for(KEY, sealed, **place) == {"secret": Secret(TOKEN)}
    others = [one for one in Purpose if one is not purpose]
    for changed in ({"tenant_id": BOB}, {"object_id": uuid.UUID(int=12)}, {"purpose": others[0]}):
        with pytest.raises(CredentialError):
            VAULT.open_for(KEY, sealed, **{**place, **changed})
    with pytest.raises(CredentialError) as error:
        VAULT.open_for(OTHER_KEY, sealed, **place)
    assert error.value.message == f"the stored secret of {purpose.value} {user} cannot be opened"
    assert error.value.hint == "remove it, and add it again"
    with pytest.raises(CredentialError):  # nor is it that of a connection of the same number
        VAULT.open(KEY, sealed, tenant_id=ALICE, connection_id=SHOP)
    with pytest.raises(CredentialError):
        VAULT.open_for(KEY, sealed_token(), **place)


def test_what_was_sealed_for_a_channel_or_webhook_still_opens() -> None:
    endpoint = uuid.UUID(int=11)
    cipher = AESGCM(b"k" * 32)
    for purpose in (Purpose.ALERT_CHANNEL, Purpose.WEBHOOK):
        place = f"bosco {purpose.value}\0".encode() + ALICE.bytes + endpoint.bytes
        data = json.dumps({"url": TOKEN}).encode()
        sealed = b"\x01" + b"n" * 12 + cipher.encrypt(b"n" * 12, data, b"\x01" + place)
        opened = VAULT.open_for(KEY, sealed, tenant_id=ALICE, purpose=purpose, object_id=endpoint)
        assert opened == {"url": Secret(TOKEN)}


@given(st.data())
def test_changed_bytes_do_not_open(data: st.DataObject) -> None:
    sealed = bytearray(sealed_token())
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CredentialError):
        VAULT.open(KEY, bytes(sealed), tenant_id=ALICE, connection_id=SHOP)


def test_cut_bytes_do_not_open() -> None:
    sealed = sealed_token()
    for length in range(len(sealed)):
        with pytest.raises(CredentialError):
            VAULT.open(KEY, sealed[:length], tenant_id=ALICE, connection_id=SHOP)


def test_sealed_bytes_carry_version_nonce_and_no_plaintext() -> None:
    counter = itertools.count(1)
    vault = Vault(MasterKey(b"m" * 32), random_bytes=lambda size: bytes([next(counter)] * size))
    sealed = [
        vault.seal(KEY, {"token": TOKEN}, tenant_id=ALICE, connection_id=SHOP) for _ in range(2)
    ]
    assert [one[:13] for one in sealed] == [b"\x01" + bytes([n] * 12) for n in (1, 2)]
    assert len(sealed[0]) == 13 + len(json.dumps({"token": TOKEN})) + 16
    assert TOKEN.encode() not in sealed[0]
    assert sealed[0][13:] != sealed[1][13:]


@pytest.mark.anyio
async def test_tenant_key_opens_for_its_tenant_only() -> None:
    wrapped = await VAULT.create_tenant_key(ALICE)
    key = await VAULT.open_tenant_key(ALICE, wrapped)
    sealed = VAULT.seal(key, {"token": TOKEN}, tenant_id=ALICE, connection_id=SHOP)
    again = await VAULT.open_tenant_key(ALICE, wrapped)
    opened = VAULT.open(again, sealed, tenant_id=ALICE, connection_id=SHOP)
    assert opened == {"token": Secret(TOKEN)}
    with pytest.raises(MasterKeyError) as error:
        await VAULT.open_tenant_key(BOB, wrapped)
    assert error.value.message == "a stored key does not open with this master key"
    with pytest.raises(MasterKeyError):
        await Vault(MasterKey(b"x" * 32)).open_tenant_key(ALICE, wrapped)


@pytest.mark.anyio
async def test_two_tenants_get_two_keys() -> None:
    first = await VAULT.open_tenant_key(ALICE, await VAULT.create_tenant_key(ALICE))
    second = await VAULT.open_tenant_key(ALICE, await VAULT.create_tenant_key(ALICE))
    sealed = VAULT.seal(first, {}, tenant_id=ALICE, connection_id=SHOP)
    with pytest.raises(CredentialError):
        VAULT.open(second, sealed, tenant_id=ALICE, connection_id=SHOP)


def test_a_derived_key_is_that_of_its_purpose_and_tenant() -> None:
    # RFC 5869 with SHA-256, no salt: extract with 32 zero bytes, then one block of expansion.
    extracted = hmac.digest(bytes(32), b"k" * 32, "sha256")
    expected = hmac.digest(extracted, b"people\x01", "sha256")
    assert TenantKey(b"k" * 32).derive(b"people") == expected
    assert TenantKey(b"k" * 32).derive(b"orders") != expected
    assert TenantKey(b"l" * 32).derive(b"people") != expected


def test_secret_never_shows() -> None:
    secret = Secret(TOKEN)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>9}", f"{secret!r}", repr([secret])]
    shown += [repr(KEY), repr(MasterKey(b"m" * 32))]
    assert shown == [
        "Secret(***)",
        "***",
        "***",
        "      ***",
        "Secret(***)",
        "[Secret(***)]",
        "TenantKey(***)",
        "MasterKey(***)",
    ]
    for leak in (pickle.dumps, copy.copy, json.dumps, hash):
        with pytest.raises(TypeError) as error:
            leak(secret)
        assert TOKEN not in str(error.value)
    assert secret.reveal() == TOKEN
    assert secret == Secret(TOKEN)
    assert secret != Secret("other")
    assert secret != TOKEN


def test_master_key_is_read_from_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(b"m" * 32)
    path.chmod(0o600)
    MasterKey.from_file(path)
    for mode in (0o640, 0o604, 0o660, 0o601):
        path.chmod(mode)
        with pytest.raises(MasterKeyError) as error:
            MasterKey.from_file(path)
        assert str(error.value) == f"others may read the master key {path} (chmod 600 {path})"
    assert stat.S_IMODE(path.stat().st_mode) == 0o601


def test_missing_or_short_master_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError) as error:
        MasterKey.from_file(tmp_path / "none")
    assert error.value.message == (
        f"the master key {tmp_path / 'none'} cannot be read: No such file or directory"
    )
    with pytest.raises(MasterKeyError, match="has 31 bytes instead of 32"):
        MasterKey(b"m" * 31)
