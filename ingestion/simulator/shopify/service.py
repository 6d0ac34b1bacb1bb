"""The HTTP surface of the simulated Shopify Admin GraphQL API.

    POST /admin/api/{version}/graphql.json               shop from the Host header
    POST /shops/{shop}/admin/api/{version}/graphql.json  the same, for a base URL override
    GET  [/shops/{shop}]/admin/oauth/authorize, POST .../access_token -> consent
      -> token, state -> document -> cost, bucket -> catalogue -> project -> JSON

Sources: shopify.dev/docs/api/admin-graphql and shopify.dev/docs/api/usage, 2026-10.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from graphql import DocumentNode, graphql_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain.errors import InvalidInputError, NotFoundError
from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.contract import PAGE_DIVISOR
from ingestion.simulator.faults import Fault
from ingestion.simulator.shopify.bucket import LeakyBucket
from ingestion.simulator.shopify.catalogue import Catalogue
from ingestion.simulator.shopify.config import ShopifyConfig
from ingestion.simulator.shopify.consent import ShopGrants
from ingestion.simulator.shopify.cost import compute_cost
from ingestion.simulator.shopify.errors import (
    graphql_error,
    max_cost_exceeded,
    status_response,
    throttled,
)
from ingestion.simulator.shopify.execute import check_document, run_fields, select_fields
from ingestion.simulator.shopify.line_truth import line_truth_document
from ingestion.simulator.shopify.schema import SCHEMA
from ingestion.simulator.shopify.selection import SelectedField
from ingestion.simulator.shopify.truth import truth_document
from ingestion.simulator.shopify.world import ShopWorld

__all__ = ["Shopify"]

_ROOT_FIELD: Final = re.compile(r"\b(orders|customers|shop|__schema)\b")
_NAMED: Final = re.compile(r"\bquery\s+(\w+)")
_VERSION: Final = re.compile(r"\d{4}-(01|04|07|10)")
_STATES: Final = {"frozen": 402, "forbidden": 403, "locked": 423}
_KEPT_DOCUMENTS: Final = 256
_DISTORTIONS: Final[dict[str, tuple[str, object]]] = {
    "unknown_field": ("fulfillmentHoldPolicy", {"reason": "NONE"}),
    "changed_type": ("totalPriceSet", "n/a"),
}


@dataclass(slots=True)
class _Tenant:
    world: ShopWorld
    catalogue: Catalogue
    bucket: LeakyBucket


class Shopify:
    """The simulated platform; `app` serves it."""

    name = "shopify"

    def __init__(self, config: ShopifyConfig, clock: SimulatedClock) -> None:
        self._config = config
        self._clock = clock
        self._shops: dict[str, _Tenant] = {}
        for shop in config.shops:
            world = ShopWorld(config, shop)
            self._shops[shop.handle] = _Tenant(world, Catalogue(world), self._full_bucket())
        self._documents: OrderedDict[str, tuple[DocumentNode | None, list[dict[str, Any]]]] = (
            OrderedDict()
        )
        self.grants = ShopGrants(config.seed, config.apps, clock)
        path = "/admin/api/{version}/graphql.json"
        consent, token = "/admin/oauth/authorize", "/admin/oauth/access_token"
        self.app = Starlette(
            routes=[
                Route(path, self._graphql, methods=["POST"]),
                Route("/shops/{shop}" + path, self._graphql, methods=["POST"]),
                Route(consent, self._authorize, methods=["GET"]),
                Route("/shops/{shop}" + consent, self._authorize, methods=["GET"]),
                Route(token, self._token, methods=["POST"]),
                Route("/shops/{shop}" + token, self._token, methods=["POST"]),
            ]
        )

    def world(self, handle: str) -> ShopWorld:
        """Return the world of a shop.

        Raises:
            NotFoundError: No such shop.
        """
        if handle not in self._shops:
            raise NotFoundError(f"There is no Shopify shop {handle}.")
        return self._shops[handle].world

    def operation_of(self, path: str, body: bytes) -> str:
        """Name the call: operation and root fields, separated by spaces, or `token`."""
        if "/oauth/" in path:
            return "token" if path.endswith("access_token") else "authorize"
        try:
            text = str(orjson.loads(body).get("query", ""))
        except (orjson.JSONDecodeError, AttributeError):
            return ""
        return " ".join([*_NAMED.findall(text), *dict.fromkeys(_ROOT_FIELD.findall(text))])

    def refuse(self, fault: Fault, path: str) -> Response:
        """Build the platform's own refusal for a fault."""
        if fault.kind == "expired_token":
            return status_response(401)
        if fault.kind == "server_error":
            return status_response(503 if fault.status == 503 else 500)  # noqa: PLR2004
        if fault.kind == "too_large":
            limit = self._config.max_query_cost
            return JSONResponse({"errors": max_cost_exceeded(limit + 1, limit)})
        if fault.kind == "refused":
            if fault.code:
                return status_response(fault.code)
            return JSONResponse({"errors": graphql_error(str(fault.value))})
        rate = self._config.restore_rate
        missing = fault.retry_after_seconds * rate
        status = {
            "maximumAvailable": float(self._config.bucket_size),
            "currentlyAvailable": 0,
            "restoreRate": float(rate),
        }
        del path  # every shop words it alike
        cost = {
            "requestedQueryCost": missing,
            "actualQueryCost": None,
            "throttleStatus": status,
        }
        return JSONResponse({"errors": throttled(), "extensions": {"cost": cost}})

    def distort(self, fault: Fault, document: object) -> object:
        """Alter nodes, of lists inside nodes these: an unknown key, or one of another type."""
        target, value = _DISTORTIONS[fault.kind]
        *parents, leaf = (fault.field or target).split(".")
        data = document.get("data") if isinstance(document, dict) else None
        outer = [node for field in (data or {}).values() for node in _nodes_of(field)]
        nodes = [inner for node in outer for inner in _nodes_of(node.get("lineItems")) or [node]]
        for node in nodes[: fault.rows]:
            inner = node
            for parent in parents:
                inner = inner.setdefault(parent, {})
            inner[leaf] = value if fault.value is None else fault.value
        return document

    def truth_routes(self) -> list[Route]:
        """`GET /{shop}?from=&to=&by=...` of orders, and `/{shop}/lines` of their lines."""
        return [
            Route("/{shop}", partial(self._truth, truth_document), methods=["GET"]),
            Route("/{shop}/lines", partial(self._truth, line_truth_document), methods=["GET"]),
        ]

    def expire_tokens(self) -> int:
        """End the tokens of an hour; those of custom apps do not expire."""
        return self.grants.expire_all()

    def reset(self) -> None:
        """Fill all buckets, forget all consents."""
        self.grants.reset()
        for tenant in self._shops.values():
            tenant.bucket = self._full_bucket()

    def _full_bucket(self) -> LeakyBucket:
        return LeakyBucket(size=self._config.bucket_size, restore_rate=self._config.restore_rate)

    async def _truth(
        self, document_of: Callable[..., dict[str, Any]], request: Request
    ) -> Response:
        world = self.world(request.path_params["shop"])
        now = self._clock.now()
        keys = request.query_params.get("by", "day")
        document = document_of(
            world,
            first_day=_day_of(request, "from", world.first_day),
            last_day=_day_of(request, "to", world.day_of(now)),
            now=now,
            by=[key for key in keys.split(",") if key],
        )
        return JSONResponse(document)

    def _tenant_of(self, request: Request) -> _Tenant | None:
        handle = request.path_params.get("shop") or request.headers.get("host", "")
        return self._shops.get(handle.split(":")[0].removesuffix(".myshopify.com"))

    async def _authorize(self, request: Request) -> Response:
        tenant = self._tenant_of(request)
        if tenant is None:
            return status_response(404)
        return self.grants.authorize(request, tenant.world.shop.handle)

    async def _token(self, request: Request) -> Response:
        tenant = self._tenant_of(request)
        if tenant is None:
            return status_response(404)
        return self.grants.token(await _values_of(request), tenant.world.shop.handle)

    async def _graphql(self, request: Request) -> Response:
        tenant = self._tenant_of(request)
        version = self._effective_version(request.path_params["version"])
        if tenant is None or version is None:
            return status_response(404)
        shop = tenant.world.shop
        token = request.headers.get("x-shopify-access-token", "")
        if token != shop.access_token and not self.grants.has(token, shop.handle):
            return status_response(401)
        if shop.state in _STATES:
            return status_response(_STATES[shop.state])
        body = _body_of(await request.body())
        if body is None:
            return status_response(400)
        document = self._answer(tenant, body, request.scope.get(PAGE_DIVISOR, 1))
        return Response(
            orjson.dumps(document),
            media_type="application/json",
            headers={"x-shopify-api-version": version},
        )

    def _effective_version(self, asked: str) -> str | None:
        """Older versions fall forward to the oldest supported one."""
        versions = self._config.supported_versions
        if asked in versions or asked == "unstable":
            return asked
        is_older = _VERSION.fullmatch(asked) is not None and asked < versions[0]
        return versions[0] if is_older else None

    def _answer(
        self, tenant: _Tenant, body: Mapping[str, Any], page_divisor: int
    ) -> dict[str, Any]:
        text = body["query"]
        document, errors = self._checked(text)
        if document is None:
            return {"errors": errors}
        if "__schema" in text or "__type(" in text:
            return {"data": graphql_sync(SCHEMA, text).data}
        fields, errors = select_fields(
            document, body.get("operationName"), body.get("variables") or {}
        )
        if errors:
            return {"errors": errors}
        return self._charged(tenant, fields, page_divisor)

    def _charged(
        self, tenant: _Tenant, fields: tuple[SelectedField, ...], page_divisor: int
    ) -> dict[str, Any]:
        requested = compute_cost(fields)
        limit = self._config.max_query_cost
        if requested > limit:
            return {"errors": max_cost_exceeded(requested, limit)}
        now = self._clock.now()
        if not tenant.bucket.take(requested, now):
            cost = _cost(requested, None, tenant.bucket.status(now))
            return {"errors": throttled(), "extensions": {"cost": cost}}
        outcome = run_fields(
            fields,
            world=tenant.world,
            catalogue=tenant.catalogue,
            now=now,
            page_divisor=page_divisor,
        )
        actual = compute_cost(fields, outcome.returned)
        tenant.bucket.give_back(requested - actual)
        extensions: dict[str, Any] = {"cost": _cost(requested, actual, tenant.bucket.status(now))}
        if outcome.warnings:
            extensions["search"] = outcome.warnings
        return {**outcome.answer, "extensions": extensions}

    def _checked(self, text: str) -> tuple[DocumentNode | None, list[dict[str, Any]]]:
        if text not in self._documents:
            self._documents[text] = check_document(text)
            if len(self._documents) > _KEPT_DOCUMENTS:
                self._documents.popitem(last=False)
        return self._documents[text]


def _cost(requested: int, actual: int | None, status: dict[str, Any]) -> dict[str, Any]:
    return {
        "requestedQueryCost": requested,
        "actualQueryCost": actual,
        "throttleStatus": status,
    }


async def _values_of(request: Request) -> Mapping[str, Any]:
    """The fields of a JSON object or a form."""
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            values = orjson.loads(body)
        except orjson.JSONDecodeError:
            return {}
        return values if isinstance(values, dict) else {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _body_of(raw: bytes) -> dict[str, Any] | None:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    is_query = isinstance(body, dict) and isinstance(body.get("query"), str)
    return body if is_query else None


def _nodes_of(field: object) -> list[dict[str, Any]]:
    if not isinstance(field, dict):
        return []
    return [edge["node"] for edge in field.get("edges", ()) if "node" in edge] or list(
        field.get("nodes", ())
    )


def _day_of(request: Request, name: str, otherwise: date) -> date:
    text = request.query_params.get(name)
    try:
        return date.fromisoformat(text) if text else otherwise
    except ValueError as error:
        raise InvalidInputError(
            f"`{name}` is not a date: {text!r}.", hint="Write YYYY-MM-DD."
        ) from error
