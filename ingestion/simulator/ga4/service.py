"""The HTTP surface of the simulated Google Analytics 4.

    GET  /o/oauth2/v2/auth                       -> google_identity
    POST /token                                  -> access token
    POST /v1beta/properties/{id}:runReport       -> Data API: query -> rows, by offset and limit
    GET  /v1beta/properties/{id}                 -> Admin API: name, currency, time zone
    GET  /v1beta/accountSummaries                -> Admin API: accounts and properties, in pages

Sources: developers.google.com/analytics/devguides/{reporting/data,config/admin}/v1 (2026-11).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain.errors import InvalidInputError, NotFoundError
from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.contract import FAULT, PAGE_DIVISOR
from ingestion.simulator.faults import Fault
from ingestion.simulator.ga4.config import Ga4Config, Ga4Grant, Property
from ingestion.simulator.ga4.failures import (
    Ga4RefusalError,
    exhausted,
    invalid_argument,
    not_permitted,
    refusal_response,
    server_error,
    unauthenticated,
    unknown_url_response,
)
from ingestion.simulator.ga4.query import read_query
from ingestion.simulator.ga4.quota import PropertyQuota
from ingestion.simulator.ga4.report import report_body, report_page
from ingestion.simulator.ga4.tokens import TokenStore
from ingestion.simulator.ga4.truth import truth_document
from ingestion.simulator.ga4.world import Ga4World, Moment

__all__ = ["Ga4"]

_RUN: Final = ":runReport"
_MOST_SUMMARIES: Final = 200
# What `high_usage` tells is nearly spent unless it says otherwise, and how much is left of it.
_TOLD_SPENT: Final = "tokensPerProjectPerHour"
_NEARLY_SPENT: Final = 100
# Where a distorting fault strikes unless it says otherwise, and with what.
_DISTORTIONS: Final[dict[str, tuple[str, object]]] = {
    "unknown_field": ("rowQuality", {"confidence": "HIGH"}),
    "changed_type": ("metricValues", "n/a"),
}


class Ga4:
    """The simulated platform; `app` serves it."""

    name = "ga4"

    def __init__(self, config: Ga4Config, clock: SimulatedClock) -> None:
        self.world = Ga4World(config)
        self._config = config
        self._clock = clock
        self._properties = {each.property_id: each for each in config.properties}
        self._tokens = TokenStore(config, clock)
        self._quota = PropertyQuota(config.limits, clock)
        self.app = Starlette(
            routes=[
                Route("/token", self._token, methods=["POST"]),
                Route("/o/oauth2/v2/auth", self._tokens.identity.authorize, methods=["GET"]),
                Route(
                    "/{version}/properties/{property}" + _RUN,
                    self._guarded(self._run_report),
                    methods=["POST"],
                ),
                Route("/{version}/properties/{property}", self._guarded(self._describe)),
                Route("/{version}/accountSummaries", self._guarded(self._summaries)),
            ]
        )

    def property(self, property_id: str) -> Property:
        """Return the configured property.

        Raises:
            NotFoundError: No such property.
        """
        if property_id not in self._properties:
            raise NotFoundError(f"There is no GA4 property {property_id}.")
        return self._properties[property_id]

    def operation_of(self, path: str, body: bytes) -> str:
        """Name the call: `token`, `accountSummaries`, `property`, or `runReport` and dimensions."""
        if not path.endswith(_RUN):
            words = path.strip("/").split("/")
            return "property" if "properties" in words else words[-1]
        try:
            dimensions = orjson.loads(body).get("dimensions", [])
            names = [str(item.get("name")) for item in dimensions]
        except (orjson.JSONDecodeError, AttributeError):
            names = []
        return " ".join(["runReport", *names])

    def refuse(self, fault: Fault, path: str) -> Response:
        """Build the platform's own refusal for a fault.

        `value` of `rate_limited` is a key of `failures.QUOTAS`; `code` of `refused` is 400, 403 or
        404 (the API version is gone).
        """
        if fault.kind == "rate_limited":
            return refusal_response(exhausted(str(fault.value or "concurrent")))
        if fault.kind == "expired_token":
            return refusal_response(unauthenticated(is_missing=False))
        if fault.kind == "refused" and fault.code == HTTPStatus.NOT_FOUND:
            return unknown_url_response(path)
        if fault.kind == "refused":
            is_wrong = fault.code == HTTPStatus.BAD_REQUEST
            refusal = invalid_argument("Bad request.") if is_wrong else not_permitted()
            return refusal_response(refusal)
        self._quota.fail(_property_in(path))
        return refusal_response(server_error(fault.status))

    def distort(self, fault: Fault, document: object) -> object:
        """Alter rows: an unknown key, or metrics that are no list."""
        rows = document.get("rows", []) if isinstance(document, dict) else []
        target, value = _DISTORTIONS[fault.kind]
        for row in rows[: fault.rows]:
            row[fault.field or target] = value if fault.value is None else fault.value
        return document

    def truth_routes(self) -> list[Route]:
        """`GET /{property}?from=&to=&by=day,channel,source,medium,page,device,country`."""
        return [Route("/{property}", self._truth, methods=["GET"])]

    def expire_tokens(self) -> int:
        """Expire all access tokens."""
        return self._tokens.expire_all()

    def reset(self) -> None:
        """Forget access tokens and quotas."""
        self._tokens.reset()
        self._quota.reset()

    async def _truth(self, request: Request) -> Response:
        place = self.property(request.path_params["property"])
        now = self._clock.now()
        keys = request.query_params.get("by", "day")
        document = truth_document(
            self.world,
            place,
            first_day=_day_of(request, "from", self._config.first_day),
            last_day=_day_of(request, "to", Moment.at(now, place.time_zone).today),
            now=now,
            by=[key for key in keys.split(",") if key],
        )
        return JSONResponse(document)

    async def _token(self, request: Request) -> Response:
        form = parse_qsl((await request.body()).decode("utf-8", "replace"))
        return self._tokens.exchange(dict(form))

    def _guarded(
        self, answer: Callable[[Request, Ga4Grant, bytes], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Check version and token, then answer; refusals become the platform's error bodies."""

        async def endpoint(request: Request) -> Response:
            if request.path_params["version"] not in self._config.supported_versions:
                return unknown_url_response(request.url.path)
            body = await request.body()
            try:
                return answer(request, self._grant_of(request), body)
            except Ga4RefusalError as error:
                return refusal_response(error)

        return endpoint

    def _grant_of(self, request: Request) -> Ga4Grant:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthenticated(is_missing=True)
        grant = self._tokens.find_grant(token)
        if grant is None:
            raise unauthenticated(is_missing=False)
        return grant

    def _permitted(self, request: Request, grant: Ga4Grant) -> Property:
        property_id = request.path_params["property"]
        if property_id not in grant.property_ids:
            raise not_permitted()
        return self._properties[property_id]

    def _run_report(self, request: Request, grant: Ga4Grant, body: bytes) -> Response:
        place = self._permitted(request, grant)
        self._quota.check(place.property_id)
        query = read_query(body)
        limit = max(query.limit // request.scope.get(PAGE_DIVISOR, 1), 1)
        query = replace(query, limit=limit)
        fault: Fault | None = request.scope.get(FAULT)
        moment = Moment.at(self._clock.now(), place.time_zone)
        page = report_page(self.world, place, query, moment, fault)
        tokens = self._quota.spend(place.property_id, page.held)
        quota = None
        if query.tells_quota:
            quota = self._quota.left(place.property_id, tokens)
            if fault and fault.kind == "high_usage":
                quota[fault.field or _TOLD_SPENT]["remaining"] = fault.value or _NEARLY_SPENT
        text = report_body(page, place, query, fault, quota)
        return Response(text, media_type="application/json")

    def _describe(self, request: Request, grant: Ga4Grant, _: bytes) -> Response:
        place = self._permitted(request, grant)
        return JSONResponse(
            {
                "name": f"properties/{place.property_id}",
                "parent": f"accounts/{place.account_id}",
                "displayName": place.name,
                "timeZone": place.time_zone,
                "currencyCode": place.currency,
                "serviceLevel": "GOOGLE_ANALYTICS_STANDARD",
                "propertyType": "PROPERTY_TYPE_ORDINARY",
                "account": f"accounts/{place.account_id}",
            }
        )

    def _summaries(self, request: Request, grant: Ga4Grant, _: bytes) -> Response:
        accounts: dict[str, list[Property]] = {}
        for each in sorted(grant.property_ids):
            accounts.setdefault(self._properties[each].account_id, []).append(
                self._properties[each]
            )
        size = _whole(request, "pageSize") or self._config.summaries_page
        size = min(size, _MOST_SUMMARIES)
        begin = _whole(request, "pageToken")
        ids = sorted(accounts)
        document: dict[str, Any] = {
            "accountSummaries": [
                _summary(accounts[account_id]) for account_id in ids[begin : begin + size]
            ]
        }
        if begin + size < len(ids):
            document["nextPageToken"] = str(begin + size)
        return JSONResponse(document)


def _summary(places: list[Property]) -> dict[str, Any]:
    account = f"accounts/{places[0].account_id}"
    return {
        "name": account.replace("accounts/", "accountSummaries/"),
        "account": account,
        "displayName": places[0].account_name,
        "propertySummaries": [
            {
                "property": f"properties/{place.property_id}",
                "displayName": place.name,
                "propertyType": "PROPERTY_TYPE_ORDINARY",
                "parent": account,
            }
            for place in places
        ],
    }


def _property_in(path: str) -> str:
    return path.rpartition("/")[2].partition(":")[0]


def _whole(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not text.isdecimal():
        raise invalid_argument(f"Invalid value at '{name}', {text}")
    return int(text)


def _day_of(request: Request, name: str, otherwise: date) -> date:
    text = request.query_params.get(name)
    try:
        return date.fromisoformat(text) if text else otherwise
    except ValueError as error:
        raise InvalidInputError(
            f"`{name}` is not a date: {text!r}.", hint="Write YYYY-MM-DD."
        ) from error
