"""Connecting an account by a person's consent at the platform.

    invite -> link -> open_link -> the platform asks -> come_back -> accounts
        one is wanted, or one only -> connected | several -> choose -> connected

The link stays good until it has connected something: a person who declines, or is sent back by an
error, opens it again. Each opening gives a new state; a state counts once and for ten minutes. Link
and state begin with the agency's id, so that the door to its rows is known before anything is read;
only hashes are stored. Codes, verifiers and what the consent brought are sealed or never kept.

Sources: RFC 6749 sections 4.1 and 10.12, RFC 7636, RFC 9700 section 2.1. Decision: ADR-0021.
"""

import base64
import dataclasses
import datetime as dt
import hashlib
import hmac
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from sqlalchemy import select, update

from domain.errors import NotFoundError, UserError
from domain.ids import ClientId, ConnectionId, TenantId
from domain.ports import Clock, IdFactory
from ingestion.connector.accounts import clean_account_id
from ingestion.connector.auth import GivenToken, TokenAnswer
from ingestion.connector.consent import (
    Grant,
    authorize_url,
    code_in,
    exchange_request,
    is_signed,
    missing_scopes,
    read_grant,
    token_in,
)
from ingestion.connector.failures import AccountNotAccessibleError, ProviderError
from ingestion.connector.job import Access, Account, DiscoveredAccount
from ingestion.connector.spec import ConsentSpec, RequestSpec, SourceSpec
from ingestion.credentials import with_access
from ingestion.extraction import Extraction
from ingestion.keep_connection import NewCredentials, keep_connection
from ingestion.stored_tokens import APP_REFUSALS
from tenancy import audit
from tenancy.session import Database, TenantSession
from tenancy.tables import Client, Connection, ConsentStep, PendingConnection, Tenant
from tenancy.vault import Purpose, Vault

__all__ = [
    "Choosing",
    "Connected",
    "ConnectionDesk",
    "ConsentRefusedError",
    "Invitation",
    "LinkRefusedError",
    "SentAway",
]

_LOG: Final = structlog.get_logger(__name__)

LINK_LASTS: Final = dt.timedelta(hours=24)
STATE_LASTS: Final = dt.timedelta(minutes=10)
CHOICE_LASTS: Final = dt.timedelta(minutes=30)
_SECRET_BYTES: Final = 32
_AGAIN: Final = "open the link again"
_TICKET: Final = re.compile(r"([0-9a-f]{32})\.[A-Za-z0-9_-]{43}")
_PROVIDER_WORD: Final = re.compile(r"[A-Za-z0-9_.\- ]{1,60}")


class LinkRefusedError(NotFoundError):
    """A link or state that is not known, was used, or has run out: nobody learns which."""

    code = "LINK_REFUSED"


class ConsentRefusedError(UserError):
    """The person, or the platform, did not let us in; the link can be opened again."""

    code = "CONSENT_REFUSED"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What shall be connected.

    Attributes:
        client_id: Whose account.
        source: With a consent.
        start: First reporting date to fetch, of a new connection.
        account_id: That is wanted; empty: the person chooses.
        connection_id: That gets new credentials; None: a new one.
        settings: Not secret.
    """

    client_id: ClientId
    source: SourceSpec
    start: dt.date
    account_id: str = ""
    connection_id: ConnectionId | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SentAway:
    """A person is sent to the platform.

    Attributes:
        url: Of the platform.
        browser: For the person's browser to keep, so that nobody else comes back in its place
            (RFC 9700 section 4.7.1).
    """

    url: str = field(repr=False)
    browser: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Connected:
    """An account is connected.

    Attributes:
        label: The platform's name of the account.
        is_new: False: an account that was connected before has new credentials.
    """

    connection_id: ConnectionId
    source: SourceSpec
    account_id: str
    label: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Choosing:
    """The consent reaches several accounts.

    Attributes:
        ticket: Says which consent is meant; counts once.
        accounts: To choose from.
    """

    ticket: str = field(repr=False)
    source: SourceSpec
    accounts: Sequence[DiscoveredAccount]


@dataclass(frozen=True, slots=True)
class ConnectionDesk:
    """Sends people to the platforms, and takes them in when they come back.

    Attributes:
        random_bytes: That many unpredictable bytes.
        home: Our address, without a slash at the end.
    """

    database: Database
    extraction: Extraction
    vault: Vault
    clock: Clock
    ids: IdFactory
    random_bytes: Callable[[int], bytes]
    home: str

    async def invite(
        self, session: TenantSession, invitation: Invitation, *, requested_by: str
    ) -> str:
        """A link that connects one account; stored when the session commits.

        Raises:
            ConsentRefusedError: The source asks nobody, or our app there is not known.
            InvalidInputError: The account id is not of the source's form.
        """
        source = invitation.source
        consent = _consent_of(source)
        account_id = invitation.account_id
        if account_id:
            account_id = clean_account_id(source, account_id)
        elif "{account}" in consent.authorize_url:
            raise ConsentRefusedError(
                f"{source.label} asks for consent in one {source.account.label} at a time",
                hint=f"name it: --account {source.account.example}",
            )
        ticket = self._ticket(session.tenant_id)
        now = self.clock()
        pending = PendingConnection(
            id=self.ids(),
            client_id=invitation.client_id,
            connection_id=invitation.connection_id,
            source=source.name,
            account_id=account_id or None,
            settings=dict(invitation.settings),
            start_date=invitation.start,
            requested_by=requested_by,
            step=ConsentStep.INVITED,
            link_hash=_hash(ticket),
            link_expires_at=now + LINK_LASTS,
            created_at=now,
        )
        session.add(pending)
        await session.flush()
        app = await self._app(session, pending)
        if not app.get("client_id") or not app.get("client_secret"):
            raise ConsentRefusedError(
                f"our app at {source.label} is not known",
                hint="put its client_id and client_secret into the file that "
                "BOSCO_PROVIDER_APPS_FILE names",
            )
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=requested_by,
            action="connection.link_made",
            object_kind="pending_connection",
            object_id=str(pending.id),
            details={"source": source.name},
        )
        return f"{self.home}/connect/start/{ticket}"

    async def open_link(self, ticket: str) -> SentAway:
        """Where the person who opens a link is sent to.

        Raises:
            LinkRefusedError: No such link, it has connected something, or it has run out.
        """
        tenant_id = _tenant_in(ticket)
        async with self.database.session(tenant_id) as session:
            pending = (
                await session.scalars(
                    select(PendingConnection)
                    .where(
                        PendingConnection.link_hash == _hash(ticket),
                        PendingConnection.link_expires_at > self.clock(),
                        PendingConnection.step != ConsentStep.CONNECTED,
                    )
                    .with_for_update()
                )
            ).one_or_none()
            if pending is None:
                raise _unknown_link()
            source = self._source(pending)
            state, verifier = self._ticket(tenant_id), self._secret()
            browser = self._secret()
            pending.step = ConsentStep.ASKED
            pending.state_hash = _hash(state)
            pending.state_expires_at = self.clock() + STATE_LASTS
            kept = {"verifier": verifier, "browser": browser}
            pending.sealed = await self._seal(session, pending, kept)
            app = await self._app(session, pending)
        extractor = self.extraction.extractor(source, pending.settings)
        access = _access(source, pending, {}, app)
        url = authorize_url(
            source,
            extractor.url(access, "authorize", _consent_of(source).authorize_url),
            app,
            redirect_uri=self._redirect_uri(source),
            state=state,
            verifier=verifier,
        )
        return SentAway(url, browser)

    async def come_back(
        self, source_name: str, callback: Sequence[tuple[str, str]], browser: str
    ) -> Connected | Choosing:
        """Take in a person whom the platform sends back.

        Args:
            source_name: In the path of the callback.
            callback: Its parameters, in any order.
            browser: What the person's browser was given when it was sent away; empty: nothing.

        Raises:
            LinkRefusedError: The state is not known, was used, or has run out.
            ConsentRefusedError: The person declined, or granted less than is needed.
            ProviderError: The platform does not take the code, or shows no such account.
        """
        given = dict(callback)
        pending, kept, app = await self._take(given.get("state", ""), ConsentStep.ASKED)
        source = self._source(pending)
        is_same = hmac.compare_digest(kept["browser"].encode(), browser.encode())
        if source.name != source_name or len(given) != len(callback) or not is_same:
            raise _unknown_link()
        if not is_signed(source, callback, app):
            raise ConsentRefusedError(
                f"the answer does not carry {source.label}'s signature", hint=_AGAIN
            )
        _check_consent(source, given)
        code = code_in(source, given)
        if not code:
            raise ConsentRefusedError(f"{source.label} sent no code", hint=_AGAIN)
        grant = await self._exchange(source, pending, app, given, kept["verifier"])
        accounts = await self._accounts(source, pending, grant, app)
        if len(accounts) == 1:
            return await self._connect(source, pending, grant, accounts[0], app)
        return await self._offer(source, pending, grant, accounts)

    async def choose(self, ticket: str, account_id: str) -> Connected:
        """Connect the account that a person chose.

        Raises:
            LinkRefusedError: The ticket is not known, was used, or has run out.
            AccountNotAccessibleError: The consent does not reach the account.
        """
        pending, kept, app = await self._take(ticket, ConsentStep.CHOOSING)
        source = self._source(pending)
        ends = kept["ends_at"]
        name = "refresh_token" if source.auth.kind == "oauth2_refresh" else "access_token"
        grant = Grant(
            credentials={name: kept[name]},
            access_token=kept["access_token"],
            access_ends_at=dt.datetime.fromisoformat(kept["access_ends_at"]),
            ends_at=dt.datetime.fromisoformat(ends) if ends else None,
            person=kept["person"],
        )
        accounts = await self._accounts(source, pending, grant, app)
        found = [account for account in accounts if account.account_id == account_id]
        if not found:
            raise _unreached(source, account_id)
        return await self._connect(source, pending, grant, found[0], app)

    async def _take(
        self, ticket: str, step: ConsentStep
    ) -> tuple[PendingConnection, dict[str, str], dict[str, str]]:
        """Use up a state: what it belongs to, what was sealed for it, and the app."""
        tenant_id = _tenant_in(ticket)
        async with self.database.session(tenant_id) as session:
            pending = await session.scalar(
                update(PendingConnection)
                .where(
                    PendingConnection.state_hash == _hash(ticket),
                    PendingConnection.state_expires_at > self.clock(),
                    PendingConnection.step == step,
                )
                .values(state_hash=None, state_expires_at=None, step=ConsentStep.INVITED)
                .returning(PendingConnection)
            )
            if pending is None or pending.sealed is None:
                raise _unknown_link()
            key = await self._key(session)
            opened = self.vault.open_for(
                key,
                pending.sealed,
                tenant_id=tenant_id,
                purpose=Purpose.PENDING_CONNECTION,
                object_id=pending.id,
            )
            pending.sealed = None
            app = await self._app(session, pending)
        return pending, {name: secret.reveal() for name, secret in opened.items()}, app

    async def _exchange(
        self,
        source: SourceSpec,
        pending: PendingConnection,
        app: Mapping[str, str],
        callback: Mapping[str, str],
        verifier: str,
    ) -> Grant:
        """What the code brings."""
        consent = _consent_of(source)
        extractor = self.extraction.extractor(source, pending.settings)
        code = code_in(source, callback)
        access = _access(source, pending, {"code": code, "verifier": verifier}, app)
        url = extractor.url(
            access, "exchange" if consent.exchange_url else "token", _token_url(source)
        )
        places = {
            "code": code,
            "redirect_uri": self._redirect_uri(source),
            "verifier": verifier,
        }
        request = exchange_request(source, url)
        token = token_in(source, await _explained(extractor.ask(access, request, places)))
        if missing := missing_scopes(source, token, callback):
            raise ConsentRefusedError(
                f"{source.label} was not allowed to show us: {', '.join(missing)}",
                hint="open the link again, and leave every permission ticked",
            )
        if consent.longer is not None:
            short = read_grant(source, token, self.clock()).access_token
            request = _at(consent.longer, extractor.url(access, "longer", consent.longer.url))
            token = await extractor.ask(
                _access(source, pending, {"access_token": short}, app),
                request,
                {"access_token": short},
            )
        grant = read_grant(source, token, self.clock())
        return dataclasses.replace(grant, person=await self._person(source, pending, app, grant))

    async def _person(
        self,
        source: SourceSpec,
        pending: PendingConnection,
        app: Mapping[str, str],
        grant: Grant,
    ) -> str:
        """Whose consent it is, where the platform will tell us of that person later."""
        consent = _consent_of(source)
        if consent.person is None:
            return ""
        secrets = {"access_token": grant.access_token}
        access = _access(source, pending, secrets, app)
        extractor = self.extraction.extractor(source, pending.settings)
        request = _at(consent.person, extractor.url(access, "person", consent.person.url))
        told = await extractor.ask(access, request, secrets)
        return str(told.get("id", "")) if isinstance(told, dict) else ""

    async def _accounts(
        self,
        source: SourceSpec,
        pending: PendingConnection,
        grant: Grant,
        app: Mapping[str, str],
    ) -> list[DiscoveredAccount]:
        """The accounts that the consent reaches: the one that is wanted, or all."""
        extractor = self.extraction.extractor(source, pending.settings)
        account = Account(pending.account_id or "", pending.settings, currency="", time_zone="")
        tokens = GivenToken(grant.access_token)
        if source.discover is None:
            if not pending.account_id:
                raise ConsentRefusedError(f"{source.label} does not tell which accounts there are")
            return [DiscoveredAccount(pending.account_id)]
        found = await extractor.discover(source, account, grant.credentials, app, tokens)
        if not found:
            raise AccountNotAccessibleError(
                f"{source.label} shows no {source.account.label} to this user",
                hint="open the link again, as a user who may see the account",
            )
        if not pending.account_id:
            return found
        wanted = [each for each in found if each.account_id == pending.account_id]
        if not wanted:
            raise _unreached(source, pending.account_id)
        return wanted

    async def _offer(
        self,
        source: SourceSpec,
        pending: PendingConnection,
        grant: Grant,
        accounts: Sequence[DiscoveredAccount],
    ) -> Choosing:
        """Keep the consent until the person has chosen."""
        ticket = self._ticket(pending.tenant_id)
        kept = {
            **grant.credentials,
            "access_token": grant.access_token,
            "access_ends_at": grant.access_ends_at.isoformat(),
            "ends_at": grant.ends_at.isoformat() if grant.ends_at else "",
            "person": grant.person,
        }
        async with self.database.session(pending.tenant_id) as session:
            row = await session.get_one(PendingConnection, (pending.tenant_id, pending.id))
            row.step = ConsentStep.CHOOSING
            row.state_hash = _hash(ticket)
            row.state_expires_at = self.clock() + CHOICE_LASTS
            row.sealed = await self._seal(session, row, kept)
        return Choosing(ticket, source, accounts)

    async def _connect(
        self,
        source: SourceSpec,
        pending: PendingConnection,
        grant: Grant,
        account: DiscoveredAccount,
        app: Mapping[str, str],
    ) -> Connected:
        """Store the connection; what the platform tells of it comes first."""
        extractor = self.extraction.extractor(source, pending.settings)
        settings = {**pending.settings, **account.settings}
        place = Account(account.account_id, settings, currency="", time_zone="")
        tokens = GivenToken(grant.access_token)
        proven = await extractor.check(source, place, grant.credentials, app, tokens)
        access = TokenAnswer(grant.access_token, grant.access_ends_at)
        is_refreshed = source.auth.kind == "oauth2_refresh"
        async with self.database.session(pending.tenant_id) as session:
            row = await session.get_one(PendingConnection, (pending.tenant_id, pending.id))
            brought = await self._brought(session, row)
            client = await session.get_one(Client, (pending.tenant_id, pending.client_id))
            kept = await keep_connection(
                session,
                self.extraction.credentials,
                NewCredentials(
                    client=client,
                    source=source,
                    account=proven,
                    settings=settings,
                    credentials=with_access(
                        {**brought, **grant.credentials}, access if is_refreshed else None
                    ),
                    start=pending.start_date,
                    expire_at=grant.ends_at,
                    connection_id=pending.connection_id,
                    granted_by=grant.person or None,
                ),
                actor=pending.requested_by,
            )
            row.step = ConsentStep.CONNECTED
            row.finished_at = self.clock()
            row.connection_id = kept.connection.id
            row.sealed = row.state_hash = row.state_expires_at = None
        _LOG.info("connected", source=source.name, connection_id=str(kept.connection.id))
        return Connected(
            kept.connection.id, source, proven.account_id, proven.label, is_new=kept.is_new
        )

    async def _app(self, session: TenantSession, pending: PendingConnection) -> dict[str, str]:
        """Our app at the platform: the one that the connection brought along, or ours."""
        return self.extraction.app_of(pending.source, await self._brought(session, pending))

    async def _brought(self, session: TenantSession, pending: PendingConnection) -> dict[str, str]:
        """The app's credentials that the connection keeps beside its own."""
        if pending.connection_id is None:
            return {}
        connection = await session.get_one(Connection, (session.tenant_id, pending.connection_id))
        kept = await self.extraction.credentials.open(session, connection)
        return {name: text for name, text in kept.credentials.items() if name.startswith("app.")}

    async def _seal(
        self, session: TenantSession, pending: PendingConnection, texts: Mapping[str, str]
    ) -> bytes:
        return self.vault.seal_for(
            await self._key(session),
            texts,
            tenant_id=session.tenant_id,
            purpose=Purpose.PENDING_CONNECTION,
            object_id=pending.id,
        )

    async def _key(self, session: TenantSession) -> Any:
        tenant = await session.get_one(Tenant, session.tenant_id)
        return await self.vault.open_tenant_key(tenant.id, tenant.wrapped_data_key)

    def _source(self, pending: PendingConnection) -> SourceSpec:
        source = self.extraction.sources.get(pending.source)
        if source is None or source.auth.consent is None:
            raise _unknown_link()
        return source

    def _redirect_uri(self, source: SourceSpec) -> str:
        return f"{self.home}/connect/{source.name}/callback"

    def _ticket(self, tenant_id: TenantId) -> str:
        return f"{tenant_id.hex}.{self._secret()}"

    def _secret(self) -> str:
        return base64.urlsafe_b64encode(self.random_bytes(_SECRET_BYTES)).decode().rstrip("=")


def _consent_of(source: SourceSpec) -> ConsentSpec:
    if source.auth.consent is None:
        raise ConsentRefusedError(
            f"{source.label} asks nobody for consent",
            hint="give the credentials by hand: bosco connections add",
        )
    return source.auth.consent


def _check_consent(source: SourceSpec, callback: Mapping[str, str]) -> None:
    """Whether the person let us in (RFC 6749 section 4.1.2.1)."""
    word = callback.get("error")
    if word is None:
        return
    if word == "access_denied":
        raise ConsentRefusedError(
            f"{source.label} says that access was declined",
            hint="open the link again, and allow access; nothing has been changed",
        )
    told = word if _PROVIDER_WORD.fullmatch(word) else "an error"
    raise ConsentRefusedError(f"{source.label} answers: {told}", hint=_AGAIN)


async def _explained(asked: Awaitable[Any]) -> Any:
    """The answer of a token endpoint; a refusal says what the person can do."""
    try:
        return await asked
    except ProviderError as error:
        if error.provider_code in APP_REFUSALS:
            error.hint = "tell the operator of the platform: our app there is refused"
        elif not error.hint:
            error.hint = _AGAIN
        raise


def _token_url(source: SourceSpec) -> str:
    return _consent_of(source).exchange_url or source.auth.token_url


def _at(request: RequestSpec, url: str) -> RequestSpec:
    return dataclasses.replace(request, url=url)


def _access(
    source: SourceSpec,
    pending: PendingConnection,
    secrets: Mapping[str, str],
    app: Mapping[str, str],
) -> Access:
    """The account to be connected; `secrets` stand in no message."""
    account = Account(pending.account_id or "", pending.settings, currency="", time_zone="")
    return Access(source, account, secrets, app)


def _unreached(source: SourceSpec, account_id: str) -> AccountNotAccessibleError:
    return AccountNotAccessibleError(
        f"{source.label} does not show {source.account.label} {account_id} to this user",
        hint="open the link again, as a user who may see the account",
    )


def _unknown_link() -> LinkRefusedError:
    return LinkRefusedError(
        "this link is not known, was used, or has run out",
        hint="ask for a new one: bosco connections link",
    )


def _tenant_in(ticket: str) -> TenantId:
    match = _TICKET.fullmatch(ticket)
    if match is None:
        raise _unknown_link()
    return TenantId(uuid.UUID(match[1]))


def _hash(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
