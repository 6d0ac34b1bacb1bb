"""Where platforms send what people ask of them: `/privacy/shopify`, `/privacy/meta/...`.

    POST /privacy/shopify            three topics, one address -> kept -> 200
    POST /privacy/meta/deletion      signed_request -> kept -> {"url", "confirmation_code"}
    POST /privacy/meta/deauthorise   signed_request -> kept -> 200

Nobody signs in here: the platform's signature, over the body as it came, is all there is. What is
signed is kept before it is answered, and answered the same whether or not we know whom it is about.
An app of ours that is not set up cannot check anything, and says so with 503: the platform tries
again.

Sources: see `gdpr/inbound/shopify.py` and `gdpr/inbound/meta.py`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.bodies import BodyTooLargeError, read_body
from gdpr.inbound.inbox import Inbox
from gdpr.inbound.meta import MetaMessage, confirmation_code, read_meta
from gdpr.inbound.refusal import InboundRefusedError
from gdpr.inbound.shopify import MOST_BYTES, ShopifyHeaders, read_shopify
from tenancy.tables import MessageTopic

__all__ = ["PrivacyCallbacks", "privacy_routes", "secrets_of"]

_LOG: Final = structlog.get_logger(__name__)

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FORM_BYTES: Final = 16_384

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class PrivacyCallbacks:
    """What the callbacks need.

    Attributes:
        inbox: Keeps what comes.
        apps: Credentials of our apps by source.
        home: Our address, without a slash at the end.
    """

    inbox: Inbox
    apps: Mapping[str, Mapping[str, str]]
    home: str


def secrets_of(apps: Mapping[str, Mapping[str, str]], source: str) -> tuple[str, ...]:
    """Client secrets that may sign for an app, the current one first; empty: it is not set up."""
    app = apps.get(source, {})
    names = ("client_secret", "old_client_secret")
    return tuple(app[name] for name in names if app.get(name))


def privacy_routes(callbacks: PrivacyCallbacks) -> list[Route]:
    """The routes above."""

    async def shopify(request: Request) -> Response:
        body = await _body(request, _JSON, MOST_BYTES)
        headers = ShopifyHeaders(
            signature=request.headers.getlist("x-shopify-hmac-sha256"),
            topic=request.headers.getlist("x-shopify-topic"),
            shop=request.headers.getlist("x-shopify-shop-domain"),
            webhook_id=request.headers.getlist("x-shopify-webhook-id"),
        )
        secrets = _needed(callbacks, "shopify")
        await callbacks.inbox.take_shopify(read_shopify(headers, body, secrets))
        return _answer({"status": "received"})

    async def deletion(request: Request) -> Response:
        message, secrets = await _signed(request, callbacks)
        code = confirmation_code(message, secrets[0])
        await callbacks.inbox.take_meta(message, MessageTopic.DELETION, code)
        return _answer(
            {"url": f"{callbacks.home}/privacy/status/{code}", "confirmation_code": code}
        )

    async def deauthorise(request: Request) -> Response:
        message, _ = await _signed(request, callbacks)
        await callbacks.inbox.take_meta(message, MessageTopic.DEAUTHORISATION, "")
        return _answer({"status": "received"})

    return [
        Route("/privacy/shopify", _refusing(shopify), methods=["POST"]),
        Route("/privacy/meta/deletion", _refusing(deletion), methods=["POST"]),
        Route("/privacy/meta/deauthorise", _refusing(deauthorise), methods=["POST"]),
    ]


def _refusing(handler: Handler) -> Handler:
    """Answers what is refused in words, and logs why; never what was sent."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except InboundRefusedError as error:
            _LOG.warning(
                "privacy_message_refused", path=request.url.path, code=error.code, why=error.message
            )
            extensions = {"code": error.code, "hint": error.hint}
            return _answer(
                {"errors": [{"message": error.message, "extensions": extensions}]}, error.status
            )

    return endpoint


async def _signed(
    request: Request, callbacks: PrivacyCallbacks
) -> tuple[MetaMessage, tuple[str, ...]]:
    body = await _body(request, _FORM, _MOST_FORM_BYTES)
    secrets = _needed(callbacks, "meta_ads")
    return read_meta(_field(body, "signed_request"), secrets, callbacks.inbox.clock()), secrets


async def _body(request: Request, content_type: str, most: int) -> bytes:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != content_type:
        raise InboundRefusedError(f"the content type is not {content_type}", status=415)
    try:
        return await read_body(request, most)
    except BodyTooLargeError:
        raise InboundRefusedError("the message is too large", status=413) from None


def _field(body: bytes, name: str) -> str:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20
        )
    except ValueError:
        raise InboundRefusedError("the form cannot be read") from None
    found = [value for key, value in pairs if key == name]
    if len(found) != 1:
        raise InboundRefusedError(f"the form does not have one {name}")
    return found[0]


def _needed(callbacks: PrivacyCallbacks, source: str) -> tuple[str, ...]:
    secrets = secrets_of(callbacks.apps, source)
    if not secrets:
        raise InboundRefusedError(
            "our app at this platform is not set up here",
            status=503,
            hint="put its client_secret into the file that BOSCO_PROVIDER_APPS_FILE names",
        )
    return secrets


def _answer(body: Mapping[str, object], status: int = 200) -> Response:
    return Response(
        orjson.dumps(body), status, {"cache-control": "no-store"}, media_type="application/json"
    )
