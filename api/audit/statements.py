"""Signed statements: checkpoints that nobody can make who lacks the platform's private key.

    Checkpoint -> claims -> compact JWS, ES256, `typ` of its own -> text
    text -> key by its id -> signature -> Checkpoint

A key id is the thumbprint of its key, so whoever knows the id cannot be given another key. The type
in the header keeps a statement from being taken for an access token, which the same keys sign.

Sources: RFC 7515 (JWS), RFC 7638 (thumbprint), RFC 8725 section 3.11 (explicit typing).
Decision: ADR-0018.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from api.oauth.signing_keys import ALGORITHM
from domain.audit.checkpoint import Checkpoint
from domain.errors import InvalidInputError, Terminal, UserError

__all__ = [
    "STATEMENT_TYPE",
    "UnprovenStatementError",
    "key_id_of",
    "read_public_key",
    "read_statement",
    "sign",
]

STATEMENT_TYPE: Final = "bosco-audit-checkpoint+jws"


class UnprovenStatementError(UserError, Terminal):
    """A statement is not signed by the key that it names, or by none that is trusted."""

    code = "STATEMENT_UNPROVEN"


def sign(checkpoint: Checkpoint, key: ECKey) -> str:
    """State a checkpoint, signed."""
    header = {"alg": ALGORITHM, "typ": STATEMENT_TYPE, "kid": key.kid}
    claims = orjson.dumps(checkpoint.claims)
    return jws.serialize_compact(header, claims, key, algorithms=[ALGORITHM])


def key_id_of(statement: str) -> str:
    """The id of the key that a statement says it is signed by; nothing is proven yet.

    Raises:
        UnprovenStatementError: It is no signed statement.
    """
    try:
        header = jws.extract_compact(statement.encode()).headers()
    except (JoseError, ValueError) as error:
        raise _unproven("it is no signed statement") from error
    if header.get("typ") != STATEMENT_TYPE or not isinstance(header.get("kid"), str):
        raise _unproven("it is a statement about something else")
    return str(header["kid"])


def read_statement(statement: str, keys: Mapping[str, ECKey]) -> Checkpoint:
    """Check the signature of a statement, and read it.

    Args:
        statement: As `sign` made it.
        keys: Trusted keys by their id.

    Raises:
        UnprovenStatementError: No statement about an audit trail, signed by none of these keys, or
            changed since.
    """
    key = keys.get(key_id_of(statement))
    if key is None:
        raise _unproven("it is signed by a key that is not known here")
    try:
        payload = jws.deserialize_compact(statement, key, algorithms=[ALGORITHM]).payload
        claims: Any = orjson.loads(payload)
        if not isinstance(claims, dict):
            raise _unproven("it is a statement about something else")
        return Checkpoint.from_claims(claims)
    except (JoseError, ValueError, InvalidInputError) as error:
        raise _unproven("its signature does not fit") from error


def read_public_key(jwk: Mapping[str, Any]) -> ECKey:
    """A key that comes with an export, under the id that is its thumbprint.

    Raises:
        UnprovenStatementError: It is none, or says that it has another id.
    """
    try:
        key = ECKey.import_key(dict(jwk))
        thumbprint = key.thumbprint()
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise _unproven("its key cannot be read") from error
    if key.is_private or jwk.get("kid") != thumbprint:
        raise _unproven("its key has another id than it says")
    return key


def _unproven(why: str) -> UnprovenStatementError:
    return UnprovenStatementError(f"a checkpoint proves nothing: {why}")
