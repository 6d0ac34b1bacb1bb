"""Leaving a Customer Match audience of Google Ads, by the Data Manager API.

    Telling -> remove_calls -> accepted (a request id) ... status_call -> finished

Google accepts a removal at once and carries it out later: it counts when its own status says so.
Each identifier is a member of its own, so that it is removed whichever account it belongs to; a
removal that is asked for twice has the same effect. Addresses lose the dots before `@` at gmail.com
and googlemail.com, telephone numbers keep their plus sign; hashes are SHA-256.

Sources (2026-11): developers.google.com/data-manager/api, "audienceMembers.remove",
"requestStatus.retrieve", "Format user data", "Diagnostics", "Limits and quotas"; the protos of
google.ads.datamanager.v1. The Google Ads API takes no new users of Customer Match since 2026-04-01
(developers.google.com/ads/blog/posts/2026/03/changes-to-customer-match-support-in).
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from api.recipients.answers import UNREADABLE, read_object, receipt_of
from api.recipients.call import JSON, Call, as_json, bearer, sha256_hex
from domain.privacy.identifiers import Identifier, IdentifierKind
from domain.privacy.recipients import Answered, RecipientAnswer, Telling

__all__ = ["accepted", "finished", "remove_calls", "status_call"]

_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})
_AT_WORK: Final = "it has accepted this and is at work on it"
_REASON: Final = re.compile(r"[A-Z_]{1,100}")
_MAY_PASS: Final = frozenset({"PROCESSING_ERROR_REASON_INTERNAL_ERROR"})
# The proto says FAILED, the guide FAILURE.
_FAILED: Final = frozenset({"FAILED", "FAILURE", "PARTIAL_SUCCESS"})


def remove_calls(telling: Telling, base: str, token: str) -> Iterator[Call]:
    """The request that takes a person out of an audience; none without an identifier of theirs."""
    settings = telling.settings
    destination = {
        "operatingAccount": _account(settings["account"]),
        "productDestinationId": settings["audience"],
    }
    if settings.get("login_account"):
        destination["loginAccount"] = _account(settings["login_account"])
    members = [
        {"userData": {"userIdentifiers": [identifier]}}
        for identifier in map(_user_identifier, telling.identifiers)
        if identifier
    ]
    if members:
        body = {"destinations": [destination], "audienceMembers": members, "encoding": "HEX"}
        yield Call(f"{base}/v1/audienceMembers:remove", as_json(body), bearer(token, JSON))


def status_call(telling: Telling, base: str, token: str) -> Call:
    """Asks how far a removal is."""
    query = urlencode({"requestId": telling.receipt})
    return Call(f"{base}/v1/requestStatus:retrieve?{query}", b"", bearer(token, JSON), "GET")


def accepted(body: bytes) -> RecipientAnswer:
    """What Google says of a removal that it takes."""
    receipt = receipt_of(read_object(body).get("requestId"))
    if not receipt:
        return UNREADABLE
    return RecipientAnswer(Answered.ACCEPTED, reason=_AT_WORK, receipt=receipt)


def finished(body: bytes, receipt: str) -> RecipientAnswer:
    """What Google says of how far a removal is.

    An error of its own makes it be told anew; others are for an officer to look at.
    """
    told = read_object(body).get("requestStatusPerDestination", [])
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        return replace(UNREADABLE, receipt=receipt)
    states = {str(one.get("requestStatus")) for one in told}
    if states == {"SUCCESS"}:
        return RecipientAnswer(Answered.CONFIRMED, receipt=receipt)
    if not states & _FAILED:
        return RecipientAnswer(Answered.ACCEPTED, reason=_AT_WORK, receipt=receipt)
    reasons = sorted({reason for one in told for reason in _reasons(one)})
    why = ", ".join((*sorted(states & _FAILED), *reasons))
    if _MAY_PASS.issuperset(reasons):
        return RecipientAnswer(Answered.UNREACHED, reason=f"Google did not do it: {why}")
    return RecipientAnswer(Answered.REFUSED, reason=f"Google did not do it: {why}", receipt=receipt)


def _account(number: str) -> dict[str, str]:
    return {"accountType": "GOOGLE_ADS", "accountId": number}


def _user_identifier(one: Identifier) -> dict[str, str] | None:
    if one.kind is IdentifierKind.EMAIL:
        name, _, domain = one.value.rpartition("@")
        address = f"{name.replace('.', '')}@{domain}" if domain in _GMAIL else one.value
        return {"emailAddress": sha256_hex(address)}
    return {"phoneNumber": sha256_hex(one.value)} if one.value.startswith("+") else None


def _reasons(told: dict[str, Any]) -> Iterator[str]:
    info = told.get("errorInfo")
    counts = info.get("errorCounts") if isinstance(info, dict) else None
    for count in counts if isinstance(counts, list) else ():
        reason = count.get("reason") if isinstance(count, dict) else None
        if isinstance(reason, str) and _REASON.fullmatch(reason):
            yield reason
        else:
            yield "a reason that is not known"
