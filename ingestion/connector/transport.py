"""Requests that come back: budgets, credentials, bounded bodies, retries.

    RequestSpec + places -> budget -> auth -> HTTP -> failure? -> (wait | refresh | retry) -> parsed
    answer

Only what may pass is retried: broken connections and bodies, 5xx, throttling, and what the source
file calls transient. Exponential backoff with full jitter. No secret is put into a message or a
log.

Sources: AWS Architecture Blog, Exponential Backoff And Jitter (full jitter); RFC 9110 section
10.2.3.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson

from domain.errors import InvalidInputError
from domain.ports import Clock
from ingestion.connector.auth import TokenSource, apply_auth
from ingestion.connector.budget import Budgets, Waiter, seconds_to_wait
from ingestion.connector.decode import BrokenBodyError, load_json
from ingestion.connector.failures import (
    CredentialsRejectedError,
    Failure,
    ProviderError,
    ProviderUnavailableError,
    error_of,
    error_part,
    find_failure,
    holds,
)
from ingestion.connector.records import MalformedAnswerError
from ingestion.connector.spec import Condition, ErrorKind, RequestSpec, SourceSpec, WaitRule
from ingestion.connector.template import fill

__all__ = [
    "CHECK_POLICY",
    "TOKEN_POLICY",
    "Answer",
    "AnswerRefusedError",
    "Meter",
    "RetryPolicy",
    "TooLargeError",
    "Transport",
    "quiet_request_logs",
    "too_large",
]

T = TypeVar("T")

_OK: Final = range(200, 300)
_SERVER_ERROR: Final = range(500, 600)
_UNSHRINKABLE_FACTOR: Final = 8  # how much larger a body may be that cannot be asked for in parts


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to try again.

    Attributes:
        attempts: Of one request, throttling not counted.
        base_seconds: The n-th wait is drawn from 0 to `base_seconds * 2**n`.
        cap_seconds: At most.
        throttled_attempts: So often one request may be throttled.
        longest_wait_seconds: A longer wait is given back to the caller as `ThrottledError`.
        breaks_before_halving: A request whose body breaks so often is asked for in halves.
        largest_body_bytes: Larger bodies are asked for in halves.
        timeout: Of one request; None: the client's own.
        hint: For the reader of the error after the last attempt.
    """

    attempts: int = 6
    base_seconds: float = 1.0
    cap_seconds: float = 60.0
    throttled_attempts: int = 20
    longest_wait_seconds: float = 900.0
    breaks_before_halving: int = 3
    largest_body_bytes: int = 64 << 20
    timeout: httpx.Timeout | None = None
    hint: str = "the sync is tried again later by itself"


# A check is asked by a person who waits: a platform that is away is told within seconds.
CHECK_POLICY: Final = RetryPolicy(
    attempts=2,
    base_seconds=0.25,
    throttled_attempts=2,
    longest_wait_seconds=3.0,
    timeout=httpx.Timeout(5.0, connect=3.0),
    hint="check the network, or --endpoint, and try again",
)

# All jobs of a connection wait for the one that asks for a token, and it holds a lock meanwhile.
TOKEN_POLICY: Final = RetryPolicy(
    attempts=4,
    base_seconds=0.25,
    cap_seconds=4.0,
    throttled_attempts=3,
    longest_wait_seconds=10.0,
    timeout=httpx.Timeout(15.0, connect=5.0),
)


@dataclass(slots=True)
class Meter:
    """Counts what was spent."""

    requests: int = 0
    bytes_received: int = 0

    def take(self) -> tuple[int, int]:
        """The counts since the last call."""
        counts = (self.requests, self.bytes_received)
        self.requests = self.bytes_received = 0
        return counts


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer.

    Attributes:
        status: HTTP status.
        headers: Names in lower case.
        body: After transport compression.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class AnswerRefusedError(Exception):
    """Raised by a parser: the body is an error, whatever the status says. Holds the document."""

    def __init__(self, document: Any) -> None:
        super().__init__("the body is an error")
        self.document = document


class TooLargeError(Exception):
    """The request has to be asked for in smaller parts. Never leaves the extractor."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class _Call:
    request: RequestSpec
    places: Mapping[str, Any]
    also_good: Condition | None
    can_shrink: bool
    refreshed: bool


class _PassingError(Exception):
    """Something that may pass; `is_break` when a smaller request could do better."""

    def __init__(self, reason: str, *, is_break: bool = False) -> None:
        super().__init__(reason)
        self.is_break = is_break


class _ThrottledOnceError(Exception):
    def __init__(self, failure: Failure, seconds: float | None) -> None:
        super().__init__(failure.message)
        self.seconds = seconds
        self.budget = failure.budget
        self.message = failure.message


@dataclass(frozen=True, slots=True, repr=False)
class Transport:
    """Sends the requests of one job.

    Attributes:
        http: Shared client.
        source: For rules and auth.
        base_url: Filled; requests below it carry credentials.
        other_urls: The same for requests that name another host; no other URL gets credentials.
        references: Credentials and settings by name; never shown.
        tokens: Of `oauth2_refresh`; None: another kind.
        budgets: Of this source, app and account.
        waiter: Waits and tells.
        policy: When to try again.
        jitter: Uniform numbers in [0, 1).
        clock: For waits that are told as instants.
        meter: Counts.
    """

    http: httpx.AsyncClient
    source: SourceSpec
    base_url: str
    other_urls: Mapping[str, str]
    references: Mapping[str, str]
    tokens: TokenSource | None
    budgets: Budgets
    waiter: Waiter
    policy: RetryPolicy
    jitter: Callable[[], float]
    clock: Clock
    meter: Meter

    async def document(
        self,
        request: RequestSpec,
        places: Mapping[str, Any],
        *,
        also_good: Condition | None = None,
        can_shrink: bool = False,
    ) -> Any:
        """Send a request and give back the decoded JSON body. Errors: as `send`.

        Args:
            request: Templates.
            places: For them.
            also_good: An error answer that the caller can use.
            can_shrink: The caller can ask for less; else what is too large is a `ProviderError`.
        """
        try:
            return await self.send(
                request,
                places,
                self._parse_document,
                can_shrink=can_shrink,
                also_good=also_good,
            )
        except TooLargeError as error:
            if can_shrink:
                raise
            raise error_of(self.source, error.failure) from error

    def _parse_document(self, answer: Answer) -> tuple[Any, Any]:
        document = self.checked(load_json(answer.body))
        return document, document

    async def send(
        self,
        request: RequestSpec,
        places: Mapping[str, Any],
        parse: Callable[[Answer], tuple[T, Any]],
        *,
        can_shrink: bool = False,
        also_good: Condition | None = None,
    ) -> T:
        """Send a request until it is answered well.

        Args:
            request: Templates.
            places: For them.
            parse: Gives the value and, for rate signals, the decoded document or None. Runs in a
                thread; may raise `AnswerRefusedError`, `BrokenBodyError` or `MalformedAnswerError`.
            can_shrink: The caller can ask for less: bodies that keep breaking raise
                `TooLargeError`.
            also_good: An error answer that is parsed like a good one.

        Raises:
            TooLargeError: To be asked for in smaller parts.
            ProviderError: A refusal that trying again cannot mend.
            ProviderUnavailableError: Still failing after all attempts.
            ThrottledError: The wait is too long for a worker.
        """
        attempt = breaks = throttled = 0
        refreshed = False
        while True:
            try:
                return await self._once(
                    _Call(request, places, also_good, can_shrink, refreshed),
                    parse,
                )
            except _ThrottledOnceError as error:
                throttled += 1
                await self._wait_throttled(error, throttled)
            except _RejectedTokenError:
                refreshed = True
            except _PassingError as error:
                attempt += 1
                breaks += error.is_break
                if can_shrink and breaks >= self.policy.breaks_before_halving:
                    raise too_large(str(error)) from error
                await self._wait_passing(error, attempt)

    async def _wait_throttled(self, error: _ThrottledOnceError, count: int) -> None:
        if count > self.policy.throttled_attempts:
            raise ProviderUnavailableError(
                f"{self.source.label} throttled one request {count} times: {error.message}"
            ) from error
        seconds = error.seconds if error.seconds is not None else self._backoff(count)
        if seconds > 0:
            await self.budgets.hold(seconds, error.budget)
            await self.waiter.wait(seconds, f"{self.source.label} is throttling: {error.message}")

    async def _wait_passing(self, error: _PassingError, attempt: int) -> None:
        if attempt >= self.policy.attempts:
            raise ProviderUnavailableError(
                f"{self.source.label} did not answer usably {attempt} times in a row: {error}",
                hint=self.policy.hint,
            ) from error
        await self.waiter.wait(self._backoff(attempt), f"trying again: {error}")

    def _backoff(self, attempt: int) -> float:
        ceiling = min(self.policy.cap_seconds, self.policy.base_seconds * 2.0**attempt)
        return self.jitter() * ceiling

    async def _once(self, call: _Call, parse: Callable[[Answer], tuple[T, Any]]) -> T:
        access_token = ""
        if not call.request.anonymous:
            await self.budgets.acquire(self.waiter)
            access_token = await self._access_token()
        factor = 1 if call.can_shrink else _UNSHRINKABLE_FACTOR
        request = self._build(call.request, call.places, access_token)
        answer = await self._exchange(request, self.policy.largest_body_bytes * factor)
        try:
            if not _is_good(answer, call.also_good):
                raise AnswerRefusedError(_loads_or_text(answer.body))  # noqa: TRY301 - see below
            value, document = await asyncio.to_thread(parse, answer)
        except AnswerRefusedError as refused:
            await self._refuse(call, answer, refused.document, access_token)
        except (BrokenBodyError, MalformedAnswerError) as error:
            raise _PassingError(str(error), is_break=isinstance(error, BrokenBodyError)) from error
        await self.budgets.heed(answer.headers, document)
        return value

    async def _refuse(
        self, call: _Call, answer: Answer, document: Any, access_token: str
    ) -> NoReturn:
        held = await self.budgets.heed(answer.headers, document)
        failure = find_failure(self.source, answer.status, document, self._secrets(access_token))
        if failure is None:
            raise _PassingError("the answer is an error that no rule knows")
        if failure.kind is ErrorKind.THROTTLED:
            now = self.clock().timestamp()
            error = error_part(self.source, document)
            seconds = seconds_to_wait(failure.wait, answer.headers, error, now, held=held)
            raise _ThrottledOnceError(failure, seconds)
        if failure.kind in (ErrorKind.TRANSIENT, ErrorKind.TIMED_OUT):
            await self._let_pass(call, answer, failure)
        if failure.kind is ErrorKind.TOO_LARGE:
            raise TooLargeError(failure)
        is_first = failure.kind is ErrorKind.CREDENTIALS and access_token and not call.refreshed
        if is_first and self.tokens is not None and self.tokens.forget(access_token):
            raise _RejectedTokenError
        raise error_of(self.source, failure)

    async def _let_pass(self, call: _Call, answer: Answer, failure: Failure) -> NoReturn:
        if answer.status in _SERVER_ERROR and not call.request.anonymous:
            seconds = await self.budgets.spend_server_error()
            if seconds:
                message = f"it allows few server errors, and answers with more: {failure.message}"
                raise _ThrottledOnceError(dataclasses.replace(failure, message=message), seconds)
        raise _PassingError(failure.message, is_break=failure.kind is ErrorKind.TIMED_OUT)

    def checked(self, document: Any) -> Any:
        """The document itself, unless it is an error in the guise of a good answer.

        Raises:
            AnswerRefusedError: It is one.
        """
        if find_failure(self.source, _OK.start, document, ()) is not None:
            raise AnswerRefusedError(document)
        return document

    async def _access_token(self) -> str:
        return "" if self.tokens is None else await self.tokens.get(self._send_token_request)

    async def _send_token_request(self, request: RequestSpec) -> Any:
        """Ask within a minute or so, or within seconds for a person: others wait for the answer."""
        policy = min(self.policy, TOKEN_POLICY, key=lambda one: one.attempts)
        try:
            return await dataclasses.replace(self, policy=policy).document(request, {})
        except CredentialsRejectedError:
            raise
        except ProviderError as error:
            raise CredentialsRejectedError(
                error.message,
                hint="connect the account again; the permission was withdrawn or has run out",
                provider_code=error.provider_code,
            ) from error

    def _secrets(self, access_token: str) -> list[str]:
        hidden = [
            value for name, value in self.references.items() if not name.startswith("setting.")
        ]
        return [*hidden, access_token]

    def _build(
        self, request: RequestSpec, places: Mapping[str, Any], access_token: str
    ) -> httpx.Request:
        url = str(fill(request.url, places, self.references))
        headers: dict[str, str] = {}
        query: dict[str, Any] = fill(request.query, places, self.references)
        if not request.anonymous:
            url = self._below_base(url, request.host)
            headers, secret_query = apply_auth(self.source, self.references, access_token)
            query |= secret_query
        headers |= fill(request.headers, places, self.references)
        merged = httpx.URL(url).copy_merge_params(query) if query else httpx.URL(url)
        return self.http.build_request(
            request.method,
            merged,
            headers=headers,
            json=fill(request.json, places, self.references) if request.json is not None else None,
            data=fill(request.form, places, self.references) if request.form is not None else None,
            timeout=self.policy.timeout or httpx.USE_CLIENT_DEFAULT,
        )

    def _below_base(self, url: str, host: str) -> str:
        """The whole URL; credentials go to the source's own hosts only.

        Raises:
            ProviderError: The provider sent us to another host.
        """
        base_url = self.other_urls[host] if host else self.base_url
        if not urlsplit(url).scheme:
            return base_url + url
        own, other = urlsplit(base_url), urlsplit(url)
        if (own.scheme, own.netloc) != (other.scheme, other.netloc):
            raise ProviderError(
                f"{self.source.label} points to another host, {other.netloc}, for its next page",
                hint="credentials are sent to the source's own host only",
            )
        return url

    async def _exchange(self, request: httpx.Request, limit: int) -> Answer:
        self.meter.requests += 1
        try:
            response = await self.http.send(request, stream=True)
            try:
                body = await self._bounded(response, limit)
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            is_break = isinstance(error, httpx.ReadError | httpx.RemoteProtocolError)
            what = "breaks off" if is_break else "does not answer"
            raise _PassingError(
                f"{request.url.netloc.decode()} {what} ({type(error).__name__})", is_break=is_break
            ) from error
        except httpx.DecodingError as error:
            raise _PassingError("the body's compression is broken", is_break=True) from error
        except httpx.InvalidURL as error:
            raise InvalidInputError(f"the URL of {self.source.label} is malformed") from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, body)

    async def _bounded(self, response: httpx.Response, limit: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            self.meter.bytes_received += len(chunk)
            if size > limit:
                raise too_large(f"the answer has more than {limit} bytes")
        return b"".join(chunks)


class _RejectedTokenError(Exception):
    """The access token is rejected; a new one may do."""


def too_large(message: str) -> TooLargeError:
    """The error that asks for smaller parts."""
    return TooLargeError(Failure(ErrorKind.TOO_LARGE, "", message, "", "", WaitRule()))


def _is_good(answer: Answer, also_good: Condition | None) -> bool:
    if answer.status in _OK:
        return True
    return also_good is not None and holds(also_good, answer.status, _loads_or_text(answer.body))


def _loads_or_text(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body[:1000].decode("utf-8", "replace")


def quiet_request_logs() -> None:
    """Stop the HTTP client from logging URLs, which may carry a token in their query."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
