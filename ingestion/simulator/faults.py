"""Faults on demand: what shall go wrong, where, how often.

    POST /_control/faults -> Fault -> FaultBook.take(request) -> gate plays it

A fault waits for requests that match it, lets the first `after` of them pass, strikes the next
`times` of them (all of them when `times` is None), and then rests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, cast, get_args

from domain.errors import InvalidInputError

__all__ = ["Fault", "FaultBook", "FaultKind", "parse_fault"]

FaultKind = Literal[
    "rate_limited",
    "server_error",
    "failed_after",
    "expired_token",
    "cut_connection",
    "slow",
    "malformed_json",
    "half_page",
    "unknown_field",
    "changed_type",
    "too_large",
    "high_usage",
    "duplicate_page",
    "moved_rows",
    "missing_field",
    "job_failed",
    "job_skipped",
    "job_stuck",
    "refused",
    "partial",
    "sampled",
    "thresholded",
    "other_row",
]

_KINDS: Final = get_args(FaultKind)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: `rate_limited`, `server_error` and `expired_token` answer with the platform's own
            refusal; `failed_after` does what was asked and then answers 500 with nothing of it;
            `cut_connection` breaks off after `cut_after_bytes` of the body; `slow` waits;
            `malformed_json` sends a complete HTTP answer whose JSON ends early; `half_page` serves
            pages half as long, with paging that goes on from there; `unknown_field` adds a key to
            records; `changed_type` gives a known field another type; `too_large` refuses to answer
            so much at once. A platform that has them plays these itself: `high_usage` (the answer
            tells that the quota is nearly spent), `duplicate_page` (a page repeats the one before),
            `moved_rows` (`rows` have come in before the page: see `counted_list`),
            `missing_field` (records lack a key), `job_failed`, `job_skipped` and `job_stuck` (of a
            report that is waited for), `partial` (a part of the rows, called a success), `sampled`,
            `thresholded` and `other_row` (the answer tells that it is less than exact). `refused`
            is any other documented refusal, by its `code`.
        path: The request path must contain this text.
        operation: The platform's name of the call (`searchStream`, `token`, `orders`, or the name
            of the GraphQL operation) must contain this text.
        times: How many matching requests are struck; None means all.
        after: How many matching requests pass first.
        status: HTTP status of `server_error`.
        code: The platform's own code of a refusal; 0 takes its usual one.
        subcode: The same one level below, where the platform has such.
        retry_after_seconds: The wait that `rate_limited` asks for.
        cut_after_bytes: Body bytes sent before `cut_connection`.
        seconds: Wait of `slow` before the answer, and between its pieces.
        piece_bytes: Size of the pieces of `slow`; 0 sends the body at once.
        field: Dotted JSON path in a record for `unknown_field` and `changed_type`, or the key that
            `missing_field` leaves out; empty takes the platform's own choice.
        value: The value served there; None takes the platform's own choice.
        rows: How many records of an answer are altered, from the first; None means all.
    """

    kind: FaultKind
    path: str = ""
    operation: str = ""
    times: int | None = 1
    after: int = 0
    status: int = 503
    code: int = 0
    subcode: int = 0
    retry_after_seconds: int = 2
    cut_after_bytes: int = 512
    seconds: float = 0.2
    piece_bytes: int = 0
    field: str = ""
    value: Any = None
    rows: int | None = None


@dataclass(slots=True)
class _Standing:
    fault: Fault
    seen: int = 0
    struck: int = 0


@dataclass(slots=True)
class FaultBook:
    """The faults that are in force."""

    _standing: list[_Standing] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Put `fault` in force."""
        self._standing.append(_Standing(fault))

    def clear(self) -> None:
        """Lift all faults."""
        self._standing.clear()

    def list_faults(self) -> list[tuple[Fault, int]]:
        """List the faults in force and how many requests each has struck."""
        return [(standing.fault, standing.struck) for standing in self._standing]

    def take(self, path: str, operation: str) -> Fault | None:
        """Find the fault that strikes this request; counts the request for every match."""
        chosen: Fault | None = None
        for standing in self._standing:
            fault = standing.fault
            if fault.path not in path or fault.operation not in operation:
                continue
            standing.seen += 1
            is_due = standing.seen > fault.after
            has_more = fault.times is None or standing.struck < fault.times
            if chosen is None and is_due and has_more:
                standing.struck += 1
                chosen = fault
        return chosen


def parse_fault(document: object) -> Fault:
    """Read a fault from the JSON of `POST /_control/faults`.

    Args:
        document: `{"kind": ..., "match": {"path": ..., "operation": ...}, "times": ..., ...}`.

    Raises:
        InvalidInputError: Not an object, an unknown kind or an unknown key (caller).
    """
    if not isinstance(document, Mapping):
        raise InvalidInputError("A fault is a JSON object.", hint='{"kind": "rate_limited"}')
    values = dict(document)
    match = values.pop("match", {})
    if not isinstance(match, Mapping) or set(match) - {"path", "operation"}:
        raise InvalidInputError("`match` of a fault has `path` and `operation` only.")
    values.update(match)
    kind = values.get("kind")
    if kind not in _KINDS:
        raise InvalidInputError(
            f"{kind!r} is not a kind of fault.", hint=f"One of {', '.join(_KINDS)}."
        )
    known = {entry.name for entry in fields(Fault)}
    if unknown := sorted(set(values) - known):
        raise InvalidInputError(
            f"A fault has no {unknown[0]!r}.", hint=f"It has {', '.join(sorted(known))}."
        )
    return Fault(**cast("dict[str, Any]", values))
