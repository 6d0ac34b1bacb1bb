"""Leaving an audience of TikTok Ads, by the Marketing API's segment mappings.

    Telling -> mapping_calls (one for addresses, one for numbers) -> answered

Every answer is HTTP 200; its `code` tells whether it is one. What is taken is done by TikTok in its
own time, and there is nothing to ask for it: the request's id is all that it gives. A mapping that
is deleted twice has the same effect. Addresses are in small letters, telephone numbers keep their
plus sign; hashes are SHA-256. Audiences that were made of a customer file take no mappings.

Sources (2026-11): business-api.tiktok.com/portal/docs v1.3, "Create a Customer File Audience,
Streaming API", /segment/mapping/, return codes; tiktok/tiktok-business-api-sdk: tiktok_code.py;
ads.tiktok.com/help/article/how-to-create-a-custom-audience-with-a-customer-file (September 2025).
"""

from collections.abc import Iterator
from typing import Final

from api.recipients.answers import UNREADABLE, read_object, receipt_of
from api.recipients.call import JSON, Call, as_json, sha256_hex
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.recipients import Answered, RecipientAnswer, Telling

__all__ = ["answered", "mapping_calls"]

_PATH: Final = "/open_api/v1.3/segment/mapping/"
_SCHEMAS: Final = (
    (IdentifierKind.EMAIL, "EMAIL_SHA256"),
    (IdentifierKind.PHONE, "PHONE_SHA256"),
)
_DONE: Final = 0
_IN_PART: Final = 20001  # which part is not told, so all of it is asked for again
_TOO_MANY: Final = frozenset({40016, 40100, 40132, 61000})
_WAIT_SECONDS: Final = "300"  # what TikTok asks of who goes over the limit of a minute
_NO_TOKEN: Final = frozenset({40102, 40104, 40105})
_NO_ACCESS: Final = frozenset({40001, 40113, 40130, 40300, 40301})
_OWN_FAULTS: Final = range(50000, 60000)
_BUSY: Final = 60001


def mapping_calls(telling: Telling, base: str) -> Iterator[Call]:
    """The requests that take a person out of an audience."""
    headers = {"Access-Token": telling.secrets["access_token"], "Content-Type": JSON}
    for kind, schema in _SCHEMAS:
        audiences = [telling.settings["audience"]]
        rows = [
            [{"id": sha256_hex(one.value), "audience_ids": audiences}]
            for one in telling.identifiers
            if one.kind is kind and (kind is IdentifierKind.EMAIL or one.value.startswith("+"))
        ]
        if rows:
            body = {
                "advertiser_ids": [telling.settings["advertiser"]],
                "action": "delete",
                "id_schema": [schema],
                "batch_data": rows,
            }
            yield Call(f"{base}{_PATH}", as_json(body), headers)


def answered(body: bytes) -> RecipientAnswer:
    """What the code of an answer says; its message may repeat what was sent and is not read."""
    told = read_object(body)
    code = told.get("code")
    if type(code) is not int:
        return UNREADABLE
    if code == _DONE:
        return RecipientAnswer(Answered.CONFIRMED, receipt=receipt_of(told.get("request_id")))
    if code in _TOO_MANY:
        reason = f"TikTok's limit of calls is reached (code {code})"
        return RecipientAnswer(Answered.UNREACHED, reason=reason, retry_after=_WAIT_SECONDS)
    if code in _OWN_FAULTS or code in {_IN_PART, _BUSY}:
        return RecipientAnswer(Answered.UNREACHED, reason=f"TikTok answered code {code}")
    if code in _NO_TOKEN:
        reason = f"its access token was revoked or has run out (code {code})"
    elif code in _NO_ACCESS:
        reason = f"the access token may not change that audience (code {code})"
    else:
        reason = f"TikTok answered code {code}"
    return RecipientAnswer(Answered.REFUSED, reason=reason)
