"""Forms that our own pages sent, and no others.

    POST -> sent by a page of ours -> size, type, each name once -> form token -> fields

Two locks against forms of other sites: the browser itself says where a form comes from, and each
form of a signed-in person carries a token that other sites cannot know.

Sources: OWASP "Cross-Site Request Forgery Prevention"; W3C Fetch Metadata; RFC 6454.
"""

import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from api.bodies import BodyTooLargeError, read_body
from api.pages.rendering import render
from domain.errors import UserError

__all__ = ["FORM_TOKEN", "FormError", "read_form", "refuse_form"]

FORM_TOKEN: Final = "form_token"  # noqa: S105  # the name of a field

_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_MAXIMUM_BYTES: Final = 65_536
_MAXIMUM_FIELDS: Final = 500  # a box for each client


class FormError(UserError):
    """A form is refused before anything is done.

    Attributes:
        status: HTTP status.
    """

    code = "FORM_REFUSED"

    def __init__(self, message: str, *, status: int, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.status = status


async def read_form(request: Request, issuer: str, form_token: str | None) -> Mapping[str, str]:
    """Read a form.

    Args:
        request: A POST.
        issuer: Our address.
        form_token: Of the signed-in person; None: nobody is signed in, and none is asked for.

    Returns:
        The fields, without the token.

    Raises:
        FormError: It comes from elsewhere, is malformed, or its token is of another session.
    """
    _check_source(request, issuer)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != _FORM_TYPE:
        raise _malformed(f"its content type is not {_FORM_TYPE}", 415)
    try:
        body = await read_body(request, _MAXIMUM_BYTES)
    except BodyTooLargeError as error:
        raise _malformed("it is too large", 413) from error
    fields = _fields(body)
    given = fields.pop(FORM_TOKEN, "")
    if form_token is not None and not hmac.compare_digest(given.encode(), form_token.encode()):
        raise FormError(
            "this form belongs to an earlier session",
            status=403,
            hint="open the page again, and send the form from there",
        )
    return fields


def refuse_form(error: FormError) -> Response:
    """The page that says why."""
    return render(
        "message.html",
        status=error.status,
        title="The form was not accepted",
        message=error.message,
        hint=error.hint,
    )


def _check_source(request: Request, issuer: str) -> None:
    site = request.headers.get("sec-fetch-site")
    if site is not None:  # the browser's own word, which no page can change
        is_ours = site == "same-origin"
    else:
        origin = request.headers.get("origin", "")
        is_ours = origin in {_origin(issuer), _origin(str(request.url))}
    if not is_ours:
        raise FormError(
            "this form was not sent by a page of Bosco",
            status=403,
            hint="open the page yourself, and send the form from there",
        )


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


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
        raise _malformed("it is not a form in UTF-8", 400) from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise _malformed("it gives a field more than once", 400)
        if "\0" in value:
            raise _malformed("it holds a character that is no text", 400)
        fields[name] = value
    return fields


def _malformed(reason: str, status: int) -> FormError:
    return FormError(
        f"the form cannot be read: {reason}",
        status=status,
        hint="open the page again, and send the form from there",
    )
