"""The HTTP surface of the simulated TikTok Ads.

    GET /portal/auth, POST /open_api/v1.3/oauth2/access_token/ -> consent
    GET /open_api/v1.3/oauth2/advertiser/get/   -> advertisers of the token
    GET /open_api/v1.3/advertiser/info/         -> names, currencies, time zones
    GET /open_api/v1.3/report/integrated/get/   -> query -> rows, in numbered pages

Every answer is HTTP 200; its `code` tells whether it is one.

Source: Business API v1.3 (business-api.tiktok.com/portal/docs) and yml_files of the vendor's SDK,
2026-11.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain.errors import InvalidInputError, NotFoundError
from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.contract import FAULT, PAGE_DIVISOR
from ingestion.simulator.counted_list import page_bounds
from ingestion.simulator.faults import Fault
from ingestion.simulator.tiktok_ads.config import Advertiser, AppGrant, TikTokAdsConfig
from ingestion.simulator.tiktok_ads.consent import AdvertiserConsent
from ingestion.simulator.tiktok_ads.failures import (
    ACCESS_TOKEN_EMPTY,
    ACCESS_TOKEN_WRONG,
    INTERFACE_OFFLINE,
    NO_PERMISSION,
    PARTIAL,
    TikTokRefusalError,
    fault_refusal,
    refusal_response,
    wrong_parameter,
)
from ingestion.simulator.tiktok_ads.query import list_of, read_query
from ingestion.simulator.tiktok_ads.quota import CallQuota
from ingestion.simulator.tiktok_ads.report import report_rows
from ingestion.simulator.tiktok_ads.truth import truth_document
from ingestion.simulator.tiktok_ads.world import Moment, TikTokWorld

__all__ = ["TikTokAds"]

_INFO_FIELDS: Final = ("advertiser_id", "name", "currency", "timezone", "display_timezone")
_MOST_ADVERTISERS: Final = 100
# Where a distorting fault strikes unless it says otherwise, and with what.
_DISTORTIONS: Final[dict[str, tuple[str, object]]] = {
    "unknown_field": ("metrics.shadow_spend", "1.00"),
    "changed_type": ("metrics.clicks", "n/a"),
}


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that is let in."""

    request: Request
    values: Mapping[str, str]
    grant: AppGrant

    @property
    def fault(self) -> Fault | None:
        """The fault that is to be played."""
        fault: Fault | None = self.request.scope.get(FAULT)
        return fault

    @property
    def is_partial(self) -> bool:
        """The fault `partial` is to be played."""
        return self.fault is not None and self.fault.kind == "partial"


class TikTokAds:
    """The simulated platform; `app` serves it."""

    name = "tiktok_ads"

    def __init__(self, config: TikTokAdsConfig, clock: SimulatedClock) -> None:
        self.world = TikTokWorld(config)
        self._config = config
        self._clock = clock
        self._advertisers = {each.advertiser_id: each for each in config.advertisers}
        self._grants = {each.access_token: each for each in config.grants}
        self._quota = CallQuota(config.limits, clock)
        self._requests = 0
        self._consent = AdvertiserConsent(config.seed, config.apps, config.grants, clock)
        base = "/open_api/{version}"
        self.app = Starlette(
            routes=[
                Route("/portal/auth", self._consent.authorize, methods=["GET"]),
                Route(f"{base}/oauth2/access_token/", self._token, methods=["POST"]),
                Route(f"{base}/oauth2/advertiser/get/", self._guarded(self._list)),
                Route(f"{base}/advertiser/info/", self._guarded(self._describe)),
                Route(f"{base}/report/integrated/get/", self._guarded(self._report)),
            ]
        )

    def advertiser(self, advertiser_id: str) -> Advertiser:
        """Return the configured advertiser.

        Raises:
            NotFoundError: No such advertiser.
        """
        if advertiser_id not in self._advertisers:
            raise NotFoundError(f"There is no TikTok advertiser {advertiser_id}.")
        return self._advertisers[advertiser_id]

    def operation_of(self, path: str, body: bytes) -> str:
        """Name the call: `report`, `advertiser_info`, `advertiser_get` or `token`."""
        del body  # the path tells
        if path.endswith("/access_token/"):
            return "token"
        if "/report/" in path:
            return "report"
        return "advertiser_info" if path.endswith("/info/") else "advertiser_get"

    def refuse(self, fault: Fault, path: str) -> Response:
        """Build the platform's own refusal for a fault."""
        del path  # every call words it alike
        refusal = fault_refusal(fault, self._config.limits.by_period())
        return refusal_response(refusal, self._request_id())

    def distort(self, fault: Fault, document: object) -> object:
        """Alter rows: an unknown metric, or `clicks` of another type."""
        data = document.get("data") if isinstance(document, dict) else None
        rows = data.get("list", []) if isinstance(data, dict) else []
        target, value = _DISTORTIONS[fault.kind]
        *parents, leaf = (fault.field or target).split(".")
        for row in rows[: fault.rows]:
            node = row
            for parent in parents:
                node = node.setdefault(parent, {})
            node[leaf] = value if fault.value is None else fault.value
        return document

    def truth_routes(self) -> list[Route]:
        """`GET /{advertiser}?from=&to=&by=day,campaign,ad,country`."""
        return [Route("/{advertiser}", self._truth, methods=["GET"])]

    def expire_tokens(self) -> int:
        """Access tokens of the Business API do not run out."""
        return 0

    def reset(self) -> None:
        """Forget spent calls, and consents that were given since the start."""
        self._quota.reset()
        self._consent.reset()
        self._grants = {each.access_token: each for each in self._config.grants}

    async def _truth(self, request: Request) -> Response:
        advertiser = self.advertiser(request.path_params["advertiser"])
        now = self._clock.now()
        today = Moment.at(now, advertiser.time_zone).today
        keys = request.query_params.get("by", "day,campaign")
        document = truth_document(
            self.world,
            advertiser,
            first_day=_day_of(request, "from", self._config.first_day),
            last_day=_day_of(request, "to", today),
            now=now,
            by=[key for key in keys.split(",") if key],
        )
        return JSONResponse(document)

    async def _token(self, request: Request) -> Response:
        try:
            self._check_version(request.path_params["version"])
            grant, data = self._consent.token(_object_of(await request.body()))
        except TikTokRefusalError as error:
            return refusal_response(error, self._request_id())
        self._grants[grant.access_token] = grant
        body = {"code": 0, "message": "OK", "request_id": self._request_id(), "data": data}
        return JSONResponse(body)

    def _guarded(
        self, answer: Callable[[_Call], dict[str, Any]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Check version, token and limits, then answer; refusals become the platform's bodies."""

        async def endpoint(request: Request) -> Response:
            try:
                self._check_version(request.path_params["version"])
                grant = self._grant_of(request)
                self._quota.spend(grant.app_id)
                call = _Call(request, dict(request.query_params), grant)
                data = answer(call)
            except TikTokRefusalError as error:
                return refusal_response(error, self._request_id())
            code, message = (PARTIAL, "Partial success") if call.is_partial else (0, "OK")
            body = {
                "code": code,
                "message": message,
                "request_id": self._request_id(),
                "data": data,
            }
            return JSONResponse(body)

        return endpoint

    def _check_version(self, version: str) -> None:
        if version not in self._config.supported_versions:
            raise TikTokRefusalError(
                INTERFACE_OFFLINE,
                f"This interface of version {version} is offline. Please use the latest version.",
            )

    def _grant_of(self, request: Request) -> AppGrant:
        token = request.headers.get("access-token", "")
        if not token:
            raise TikTokRefusalError(ACCESS_TOKEN_EMPTY, "Access token is empty.")
        if token not in self._grants:
            raise TikTokRefusalError(
                ACCESS_TOKEN_WRONG, "Access token is incorrect or has been revoked."
            )
        return self._grants[token]

    def _list(self, call: _Call) -> dict[str, Any]:
        given = call.values.get("app_id"), call.values.get("secret")
        if given != (call.grant.app_id, call.grant.secret):
            raise wrong_parameter("app_id or secret is invalid.")
        return {
            "list": [
                {"advertiser_id": each, "advertiser_name": self._advertisers[each].name}
                for each in sorted(call.grant.advertiser_ids)
            ]
        }

    def _describe(self, call: _Call) -> dict[str, Any]:
        ids = list_of("advertiser_ids", call.values.get("advertiser_ids", ""))
        if len(ids) > _MOST_ADVERTISERS:
            raise wrong_parameter(f"advertiser_ids: More than {_MOST_ADVERTISERS} values.")
        names: tuple[str, ...] = _INFO_FIELDS
        if "fields" in call.values:
            names = list_of("fields", call.values["fields"])
        if wrong := [name for name in names if name not in _INFO_FIELDS]:
            raise wrong_parameter(f"fields: Invalid field names: {wrong}")
        rows = [_info(self._permitted(call, each)) for each in ids]
        return {"list": [{name: row[name] for name in names} for row in rows]}

    def _report(self, call: _Call) -> dict[str, Any]:
        advertiser = self._permitted(call, call.values.get("advertiser_id", ""))
        query = read_query(call.values)
        moment = Moment.at(self._clock.now(), advertiser.time_zone)
        rows = report_rows(self.world, advertiser, query, moment, self._config.most_ads)
        size = max(query.page_size // call.request.scope.get(PAGE_DIVISOR, 1), 1)
        bounds = page_bounds(len(rows), (query.page - 1) * size, size, call.fault)
        page = rows[bounds.begin : bounds.end]
        if call.is_partial:
            page = page[: len(page) // 2]
        return {
            "list": page,
            "page_info": {
                "page": query.page,
                "page_size": size,
                "total_number": bounds.told,
                "total_page": -(-bounds.told // size),
            },
        }

    def _permitted(self, call: _Call, advertiser_id: str) -> Advertiser:
        if advertiser_id not in call.grant.advertiser_ids:
            raise TikTokRefusalError(
                NO_PERMISSION, f"No permission to operate advertiser {advertiser_id}."
            )
        return self._advertisers[advertiser_id]

    def _request_id(self) -> str:
        self._requests += 1
        name = f"{self._config.seed}/{self._requests}".encode()
        return "20261102" + blake2b(name, digest_size=12).hexdigest().upper()


def _object_of(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise wrong_parameter("The body is not a JSON object.")
    return found


def _info(advertiser: Advertiser) -> dict[str, str]:
    return {
        "advertiser_id": advertiser.advertiser_id,
        "name": advertiser.name,
        "currency": advertiser.currency,
        "timezone": "Etc/GMT",
        "display_timezone": advertiser.time_zone,
    }


def _day_of(request: Request, name: str, otherwise: date) -> date:
    text = request.query_params.get(name)
    try:
        return date.fromisoformat(text) if text else otherwise
    except ValueError as error:
        raise InvalidInputError(
            f"`{name}` is not a date: {text!r}.", hint="Write YYYY-MM-DD."
        ) from error
