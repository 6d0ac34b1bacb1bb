"""The composition root: where every part meets the others.

    Settings -> embedded servers -> database, Redis, warehouse, vault, jobs -> ingestion, edge ->
    Runtime

Nothing else builds these parts. Leaving the context closes them in the opposite order.
"""

import asyncio
import datetime as dt
import functools
import random
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import httpx
import structlog
from uuid_utils.compat import uuid7

from api.alerts.delivery import AlertDelivery
from api.alerts.sender import AlertSender
from api.audit.checkpoints import Checkpoints
from api.embedded.layout import make_private
from api.embedded.servers import EmbeddedServers, ServerUrls
from api.graphql.services import GraphQLServices
from api.logs import configure_logs, reason_of
from api.oauth.access_tokens import AccessTokens
from api.oauth.revocation import Revocations
from api.oauth.signing_keys import KeyStore
from api.privacy.rounds import PrivacyRounds
from api.recipients.notifier import HttpNotifier
from api.requests import fulfillers_of, person_mail, person_sources
from api.runtime import Runtime
from api.settings import Settings, load_master_key, load_provider_apps
from api.webhooks.delivery import WebhookDeliverer
from api.webhooks.desk import WebhookDesk
from api.webhooks.sender import WebhookSender
from domain.errors import BoscoError, UserError
from domain.facts import FACTS
from domain.facts.tables import SUPPRESSED, SYNCS, Table, facts_table, marts_table
from domain.ids import ClientId, TenantId
from domain.ports import Clock, IdFactory
from domain.privacy.rights import Right
from domain.query.plan import PlanCache
from feature_repo.materialise import FeatureRefresh
from feature_repo.monitoring.daily import ListAgencies
from feature_repo.open import open_features, open_monitoring
from gdpr.access.exports import Exports
from gdpr.access.link_letter import LinkLetters
from gdpr.consent.desk import ConsentDesk
from gdpr.consent.proof import ConsentProof
from gdpr.desk.office import office_of
from gdpr.erasure.erasable import find_erasables
from gdpr.erasure.job import ErasureJobs
from gdpr.erasure.open import open_erasure
from gdpr.erasure.recipients import OutboxRecipients
from gdpr.erasure.targets import TARGETS
from gdpr.erasure.watch import ErasureWatch
from gdpr.erasure.work import Stores
from gdpr.evidence.desk import CertificateDesk
from gdpr.evidence.issuing import Issuing
from gdpr.evidence.keys import EvidenceKeys
from gdpr.inbound.filing import Filing
from gdpr.recipients.delivery import NoticeDelivery
from gdpr.requests.claim import open_claim
from gdpr.requests.desk import RequestDesk
from gdpr.requests.open import open_requests
from gdpr.requests.services import RequestServices
from gdpr.retention.sweep import Retention
from gdpr.retention.warehouse import WarehousePurge
from ingestion.connecting import ConnectionDesk
from ingestion.connector.extract import Extractor
from ingestion.connector.source_file import load_all_sources
from ingestion.connector.spec import SourceSpec, StreamSpec
from ingestion.corrections import Corrections, Placement
from ingestion.credentials import CredentialStore
from ingestion.drift import DriftBoard
from ingestion.extraction import Extraction
from ingestion.file_landing import FileLanding
from ingestion.files.feeds import raw_file_stream
from ingestion.history_landing import HistoryLanding
from ingestion.landing.target import LandingServices
from ingestion.load import RAW_SYNCS, Loader
from ingestion.pipeline import Pipeline
from ingestion.publication import PublicationJobs
from ingestion.publish import Publisher
from ingestion.quality.follow_up import QualityFollowUp
from ingestion.quality.gate import QualityGate
from ingestion.schedule.dispatcher import dispatcher_of
from ingestion.stored_tokens import TokenKeeper
from migrations.upgrade import migrate
from ml.open import open_models
from tenancy.cache import RedisAnswerCache
from tenancy.exclusive import Exclusive
from tenancy.jobs import JobEngine, JobQueue, JobsConfig
from tenancy.landing_store import LandingStore
from tenancy.model_store import ModelStore
from tenancy.privacy.suppression_writer import SuppressionWriter
from tenancy.quota import RedisCallBudget
from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig, TenantSession
from tenancy.unscoped import Doors
from tenancy.vault import MasterKey, Vault
from tenancy.warehouse.open import open_warehouse
from tenancy.warehouse.port import OnStatement, SearchableWarehouse

__all__ = ["CannotStartError", "open_runtime", "open_worker", "warehouse_tables"]

_LOG: Final = structlog.get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]

_HTTP_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
_CHECK_DATABASE: Final = (
    "check DATABASE_URL, that the server runs, and that the login owns the database"
)
_CHECK_WAREHOUSE: Final = "check WAREHOUSE_URL and, for BigQuery, the credentials of this machine"
_CHECK_LANDING: Final = "check BOSCO_LANDING_URL, and that this user may write there"


class CannotStartError(UserError):
    """A server or store that everything needs cannot be used."""

    code = "CANNOT_START"


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class _Plane:
    """What extraction needs: every process that runs jobs has it."""

    database: Database
    redis: RedisServer
    doors: Doors
    master_key: MasterKey
    vault: Vault
    sources: Mapping[str, SourceSpec]
    publisher: Publisher
    store: LandingStore
    extraction: Extraction
    jobs: JobEngine
    pipeline: Pipeline
    corrections: Corrections
    budget: RedisCallBudget


@asynccontextmanager
async def open_runtime(
    settings: Settings,
    *,
    clock: Clock = _utc_now,
    sleep: Sleep = asyncio.sleep,
    on_statement: OnStatement | None = None,
) -> AsyncIterator[Runtime]:
    """Start everything that a command, the API or a worker needs.

    Args:
        settings: How this process runs.
        clock: The present UTC instant.
        sleep: Awaits so many seconds, between requests to a provider or tries to load.
        on_statement: Told of every text before the warehouse runs it.

    Raises:
        WrongSettingsError: A setting or a key file cannot be used.
        EmbeddedServerError: The state folder or an embedded server cannot be used.
        CannotStartError: A server or store cannot be used; says which, and what to do.
    """
    _begin_log(settings)
    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(EmbeddedServers(settings))
        with _needed("PostgreSQL", _CHECK_DATABASE):
            await asyncio.to_thread(migrate, urls.database_url)
        with _needed("the warehouse", _CHECK_WAREHOUSE):
            warehouse = open_warehouse(settings.warehouse_url, on_statement=on_statement)
        stack.push_async_callback(warehouse.close)
        plane = await _open_plane(
            stack, settings, urls, JobsConfig(urls.database_url), clock, sleep
        )
        streams = _streams(plane.sources)
        loader = Loader(
            exclusive=Exclusive(plane.database, "loader"),
            doors=plane.doors,
            store=plane.store,
            warehouse=warehouse,
            gate=QualityGate.over(warehouse, streams.values(), plane.database, clock, uuid7),
            publisher=plane.publisher,
            streams=streams,
        )
        with _needed("the warehouse", _CHECK_WAREHOUSE):
            await warehouse.ensure_tables(warehouse_tables(loader.streams))
        features = open_features(
            plane.database,
            urls.database_url,
            plane.redis,
            warehouse,
            plane.jobs,
            clock,
            uuid7,
            random.random,
        )
        features.backfills.register()
        monitoring = open_monitoring(
            features, plane.database, plane.jobs, _agencies(plane.doors), clock, uuid7
        )
        monitoring.register()
        answers = RedisAnswerCache(plane.redis) if settings.has_answer_cache else None
        models = open_models(
            plane.database,
            warehouse,
            ModelStore(settings.landing_url),
            plane.jobs,
            _agencies(plane.doors),
            answers,
            clock,
            uuid7,
        )
        models.rounds.register()
        models.response_rounds.register()
        models.mornings.register()
        Placement.over(
            warehouse, plane.jobs, plane.extraction.landing, plane.publisher, plane.sources
        ).register()
        checks = QualityFollowUp(plane.database, warehouse, plane.sources, clock, uuid7)
        exports = Exports(
            plane.database, plane.store, plane.vault, clock, uuid7, secrets.token_bytes
        )
        erasing = _open_erasure(plane, warehouse, loader, features.refresh, exports, sleep)
        services = RequestServices(plane.database, plane.vault, clock, uuid7, secrets.token_bytes)
        consent = ConsentDesk(plane.vault, clock, uuid7, secrets.token_bytes)
        requests = open_requests(
            services,
            engine=plane.jobs,
            doors=plane.doors,
            exclusive=Exclusive(plane.database, "requests of people"),
            fulfillers={
                **fulfillers_of(services, plane.store, warehouse, consent),
                Right.ERASURE: erasing,
            },
            messenger=person_mail(services, public_only=settings.env == "production"),
        )
        issuing = Issuing(
            plane.database,
            plane.doors,
            CertificateDesk(
                EvidenceKeys(plane.master_key, clock, secrets.token_bytes), clock, uuid7
            ),
            Exclusive(plane.database, "certificates"),
            dt.timedelta(days=settings.backup_days),
        )
        erasure = ErasureWatch(erasing, plane.doors, issuing.settling(requests.jobs.settle))
        listeners = (checks, features.refresh, erasure)
        PublicationJobs(plane.database, plane.jobs, loader, sleep, listeners=listeners).register()
        await _start_jobs(stack, plane.jobs)
        issuer = settings.issuer
        keys = KeyStore(plane.database, plane.master_key, clock)
        revocations = Revocations(plane.database, clock)
        tokens = AccessTokens(keys, revocations, issuer=issuer, clock=clock, ids=uuid7)
        edge = GraphQLServices(
            database=plane.database,
            warehouse=warehouse,
            answers=answers,
            plans=PlanCache(),
            features=features.reader,
            feature_book=features.book,
            feature_backfills=features.backfills,
            sources=plane.sources,
            tokens=tokens,
            webhooks=WebhookDesk(plane.database, plane.vault, clock, uuid7, secrets.token_bytes),
            privacy=office_of(
                services,
                requests,
                erasing.eraser.plan_of,
                person_sources(services, warehouse),
                LinkLetters(services, exports, issuer),
            ),
            budgets=models.budgets,
            consent=consent,
            consent_proof=ConsentProof(
                plane.vault, EvidenceKeys(plane.master_key, clock, secrets.token_bytes)
            ),
            clock=clock,
            ids=uuid7,
            is_development=settings.env == "development",
        )
        yield Runtime(
            settings=settings,
            urls=urls,
            clock=clock,
            ids=uuid7,
            random_bytes=secrets.token_bytes,
            database=plane.database,
            doors=plane.doors,
            redis=plane.redis,
            warehouse=warehouse,
            vault=plane.vault,
            jobs=plane.jobs,
            sources=plane.sources,
            extraction=plane.extraction,
            connecting=ConnectionDesk(
                database=plane.database,
                extraction=plane.extraction,
                vault=plane.vault,
                clock=clock,
                ids=uuid7,
                random_bytes=secrets.token_bytes,
                home=issuer,
            ),
            pipeline=plane.pipeline,
            corrections=plane.corrections,
            dispatcher=dispatcher_of(plane.pipeline, plane.doors, plane.budget),
            loader=loader,
            features=features,
            monitoring=monitoring,
            models=models,
            erasure=erasure,
            signing_keys=keys,
            tokens=tokens,
            issuer=issuer,
            edge=edge,
            alerts=_alert_delivery(plane, settings, clock),
            webhooks=_webhook_delivery(plane, settings, clock),
            privacy=_privacy_rounds(plane, settings, requests.desk, clock),
            requests=requests,
            checkpoints=Checkpoints(
                database=plane.database,
                doors=plane.doors,
                keys=keys,
                exclusive=Exclusive(plane.database, "audit checkpoints"),
                clock=clock,
                ids=uuid7,
            ),
            exports=exports,
            retention=Retention(
                plane.database,
                plane.doors,
                WarehousePurge(erasing.eraser.stores, plane.doors),
                exports,
                Exclusive(plane.database, "retention"),
                clock,
                uuid7,
            ),
            issuing=issuing,
            suppressions=SuppressionWriter(
                database=plane.database,
                unwritten=plane.doors.agencies_with_unwritten_suppressions,
                unfollowed=plane.doors.agencies_with_unfollowed_suppressions,
                warehouse=warehouse,
                vault=plane.vault,
                redis=plane.redis,
                exclusive=Exclusive(plane.database, "suppressions"),
                follow=features.refresh.refresh_client,
                clock=clock,
                ids=uuid7,
            ),
        )


@asynccontextmanager
async def open_worker(
    settings: Settings,
    urls: ServerUrls,
    *,
    clock: Clock = _utc_now,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[JobEngine]:
    """Read from providers and land; whoever owns the warehouse does the rest.

    Args:
        settings: How this process runs.
        urls: Of servers that run already, and have been migrated.
        clock: The present UTC instant.
        sleep: Awaits so many seconds, between requests to a provider.

    Raises:
        WrongSettingsError: A setting or a key file cannot be used.
        CannotStartError: A server or store cannot be used; says which, and what to do.
    """
    _begin_log(settings, rotates=False)
    async with AsyncExitStack() as stack:
        config = JobsConfig(urls.database_url, queues=(JobQueue.SYNC,))
        plane = await _open_plane(stack, settings, urls, config, clock, sleep)
        await _start_jobs(stack, plane.jobs)
        yield plane.jobs


async def _open_plane(
    stack: AsyncExitStack,
    settings: Settings,
    urls: ServerUrls,
    jobs_config: JobsConfig,
    clock: Clock,
    sleep: Sleep,
) -> _Plane:
    ids: IdFactory = uuid7
    database = Database(DatabaseConfig(urls.database_url))
    stack.push_async_callback(database.close)
    redis = RedisServer(urls.redis_url)
    stack.push_async_callback(redis.close)
    doors = Doors(database)
    master_key = await _open_master_key(settings, doors)
    vault = Vault(master_key)
    http = await stack.enter_async_context(httpx.AsyncClient(timeout=_HTTP_TIMEOUT))
    sources = load_all_sources()
    publisher = Publisher(database, redis, clock, ids)
    with _needed("the landing store", _CHECK_LANDING):
        store = LandingStore(settings.landing_url)
    landing = LandingServices(database, store, clock, ids, vault)
    budget = RedisCallBudget(redis)

    @functools.cache
    def make_extractor(base_urls: tuple[tuple[str, str], ...]) -> Extractor:
        places = {**settings.source_base_urls, **dict(base_urls)}
        return Extractor(http, budget, clock, sleep, places, jitter=random.random)

    credentials = CredentialStore(database, vault, clock, ids)
    extraction = Extraction(
        landing=landing,
        publisher=publisher,
        credentials=credentials,
        tokens=TokenKeeper(credentials, sleep),
        sources=sources,
        apps=load_provider_apps(settings),
        make_extractor=make_extractor,
        waiting={},
        drift=DriftBoard(),
    )
    jobs = JobEngine(jobs_config, executor_id=str(ids()))
    pipeline = Pipeline(
        database=database,
        jobs=jobs,
        sources=sources,
        extraction=extraction,
        files=FileLanding(landing, publisher, extraction.waiting),
        history=HistoryLanding(landing, publisher, extraction.waiting),
        clock=clock,
        ids=ids,
    )
    pipeline.register()
    corrections = Corrections(pipeline, jobs, ids)
    corrections.register()
    return _Plane(
        database=database,
        redis=redis,
        doors=doors,
        master_key=master_key,
        vault=vault,
        sources=sources,
        publisher=publisher,
        store=store,
        extraction=extraction,
        jobs=jobs,
        pipeline=pipeline,
        corrections=corrections,
        budget=budget,
    )


def _open_erasure(
    plane: _Plane,
    warehouse: SearchableWarehouse,
    loader: Loader,
    features: FeatureRefresh,
    exports: Exports,
    sleep: Sleep,
) -> ErasureJobs:
    async def forget_exports(session: TenantSession, subject_id: uuid.UUID) -> int:
        return await exports.revoke(session, subject_id, actor="job:erasure")

    async def refresh(tenant_id: TenantId, client_id: ClientId) -> int:
        refreshed = await features.refresh_client(tenant_id, client_id)
        return sum(one.entities for one in refreshed)

    stores = Stores(
        database=plane.database,
        warehouse=warehouse,
        landing=plane.store,
        redis=plane.redis,
        vault=plane.vault,
        loading=loader.exclusive,
        clock=features.clock,
        ids=uuid7,
        erasables=find_erasables(warehouse_tables(loader.streams)),
        open_claim=open_claim,
        refresh_features=refresh,
        forget_exports=forget_exports,
        recipients=(OutboxRecipients(plane.vault, features.clock, uuid7),),
    )
    return open_erasure(stores, plane.jobs, plane.doors, sleep)


def _alert_delivery(plane: _Plane, settings: Settings, clock: Clock) -> AlertDelivery:
    return AlertDelivery(
        database=plane.database,
        doors=plane.doors,
        vault=plane.vault,
        exclusive=Exclusive(plane.database, "alerts"),
        sender=AlertSender(public_only=settings.env == "production"),
        clock=clock,
        ids=uuid7,
    )


def _webhook_delivery(plane: _Plane, settings: Settings, clock: Clock) -> WebhookDeliverer:
    return WebhookDeliverer(
        database=plane.database,
        doors=plane.doors,
        vault=plane.vault,
        sender=WebhookSender(public_only=settings.env == "production", clock=clock),
        clock=clock,
        ids=uuid7,
        jitter=random.random,
    )


def _privacy_rounds(
    plane: _Plane, settings: Settings, desk: RequestDesk, clock: Clock
) -> PrivacyRounds:
    is_production = settings.env == "production"
    sender = AlertSender(public_only=is_production)
    notifier = HttpNotifier(sender, clock, public_only=is_production)
    parts = (plane.database, plane.doors, plane.vault)
    return PrivacyRounds(
        filing=Filing(*parts, desk, clock, uuid7),
        notices=NoticeDelivery(*parts, notifier, clock, uuid7),
    )


def _agencies(doors: Doors) -> ListAgencies:
    async def agencies() -> list[tuple[TenantId, str]]:
        return [(one.tenant_id, one.time_zone) for one in await doors.list_tenants()]

    return agencies


async def _start_jobs(stack: AsyncExitStack, jobs: JobEngine) -> None:
    with _needed("the job engine", _CHECK_DATABASE):
        await jobs.start()
    stack.push_async_callback(jobs.close)


def _begin_log(settings: Settings, *, rotates: bool = True) -> None:
    """Open the log; on a laptop it is the first file of the state folder."""
    if settings.env == "development":
        make_private(settings.state_dir)
    try:
        configure_logs(settings, rotates=rotates)
    except OSError as error:
        raise CannotStartError(
            f"the log in {settings.state_dir} cannot be written: {error.strerror}",
            hint="make the folder writable, or set BOSCO_STATE_DIR to one that you may write",
        ) from error


async def _open_master_key(settings: Settings, doors: Doors) -> MasterKey:
    """Read the key; a new one beside agencies could open nothing of theirs, so none is made."""
    has_agencies = not settings.master_key_file.exists() and bool(await doors.list_tenants())
    return MasterKey(load_master_key(settings, secrets.token_bytes, has_agencies=has_agencies))


@contextmanager
def _needed(part: str, hint: str) -> Iterator[None]:
    """Tell which part keeps the platform from starting; the log has the rest."""
    try:
        yield
    except Exception as error:
        _LOG.exception("cannot_start", part=part)
        raise CannotStartError(
            f"{part} cannot be used: {reason_of(error)}",
            hint=error.hint if isinstance(error, BoscoError) and error.hint else hint,
        ) from error


def _streams(sources: Mapping[str, SourceSpec]) -> dict[str, StreamSpec]:
    """Every stream by its raw table: those of the sources, and one per fact for files."""
    streams = [stream for source in sources.values() for stream in source.streams.values()]
    streams += [raw_file_stream(fact) for fact in FACTS.values()]
    return {stream.raw_table.qualified: stream for stream in streams}


def warehouse_tables(streams: Mapping[str, StreamSpec]) -> list[Table]:
    """Every table of the warehouse: raw ones, facts, marts, syncs, the suppressed, the erased."""
    facts = FACTS.values()
    return [
        SYNCS,
        SUPPRESSED,
        RAW_SYNCS,
        TARGETS,
        *(stream.raw_table for stream in streams.values()),
        *map(facts_table, facts),
        *map(marts_table, facts),
    ]
