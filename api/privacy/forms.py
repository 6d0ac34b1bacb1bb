"""Public forms, one for each client whose agency wants one: people ask for their rights there.

    bosco gdpr form-link -> PrivacyForm (hash of a random token) -> /privacy/request/{token}
    form, filled in -> rate limits -> read -> inbox -> status code, whoever it is about

The token says in whose rows to look for it, and nothing else. Nobody is looked up while a form is
answered: the answer cannot tell whether somebody is known.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, update

from api.identity.sessions import TenantToken
from api.identity.throttle import TooManyTriesError
from domain.errors import InvalidInputError, NotFoundError
from domain.ids import ClientId, TenantId
from domain.privacy import identifiers
from domain.privacy.rights import IntakeChannel, Right
from gdpr.inbound.inbox import Inbox, NewMessage
from tenancy import audit
from tenancy.rate_limits import AddressBucket, RateLimit, RateLimits, TenantBucket
from tenancy.session import TenantSession
from tenancy.tables import Client, MessageTopic, PrivacyForm

__all__ = ["RIGHTS", "OpenForm", "PrivacyForms"]

# As people say it; in the order of the form.
RIGHTS: Final[Mapping[Right, str]] = {
    Right.ACCESS: "See what you hold about me",
    Right.ERASURE: "Delete what you hold about me",
    Right.RECTIFICATION: "Correct what is wrong about me",
    Right.PORTABILITY: "Get my data in a form that other services can read",
    Right.RESTRICTION: "Keep my data, but do not use it for now",
    Right.OBJECTION: "Stop using my data for marketing",
    Right.WITHDRAWAL: "Take back a consent that I gave",
    Right.DECISION_REVIEW: "Have a person look at a decision that a program made about me",
}

_OF_ADDRESS: Final = RateLimit("privacy_form_address", 10, 60 * 60, guards_secrets=True)
_OF_FORM: Final = RateLimit("privacy_form", 300, 60 * 60, guards_secrets=True)
_CODE_BYTES: Final = 30  # 48 letters, as the codes that Meta is given
_LONGEST: Final = 254
_LONGEST_MESSAGE: Final = 2_000


@dataclass(frozen=True, slots=True)
class OpenForm:
    """A form that takes requests.

    Attributes:
        client: Name of the client, for people.
    """

    tenant_id: TenantId
    client_id: ClientId
    client: str


@dataclass(frozen=True, slots=True)
class PrivacyForms:
    """Makes forms, and takes what is filled in.

    Attributes:
        random_bytes: Cryptographic randomness.
    """

    inbox: Inbox
    limits: RateLimits
    random_bytes: Callable[[int], bytes]

    async def make(self, session: TenantSession, client: Client, *, actor: str) -> str:
        """The path of a new form; those before it go on."""
        token = TenantToken.new(session.tenant_id, self.random_bytes)
        form = PrivacyForm(
            id=self.inbox.ids(),
            client_id=client.id,
            token_hash=token.hash,
            created_by=actor,
            created_at=self.inbox.clock(),
        )
        session.add(form)
        self._record(session, actor, "privacy_form.made", client)
        return f"/privacy/request/{token.text}"

    async def revoke_all(self, session: TenantSession, client: Client, *, actor: str) -> int:
        """End every form of a client; what was filled in stays.

        Returns:
            Number of forms that were open.
        """
        ended = await session.scalars(
            update(PrivacyForm)
            .where(PrivacyForm.client_id == client.id, PrivacyForm.revoked_at.is_(None))
            .values(revoked_at=self.inbox.clock())
            .returning(PrivacyForm.id)
        )
        number = len(ended.all())
        if number:
            self._record(session, actor, "privacy_form.revoked", client)
        return number

    async def find(self, text: str) -> OpenForm:
        """The form of a token.

        Raises:
            NotFoundError: There is none, or it was revoked.
        """
        token = TenantToken.parse(text)
        if token is None:
            raise _unknown()
        async with self.inbox.database.session(token.tenant_id) as session:
            query = (
                select(Client.id, Client.name)
                .join(
                    PrivacyForm,
                    (PrivacyForm.tenant_id == Client.tenant_id)
                    & (PrivacyForm.client_id == Client.id),
                )
                .where(PrivacyForm.token_hash == token.hash, PrivacyForm.revoked_at.is_(None))
            )
            row = (await session.execute(query)).one_or_none()
        if row is None:
            raise _unknown()
        return OpenForm(token.tenant_id, row.id, row.name)

    async def take(self, form: OpenForm, fields: Mapping[str, str], address: str) -> str:
        """Keep what was filled in.

        Args:
            form: That was filled in.
            fields: Of it.
            address: Network address that it came from.

        Returns:
            The code that shows how it stands.

        Raises:
            InvalidInputError: Something is missing or cannot be read; does not repeat it.
            TooManyTriesError: This address, or all of them, have sent too many.
        """
        content = _read(fields)
        await self._spend(form, address)
        code = base64.b32encode(self.random_bytes(_CODE_BYTES)).decode().lower()
        new = NewMessage(
            IntakeChannel.FORM, str(self.inbox.ids()), MessageTopic.FORM, content, code
        )
        async with self.inbox.database.session(form.tenant_id) as session:
            await self.inbox.keep(session, new, form.client_id, None)
        return code

    async def _spend(self, form: OpenForm, address: str) -> None:
        buckets = (
            (AddressBucket(address), _OF_ADDRESS),
            (TenantBucket(form.tenant_id, f"privacy form {form.client_id}"), _OF_FORM),
        )
        for bucket, limit in buckets:
            standing = await self.limits.hit(bucket, limit)
            if not standing.is_allowed:
                raise TooManyTriesError(standing.wait_seconds)

    def _record(self, session: TenantSession, actor: str, action: str, client: Client) -> None:
        audit.record(
            session,
            clock=self.inbox.clock,
            ids=self.inbox.ids,
            actor=actor,
            action=action,
            object_kind="client",
            object_id=str(client.id),
            details={"client": client.slug},
        )


def _read(fields: Mapping[str, str]) -> dict[str, str]:
    """What counts of the fields."""
    right = fields.get("right", "")
    if right not in {known.value for known in RIGHTS}:
        raise InvalidInputError("nothing says what you ask for", hint="choose one of the list")
    found = {name: fields.get(name, "").strip() for name in ("email", "phone", "id")}
    if not any(found.values()):
        raise InvalidInputError(
            "nothing says who you are",
            hint="give your e-mail address, telephone number or customer number",
        )
    if found["email"]:
        identifiers.email(found["email"])
    if found["phone"]:
        identifiers.phone(found["phone"])
    if max(map(len, found.values())) > _LONGEST:
        raise InvalidInputError("that is too long", hint="write less; you will be asked for more")
    return {"right": right, **found, "message": _message(fields.get("message", ""))}


def _message(text: str) -> str:
    """What somebody wrote, without what steers terminals or turns the direction of text."""
    lines = text.replace("\r\n", "\n").strip().split("\n")
    shown = "\n".join("".join(filter(str.isprintable, line)) for line in lines)
    if len(shown) > _LONGEST_MESSAGE:
        raise InvalidInputError(
            f"the message is longer than {_LONGEST_MESSAGE:,} characters",
            hint="write less; you will be asked for more",
        )
    return shown


def _unknown() -> NotFoundError:
    return NotFoundError(
        "this form is not there any more", hint="ask the company that gave you the address"
    )
