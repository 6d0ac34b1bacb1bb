"""Everything that runs while Bosco runs; made by `api.bootstrap.open_runtime`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from api.alerts.delivery import AlertDelivery
from api.audit.checkpoints import Checkpoints
from api.embedded.servers import ServerUrls
from api.graphql.services import GraphQLServices
from api.oauth.access_tokens import AccessTokens
from api.oauth.signing_keys import KeyStore
from api.privacy.rounds import PrivacyRounds
from api.settings import Settings
from api.webhooks.delivery import WebhookDeliverer
from domain.ports import Clock, IdFactory
from feature_repo.monitoring.daily import FeatureMonitoring
from feature_repo.open import Features
from gdpr.access.exports import Exports
from gdpr.erasure.watch import ErasureWatch
from gdpr.evidence.desk import CertificateDesk
from gdpr.evidence.issuing import Issuing
from gdpr.requests.open import Requests
from gdpr.retention.sweep import Retention
from ingestion.connecting import ConnectionDesk
from ingestion.connector.spec import SourceSpec
from ingestion.corrections import Corrections
from ingestion.extraction import Extraction
from ingestion.load import Loader
from ingestion.pipeline import Pipeline
from ingestion.schedule.dispatcher import Dispatcher
from ml.open import Models
from tenancy.jobs import JobEngine
from tenancy.privacy.suppression_writer import SuppressionWriter
from tenancy.redis_server import RedisServer
from tenancy.session import Database
from tenancy.unscoped import Doors
from tenancy.vault import Vault
from tenancy.warehouse.port import Warehouse

__all__ = ["Runtime"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """The wired platform.

    Attributes:
        urls: Of the servers that run, embedded or not.
        random_bytes: Cryptographic randomness.
        dispatcher: Syncs on time, in the processes that serve.
        monitoring: Of features; goes round in the serving process.
        issuer: Our address, as tokens name it.
        edge: What the GraphQL gateway needs.
        alerts: Tells channels of alerts; runs in the serving process.
        webhooks: Tells endpoints of events; likewise.
        privacy: Makes requests of what came in for people's rights; likewise.
        requests: Of people about their data; their rounds are gone in the serving process.
        checkpoints: Of the audit trails; taken in the serving process.
        issuing: Of certificates of what was erased; goes round in the serving process.
        exports: Copies of people's data, made for them.
        retention: Purges what is over; goes round in the serving process.
        suppressions: Brings who may not be read to the warehouse; likewise.
    """

    settings: Settings
    urls: ServerUrls
    clock: Clock
    ids: IdFactory
    random_bytes: Callable[[int], bytes]
    database: Database
    doors: Doors
    redis: RedisServer
    warehouse: Warehouse
    vault: Vault
    jobs: JobEngine
    sources: Mapping[str, SourceSpec]
    extraction: Extraction
    connecting: ConnectionDesk
    pipeline: Pipeline
    corrections: Corrections
    dispatcher: Dispatcher
    loader: Loader
    features: Features
    monitoring: FeatureMonitoring
    models: Models
    erasure: ErasureWatch
    signing_keys: KeyStore
    tokens: AccessTokens
    issuer: str
    edge: GraphQLServices
    alerts: AlertDelivery
    webhooks: WebhookDeliverer
    privacy: PrivacyRounds
    requests: Requests
    checkpoints: Checkpoints
    issuing: Issuing
    exports: Exports
    retention: Retention
    suppressions: SuppressionWriter

    @property
    def certificates(self) -> CertificateDesk:
        """Of what was erased."""
        return self.issuing.desk
