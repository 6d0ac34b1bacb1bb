"""What can go wrong with a provider, told so that the reader knows what to do.

answer -> find_failure -> Failure -> (retry, wait, shrink) or error_of -> UserError

UserError
├── CredentialsRejectedError     connect again
├── AccountNotAccessibleError    the account, not the credentials
├── ApiVersionRetiredError       the source file needs a new version
├── UnknownFieldRequestedError   the source file asks for what is not there
├── ProviderError                any other refusal, with the provider's code and request id
├── IncompleteAnswerError        fewer records than the provider counts (transient)
├── ThrottledError               no calls left for longer than a worker waits (transient)
└── ProviderUnavailableError     still failing after all attempts (transient)
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from domain.errors import Terminal, Transient, UserError
from ingestion.connector.paths import find_all
from ingestion.connector.records import word_of
from ingestion.connector.spec import Condition, ErrorKind, ErrorRule, SourceSpec, WaitRule

__all__ = [
    "TRANSIENT_CODES",
    "AccountNotAccessibleError",
    "ApiVersionRetiredError",
    "CredentialsRejectedError",
    "Failure",
    "IncompleteAnswerError",
    "ProviderError",
    "ProviderUnavailableError",
    "ThrottledError",
    "UnknownFieldRequestedError",
    "error_of",
    "error_part",
    "find_failure",
    "holds",
]

_MESSAGE_LENGTH: Final = 300
_SHORTEST_SECRET: Final = 4
_OAUTH_MESSAGE: Final = ("error_description", "error")  # RFC 6749 section 5.2
_OK: Final = range(200, 300)
_SERVER_ERROR: Final = range(500, 600)


class ProviderError(UserError, Terminal):
    """The provider refused the request for a reason of its own.

    Attributes:
        provider_code: The provider's code, or the HTTP status.
        request_id: The provider's id of the request; empty: none.
    """

    code = "PROVIDER_ERROR"

    def __init__(
        self, message: str, *, hint: str = "", provider_code: str = "", request_id: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.provider_code = provider_code
        self.request_id = request_id


class CredentialsRejectedError(ProviderError):
    """Token or key no longer count."""

    code = "CREDENTIALS_REJECTED"


class AccountNotAccessibleError(ProviderError):
    """The credentials are good, but not for this account."""

    code = "ACCOUNT_NOT_ACCESSIBLE"


class ApiVersionRetiredError(ProviderError):
    """The provider has switched the API version off."""

    code = "API_VERSION_RETIRED"


class UnknownFieldRequestedError(ProviderError):
    """The provider does not know a field that the source file asks for."""

    code = "UNKNOWN_FIELD_REQUESTED"


class IncompleteAnswerError(UserError, Transient):
    """The provider counts more records than it sent."""

    code = "INCOMPLETE_ANSWER"


class ThrottledError(UserError, Transient):
    """The provider grants no calls for longer than a worker waits; see `wait_seconds`."""

    code = "THROTTLED"

    def __init__(self, message: str, *, wait_seconds: float) -> None:
        super().__init__(message, hint="the sync goes on by itself when calls are granted again")
        self.wait_seconds = wait_seconds


class ProviderUnavailableError(UserError, Transient):
    """The provider did not answer usably, several times in a row."""

    code = "PROVIDER_UNAVAILABLE"


# Of a sync that was given up, but may succeed when it is tried again later.
TRANSIENT_CODES: Final = frozenset(
    error.code for error in (IncompleteAnswerError, ThrottledError, ProviderUnavailableError)
)

_ERRORS: Final[Mapping[ErrorKind, tuple[type[ProviderError], str]]] = {
    ErrorKind.CREDENTIALS: (
        CredentialsRejectedError,
        "connect the account again; the permission was withdrawn or has run out",
    ),
    ErrorKind.ACCESS: (
        AccountNotAccessibleError,
        "check the account id, and that the connected user may see this account",
    ),
    ErrorKind.VERSION_RETIRED: (
        ApiVersionRetiredError,
        "set a newer api.version in the source file and check its fields",
    ),
    ErrorKind.UNKNOWN_FIELD: (
        UnknownFieldRequestedError,
        "compare the request in the source file with the provider's field list of this version",
    ),
    ErrorKind.TOO_LARGE: (ProviderError, "even the smallest request is too large for the provider"),
    ErrorKind.FAILED: (ProviderError, ""),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One refusal.

    Attributes:
        kind: What it means.
        code: The provider's code, else the HTTP status.
        message: The provider's words, without secrets.
        request_id: The provider's id of the request.
        hint: From the source file.
        wait: How long to wait, of throttling.
        budget: That is spent, of throttling; empty: not told, so all of them.
    """

    kind: ErrorKind
    code: str
    message: str
    request_id: str
    hint: str
    wait: WaitRule
    budget: str = ""


def find_failure(
    source: SourceSpec, status: int, document: Any, secrets: Iterable[str]
) -> Failure | None:
    """What an answer complains about, or None when it is good.

    Args:
        source: For the rules and for where error texts stand.
        status: HTTP status.
        document: Decoded body; text when it is not JSON.
        secrets: Never shown.
    """
    wrapped = _wrapped_error(source, document)
    if wrapped is not None:
        document = wrapped
        status = _status_in(wrapped, status)
    rule = next((rule for rule in source.errors if holds(rule.when, status, document)), None)
    if rule is None and status in _OK and wrapped is None:
        return None
    rule = rule or ErrorRule(Condition(), _kind_of(status))
    texts = source.error_texts
    message = _first(document, (*texts.message, *_OAUTH_MESSAGE)) or f"HTTP status {status}"
    return Failure(
        kind=rule.kind,
        code=_redacted(_first(document, (*texts.code, "error")) or str(status), secrets),
        message=_redacted(message, secrets)[:_MESSAGE_LENGTH],
        request_id=_redacted(_first(document, texts.request_id), secrets),
        hint=rule.hint,
        wait=rule.wait,
        budget=rule.budget,
    )


def error_part(source: SourceSpec, document: Any) -> Any:
    """The error of an answer: an element of a streamed array, else the answer itself."""
    wrapped = _wrapped_error(source, document)
    return document if wrapped is None else wrapped


def _wrapped_error(source: SourceSpec, document: Any) -> Any:
    """The error among the elements of a streamed array, or None."""
    if not isinstance(document, list):
        return None
    keys = {path.split(".")[0] for path in source.error_texts.message}
    return next(
        (item for item in document if isinstance(item, dict) and not keys.isdisjoint(item)), None
    )


def _status_in(error: Any, status: int) -> int:
    code = find_all(error, "*.code")
    return code[0] if status in _OK and code and isinstance(code[0], int) else status


def _kind_of(status: int) -> ErrorKind:
    if status in _SERVER_ERROR or status == 408:  # noqa: PLR2004 - Request Timeout
        return ErrorKind.TRANSIENT
    by_status = {
        401: ErrorKind.CREDENTIALS,
        403: ErrorKind.ACCESS,
        404: ErrorKind.ACCESS,
        429: ErrorKind.THROTTLED,
    }
    return by_status.get(status, ErrorKind.FAILED)


def holds(condition: Condition, status: int, document: Any) -> bool:
    """Whether a condition holds; one that names a status or the body only, looks at that only."""
    if condition.statuses and status not in condition.statuses:
        return False
    return all(_has_word(document, path, words) for path, words in condition.body)


def _has_word(document: Any, path: str, words: tuple[str, ...]) -> bool:
    found = [word_of(value) for value in find_all(document, path)]
    return any(_fits(text, word) for text in found for word in words)


def _fits(text: str, word: str) -> bool:
    return text == word or ("*" in word and _pattern(word).fullmatch(text) is not None)


@cache
def _pattern(word: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, word.split("*"))), re.DOTALL)


def _first(document: Any, paths: Iterable[str]) -> str:
    for path in paths:
        found = find_all(document, path)
        if found and isinstance(found[0], str | int):
            return str(found[0])
    return ""


def _redacted(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


def error_of(source: SourceSpec, failure: Failure) -> ProviderError:
    """The error that tells the user about a failure that cannot be retried."""
    kind, hint = _ERRORS.get(failure.kind, _ERRORS[ErrorKind.FAILED])
    request = f"request {failure.request_id}" if failure.request_id else ""
    names = ", ".join(name for name in (failure.code, request) if name)
    return kind(
        f"{source.label} refused the request: {failure.message}" + (f" ({names})" if names else ""),
        hint=failure.hint or hint,
        provider_code=failure.code,
        request_id=failure.request_id,
    )
