"""What is sent to a recipient of each kind: requests over HTTP, made of a telling.

    Telling -> calls_of -> Call (one for each identifier, or one for all) -> `notifier.py`

Each call has the same effect when it is made twice: it deletes, removes, or carries the notice's id
as its key. Hashes are SHA-256 of what each platform wants normalised.

Sources (2026-11): Klaviyo "Request Profile Deletion", revision 2026-10-15 (one identifier a call,
202); HubSpot "Permanently delete a contact (GDPR-compliant)" (204); Google Analytics User Deletion
API v3, upsert; Meta Marketing API v26.0 "Customer File Custom Audiences", "Removing users" and
"Hashing and Normalizing Data" (telephone numbers as digits with their country code).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import urlencode

from api.recipients.call import JSON, Call, as_json, bearer, sha256_hex
from api.recipients.google import remove_calls
from api.recipients.tiktok import mapping_calls
from api.webhooks.signing import signed_headers
from domain.ids import public_id
from domain.ports import Clock
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.recipients import RecipientKind, Telling
from tenancy.vault import Secret

__all__ = ["BASES", "TOKEN_URL", "calls_of", "token_call"]

BASES: Final[Mapping[RecipientKind, str]] = {
    RecipientKind.KLAVIYO: "https://a.klaviyo.com",
    RecipientKind.HUBSPOT: "https://api.hubapi.com",
    RecipientKind.GA4: "https://www.googleapis.com",
    RecipientKind.META_AUDIENCE: "https://graph.facebook.com",
    RecipientKind.GOOGLE_AUDIENCE: "https://datamanager.googleapis.com",
    RecipientKind.TIKTOK_AUDIENCE: "https://business-api.tiktok.com",
}
TOKEN_URL: Final = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
_KLAVIYO_REVISION: Final = "2026-10-15"
_META_VERSION: Final = "v26.0"


def calls_of(telling: Telling, base: str, clock: Clock, token: str) -> list[Call]:
    """The requests that tell a recipient; none: it knows nothing of what the person has.

    Args:
        telling: What is told; not to a mailbox.
        base: Address of the platform, without a slash at the end; of a webhook its own counts.
        clock: Tells when a webhook is signed.
        token: Of Google, as `token_call` brought it; else empty.
    """
    make: Mapping[RecipientKind, Callable[[], Iterator[Call]]] = {
        RecipientKind.WEBHOOK: lambda: _webhook(telling, clock),
        RecipientKind.KLAVIYO: lambda: _klaviyo(telling, base),
        RecipientKind.HUBSPOT: lambda: _hubspot(telling, base),
        RecipientKind.GA4: lambda: _ga4(telling, base, token),
        RecipientKind.META_AUDIENCE: lambda: _meta(telling, base),
        RecipientKind.GOOGLE_AUDIENCE: lambda: remove_calls(telling, base, token),
        RecipientKind.TIKTOK_AUDIENCE: lambda: mapping_calls(telling, base),
    }
    return list(make[telling.kind]())


def token_call(telling: Telling, url: str) -> Call:
    """Asks Google for an access token.

    Source: developers.google.com/identity/protocols/oauth2/web-server, "Refreshing an access
    token" (2026-11).
    """
    names = ("client_id", "client_secret", "refresh_token")
    fields = {**{name: telling.secrets[name] for name in names}, "grant_type": "refresh_token"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return Call(url, urlencode(fields).encode(), form)


def _webhook(telling: Telling, clock: Clock) -> Iterator[Call]:
    """Standard Webhooks; what is asked for, and whom it is about."""
    body = as_json(
        {
            "type": "privacy.request",
            "timestamp": telling.made_at.isoformat().replace("+00:00", "Z"),
            "data": {
                "right": telling.right.value,
                "identifiers": [
                    {"kind": one.kind.value, "value": one.value} for one in telling.identifiers
                ],
            },
        }
    )
    signed = signed_headers(
        [Secret(telling.secrets["signing_secret"])],
        message_id=public_id("not", telling.key),
        at=clock(),
        body=body,
    )
    yield Call(telling.settings["url"], body, {"Content-Type": JSON, **signed})


def _klaviyo(telling: Telling, base: str) -> Iterator[Call]:
    names = {IdentifierKind.EMAIL: "email", IdentifierKind.PHONE: "phone_number"}
    for one in telling.identifiers:
        if one.kind is IdentifierKind.PHONE and not one.value.startswith("+"):
            continue  # Klaviyo takes E.164 alone
        profile = {"type": "profile", "attributes": {names[one.kind]: one.value}}
        body = {
            "data": {
                "type": "data-privacy-deletion-job",
                "attributes": {"profile": {"data": profile}},
            }
        }
        headers = {
            "Authorization": f"Klaviyo-API-Key {telling.secrets['api_key']}",
            "Content-Type": "application/vnd.api+json",
            "revision": _KLAVIYO_REVISION,
        }
        yield Call(f"{base}/api/data-privacy-deletion-jobs", as_json(body), headers)


def _hubspot(telling: Telling, base: str) -> Iterator[Call]:
    for one in telling.identifiers:
        body = as_json({"objectId": one.value, "idProperty": "email"})
        yield Call(
            f"{base}/crm/v3/objects/contacts/gdpr-delete",
            body,
            bearer(telling.secrets["access_token"], JSON),
        )


def _ga4(telling: Telling, base: str, token: str) -> Iterator[Call]:
    for one in telling.identifiers:
        body = {
            "kind": "analytics#userDeletionRequest",
            "id": {"type": telling.settings["id_type"], "userId": one.value},
            "propertyId": telling.settings["property"],
        }
        url = f"{base}/analytics/v3/userDeletion/userDeletionRequests:upsert"
        yield Call(url, as_json(body), bearer(token, JSON))


def _meta(telling: Telling, base: str) -> Iterator[Call]:
    url = f"{base}/{_META_VERSION}/{telling.settings['audience']}/users"
    headers = bearer(telling.secrets["access_token"], "application/x-www-form-urlencoded")
    for kind, schema in (
        (IdentifierKind.EMAIL, "EMAIL_SHA256"),
        (IdentifierKind.PHONE, "PHONE_SHA256"),
    ):
        hashed = [
            sha256_hex(one.value.removeprefix("+"))
            for one in telling.identifiers
            if one.kind is kind and (kind is IdentifierKind.EMAIL or one.value.startswith("+"))
        ]
        if hashed:
            payload = json.dumps({"schema": schema, "data": hashed}, separators=(",", ":"))
            yield Call(url, urlencode({"payload": payload}).encode(), headers, "DELETE")
