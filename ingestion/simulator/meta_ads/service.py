"""The HTTP surface of the simulated Meta Ads.

    GET  /v{N}/dialog/oauth, /v{N}/oauth/access_token -> consent
    GET  /v{N}/me                     -> id of the token's person
    GET  /v{N}/me/adaccounts          -> accounts of the token, in pages
    GET  /v{N}/act_{id}               -> one account
    GET  /v{N}/act_{id}/insights      -> query -> rows, in pages
    POST /v{N}/act_{id}/insights      -> report run -> GET /v{N}/{run} -> GET /v{N}/{run}/insights

Sources: developers.facebook.com/docs/marketing-api/insights (overview, best-practices, async),
.../reference/ad-account, .../graph-api/results (cursor paging), v25 (2026-11).
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain.errors import InvalidInputError, NotFoundError
from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.faults import Fault
from ingestion.simulator.meta_ads.call import Call
from ingestion.simulator.meta_ads.config import AdAccount, MetaAdsConfig
from ingestion.simulator.meta_ads.consent import FacebookLogin
from ingestion.simulator.meta_ads.failures import (
    MetaRefusalError,
    deprecated_version,
    fault_refusal,
    invalid_parameter,
    missing_object,
    refusal_response,
)
from ingestion.simulator.meta_ads.paging import page_of
from ingestion.simulator.meta_ads.query import list_of, read_query
from ingestion.simulator.meta_ads.report import insights_rows
from ingestion.simulator.meta_ads.runs import ReportRun, ReportRuns
from ingestion.simulator.meta_ads.tokens import AccessTokens
from ingestion.simulator.meta_ads.truth import truth_document
from ingestion.simulator.meta_ads.usage import CallUsage, usage_headers
from ingestion.simulator.meta_ads.world import MetaWorld, Moment

__all__ = ["MetaAds"]

_ACCOUNT_PREFIX: Final = "act_"
_ACCOUNT_FIELDS: Final = ("id", "account_id", "name", "currency", "timezone_name", "account_status")
_NEARLY_SPENT: Final = 95
_FULL: Final = 100
# Where a distorting fault strikes unless it says otherwise, and with what.
_DISTORTIONS: Final[dict[str, tuple[str, object]]] = {
    "unknown_field": ("auction_signal", {"bucket": "7"}),
    "changed_type": ("clicks", "n/a"),
}


class MetaAds:
    """The simulated platform; `app` serves it."""

    name = "meta_ads"

    def __init__(self, config: MetaAdsConfig, clock: SimulatedClock) -> None:
        self.world = MetaWorld(config)
        self._config = config
        self._clock = clock
        self._accounts = {account.account_id: account for account in config.accounts}
        self._tokens = AccessTokens(config.tokens, clock)
        self._login = FacebookLogin(config.seed, config.users, self._tokens, clock)
        self._usage = CallUsage(config, clock)
        self._runs = ReportRuns(config, clock)
        self._requests = 0
        self.app = Starlette(
            routes=[
                Route("/v{version}/dialog/oauth", self._login.authorize, methods=["GET"]),
                Route("/v{version}/oauth/access_token", self._token, methods=["GET"]),
                Route("/v{version}/me", self._guarded(self._person), methods=["GET"]),
                Route("/v{version}/me/adaccounts", self._guarded(self._list), methods=["GET"]),
                Route(
                    "/v{version}/act_{account}/insights",
                    self._guarded(self._insights),
                    methods=["GET"],
                ),
                Route(
                    "/v{version}/act_{account}/insights",
                    self._guarded(self._order),
                    methods=["POST"],
                ),
                Route("/v{version}/act_{account}", self._guarded(self._describe), methods=["GET"]),
                Route("/v{version}/{run}/insights", self._guarded(self._report), methods=["GET"]),
                Route("/v{version}/{run}", self._guarded(self._poll), methods=["GET"]),
            ]
        )

    def account(self, account_id: str) -> AdAccount:
        """Return the configured account.

        Raises:
            NotFoundError: No such account.
        """
        if account_id not in self._accounts:
            raise NotFoundError(f"There is no Meta ad account {account_id}.")
        return self._accounts[account_id]

    def operation_of(self, path: str, body: bytes) -> str:
        """Name the call: `adaccounts`, `account`, `insights`, `order`, `poll`, `report`...

        Of a consent: `dialog`, `token` and `me`.
        """
        parts = path.strip("/").split("/")
        if "oauth" in parts:
            return "token" if parts[-1] == "access_token" else "dialog"
        of_account = any(part.startswith(_ACCOUNT_PREFIX) for part in parts)
        if parts[-1] in {"adaccounts", "me"}:
            return parts[-1]
        if parts[-1] == "insights":
            return ("order" if body else "insights") if of_account else "report"
        return "account" if of_account else "poll"

    def refuse(self, fault: Fault, path: str) -> Response:
        """Build the platform's own refusal for a fault."""
        error = fault_refusal(fault)
        headers = {}
        if fault.kind == "rate_limited":
            minutes = -(-fault.retry_after_seconds // 60)
            account_id = self._account_id_in(path)
            headers = usage_headers(account_id, _FULL, minutes=minutes, code=error.error_code)
        return refusal_response(error, self._trace_id(), headers)

    def distort(self, fault: Fault, document: object) -> object:
        """Alter rows: an unknown key, or `clicks` of another type."""
        rows = document.get("data", []) if isinstance(document, dict) else []
        target, value = _DISTORTIONS[fault.kind]
        *parents, leaf = (fault.field or target).split(".")
        for row in rows[: fault.rows]:
            node = row
            for parent in parents:
                node = node.setdefault(parent, {})
            node[leaf] = value if fault.value is None else fault.value
        return document

    def truth_routes(self) -> list[Route]:
        """`GET /{account}?from=&to=&by=day,campaign,ad,device,country`."""
        return [Route("/{account}", self._truth, methods=["GET"])]

    def expire_tokens(self) -> int:
        """End the tokens of people; those of system users do not run out."""
        return self._tokens.expire_all()

    def reset(self) -> None:
        """Forget ended tokens, spent calls and report runs."""
        self._tokens.reset()
        self._login.reset()
        self._usage.reset()
        self._runs.reset()

    async def _truth(self, request: Request) -> Response:
        account = self.account(request.path_params["account"])
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
        try:
            self._check_version(request.path_params["version"])
            return JSONResponse(self._login.token(dict(request.query_params)))
        except MetaRefusalError as error:
            return self._refused(request, error)

    def _guarded(
        self, answer: Callable[[Call], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Check version and token, then answer; refusals become the platform's error bodies."""

        async def endpoint(request: Request) -> Response:
            body = await request.body()
            values = dict(request.query_params)
            values |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
            try:
                self._check_version(request.path_params["version"])
                authorization = request.headers.get("authorization", "")
                accounts = self._tokens.accounts_of(values, authorization)
                return answer(Call(request, values, accounts))
            except MetaRefusalError as error:
                return self._refused(request, error)

        return endpoint

    def _refused(self, request: Request, error: MetaRefusalError) -> Response:
        account_id = self._account_id_in(request.url.path)
        minutes = self._usage.minutes_left(account_id)
        headers = usage_headers(account_id, self._usage.percent(account_id), minutes=minutes)
        return refusal_response(error, self._trace_id(), headers)

    def _check_version(self, version: str) -> None:
        major = version.removesuffix(".0")
        if not major.isdecimal() or int(major) not in self._config.supported_versions:
            raise deprecated_version(max(self._config.supported_versions))

    def _person(self, call: Call) -> Response:
        """An id within the app: digits, the same for the same person."""
        digest = blake2b(",".join(call.account_ids).encode(), digest_size=7).digest()
        return JSONResponse({"id": str(10**16 + int.from_bytes(digest))})

    def _list(self, call: Call) -> Response:
        fields = list_of(call.values.get("fields", "")) or ("account_id", "id")
        rows = [
            _account_row(self._accounts[account_id], fields)
            for account_id in sorted(call.account_ids)
        ]
        return JSONResponse(page_of(call, rows, self._config.page_rows))

    def _describe(self, call: Call) -> Response:
        account = self._account_of(call)
        fields = list_of(call.values.get("fields", ""))
        return JSONResponse(_account_row(account, ("id", *fields)))

    def _insights(self, call: Call) -> Response:
        account = self._account_of(call)
        self._usage.spend(account.account_id)
        return self._answer(call, account, self._rows(account, call.values))

    def _order(self, call: Call) -> Response:
        account = self._account_of(call)
        self._usage.spend(account.account_id)
        run = self._runs.order(account, self._rows(account, call.values))
        return JSONResponse({"report_run_id": run.run_id}, headers=self._headers(call, account))

    def _poll(self, call: Call) -> Response:
        run = self._run_of(call)
        self._usage.spend(run.account.account_id)
        document = run.poll(call.fault.kind if call.fault else "")
        return JSONResponse(document, headers=self._headers(call, run.account))

    def _report(self, call: Call) -> Response:
        run = self._run_of(call)
        self._usage.spend(run.account.account_id)
        if not run.is_completed:
            raise MetaRefusalError(
                2601, "(#2601) Error accessing adreport job.", subcode=1815107, is_transient=True
            )
        return self._answer(call, run.account, run.rows)

    def _answer(self, call: Call, account: AdAccount, rows: list[dict[str, Any]]) -> Response:
        return JSONResponse(
            page_of(call, rows, self._config.page_rows), headers=self._headers(call, account)
        )

    def _rows(self, account: AdAccount, values: Mapping[str, str]) -> list[dict[str, Any]]:
        moment = Moment.at(self._clock.now(), account.time_zone)
        months = self._config.retained_months
        query = read_query(values, today=moment.today, retained_months=months)
        return insights_rows(self.world, account, query, moment)

    def _headers(self, call: Call, account: AdAccount) -> dict[str, str]:
        percent = self._usage.percent(account.account_id)
        if call.fault and call.plays("high_usage"):
            percent = int(call.fault.value or _NEARLY_SPENT)
        is_told = percent >= self._config.usage_told_from
        return usage_headers(account.account_id, percent) if is_told else {}

    def _account_of(self, call: Call) -> AdAccount:
        account_id = call.request.path_params["account"]
        if account_id not in call.account_ids:
            method = call.request.method.lower()
            raise missing_object(f"{_ACCOUNT_PREFIX}{account_id}", method)
        return self._accounts[account_id]

    def _run_of(self, call: Call) -> ReportRun:
        run = self._runs.find(call.request.path_params["run"])
        if run is None or run.account.account_id not in call.account_ids:
            raise missing_object(call.request.path_params["run"])
        return run

    def _account_id_in(self, path: str) -> str:
        """The account that a path is about, by itself or by its report run; `0`: of none."""
        for part in path.split("/"):
            if part.startswith(_ACCOUNT_PREFIX):
                return part.removeprefix(_ACCOUNT_PREFIX)
            run = self._runs.find(part)
            if run is not None:
                return run.account.account_id
        return "0"

    def _trace_id(self) -> str:
        self._requests += 1
        name = f"{self._config.seed}/{self._requests}".encode()
        return base64.urlsafe_b64encode(blake2b(name, digest_size=15).digest()).decode()


def _account_row(account: AdAccount, fields: tuple[str, ...]) -> dict[str, Any]:
    known = {
        "id": f"{_ACCOUNT_PREFIX}{account.account_id}",
        "account_id": account.account_id,
        "name": account.name,
        "currency": account.currency,
        "timezone_name": account.time_zone,
        "account_status": account.status,
    }
    for name in fields:
        if name not in _ACCOUNT_FIELDS:
            raise invalid_parameter(
                f"Tried accessing nonexisting field ({name}) on node type (AdAccount)"
            )
    return {name: known[name] for name in fields}


def _day_of(request: Request, name: str, otherwise: date) -> date:
    text = request.query_params.get(name)
    try:
        return date.fromisoformat(text) if text else otherwise
    except ValueError as error:
        raise InvalidInputError(
            f"`{name}` is not a date: {text!r}.", hint="Write YYYY-MM-DD."
        ) from error
