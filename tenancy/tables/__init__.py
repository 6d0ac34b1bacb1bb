"""Tables of the control plane, one class each.

    request or job -> Database.session(tenant) -> these classes -> PostgreSQL, row-level security

Every table of tenant data starts its primary key with `tenant_id`, and every reference between two
of them carries `tenant_id` as well, so a row cannot point into another tenant even when row-level
security is off. `signing_keys`, `feature_registrations`, `provider_outages`, `model_versions`,
`model_events` and `model_retrainings` alone hold no tenant data. Ids are made by the application
(UUIDv7); instants are UTC. Every column says what it holds of people, by itself (`holds`) or by its
table (`__otherwise__`): ADR-0024.

The schema is created by `migrations/versions`; a test proves that both agree.
"""

from tenancy.tables.agency import (
    Client,
    Membership,
    MembershipClient,
    Role,
    Tenant,
    User,
)
from tenancy.tables.alerts import (
    AlertChannel,
    AlertKind,
    AlertMessage,
    AlertNotice,
    AlertSeverity,
    ChannelKind,
    MessageState,
    NoticePhase,
    RaisedAlert,
)
from tenancy.tables.base import (
    Base,
    TenantOwned,
)
from tenancy.tables.consents import ConsentStep, PendingConnection
from tenancy.tables.edge import AuditCheckpoint, AuditEntry, MetricDefinition
from tenancy.tables.feature_monitoring import (
    FeatureDay,
    FeatureRead,
    FeatureVerdict,
    FeatureViewDay,
)
from tenancy.tables.features import FeatureDefinition, FeatureMaterialisation, FeatureRegistration
from tenancy.tables.forecasts import ForecastLevel, ForecastRole, MadeForecast, ServedForecast
from tenancy.tables.ingestion import (
    LANDING_VERSION,
    Connection,
    ConnectionState,
    DataVersion,
    LandingObject,
    QuarantinedRow,
    QuarantineState,
    RunState,
    StreamState,
    Sync,
    SyncRun,
    SyncState,
)
from tenancy.tables.models import (
    ModelErasure,
    ModelEvent,
    ModelRetraining,
    ModelShare,
    ModelState,
    ModelVersion,
)
from tenancy.tables.oauth import (
    AppGrant,
    AppKind,
    AuthorizationCode,
    OAuthClient,
    OAuthClientSecret,
    RefreshToken,
    RevocationCause,
    RevokedToken,
    SigningKey,
    TokenFamily,
)
from tenancy.tables.people import (
    Approval,
    ApprovalDecision,
    BrowserSession,
    ExternalIdentity,
    IdentityProvider,
    LinkKind,
    OneTimeLink,
    Password,
    PendingSignIn,
    RecoveryCode,
    SecondFactor,
)
from tenancy.tables.plans import LiftTest, PlannedEvent, SpendPlan
from tenancy.tables.privacy import (
    RequestEvent,
    Subject,
    SubjectIdentifier,
    SubjectRequest,
    Tombstone,
)
from tenancy.tables.privacy_consent import ConsentEvent, ConsentNotice, Suppression
from tenancy.tables.privacy_erasure import (
    ErasureCause,
    ErasureRescan,
    ErasureRun,
    ErasureRunRequest,
    ErasureStep,
    StepState,
)
from tenancy.tables.privacy_evidence import Certificate
from tenancy.tables.privacy_exports import PersonExport
from tenancy.tables.privacy_inbound import (
    MessageTopic,
    PrivacyForm,
    PrivacyMessage,
    PrivacyMessageState,
)
from tenancy.tables.privacy_recipients import NoticeState, Recipient, RecipientNotice
from tenancy.tables.privacy_requests import (
    IdentityCode,
    LegalHold,
    LetterKind,
    RequestLetter,
    RequestRun,
)
from tenancy.tables.privacy_retention import RetentionRun
from tenancy.tables.quality import (
    Incident,
    IncidentEvent,
    IncidentEventKind,
    IncidentSeverity,
    IncidentState,
)
from tenancy.tables.schedule import DueState, DueSync, MissCause, ProviderOutage
from tenancy.tables.spending import BudgetLevel, ResponseCurves
from tenancy.tables.watching import Anomaly, AnomalyStage, BudgetPace, PaceVerdict, WatchedDay
from tenancy.tables.webhooks import (
    DeliveryState,
    EndpointState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookEventType,
)

__all__ = [
    "LANDING_VERSION",
    "AlertChannel",
    "AlertKind",
    "AlertMessage",
    "AlertNotice",
    "AlertSeverity",
    "Anomaly",
    "AnomalyStage",
    "AppGrant",
    "AppKind",
    "Approval",
    "ApprovalDecision",
    "AuditCheckpoint",
    "AuditEntry",
    "AuthorizationCode",
    "Base",
    "BrowserSession",
    "BudgetLevel",
    "BudgetPace",
    "Certificate",
    "ChannelKind",
    "Client",
    "Connection",
    "ConnectionState",
    "ConsentEvent",
    "ConsentNotice",
    "ConsentStep",
    "DataVersion",
    "DeliveryState",
    "DueState",
    "DueSync",
    "EndpointState",
    "ErasureCause",
    "ErasureRescan",
    "ErasureRun",
    "ErasureRunRequest",
    "ErasureStep",
    "ExternalIdentity",
    "FeatureDay",
    "FeatureDefinition",
    "FeatureMaterialisation",
    "FeatureRead",
    "FeatureRegistration",
    "FeatureVerdict",
    "FeatureViewDay",
    "ForecastLevel",
    "ForecastRole",
    "IdentityCode",
    "IdentityProvider",
    "Incident",
    "IncidentEvent",
    "IncidentEventKind",
    "IncidentSeverity",
    "IncidentState",
    "LandingObject",
    "LegalHold",
    "LetterKind",
    "LiftTest",
    "LinkKind",
    "MadeForecast",
    "Membership",
    "MembershipClient",
    "MessageState",
    "MessageTopic",
    "MetricDefinition",
    "MissCause",
    "ModelErasure",
    "ModelEvent",
    "ModelRetraining",
    "ModelShare",
    "ModelState",
    "ModelVersion",
    "NoticePhase",
    "NoticeState",
    "OAuthClient",
    "OAuthClientSecret",
    "OneTimeLink",
    "PaceVerdict",
    "Password",
    "PendingConnection",
    "PendingSignIn",
    "PersonExport",
    "PlannedEvent",
    "PrivacyForm",
    "PrivacyMessage",
    "PrivacyMessageState",
    "ProviderOutage",
    "QuarantineState",
    "QuarantinedRow",
    "RaisedAlert",
    "Recipient",
    "RecipientNotice",
    "RecoveryCode",
    "RefreshToken",
    "RequestEvent",
    "RequestLetter",
    "RequestRun",
    "ResponseCurves",
    "RetentionRun",
    "RevocationCause",
    "RevokedToken",
    "Role",
    "RunState",
    "SecondFactor",
    "ServedForecast",
    "SigningKey",
    "SpendPlan",
    "StepState",
    "StreamState",
    "Subject",
    "SubjectIdentifier",
    "SubjectRequest",
    "Suppression",
    "Sync",
    "SyncRun",
    "SyncState",
    "Tenant",
    "TenantOwned",
    "TokenFamily",
    "Tombstone",
    "User",
    "WatchedDay",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookEventType",
]
