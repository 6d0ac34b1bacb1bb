"""The body of a request to the token endpoint or one beside it, read strictly.

    POST, content type, size -> pairs, each name once -> credentials from exactly one place

Authlib's own parsing accepts repeated parameters, two ways to authenticate at once, and answers
`GET` with a wrong error; all of that is refused here, before it runs.

Sources: RFC 6749 sections 2.3.1, 3.2 and 5.2 (token endpoint, errors); RFC 7617 (Basic); RFC 7009
section 2.1 and RFC 7662 section 2.1 (the same way to authenticate).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request

from api.bodies import BodyTooLargeError, read_body

__all__ = ["Credentials", "TokenForm", "TokenRequestError", "read_token_form"]

_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_MAXIMUM_BYTES: Final = 16_384
_MAXIMUM_FIELDS: Final = 20

# RFC 6749 appendix A.1 and A.2, and no longer than any that we give out.
_VISIBLE: Final = re.compile(r"[\x20-\x7e]{1,512}")


class TokenRequestError(Exception):
    """The request is refused before any client is looked up.

    Attributes:
        status: HTTP status.
        error: Code of RFC 6749 section 5.2.
        description: One sentence, ASCII.
        headers: More headers of the response.
    """

    def __init__(
        self,
        description: str,
        *,
        status: int = 400,
        error: str = "invalid_request",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Credentials:
    """An application's id and secret.

    Attributes:
        secret: None: the application says that it has none.
        method: The name that OAuth gives to the place where they were.
    """

    client_id: str
    secret: str | None
    method: str

    def __repr__(self) -> str:
        return f"Credentials({self.client_id!r}, ***, {self.method!r})"


@dataclass(frozen=True, slots=True)
class TokenForm:
    """Parameters of a request, each at most once, and its credentials."""

    fields: Mapping[str, str]
    credentials: Credentials


async def read_token_form(request: Request, required: str) -> TokenForm:
    """Read and check a request.

    Args:
        request: A POST of a form.
        required: The parameter that it cannot do without.

    Raises:
        TokenRequestError: Malformed; says what is wrong (the caller can mend it).
    """
    if request.method != "POST":
        raise TokenRequestError("send a POST request", status=405, headers={"Allow": "POST"})
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != _FORM_TYPE:
        raise TokenRequestError(f"the content type must be {_FORM_TYPE}", status=415)
    if request.url.query:
        raise TokenRequestError("parameters belong in the body, not in the query of the address")
    try:
        body = await read_body(request, _MAXIMUM_BYTES)
    except BodyTooLargeError as error:
        raise TokenRequestError("the body is too large", status=413) from error
    fields = _fields(body)
    if not fields.get(required):
        raise TokenRequestError(f"the parameter {required} is missing")
    return TokenForm(fields=fields, credentials=_credentials(request, fields))


def _fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_MAXIMUM_FIELDS,
        )
    except ValueError as error:
        raise TokenRequestError("the body is not a form in UTF-8") from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise TokenRequestError("a parameter is given more than once")
        fields[name] = value
    return {name: value for name, value in fields.items() if value}  # empty ones count as absent


def _credentials(request: Request, fields: Mapping[str, str]) -> Credentials:
    credentials = _raw_credentials(request, fields)
    for text in (credentials.client_id, credentials.secret):
        if text is not None and not _VISIBLE.fullmatch(text):
            raise _unauthenticated("the client id or the secret holds a letter that none has")
    return credentials


def _raw_credentials(request: Request, fields: Mapping[str, str]) -> Credentials:
    headers = request.headers.getlist("authorization")
    if len(headers) > 1:
        raise TokenRequestError("the header Authorization is given more than once")
    if headers and "client_secret" in fields:
        raise TokenRequestError("use one way to authenticate: the header or the body")
    if headers:
        return _basic(headers[0], fields)
    if not fields.get("client_id"):
        raise _unauthenticated("authenticate with HTTP Basic, or client_id and client_secret")
    if "client_secret" not in fields:
        return Credentials(fields["client_id"], None, "none")
    return Credentials(fields["client_id"], fields["client_secret"], "client_secret_post")


def _basic(header: str, fields: Mapping[str, str]) -> Credentials:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic":
        raise _unauthenticated("the header Authorization must be Basic")
    try:
        text = base64.b64decode(token.strip(), validate=True).decode()
        client_id, colon, secret = text.partition(":")
        client_id = unquote_plus(client_id, errors="strict")
        secret = unquote_plus(secret, errors="strict")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _unauthenticated("the header Authorization is not valid Basic") from error
    if not colon or not client_id or not secret:
        raise _unauthenticated("the header Authorization needs an id and a secret")
    if fields.get("client_id", client_id) != client_id:
        raise TokenRequestError("client_id in the body differs from the header Authorization")
    return Credentials(client_id, secret, "client_secret_basic")


def _unauthenticated(description: str) -> TokenRequestError:
    return TokenRequestError(
        description,
        status=401,
        error="invalid_client",
        headers={"WWW-Authenticate": 'Basic realm="bosco", charset="UTF-8"'},
    )
