"""Signed-in browsers: who is behind a cookie, and how that ends.

    sign-in -> start -> cookie (agency, 256 random bits) -> find -> SignedIn | None -> end

The cookie names its agency, so that it is looked for in that agency's rows alone, by its hash. A
session without a method waits for the second step of its sign-in and is nobody yet. Whoever's
privileges change gets a new token, so a token that was planted before is worth nothing.

Sources: OWASP "Session Management"; NIST SP 800-63B section 7; RFC 8176 (names of methods).
"""

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, Row, func, select, update

from api.identity.rights import Rights, read_rights
from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from tenancy.session import Database, TenantSession
from tenancy.tables import BrowserSession, Role, Tenant, User

__all__ = [
    "ABSOLUTE_LIFETIME",
    "IDLE_LIFETIME",
    "OpenSession",
    "Sessions",
    "SignedIn",
    "TenantToken",
    "Waiting",
]

IDLE_LIFETIME: Final = dt.timedelta(hours=12)
ABSOLUTE_LIFETIME: Final = dt.timedelta(days=7)
SECOND_STEP_LIFETIME: Final = dt.timedelta(minutes=10)

# Each request would write a row otherwise.
_SEEN_EVERY: Final = dt.timedelta(minutes=1)

_TOKEN_BYTES: Final = 32
_TOKEN_LETTERS: Final = 43
_TENANT_LETTERS: Final = 32

# Id, user, last seen, name, e-mail, name and slug of the agency.
_Found = Row[uuid.UUID, uuid.UUID, dt.datetime, str, str, str, str]


@dataclass(frozen=True, slots=True)
class TenantToken:
    """A secret text that says in whose rows to look for it: `<tenant, hex>.<256 bits>`."""

    tenant_id: TenantId
    text: str = field(repr=False)

    @classmethod
    def new(cls, tenant_id: TenantId, random_bytes: Callable[[int], bytes]) -> "TenantToken":
        """Make one."""
        secret = base64.urlsafe_b64encode(random_bytes(_TOKEN_BYTES)).rstrip(b"=").decode()
        return cls(tenant_id, f"{tenant_id.hex}.{secret}")

    @classmethod
    def parse(cls, text: str | None) -> "TenantToken | None":
        """Read one; None: it is none."""
        tenant, dot, secret = (text or "").partition(".")
        if not dot or len(tenant) != _TENANT_LETTERS or len(secret) != _TOKEN_LETTERS:
            return None
        try:
            tenant_id = TenantId(uuid.UUID(bytes=bytes.fromhex(tenant)))
            base64.b64decode(f"{secret}=", altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        return cls(tenant_id, f"{tenant}.{secret}")

    @property
    def hash(self) -> bytes:
        """What is stored of it."""
        return hashlib.sha256(self.text.encode()).digest()

    def derive(self, purpose: str) -> str:
        """Another secret, that does not tell this one."""
        return hmac.new(self.text.encode(), purpose.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is behind a browser.

    Attributes:
        rights: Now, not at sign-in.
        agency: Its name, for people.
        agency_slug: Its short name.
        form_token: Each form of a page carries it (against forms of other sites).
    """

    tenant_id: TenantId
    user_id: uuid.UUID
    session_id: uuid.UUID
    name: str
    email: str
    rights: Rights
    agency: str
    agency_slug: str
    form_token: str = field(repr=False)

    @property
    def actor(self) -> str:
        """How the audit names them."""
        return f"user:{self.user_id}"

    @property
    def leads(self) -> bool:
        """Whether they look after people and apps."""
        return self.rights.holds_everywhere(Role.OWNER, Role.ADMIN)

    @property
    def protects(self) -> bool:
        """Whether they look after the data of persons."""
        return self.rights.holds_everywhere(Role.DATA_PROTECTION_OFFICER)

    @property
    def role_names(self) -> str:
        """Their roles, for people."""
        return ", ".join(sorted(role.value.replace("_", " ") for role, _ in self.rights.roles))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who has given the right password, and still has to give a code.

    Attributes:
        form_token: See `SignedIn`.
    """

    tenant_id: TenantId
    user_id: uuid.UUID
    session_id: uuid.UUID
    agency_slug: str
    form_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A browser that a person is signed in with."""

    session_id: uuid.UUID
    browser: str
    methods: tuple[str, ...]
    created_at: dt.datetime
    last_seen_at: dt.datetime


class Sessions:
    """Starts, finds and ends sessions.

    Args:
        random_bytes: Cryptographic randomness.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdFactory,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes

    async def find(self, cookie_value: str | None) -> SignedIn | None:
        """Who is behind a cookie; None: nobody, any more or yet."""
        token = TenantToken.parse(cookie_value)
        if token is None:
            return None
        async with self._database.session(token.tenant_id) as session:
            row = await self._find_row(session, token, is_waiting=False)
            if row is None:
                return None
            rights = await read_rights(session, row.user_id)
            if rights is None:
                return None
            await self._note_seen(session, row)
        return SignedIn(
            tenant_id=token.tenant_id,
            user_id=row.user_id,
            session_id=row.id,
            name=row.name,
            email=row.email,
            rights=rights,
            agency=row.agency,
            agency_slug=row.slug,
            form_token=token.derive("form"),
        )

    async def find_waiting(self, cookie_value: str | None) -> Waiting | None:
        """Who has to give a code; None: nobody."""
        token = TenantToken.parse(cookie_value)
        if token is None:
            return None
        async with self._database.session(token.tenant_id) as session:
            row = await self._find_row(session, token, is_waiting=True)
        if row is None:
            return None
        return Waiting(token.tenant_id, row.user_id, row.id, row.slug, token.derive("form"))

    async def start(
        self,
        session: TenantSession,
        user_id: uuid.UUID,
        *,
        methods: Sequence[str],
        browser: str,
    ) -> str:
        """Sign a browser in, in the transaction of `session`.

        Args:
            session: Of the person's agency.
            user_id: The person.
            methods: How the person proved who it is; none: the second step is still due.
            browser: For people, for example `Firefox on Linux`.

        Returns:
            The value of the cookie; the only place where the token is ever written.
        """
        token = TenantToken.new(session.tenant_id, self._random_bytes)
        now = self._clock()
        session.add(
            BrowserSession(
                id=self._ids(),
                user_id=user_id,
                token_hash=token.hash,
                methods=list(methods),
                browser=browser,
                created_at=now,
                last_seen_at=now,
                expires_at=now + (ABSOLUTE_LIFETIME if methods else SECOND_STEP_LIFETIME),
                ended_at=None,
            )
        )
        await session.flush()
        return token.text

    async def end(self, session: TenantSession, user_id: uuid.UUID, session_id: uuid.UUID) -> bool:
        """End one session of a person; False: there is no such session in force."""
        return await self._end(session, user_id, BrowserSession.id == session_id) == 1

    async def end_all(
        self, session: TenantSession, user_id: uuid.UUID, *, kept: uuid.UUID | None = None
    ) -> int:
        """End every session of a person, but for `kept`.

        Returns:
            How many ended.
        """
        if kept is None:
            return await self._end(session, user_id)
        return await self._end(session, user_id, BrowserSession.id != kept)

    async def methods_of(self, session: TenantSession, session_id: uuid.UUID) -> tuple[str, ...]:
        """How the person of a session proved who it is."""
        found = await session.get_one(BrowserSession, (session.tenant_id, session_id))
        return tuple(found.methods)

    async def list(self, session: TenantSession, user_id: uuid.UUID) -> list[OpenSession]:
        """The sessions of a person that are in force, the last one seen first."""
        now = self._clock()
        rows = await session.scalars(
            select(BrowserSession)
            .where(
                BrowserSession.user_id == user_id,
                BrowserSession.ended_at.is_(None),
                BrowserSession.expires_at > now,
                BrowserSession.last_seen_at > now - IDLE_LIFETIME,
                func.cardinality(BrowserSession.methods) > 0,
            )
            .order_by(BrowserSession.last_seen_at.desc(), BrowserSession.id.desc())
        )
        return [
            OpenSession(one.id, one.browser, tuple(one.methods), one.created_at, one.last_seen_at)
            for one in rows
        ]

    async def _find_row(
        self, session: TenantSession, token: TenantToken, *, is_waiting: bool
    ) -> _Found | None:
        now = self._clock()
        methods = func.cardinality(BrowserSession.methods)
        query = (
            select(
                BrowserSession.id,
                BrowserSession.user_id,
                BrowserSession.last_seen_at,
                User.name,
                User.email,
                Tenant.name.label("agency"),
                Tenant.slug,
            )
            .join(
                User,
                (User.tenant_id == BrowserSession.tenant_id) & (User.id == BrowserSession.user_id),
            )
            .join(Tenant, Tenant.id == BrowserSession.tenant_id)
            .where(
                BrowserSession.token_hash == token.hash,
                BrowserSession.ended_at.is_(None),
                BrowserSession.expires_at > now,
                BrowserSession.last_seen_at > now - IDLE_LIFETIME,
                User.deactivated_at.is_(None),
                methods == 0 if is_waiting else methods > 0,
            )
        )
        return (await session.execute(query)).one_or_none()

    async def _note_seen(self, session: TenantSession, row: _Found) -> None:
        now = self._clock()
        if now - row.last_seen_at >= _SEEN_EVERY:
            await session.execute(
                update(BrowserSession).where(BrowserSession.id == row.id).values(last_seen_at=now)
            )

    async def _end(
        self, session: TenantSession, user_id: uuid.UUID, *which: ColumnElement[bool]
    ) -> int:
        ended = await session.execute(
            update(BrowserSession)
            .where(BrowserSession.user_id == user_id, BrowserSession.ended_at.is_(None), *which)
            .values(ended_at=self._clock())
            .returning(BrowserSession.id)
        )
        return len(ended.all())
