"""Webhooks: what programs of an agency are told, and what became of telling them.

Revision ID: 0009
Revises: 0008

    webhook_endpoints   addresses, what they want to hear of, and their sealed secrets
    webhook_events      what happened: ids and dates
    webhook_deliveries  one event on its way to one endpoint
    alerts              gets a kind for endpoints that cannot be reached
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TENANT_TABLES = ("webhook_deliveries", "webhook_endpoints", "webhook_events")

TABLES = """
CREATE TABLE webhook_endpoints (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    event_types TEXT[],
    client_ids UUID[],
    secrets BYTEA,
    old_secret_until TIMESTAMPTZ,
    state VARCHAR(32) NOT NULL,
    disabled_because TEXT,
    failing_since TIMESTAMPTZ,
    not_before TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    removed_at TIMESTAMPTZ,
    CONSTRAINT pk_webhook_endpoints PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_webhook_endpoints__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_webhook_endpoints__state CHECK (state IN ('active', 'disabled'))
);

CREATE TABLE webhook_events (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    type VARCHAR(32) NOT NULL,
    subject TEXT NOT NULL,
    client_id UUID NOT NULL,
    data JSONB NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_webhook_events PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_webhook_events__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_webhook_events__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_webhook_events__type
        CHECK (type IN ('data.published', 'sync.failed', 'freshness.missed'))
);

CREATE UNIQUE INDEX ix_webhook_events__tenant_id_type_subject
    ON webhook_events (tenant_id, type, subject);

CREATE INDEX ix_webhook_events__tenant_id_occurred_at
    ON webhook_events (tenant_id, occurred_at);

CREATE TABLE webhook_deliveries (
    tenant_id UUID NOT NULL,
    endpoint_id UUID NOT NULL,
    event_id UUID NOT NULL,
    state VARCHAR(32) NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at TIMESTAMPTZ NOT NULL,
    last_status INTEGER,
    failure TEXT,
    ended_at TIMESTAMPTZ,
    CONSTRAINT pk_webhook_deliveries PRIMARY KEY (tenant_id, endpoint_id, event_id),
    CONSTRAINT fk_webhook_deliveries__tenant_id_endpoint_id
        FOREIGN KEY (tenant_id, endpoint_id) REFERENCES webhook_endpoints (tenant_id, id),
    CONSTRAINT fk_webhook_deliveries__tenant_id_event_id
        FOREIGN KEY (tenant_id, event_id) REFERENCES webhook_events (tenant_id, id),
    CONSTRAINT fk_webhook_deliveries__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_webhook_deliveries__state CHECK (state IN ('pending', 'delivered', 'failed'))
);

CREATE INDEX ix_webhook_deliveries__tenant_id_event_id
    ON webhook_deliveries (tenant_id, event_id);

CREATE INDEX ix_webhook_deliveries__pending
    ON webhook_deliveries (tenant_id, endpoint_id, next_attempt_at) WHERE state = 'pending';
"""

ALERTS = """
ALTER TABLE alerts
    DROP CONSTRAINT ck_alerts__kind,
    ADD CONSTRAINT ck_alerts__kind
        CHECK (kind
        IN ('freshness_predicted_miss', 'freshness_missed', 'sync_failed', 'credentials_refused',
            'quality_incident', 'webhook_failed'));
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

# What is older than a month is deleted; endpoints stay, without their secrets.
GRANTS = """
GRANT SELECT, INSERT, UPDATE ON webhook_endpoints TO bosco_app;
GRANT SELECT, INSERT, DELETE ON webhook_events TO bosco_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_deliveries TO bosco_app;
"""

# Which agencies have something to deliver, and since when; not what, nor where to.
DOOR = """
CREATE POLICY door_agencies_with_webhooks ON webhook_deliveries FOR SELECT TO bosco_door
    USING (state = 'pending');
GRANT SELECT (tenant_id, state, next_attempt_at) ON webhook_deliveries TO bosco_door;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(ALERTS)
    for table in TENANT_TABLES:
        op.execute(
            f"""
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
            CREATE POLICY one_tenant ON {table} TO bosco_app
                USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
            """
        )
    op.execute(GRANTS)
    op.execute(DOOR)
