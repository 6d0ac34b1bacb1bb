"""The landing of one sync from a provider's API.

    sync -> connection, opened credentials -> Extractor -> pages -> LandingWriter -> version

A sync that was cut short goes on at its checkpoint. Whatever goes wrong ends this sync and says
why; the connection's other syncs are tried all the same, unless the platform refuses the
credentials, and the next run plans the window again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import select

from domain.errors import BoscoError, InternalError, UserError
from domain.ids import SyncId, TenantId
from domain.time_window import DateRange
from ingestion.connector.auth import AccessTokens, OwnTokens
from ingestion.connector.extract import Extractor
from ingestion.connector.failures import CredentialsRejectedError
from ingestion.connector.job import (
    Access,
    Account,
    CursorWindow,
    DiscoveredAccount,
    ExtractionJob,
    ExtractProgress,
)
from ingestion.connector.spec import SourceSpec
from ingestion.credentials import CredentialStore
from ingestion.drift import DriftBoard
from ingestion.landing.target import LandingServices, LandingTarget
from ingestion.landing.writer import LandingWriter, count_parts
from ingestion.publish import Publisher
from ingestion.stored_tokens import StoredTokens, TokenKeeper, refused_before
from tenancy.tables import Connection, ConnectionState, Sync, SyncState

__all__ = ["Extraction", "WaitBoard"]

_LOG: Final = structlog.get_logger(__name__)

# Credentials that begin with this are the app's own; a development connection brings them along.
_APP_PREFIX: Final = "app."

WaitBoard = dict[SyncId, str]  # what a running sync waits for, for people who watch it


@dataclass(frozen=True, slots=True)
class Extraction:
    """Asks providers on behalf of connections.

    Attributes:
        credentials: Of the connections.
        tokens: That are made of them, kept while the process runs.
        apps: For each source, the credentials of our own app there.
        make_extractor: Makes, or gives again, the extractor with these pairs of source and base URL
            (or `<source>.token` and token URL) in place of the sources' own.
        waiting: Filled while a sync waits.
        drift: Filled when records differ from the source files.
    """

    landing: LandingServices
    publisher: Publisher
    credentials: CredentialStore
    tokens: TokenKeeper
    sources: Mapping[str, SourceSpec]
    apps: Mapping[str, Mapping[str, str]]
    make_extractor: Callable[[tuple[tuple[str, str], ...]], Extractor]
    waiting: WaitBoard
    drift: DriftBoard

    async def land(self, tenant_id: TenantId, sync_id: SyncId) -> str:
        """Land a sync from where it stands.

        Returns:
            Its state afterwards.
        """
        async with self.landing.database.session(tenant_id) as session:
            sync = (
                await session.scalars(select(Sync).where(Sync.id == sync_id).with_for_update())
            ).one()
            if sync.state not in {SyncState.PLANNED, SyncState.EXTRACTING}:
                return str(sync.state.value)
            sync.state = SyncState.EXTRACTING
            sync.started_at = sync.started_at or self.landing.clock()
        try:
            await self._extract(sync)
        except UserError as error:
            _LOG.warning("sync_failed", sync_id=str(sync_id), code=error.code, reason=str(error))
            await self.publisher.fail(tenant_id, sync_id, error)
            return SyncState.FAILED.value
        except Exception as error:  # noqa: BLE001  # a bug that one sync meets ends this one only
            _LOG.exception("sync_broke", sync_id=str(sync_id))
            ours = error if isinstance(error, BoscoError) else InternalError(type(error).__name__)
            await self.publisher.fail(tenant_id, sync_id, ours)
            return SyncState.FAILED.value
        finally:
            self.waiting.pop(sync_id, None)
        return SyncState.LANDED.value

    async def check(
        self,
        source: SourceSpec,
        account_id: str,
        settings: Mapping[str, str],
        credentials: Mapping[str, str],
    ) -> DiscoveredAccount:
        """Prove credentials with a cheap request; tells the account's currency and time zone."""
        own, app = self._split(source.name, credentials)
        account = Account(account_id, settings, currency="", time_zone="")
        return await self.extractor(source, settings).check(source, account, own, app)

    async def discover(
        self, source: SourceSpec, settings: Mapping[str, str], credentials: Mapping[str, str]
    ) -> list[DiscoveredAccount]:
        """The accounts that credentials can see."""
        own, app = self._split(source.name, credentials)
        account = Account("", settings, currency="", time_zone="")
        return await self.extractor(source, settings).discover(source, account, own, app)

    async def prove(
        self,
        source: SourceSpec,
        account_id: str,
        settings: Mapping[str, str],
        credentials: Mapping[str, str],
    ) -> tuple[DiscoveredAccount, dict[str, str]]:
        """Like `check`, for credentials that will be stored.

        Returns:
            The account, and the credentials as they are now: the check may have used up a rotating
            refresh token.
        """
        own, app = self._split(source.name, credentials)
        rotated: dict[str, str] = {}

        async def keep(new: Mapping[str, str]) -> None:
            rotated.update(new)

        account = Account(account_id, settings, currency="", time_zone="")
        extractor = self.extractor(source, settings)
        tokens = None
        if source.auth.kind == "oauth2_refresh" and "refresh_token" in own:
            access = Access(source, account, own, app)
            references = {f"credential.{name}": value for name, value in own.items()}
            references |= {f"app.{name}": value for name, value in app.items()}
            url = extractor.url(access, "token", source.auth.token_url)
            alone = AccessTokens(self.landing.clock)
            tokens = OwnTokens(alone, source, references, url, keep)
        found = await extractor.check(source, account, own, app, tokens)
        return found, {**credentials, **rotated}

    async def check_connection(self, connection: Connection) -> DiscoveredAccount:
        """Prove the credentials of a connection; errors as `check`."""
        source = self.sources[connection.source]
        async with self.landing.database.session(connection.tenant_id) as session:
            kept = await self.credentials.open(session, connection)
        own, app = self._split(source.name, kept.credentials)
        settings = connection.settings
        account = Account(connection.account_id, settings, currency="", time_zone="")
        extractor = self.extractor(source, settings)
        tokens = self._tokens_of(connection, source, extractor, account, own, app)
        return await extractor.check(source, account, own, app, tokens)

    def app_of(self, source: str, credentials: Mapping[str, str]) -> dict[str, str]:
        """The app's credentials: those that a connection brought along, and ours."""
        return self._split(source, credentials)[1]

    async def _extract(self, sync: Sync) -> None:
        source = self.sources[sync.source]
        async with self.landing.database.session(sync.tenant_id) as session:
            connection = await session.get_one(Connection, (sync.tenant_id, sync.connection_id))
            if connection.state is ConnectionState.BROKEN:
                raise refused_before(source)
            kept = await self.credentials.open(session, connection)
            next_part = await count_parts(session, sync.id)
        stream = source.streams[sync.stream]
        own, app = self._split(source.name, kept.credentials)
        settings = connection.settings
        account = Account(
            connection.account_id, settings, settings["currency"], settings["time_zone"]
        )
        extractor = self.extractor(source, settings)
        tokens = self._tokens_of(connection, source, extractor, account, own, app)
        name = str(connection.id)
        job = ExtractionJob(source, stream, account, own, _window(sync), app, tokens, name)
        target = LandingTarget(
            tenant_id=sync.tenant_id,
            client_id=sync.client_id,
            connection_id=sync.connection_id,
            sync_id=sync.id,
            stream=stream,
            api_version=sync.api_version,
            currency=account.currency,
            time_zone=account.time_zone,
        )
        writer = LandingWriter(self.landing, target, next_part=next_part)

        def note(progress: ExtractProgress) -> None:
            self._note(sync.id, progress)

        try:
            async for page in extractor.extract(job, sync.checkpoint, note):
                self.drift.note(sync, page.drift)
                await writer.add(page)
        except CredentialsRejectedError:
            if tokens is None:  # else whoever refreshes them knows whether they are refused
                reason = "it takes the access token no more"
                await self.credentials.refuse(
                    sync.tenant_id, connection.id, kept.version, source, reason
                )
            raise
        await writer.finish()

    def _note(self, sync_id: SyncId, progress: ExtractProgress) -> None:
        if progress.waiting_seconds:
            self.waiting[sync_id] = f"waiting {progress.waiting_seconds:.0f} s: {progress.reason}"
        else:
            self.waiting.pop(sync_id, None)

    def _tokens_of(
        self,
        connection: Connection,
        source: SourceSpec,
        extractor: Extractor,
        account: Account,
        own: Mapping[str, str],
        app: Mapping[str, str],
    ) -> StoredTokens | None:
        """Where a connection's access tokens come from; None: it has none to refresh."""
        if source.auth.kind != "oauth2_refresh" or "refresh_token" not in own:
            return None
        url = extractor.url(Access(source, account, own, app), "token", source.auth.token_url)
        return StoredTokens(self.tokens, connection.tenant_id, connection.id, source, app, url)

    def extractor(self, source: SourceSpec, settings: Mapping[str, str]) -> Extractor:
        """What asks the source, or the server that the settings name in its place."""
        endpoint = settings.get("endpoint")
        if not endpoint:
            return self.make_extractor(())
        return self.make_extractor(
            (
                (source.name, _moved(source.api.base_url, endpoint)),
                (f"{source.name}.token", _moved(source.auth.token_url, endpoint)),
                *_moved_consent(source, endpoint),
                *(
                    (f"{source.name}.{name}", _moved(url, endpoint))
                    for name, url in source.api.other_urls.items()
                ),
            )
        )

    def _split(
        self, source: str, credentials: Mapping[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        own = {n: v for n, v in credentials.items() if not n.startswith(_APP_PREFIX)}
        brought = {
            n.removeprefix(_APP_PREFIX): v
            for n, v in credentials.items()
            if n.startswith(_APP_PREFIX)
        }
        return own, {**self.apps.get(source, {}), **brought}


def _moved_consent(source: SourceSpec, endpoint: str) -> list[tuple[str, str]]:
    consent = source.auth.consent
    if consent is None:
        return []
    urls = {
        "authorize": consent.authorize_url,
        "exchange": consent.exchange_url,
        "longer": consent.longer.url if consent.longer else "",
        "person": consent.person.url if consent.person else "",
    }
    return [(f"{source.name}.{name}", _moved(url, endpoint)) for name, url in urls.items() if url]


def _moved(url: str, endpoint: str) -> str:
    """The same path at another origin."""
    path = url.partition("://")[2].partition("/")[2]
    return f"{endpoint}/{path}"


def _window(sync: Sync) -> DateRange | CursorWindow:
    if sync.cursor_from is not None and sync.cursor_to is not None:
        return CursorWindow(sync.cursor_from, sync.cursor_to)
    if sync.slice_from is None or sync.slice_to is None:
        message = f"sync {sync.id} has no window"
        raise ValueError(message)
    return DateRange(sync.slice_from, sync.slice_to)
