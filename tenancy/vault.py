"""Vault: credentials of connections, channels and webhooks, sealed for their own tenant alone.

    master key (file or KMS) -> wraps each tenant's data key -> seals each connection's credentials

AES-256-GCM throughout. What is sealed is bound to its place: a data key to its tenant, credentials
to tenant and connection (alert channel, webhook endpoint). Moved anywhere
else, or cut, or changed, it does not open. Format: one version byte, a random 96-bit nonce,
ciphertext with its 128-bit tag.

Sources: NIST SP 800-38D section 8.2.2 (random nonces: fewer than 2**32 messages under one key);
RFC 5869 (HKDF).
"""

import enum
import hmac
import json
import secrets
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NoReturn, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.errors import InternalError, Terminal, UserError
from domain.ids import ConnectionId, TenantId

__all__ = [
    "CredentialError",
    "KeyWrapper",
    "MasterKey",
    "MasterKeyError",
    "Purpose",
    "Secret",
    "TenantKey",
    "Vault",
]

RandomBytes = Callable[[int], bytes]  # that many unpredictable bytes

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_VERSION: Final = b"\x01"
_MASK: Final = "***"


class CredentialError(UserError, Terminal):
    """Stored credentials do not open; they must be given again."""

    code = "CREDENTIALS_UNREADABLE"


class MasterKeyError(InternalError, Terminal):
    """The master key is missing, exposed, or not the one that sealed this (the operator)."""

    code = "MASTER_KEY"


class Secret:
    """A text that never shows in a log, a traceback or JSON; `reveal()` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: hand it to the provider, nothing else."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({_MASK})"

    def __str__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self._text.encode(), other._text.encode()
        )

    __hash__ = None  # type: ignore[assignment]  # a hash in a log would tell equal secrets

    def __reduce__(self) -> NoReturn:
        message = "a Secret is not stored or sent; seal it with the vault"
        raise TypeError(message)


class Purpose(enum.Enum):
    """What secrets are for that do not belong to a connection; the value is sealed with them."""

    ALERT_CHANNEL = "alert channel"
    WEBHOOK = "webhook"  # endpoint of an agency
    SECOND_FACTOR = "second factor"  # of a user
    IDENTITY_PROVIDER = "identity provider"
    SIGN_IN = "sign-in"  # that is under way at a provider
    PENDING_CONNECTION = "pending connection"
    SUBJECT_KEY = "key of a person"  # of one person's identifiers: without it they are noise
    SUBJECT_IDENTIFIER = "identifier of a person"  # under the key of that person
    SUBJECT_EXPORT = "export for a person"  # what a copy of their data is sealed under
    SUBJECT_REQUEST = "request of a person"  # what the requester gave of themselves
    PRIVACY_MESSAGE = "privacy message"  # that came in, and is no request yet
    RECIPIENT = "recipient"  # what opens its door to us
    RECIPIENT_NOTICE = "notice to a recipient"  # whom it is about


class KeyWrapper(Protocol):
    """Seals small keys under a master key that never leaves its place: a file or a KMS."""

    async def wrap(self, key: bytes, *, context: bytes) -> bytes:
        """Seal `key`, bound to `context`."""

    async def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        """Open what `wrap` sealed.

        Raises:
            MasterKeyError: Another master key or context, or the bytes were changed.
        """


class MasterKey:
    """A master key held in this process."""

    def __init__(self, key: bytes, *, random_bytes: RandomBytes = secrets.token_bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise MasterKeyError(
                f"the master key has {len(key)} bytes instead of {_KEY_BYTES}",
                hint="restore the file that BOSCO_MASTER_KEY_FILE names from its backup",
            )
        self._cipher = AESGCM(key)
        self._random_bytes = random_bytes

    @classmethod
    def from_file(cls, path: Path) -> "MasterKey":
        """Read 32 bytes that only their owner may read.

        Raises:
            MasterKeyError: No such file, a wrong length, or others may read it.
        """
        try:
            mode = path.stat().st_mode
            key = path.read_bytes()
        except OSError as error:
            raise MasterKeyError(
                f"the master key {path} cannot be read: {error.strerror}",
                hint="set BOSCO_MASTER_KEY_FILE to a file of 32 random bytes, mode 0600",
            ) from error
        if mode & 0o077:
            raise MasterKeyError(f"others may read the master key {path}", hint=f"chmod 600 {path}")
        return cls(key)

    async def wrap(self, key: bytes, *, context: bytes) -> bytes:
        """See `KeyWrapper`."""
        return _seal(self._cipher, key, context, self._random_bytes)

    async def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        """See `KeyWrapper`."""
        opened = _open(self._cipher, wrapped, context)
        if opened is None:
            raise MasterKeyError(
                "a stored key does not open with this master key",
                hint="restore the file that BOSCO_MASTER_KEY_FILE named when it was made",
            )
        return opened

    def __repr__(self) -> str:
        return f"MasterKey({_MASK})"


class TenantKey:
    """A tenant's data key, opened; keep it no longer than the work at hand."""

    __slots__ = ("_cipher", "_key")

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._key = key

    def derive(self, purpose: bytes) -> bytes:
        """A key of 32 bytes for another algorithm; one purpose's key tells nothing of another's."""
        return HKDF(SHA256(), _KEY_BYTES, salt=None, info=purpose).derive(self._key)

    def __repr__(self) -> str:
        return f"TenantKey({_MASK})"


class Vault:
    """Makes tenants' keys, and seals and opens what they protect."""

    def __init__(
        self, master_key: KeyWrapper, *, random_bytes: RandomBytes = secrets.token_bytes
    ) -> None:
        self._master_key = master_key
        self._random_bytes = random_bytes

    async def create_tenant_key(self, tenant_id: TenantId) -> bytes:
        """A new data key, wrapped, for `tenants.wrapped_data_key`."""
        key = self._random_bytes(_KEY_BYTES)
        return await self._master_key.wrap(key, context=_key_context(tenant_id))

    async def open_tenant_key(self, tenant_id: TenantId, wrapped: bytes) -> TenantKey:
        """Unwrap a tenant's data key.

        Raises:
            MasterKeyError: Wrapped for another tenant or by another master key.
        """
        return TenantKey(await self._master_key.unwrap(wrapped, context=_key_context(tenant_id)))

    def seal(
        self,
        key: TenantKey,
        credentials: Mapping[str, str],
        *,
        tenant_id: TenantId,
        connection_id: ConnectionId,
    ) -> bytes:
        """Seal the credentials of a connection, for `connections.credentials`."""
        return self._seal_texts(key, credentials, _credential_context(tenant_id, connection_id))

    def open(
        self, key: TenantKey, sealed: bytes, *, tenant_id: TenantId, connection_id: ConnectionId
    ) -> dict[str, Secret]:
        """Open what `seal` sealed.

        Raises:
            CredentialError: Sealed for another tenant or connection, with another key, or changed.
        """
        opened = _open_texts(key, sealed, _credential_context(tenant_id, connection_id))
        if opened is None:
            raise CredentialError(
                f"the stored credentials of connection {connection_id} cannot be opened",
                hint="connect the account again",
            )
        return opened

    def seal_for(
        self,
        key: TenantKey,
        texts: Mapping[str, str],
        *,
        tenant_id: TenantId,
        purpose: Purpose,
        object_id: uuid.UUID,
    ) -> bytes:
        """Seal secrets of an object of another kind, for its own column."""
        return self._seal_texts(key, texts, _purpose_context(tenant_id, purpose, object_id))

    def open_for(
        self,
        key: TenantKey,
        sealed: bytes,
        *,
        tenant_id: TenantId,
        purpose: Purpose,
        object_id: uuid.UUID,
    ) -> dict[str, Secret]:
        """Open what `seal_for` sealed.

        Raises:
            CredentialError: Sealed for another tenant, purpose or object, with another key, or
                changed.
        """
        opened = _open_texts(key, sealed, _purpose_context(tenant_id, purpose, object_id))
        if opened is None:
            raise CredentialError(
                f"the stored secret of {purpose.value} {object_id} cannot be opened",
                hint="remove it, and add it again",
            )
        return opened

    def _seal_texts(self, key: TenantKey, texts: Mapping[str, str], context: bytes) -> bytes:
        plaintext = json.dumps(dict(texts)).encode()
        return _seal(key._cipher, plaintext, context, self._random_bytes)  # noqa: SLF001


def _key_context(tenant_id: TenantId) -> bytes:
    return b"bosco data key\0" + tenant_id.bytes


def _credential_context(tenant_id: TenantId, connection_id: ConnectionId) -> bytes:
    return b"bosco credentials\0" + tenant_id.bytes + connection_id.bytes


def _purpose_context(tenant_id: TenantId, purpose: Purpose, object_id: uuid.UUID) -> bytes:
    return f"bosco {purpose.value}\0".encode() + tenant_id.bytes + object_id.bytes


def _open_texts(key: TenantKey, sealed: bytes, context: bytes) -> dict[str, Secret] | None:
    plaintext = _open(key._cipher, sealed, context)  # noqa: SLF001
    if plaintext is None:
        return None
    return {name: Secret(text) for name, text in json.loads(plaintext).items()}


def _seal(cipher: AESGCM, plaintext: bytes, context: bytes, random_bytes: RandomBytes) -> bytes:
    nonce = random_bytes(_NONCE_BYTES)
    return _VERSION + nonce + cipher.encrypt(nonce, plaintext, _VERSION + context)


def _open(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes | None:
    """The plaintext, or None when anything at all is off."""
    head = len(_VERSION) + _NONCE_BYTES
    if len(sealed) < head + _TAG_BYTES or not sealed.startswith(_VERSION):
        return None
    try:
        return cipher.decrypt(sealed[len(_VERSION) : head], sealed[head:], _VERSION + context)
    except InvalidTag:
        return None
