"""The HTTP surface of the simulated Google Ads.

    GET  /o/oauth2/v2/auth                                    -> google_identity
    POST /oauth2/v3/token                                     -> access.TokenStore
    GET  /v{N}/customers:listAccessibleCustomers              -> resource names
    POST /v{N}/customers/{id}/googleAds:search[Stream]        -> gaql -> plan -> report -> chunks

Sources: developers.google.com/google-ads/api/rest (overview, common/search, auth), v25 (2026-11).
"""

import base64
import binascii
import re
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from domain.errors import InvalidInputError, NotFoundError
from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.contract import PAGE_DIVISOR
from ingestion.simulator.faults import Fault
from ingestion.simulator.google_ads.access import (
    Access,
    OperationBudget,
    TokenStore,
    quota_refusal,
)
from ingestion.simulator.google_ads.config import (
    AccessGrant,
    AdsAccount,
    DeveloperToken,
    GoogleAdsConfig,
)
from ingestion.simulator.google_ads.failures import (
    FailureContext,
    GoogleAdsRefusalError,
    failure_response,
    missing_credentials,
    refusal_of,
    rpc_status,
    wrong_credentials,
)
from ingestion.simulator.google_ads.gaql import parse_gaql
from ingestion.simulator.google_ads.plan import Plan, resolve
from ingestion.simulator.google_ads.report import Reporter
from ingestion.simulator.google_ads.truth import truth_document
from ingestion.simulator.google_ads.world import AdsWorld, Moment

__all__ = ["GoogleAds"]

_STREAM: Final = "searchStream"
_RESOURCE: Final = re.compile(r"\bFROM\s+(\w+)")
_RATE_NAMES: Final = {
    "RESOURCE_EXHAUSTED": "Number of operations for basic access",
    "RESOURCE_TEMPORARILY_EXHAUSTED": "Requests per second per account",
    "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION": "Query resource consumption per hour",
}
# Where a distorting fault strikes unless it says otherwise, and with what.
_DISTORTIONS: Final[dict[str, tuple[str, object]]] = {
    "unknown_field": ("assetGroupSignal", {"experimentArm": "7"}),
    "changed_type": ("metrics.clicks", "n/a"),
}


class GoogleAds:
    """The simulated platform; `app` serves it."""

    name = "google_ads"

    def __init__(self, config: GoogleAdsConfig, clock: SimulatedClock) -> None:
        self.world = AdsWorld(config)
        self._config = config
        self._clock = clock
        self._accounts = {account.customer_id: account for account in config.accounts}
        self._tokens = TokenStore(config, clock)
        self._budget = OperationBudget(config, clock)
        self._access = Access(config)
        self._reporter = Reporter(config, self.world)
        self._requests = 0
        customers = "/v{version}/customers"
        self.app = Starlette(
            routes=[
                Route("/oauth2/v3/token", self._token, methods=["POST"]),
                Route("/token", self._token, methods=["POST"]),
                Route("/o/oauth2/v2/auth", self._tokens.identity.authorize, methods=["GET"]),
                Route(customers + ":listAccessibleCustomers", self._list, methods=["GET"]),
                Route(customers + "/{customer}/googleAds:search", self._search, methods=["POST"]),
                Route(
                    customers + "/{customer}/googleAds:searchStream",
                    self._search_stream,
                    methods=["POST"],
                ),
            ]
        )

    def account(self, customer_id: str) -> AdsAccount:
        """Return the configured account.

        Raises:
            NotFoundError: No such account.
        """
        if customer_id not in self._accounts:
            raise NotFoundError(f"There is no Google Ads account {customer_id}.")
        return self._accounts[customer_id]

    def operation_of(self, path: str, body: bytes) -> str:
        """Name the call, and what is asked about: `token`, `searchStream keyword_view`."""
        method = path.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
        return " ".join([method, *_RESOURCE.findall(body.decode("utf-8", "replace"))])

    def refuse(self, fault: Fault, path: str) -> Response:
        """Build the platform's own refusal for a fault."""
        context = self._context(path)
        if fault.kind == "rate_limited":
            return failure_response(_quota_refusal_of(fault), context)
        if fault.kind == "refused":
            return failure_response(refusal_of(str(fault.value)), context)
        if fault.kind == "expired_token":
            return wrong_credentials(context)
        document = rpc_status(500 if fault.status not in {500, 503} else fault.status)
        return JSONResponse(context.wrap(document), status_code=fault.status)

    def distort(self, fault: Fault, document: object) -> object:
        """Alter rows: an unknown key, or `metrics.clicks` of another type."""
        chunks: list[Any] = document if isinstance(document, list) else [document]
        rows = [row for chunk in chunks for row in chunk.get("results", ())]
        target, value = _DISTORTIONS[fault.kind]
        *parents, leaf = (fault.field or target).split(".")
        for row in rows[: fault.rows]:
            node = row
            for parent in parents:
                node = node.setdefault(parent, {})
            node[leaf] = value if fault.value is None else fault.value
        return document

    def truth_routes(self) -> list[Route]:
        """`GET /{customer}?from=&to=&by=day,campaign,device,...`: see `truth.TRUTH_KEYS`."""
        return [Route("/{customer}", self._truth, methods=["GET"])]

    def expire_tokens(self) -> int:
        """Expire all access tokens."""
        return self._tokens.expire_all()

    def reset(self) -> None:
        """Forget tokens and spent operations."""
        self._tokens.reset()
        self._budget.reset()

    async def _truth(self, request: Request) -> Response:
        account = self.account(request.path_params["customer"])
        now = self._clock.now()
        today = Moment.at(now, account.time_zone).today
        keys = request.query_params.get("by", "day,campaign,device")
        document = truth_document(
            self.world,
            account,
            first_day=_day_of(request, "from", self._config.first_day),
            last_day=_day_of(request, "to", today),
            now=now,
            by=[key for key in keys.split(",") if key],
        )
        return JSONResponse(document)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        return self._tokens.exchange(form)

    async def _list(self, request: Request) -> Response:
        def answer(grant: AccessGrant, _: DeveloperToken, __: FailureContext) -> Response:
            names = [f"customers/{customer_id}" for customer_id in grant.customer_ids]
            return JSONResponse({"resourceNames": names})

        return self._guarded(request, answer)

    async def _search(self, request: Request) -> Response:
        body = await request.body()

        def answer(
            grant: AccessGrant, developer_token: DeveloperToken, context: FailureContext
        ) -> Response:
            return self._page(request, body, grant, developer_token, context)

        return self._guarded(request, answer)

    async def _search_stream(self, request: Request) -> Response:
        body = await request.body()

        def answer(
            grant: AccessGrant, developer_token: DeveloperToken, context: FailureContext
        ) -> Response:
            self._budget.spend(developer_token)
            account = self._account_of(request, grant)
            document = _document_of(body)
            plan, rows = self._rows(account, document, self._clock.now())
            size = self._config.chunk_rows // request.scope.get(PAGE_DIVISOR, 1)
            chunks = _chunks(rows, max(size, 1), _tail(plan, context, len(rows)))
            headers = {"request-id": context.request_id}
            return StreamingResponse(chunks, media_type="application/json", headers=headers)

        return self._guarded(request, answer)

    def _guarded(
        self,
        request: Request,
        answer: Callable[[AccessGrant, DeveloperToken, FailureContext], Response],
    ) -> Response:
        """Check version and credentials in the platform's order, then answer."""
        context = self._context(request.url.path)
        header = request.headers.get("authorization", "")
        if not header:
            return missing_credentials(context)
        scheme, _, token = header.partition(" ")
        grant = self._tokens.find_grant(token.strip()) if scheme.lower() == "bearer" else None
        try:
            self._check_version(request.path_params["version"])
            if grant is None:
                return wrong_credentials(context)
            return answer(
                grant, self._access.developer_token(request.headers.get("developer-token")), context
            )
        except GoogleAdsRefusalError as error:
            return failure_response(error, context)

    def _check_version(self, version: str) -> None:
        if not version.isdigit() or int(version) not in self._config.supported_versions:
            raise GoogleAdsRefusalError(
                "requestError",
                "UNSUPPORTED_VERSION",
                f"Version v{version} is deprecated. Requests to this version will be blocked.",
            )

    def _page(
        self,
        request: Request,
        body: bytes,
        grant: AccessGrant,
        developer_token: DeveloperToken,
        context: FailureContext,
    ) -> Response:
        document = _document_of(body)
        if "pageSize" in document:
            raise GoogleAdsRefusalError(
                "requestError",
                "PAGE_SIZE_NOT_SUPPORTED",
                "Setting the page size is not supported. Search Responses will have fixed page "
                "size of '10000' rows.",
            )
        account = self._account_of(request, grant)
        text = str(document.get("query", ""))
        offset, known_at = 0, self._clock.now()
        if document.get("pageToken"):
            # Following pages of one search are not counted as operations.
            offset, known_at = self._read_page_token(str(document["pageToken"]), account, text)
        else:
            self._budget.spend(developer_token)
        plan, rows = self._rows(account, document, known_at)
        size = max(self._config.page_rows // request.scope.get(PAGE_DIVISOR, 1), 1)
        page = rows[offset : offset + size]
        tail = _tail(plan, context, len(page))
        settings = document.get("searchSettings")
        if isinstance(settings, dict) and settings.get("returnTotalResultsCount"):
            tail["totalResultsCount"] = str(len(rows))
        if offset + size < len(rows):
            tail["nextPageToken"] = self._page_token(offset + size, known_at, account, text)
        headers = {"request-id": context.request_id}
        content = _chunk(page, tail)
        return Response(content, media_type="application/json", headers=headers)

    def _rows(
        self, account: AdsAccount, document: dict[str, Any], now: datetime
    ) -> tuple[Plan, list[bytes]]:
        moment = Moment.at(now, account.time_zone)
        query = parse_gaql(str(document.get("query", "")))
        plan = resolve(query, account=account, today=moment.today)
        return plan, self._reporter.run(plan, account, moment)

    def _account_of(self, request: Request, grant: AccessGrant) -> AdsAccount:
        login_id = request.headers.get("login-customer-id")
        return self._access.account(request.path_params["customer"], grant, login_id)

    def _context(self, path: str) -> FailureContext:
        self._requests += 1
        name = f"{self._config.seed}/{self._requests}".encode()
        request_id = base64.urlsafe_b64encode(blake2b(name, digest_size=16).digest())
        parts = [part for part in path.split("/") if part[:1] == "v" and part[1:].isdigit()]
        version = int(parts[0][1:]) if parts else max(self._config.supported_versions)
        return FailureContext(version, request_id.decode().rstrip("="), path.endswith(_STREAM))

    def _page_token(self, offset: int, known_at: datetime, account: AdsAccount, text: str) -> str:
        content = orjson.dumps([offset, known_at.isoformat(), self._seal(account, text)])
        return base64.urlsafe_b64encode(content).decode()

    def _read_page_token(self, token: str, account: AdsAccount, text: str) -> tuple[int, datetime]:
        try:
            offset, known_at, seal = orjson.loads(base64.urlsafe_b64decode(token))
            instant = datetime.fromisoformat(known_at)
        except (ValueError, TypeError, binascii.Error) as error:
            raise _invalid_page_token() from error
        if seal != self._seal(account, text):
            raise _invalid_page_token()
        lifetime = timedelta(seconds=self._config.page_token_lifetime_seconds)
        if self._clock.now() > instant + lifetime:
            raise GoogleAdsRefusalError(
                "requestError",
                "EXPIRED_PAGE_TOKEN",
                "Next page token specified in user request has expired.",
            )
        return int(offset), instant

    def _seal(self, account: AdsAccount, text: str) -> str:
        """Bind a page token to its account and query: the next pages must repeat the query."""
        name = f"{self._config.seed}/{account.customer_id}/{text}".encode()
        return blake2b(name, digest_size=8).hexdigest()


def _quota_refusal_of(fault: Fault) -> GoogleAdsRefusalError:
    code = fault.value or "RESOURCE_TEMPORARILY_EXHAUSTED"
    return quota_refusal(code, _RATE_NAMES[code], fault.retry_after_seconds)


def _invalid_page_token() -> GoogleAdsRefusalError:
    return GoogleAdsRefusalError(
        "requestError",
        "INVALID_PAGE_TOKEN",
        "Next page token specified in user request is invalid.",
    )


def _document_of(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise GoogleAdsRefusalError(
            "requestError", "REQUIRED_FIELD_MISSING", "The request body is not a JSON object."
        )
    if not document.get("query"):
        raise GoogleAdsRefusalError(
            "requestError", "REQUIRED_FIELD_MISSING", "Required field is missing: query."
        )
    return document


def _tail(plan: Plan, context: FailureContext, rows: int) -> dict[str, str]:
    return {
        "fieldMask": plan.field_mask,
        "requestId": context.request_id,
        "queryResourceConsumption": str(100 + rows),
    }


def _chunk(rows: list[bytes], tail: dict[str, str]) -> bytes:
    end = orjson.dumps(tail)
    if not rows:
        return end  # An empty result has no `results` at all.
    return b'{"results":[' + b",".join(rows) + b"]," + end[1:]


async def _chunks(rows: list[bytes], size: int, tail: dict[str, str]) -> AsyncIterator[bytes]:
    yield b"["
    for begin in range(0, max(len(rows), 1), size):
        yield (b",\r\n" if begin else b"") + _chunk(rows[begin : begin + size], tail)
    yield b"]"


def _day_of(request: Request, name: str, otherwise: date) -> date:
    text = request.query_params.get(name)
    try:
        return date.fromisoformat(text) if text else otherwise
    except ValueError as error:
        raise InvalidInputError(
            f"`{name}` is not a date: {text!r}.", hint="Write YYYY-MM-DD."
        ) from error
