"""Alerts: what is wrong, where it is told, what was sent.

Revision ID: 0004
Revises: 0003

    alerts          what is or was wrong; live until nothing more has to be told (`settled_at`)
    alert_channels  where an agency wants to hear of it
    alert_messages  what goes, or went, to a channel
    alert_notices   which alerts a message tells of
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TENANT_TABLES = ("alert_channels", "alert_messages", "alert_notices", "alerts")

TABLES = """
CREATE TABLE alerts (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    kind VARCHAR(32) NOT NULL,
    severity VARCHAR(32) NOT NULL,
    subject TEXT NOT NULL,
    client_id UUID,
    title TEXT NOT NULL,
    details TEXT NOT NULL,
    hint TEXT NOT NULL,
    due_at TIMESTAMPTZ,
    relapses INTEGER NOT NULL,
    raised_at TIMESTAMPTZ NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    cleared_at TIMESTAMPTZ,
    settled_at TIMESTAMPTZ,
    CONSTRAINT pk_alerts PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_alerts__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_alerts__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_alerts__kind
        CHECK (kind
        IN ('freshness_predicted_miss', 'freshness_missed', 'sync_failed', 'credentials_refused',
            'quality_incident')),
    CONSTRAINT ck_alerts__severity CHECK (severity IN ('info', 'warning', 'critical'))
);

CREATE UNIQUE INDEX uq_alerts__open
    ON alerts (tenant_id, kind, subject) WHERE cleared_at IS NULL;

CREATE INDEX ix_alerts__tenant_id_kind_subject_raised_at
    ON alerts (tenant_id, kind, subject, raised_at);

CREATE INDEX ix_alerts__tenant_id_raised_at
    ON alerts (tenant_id, raised_at);

CREATE INDEX ix_alerts__unsettled
    ON alerts (tenant_id) WHERE settled_at IS NULL;

CREATE TABLE alert_channels (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    kind VARCHAR(32) NOT NULL,
    name TEXT NOT NULL,
    settings JSONB NOT NULL,
    secrets BYTEA,
    alert_kinds TEXT[],
    lowest_severity VARCHAR(32) NOT NULL,
    client_ids UUID[],
    created_at TIMESTAMPTZ NOT NULL,
    removed_at TIMESTAMPTZ,
    CONSTRAINT pk_alert_channels PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_alert_channels__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_alert_channels__kind CHECK (kind IN ('email', 'slack', 'webhook')),
    CONSTRAINT ck_alert_channels__lowest_severity
        CHECK (lowest_severity IN ('info', 'warning', 'critical'))
);

CREATE UNIQUE INDEX uq_alert_channels__current_name
    ON alert_channels (tenant_id, name) WHERE removed_at IS NULL;

CREATE TABLE alert_messages (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    channel_id UUID NOT NULL,
    content JSONB NOT NULL,
    state VARCHAR(32) NOT NULL,
    attempts INTEGER NOT NULL,
    failure TEXT,
    composed_at TIMESTAMPTZ NOT NULL,
    next_attempt_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    CONSTRAINT pk_alert_messages PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_alert_messages__tenant_id_channel_id
        FOREIGN KEY (tenant_id, channel_id) REFERENCES alert_channels (tenant_id, id),
    CONSTRAINT fk_alert_messages__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_alert_messages__state CHECK (state IN ('pending', 'sent', 'failed'))
);

CREATE UNIQUE INDEX uq_alert_messages__pending
    ON alert_messages (tenant_id, channel_id) WHERE state = 'pending';

CREATE INDEX ix_alert_messages__tenant_id_channel_id_composed_at
    ON alert_messages (tenant_id, channel_id, composed_at);

CREATE TABLE alert_notices (
    tenant_id UUID NOT NULL,
    message_id UUID NOT NULL,
    alert_id UUID NOT NULL,
    phase VARCHAR(32) NOT NULL,
    severity VARCHAR(32) NOT NULL,
    CONSTRAINT pk_alert_notices PRIMARY KEY (tenant_id, message_id, alert_id),
    CONSTRAINT fk_alert_notices__tenant_id_message_id
        FOREIGN KEY (tenant_id, message_id) REFERENCES alert_messages (tenant_id, id),
    CONSTRAINT fk_alert_notices__tenant_id_alert_id
        FOREIGN KEY (tenant_id, alert_id) REFERENCES alerts (tenant_id, id),
    CONSTRAINT fk_alert_notices__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_alert_notices__phase CHECK (phase IN ('opened', 'reminder', 'cleared')),
    CONSTRAINT ck_alert_notices__severity CHECK (severity IN ('info', 'warning', 'critical'))
);

CREATE INDEX ix_alert_notices__tenant_id_alert_id
    ON alert_notices (tenant_id, alert_id);
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON alert_channels, alert_messages, alerts TO bosco_app;
GRANT SELECT, INSERT ON alert_notices TO bosco_app;
"""

# Which agencies have something to tell; not what.
DOOR = """
CREATE POLICY door_agencies_with_alerts ON alerts FOR SELECT TO bosco_door
    USING (settled_at IS NULL);
GRANT SELECT (tenant_id, settled_at) ON alerts TO bosco_door;
"""


def upgrade() -> None:
    op.execute(TABLES)
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
