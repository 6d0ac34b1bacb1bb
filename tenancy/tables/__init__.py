"""Tables of the control plane, one class each.

    request or job -> Database.session(tenant) -> these classes -> PostgreSQL, row-level security

Every table of tenant data starts its primary key with `tenant_id`, and every reference between two
of them carries `tenant_id` as well, so a row cannot point into another tenant even when row-level
security is off. `signing_keys`, `feature_registrations` and `provider_outages` alone hold no tenant
data. Ids are made by the application (UUIDv7); instants are UTC. A column about a person says so in
`info["personal"]` (a Fideslang category).

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
from tenancy.tables.edge import (
    AuditEntry,
    MetricDefinition,
    OAuthClient,
    RevokedToken,
    SigningKey,
)
from tenancy.tables.features import FeatureMaterialisation, FeatureRegistration
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
from tenancy.tables.quality import (
    Incident,
    IncidentEvent,
    IncidentEventKind,
    IncidentSeverity,
    IncidentState,
)
from tenancy.tables.schedule import DueState, DueSync, MissCause, ProviderOutage

__all__ = [
    "LANDING_VERSION",
    "AlertChannel",
    "AlertKind",
    "AlertMessage",
    "AlertNotice",
    "AlertSeverity",
    "AuditEntry",
    "Base",
    "ChannelKind",
    "Client",
    "Connection",
    "ConnectionState",
    "DataVersion",
    "DueState",
    "DueSync",
    "FeatureMaterialisation",
    "FeatureRegistration",
    "Incident",
    "IncidentEvent",
    "IncidentEventKind",
    "IncidentSeverity",
    "IncidentState",
    "LandingObject",
    "Membership",
    "MembershipClient",
    "MessageState",
    "MetricDefinition",
    "MissCause",
    "NoticePhase",
    "OAuthClient",
    "ProviderOutage",
    "QuarantineState",
    "QuarantinedRow",
    "RaisedAlert",
    "RevokedToken",
    "Role",
    "RunState",
    "SigningKey",
    "StreamState",
    "Sync",
    "SyncRun",
    "SyncState",
    "Tenant",
    "TenantOwned",
    "User",
]
