"""What a certificate has to say, checked member by member.

    statement (of a signed payload) -> find_flaw -> None | "request.dueAt is no instant"

Written from docs/gdpr.md, not from the module that makes certificates.

Decision: ADR-0030.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["FORMAT", "find_flaw"]

FORMAT: Final = "bosco-erasure-certificate-1"

Check = Callable[[Any, str], str | None]  # value, where it stands -> what is wrong

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_SUBJECT: Final = re.compile(r"sp_[a-z2-7]{32}")
_PUBLIC_ID: Final = re.compile(r"[a-z]+_[0-9a-hjkmnp-tv-z]{26}")
_INSTANT: Final = "%Y-%m-%dT%H:%M:%SZ"


def find_flaw(statement: Any) -> str | None:
    """The first thing that no certificate says, or lacks; None: nothing is wrong."""
    return _STATEMENT(statement, "")


def _is_instant(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return dt.datetime.strptime(value, _INSTANT).strftime(_INSTANT) == value  # noqa: DTZ007  # Z
    except ValueError:
        return False


def _test(holds: Callable[[Any], bool], what: str) -> Check:
    def check(value: Any, where: str) -> str | None:
        return None if holds(value) else f"{where} is {what}"

    return check


def _matching(pattern: re.Pattern[str], what: str) -> Check:
    return _test(lambda value: isinstance(value, str) and bool(pattern.fullmatch(value)), what)


def _among(*words: str) -> Check:
    return _test(lambda value: value in words, f"none of {', '.join(words)}")


def _maybe(check: Check) -> Check:
    return lambda value, where: None if value is None else check(value, where)


def _list(check: Check) -> Check:
    def all_of(value: Any, where: str) -> str | None:
        if not isinstance(value, list):
            return f"{where} is no list"
        flaws = (check(one, f"{where}[{place}]") for place, one in enumerate(value))
        return next(filter(None, flaws), None)

    return all_of


def _some(check: Check) -> Check:
    """A list of which nothing is left out by being empty: then it is not there."""
    listed = _list(check)
    return lambda value, where: f"{where} is empty" if value == [] else listed(value, where)


def _object(
    members: Mapping[str, Check], *rules: Check, may_have: Mapping[str, Check] = {}
) -> Check:
    def check(value: Any, where: str) -> str | None:
        if not isinstance(value, dict):
            return f"{where or 'it'} is no object"
        prefix = f"{where}." if where else ""
        expected = {**members, **{name: may_have[name] for name in may_have if name in value}}
        for name in sorted(expected.keys() ^ value.keys()):
            return f"{prefix}{name} is {'missing' if name in members else 'not known'}"
        flaws = [inner(value[name], f"{prefix}{name}") for name, inner in expected.items()]
        flaws += [rule(value, where) for rule in rules] if not any(flaws) else []
        return next(filter(None, flaws), None)

    return check


def _both_or_neither(one: str, other: str) -> Check:
    def check(value: Any, where: str) -> str | None:
        is_right = (value[one] is None) == (value[other] is None)
        return None if is_right else f"{where}.{one} does not go with {where}.{other}"

    return check


def _first_has_no_predecessor(number: str, predecessor: str) -> Check:
    def check(value: Any, where: str) -> str | None:
        is_right = (value[number] == 1) == (value[predecessor] is None)
        return None if is_right else f"{where}.{predecessor} does not go with {where}.{number}"

    return check


def _kept_for_a_reason(value: Any, where: str) -> str | None:
    is_right = value["action"] != "keep" or value["reason"]
    return None if is_right else f"{where} stays, and nothing says why"


_TEXT: Final = _test(lambda value: isinstance(value, str), "no text")
_NAME: Final = _test(lambda value: isinstance(value, str) and bool(value), "empty, or no text")
_COUNT: Final = _test(lambda value: type(value) is int and value >= 0, "no number of something")
_NUMBER: Final = _test(lambda value: type(value) is int and value >= 1, "no number from 1 on")
_INSTANT_CHECK: Final = _test(_is_instant, "no instant")
_DIGEST: Final = _matching(_HASH, "no SHA-256")
_ID: Final = _matching(_PUBLIC_ID, "no id")

_RESCAN: Final = _object(
    {
        "moment": _among("erasure", "ingest", "materialisation", "time_travel"),
        "dueAt": _maybe(_INSTANT_CHECK),
        "doneAt": _maybe(_INSTANT_CHECK),
        "found": _maybe(_COUNT),
    },
    _both_or_neither("doneAt", "found"),
)
_STATEMENT: Final = _object(
    {
        "format": _among(FORMAT),
        "agency": _ID,
        "subject": _matching(_SUBJECT, "no pseudonym"),
        "policy": _NAME,
        "auditTrail": _object({"sequence": _COUNT, "hash": _DIGEST}),
        "certificate": _object(
            {
                "issuedAt": _INSTANT_CHECK,
                "number": _NUMBER,
                "previous": _maybe(_DIGEST),
                "revision": _NUMBER,
                "replaces": _maybe(_DIGEST),
            },
            _first_has_no_predecessor("number", "previous"),
            _first_has_no_predecessor("revision", "replaces"),
        ),
        "request": _object(
            {
                "id": _ID,
                "right": _among("erasure", "objection", "withdrawal"),
                "receivedAt": _INSTANT_CHECK,
                "dueAt": _INSTANT_CHECK,
                "closedAt": _maybe(_INSTANT_CHECK),
                "outcome": _maybe(_among("done", "partly", "nothing_found")),
                "countersignedBy": _TEXT,
            },
            _both_or_neither("closedAt", "outcome"),
        ),
        "plan": _object(
            {
                "hash": _DIGEST,
                "treatments": _list(
                    _object(
                        {
                            "store": _NAME,
                            "place": _NAME,
                            "action": _among("delete", "anonymise", "shred", "keep", "retrain"),
                            "reason": _TEXT,
                        },
                        _kept_for_a_reason,
                    )
                ),
            }
        ),
        "erased": _list(
            _object(
                {
                    "store": _NAME,
                    "place": _NAME,
                    "unit": _among("rows", "objects", "keys", "entities"),
                    "count": _COUNT,
                    "operations": _list(_NAME),
                }
            )
        ),
        "recipients": _list(
            _object(
                {
                    "recipient": _NAME,
                    "answer": _among("waiting", "acknowledged", "refused", "impossible"),
                    "answeredAt": _maybe(_INSTANT_CHECK),
                    "nextTryAt": _maybe(_INSTANT_CHECK),
                    "receipt": _TEXT,
                }
            )
        ),
        "residuals": _list(
            _object(
                {
                    "store": _NAME,
                    "kind": _among("time_travel", "fail_safe", "backups", "object_versions"),
                    "endsAt": _INSTANT_CHECK,
                    "note": _TEXT,
                }
            )
        ),
        "rescans": _list(_RESCAN),
    },
    may_have={
        "models": _some(
            _object(
                {
                    "kind": _NAME,
                    "version": _NUMBER,
                    "retrainBy": _INSTANT_CHECK,
                    "retrainedAt": _maybe(_INSTANT_CHECK),
                }
            )
        )
    },
)
