"""Signing in: password, then a code where the person has an authenticator.

    agency, e-mail, password -> throttle -> the same work for all -> session | one refusal for all
    code -> throttle -> spent once -> new session; the one that waited ends
    one-time link, new password -> spent once -> all other sessions end -> session

Unknown agency, unknown e-mail, wrong password, no password, deactivated: one answer, and the same
work before it. An agency that does not exist is looked for as one that nobody has.

Sources: OWASP "Authentication"; NIST SP 800-63B section 5.2.2.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Row, func, select, update

from api.identity.links import LinkInForce, Links
from api.identity.passwords import Passwords, check_new_password
from api.identity.second_factors import SecondFactors
from api.identity.sessions import Sessions, SignedIn, Waiting
from api.identity.throttle import Throttle
from domain.errors import InvalidInputError, NotFoundError, UserError
from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from domain.privacy.identifiers import normalised_email
from tenancy import audit
from tenancy.session import Database, TenantSession
from tenancy.tables import Password, User
from tenancy.unscoped import Doors, TenantProfile

__all__ = ["Attempt", "Begun", "SignIns", "WrongCodeError", "WrongCredentialsError"]

# Tenants of nobody, one for each short name that no agency has.
_NOBODY: Final = uuid.UUID("5f0a0f5e-3c1b-4f0e-9c39-6f7f6f3d2b11")

VISITOR: Final = "visitor"  # how the audit names somebody who has not proved who it is


class WrongCredentialsError(UserError):
    """Agency, e-mail and password do not belong together; which of them is wrong is not told."""

    code = "WRONG_CREDENTIALS"


class WrongCodeError(UserError):
    """The code is wrong, spent or late."""

    code = "WRONG_CODE"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody gives to sign in.

    Attributes:
        agency: Its short name.
        address: Network address that it comes from.
        browser: For people, for example `Firefox on Linux`.
    """

    agency: str
    email: str
    password: str = field(repr=False)
    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class Begun:
    """How a sign-in goes on.

    Attributes:
        cookie: New; the browser keeps it.
        needs_code: Whether the second step is still due.
    """

    cookie: str = field(repr=False)
    needs_code: bool


@dataclass(frozen=True, slots=True)
class SignIns:
    """Signs people in. Whatever they try is audited, without what they typed."""

    doors: Doors
    database: Database
    sessions: Sessions
    passwords: Passwords
    second_factors: SecondFactors
    links: Links
    throttle: Throttle
    clock: Clock
    ids: IdFactory

    async def by_password(self, attempt: Attempt) -> Begun:
        """The first step.

        Raises:
            WrongCredentialsError: Something is wrong; it does not say what.
            TooManyTriesError: For this account or address, whether or not they exist.
        """
        await self.throttle.look_at_address(attempt.address)
        agency = await self.doors.find_tenant(attempt.agency.strip().lower())
        tenant_id = _nobody(attempt.agency) if agency is None else agency.tenant_id
        email = normalised_email(attempt.email)
        await self.throttle.spend_password(tenant_id, email)
        found = await self._find(tenant_id, email)
        stored = None if found is None else found.hash
        if not await self.passwords.verify(attempt.password, stored) or found is None:
            await self.throttle.blame_address(attempt.address)
            await self._note_refusal(agency, found, "password")
            raise WrongCredentialsError(
                "the agency, the e-mail or the password is wrong",
                hint="try again, or ask your agency for a new link",
            )
        await self.throttle.forget_password(tenant_id, email)
        fresh = None
        if stored is not None and self.passwords.is_outdated(stored):
            fresh = await self.passwords.hash(attempt.password)
        async with self.database.session(tenant_id) as session:
            if fresh is not None:
                await session.execute(
                    update(Password)
                    .where(Password.user_id == found.id, Password.hash == stored)
                    .values(hash=fresh)
                )
            return await self._begin(session, found.id, ("pwd",), attempt.browser)

    async def by_code(self, waiting: Waiting, code: str, *, address: str, browser: str) -> str:
        """The second step.

        Returns:
            The value of a new cookie.

        Raises:
            WrongCodeError: The code is wrong, spent or late.
            TooManyTriesError: For this person or address.
        """
        await self.throttle.look_at_address(address)
        await self.throttle.spend_code(waiting.tenant_id, waiting.user_id)
        async with self.database.session(waiting.tenant_id) as session:
            is_right = await self.second_factors.spend(session, waiting.user_id, code)
            # A session that waited is spent too: what has ended meanwhile begins nothing.
            cookie = None
            if is_right and await self.sessions.end(session, waiting.user_id, waiting.session_id):
                cookie = await self._complete(session, waiting.user_id, ("pwd", "otp"), browser)
        if cookie is None:
            await self.throttle.blame_address(address)
            async with self.database.session(waiting.tenant_id) as session:
                self._audit(session, VISITOR, "sign_in.refused", waiting.user_id, step="code")
            raise WrongCodeError(
                "this code is not right",
                hint="type the code that your authenticator shows now, or a recovery code; "
                "each is taken once",
            )
        await self.throttle.forget_code(waiting.tenant_id, waiting.user_id)
        return cookie

    async def by_link(self, link: LinkInForce, password: str, again: str, browser: str) -> Begun:
        """Choose a password with a one-time link, and go on to sign in.

        Raises:
            InvalidInputError: The password is not taken (the person can choose another).
            NotFoundError: The link was used meanwhile.
        """
        _check_repeated(password, again)
        check_new_password(password, owner=(link.agency, link.agency_slug, link.name, link.email))
        fresh = await self.passwords.hash(password)
        async with self.database.session(link.token.tenant_id) as session:
            if not await self.links.spend(session, link):
                raise NotFoundError(
                    "this link has been used already",
                    hint="sign in, or ask for a new link",
                )
            await self._store(session, link.user_id, fresh)
            await self.sessions.end_all(session, link.user_id)
            actor = f"user:{link.user_id}"
            self._audit(session, actor, "link.used", link.user_id, kind=link.kind.value)
            begun = await self._begin(session, link.user_id, ("pwd",), browser)
        await self.throttle.forget_password(link.token.tenant_id, link.email)
        return begun

    async def change_password(
        self, visitor: SignedIn, old: str, password: str, again: str, *, browser: str
    ) -> str:
        """Change the password of who is signed in; every other session ends.

        Returns:
            The value of a new cookie.

        Raises:
            WrongCredentialsError: The old password is wrong.
            InvalidInputError: The new one is not taken.
            TooManyTriesError: For this account.
        """
        await self.throttle.spend_password(visitor.tenant_id, visitor.email)
        async with self.database.session(visitor.tenant_id) as session:
            stored = await session.get(Password, (visitor.tenant_id, visitor.user_id))
            methods = await self.sessions.methods_of(session, visitor.session_id)
        if not await self.passwords.verify(old, None if stored is None else stored.hash):
            raise WrongCredentialsError(
                "the present password is wrong", hint="type the one that you sign in with"
            )
        _check_repeated(password, again)
        owner = (visitor.agency, visitor.agency_slug, visitor.name, visitor.email)
        check_new_password(password, owner=owner)
        fresh = await self.passwords.hash(password)
        async with self.database.session(visitor.tenant_id) as session:
            await self._store(session, visitor.user_id, fresh)
            await self.sessions.end_all(session, visitor.user_id)
            self._audit(session, visitor.actor, "password.changed", visitor.user_id)
            cookie = await self.sessions.start(
                session, visitor.user_id, methods=methods, browser=browser
            )
        await self.throttle.forget_password(visitor.tenant_id, visitor.email)
        return cookie

    async def sign_out(self, visitor: SignedIn) -> None:
        """End the session that asks."""
        async with self.database.session(visitor.tenant_id) as session:
            await self.sessions.end(session, visitor.user_id, visitor.session_id)
            self._audit(session, visitor.actor, "person.signed_out", visitor.user_id)

    async def _find(self, tenant_id: TenantId, email: str) -> Row[uuid.UUID, str | None] | None:
        query = (
            select(User.id, Password.hash)
            .outerjoin(
                Password, (Password.tenant_id == User.tenant_id) & (Password.user_id == User.id)
            )
            .where(func.lower(User.email) == email, User.deactivated_at.is_(None))
        )
        async with self.database.session(tenant_id) as session:
            return (await session.execute(query)).one_or_none()

    async def _begin(
        self, session: TenantSession, user_id: uuid.UUID, methods: Sequence[str], browser: str
    ) -> Begun:
        """Start a session; one that waits where a code is due."""
        if not await self.second_factors.is_on(session, user_id):
            return Begun(await self._complete(session, user_id, methods, browser), needs_code=False)
        cookie = await self.sessions.start(session, user_id, methods=(), browser=browser)
        return Begun(cookie, needs_code=True)

    async def _complete(
        self, session: TenantSession, user_id: uuid.UUID, methods: Sequence[str], browser: str
    ) -> str:
        self._audit(session, f"user:{user_id}", "person.signed_in", user_id, methods=list(methods))
        return await self.sessions.start(session, user_id, methods=methods, browser=browser)

    async def _store(self, session: TenantSession, user_id: uuid.UUID, fresh: str) -> None:
        stored = await session.get(Password, (session.tenant_id, user_id))
        if stored is None:
            session.add(Password(user_id=user_id, hash=fresh, changed_at=self.clock()))
            await session.flush()
        else:
            stored.hash, stored.changed_at = fresh, self.clock()

    async def _note_refusal(
        self, agency: TenantProfile | None, found: Row[uuid.UUID, str | None] | None, step: str
    ) -> None:
        if agency is None:
            return
        async with self.database.session(agency.tenant_id) as session:
            user_id = None if found is None else found.id
            self._audit(session, VISITOR, "sign_in.refused", user_id, step=step)

    def _audit(
        self,
        session: TenantSession,
        actor: str,
        action: str,
        user_id: uuid.UUID | None,
        **details: str | list[str],
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action=action,
            object_kind="user",
            object_id="unknown" if user_id is None else str(user_id),
            details=details,
        )


def _nobody(agency: str) -> TenantId:
    return TenantId(uuid.uuid5(_NOBODY, agency.strip().lower()))


def _check_repeated(password: str, again: str) -> None:
    if password != again:
        raise InvalidInputError(
            "the two new passwords differ", hint="type the same one into both fields"
        )
