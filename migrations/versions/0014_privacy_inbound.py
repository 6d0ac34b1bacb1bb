"""What comes in for the data protection officer, and whom it has to be passed on to.

Revision ID: 0014
Revises: 0013

    privacy_inbox      webhooks, callbacks and forms, before they are requests
    privacy_forms      addresses of public forms
    recipients         others who were given people's data
    recipient_notices  what they were told of a request
    connections        say who consented at the platform
    alerts             get kinds for both
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE connections ADD COLUMN granted_by TEXT;

CREATE TABLE privacy_inbox (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    channel VARCHAR(32) NOT NULL,
    message_id TEXT NOT NULL,
    topic VARCHAR(32) NOT NULL,
    client_id UUID NOT NULL,
    connection_id UUID,
    sealed BYTEA,
    status_hash BYTEA,
    state VARCHAR(32) NOT NULL,
    request_ids UUID[] NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at TIMESTAMPTZ NOT NULL,
    failure TEXT,
    received_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    CONSTRAINT pk_privacy_inbox PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_privacy_inbox__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_privacy_inbox__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_privacy_inbox__tenant_id_connection_id
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id),
    CONSTRAINT ck_privacy_inbox__channel
        CHECK (channel IN ('desk', 'form', 'api', 'batch', 'shopify', 'meta')),
    CONSTRAINT ck_privacy_inbox__topic CHECK (topic IN (
        'customers/data_request', 'customers/redact', 'shop/redact', 'deletion',
        'deauthorisation', 'form'
    )),
    CONSTRAINT ck_privacy_inbox__state CHECK (state IN ('waiting', 'filed', 'unreadable'))
);

CREATE UNIQUE INDEX uq_privacy_inbox__message
    ON privacy_inbox (tenant_id, channel, message_id, connection_id);

CREATE INDEX ix_privacy_inbox__waiting
    ON privacy_inbox (tenant_id, next_attempt_at) WHERE state = 'waiting';

CREATE INDEX ix_privacy_inbox__status_hash ON privacy_inbox (status_hash);

CREATE TABLE privacy_forms (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    CONSTRAINT pk_privacy_forms PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_privacy_forms__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_privacy_forms__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
);

CREATE UNIQUE INDEX ix_privacy_forms__tenant_id_token_hash
    ON privacy_forms (tenant_id, token_hash);

CREATE TABLE recipients (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    kind VARCHAR(32) NOT NULL,
    name TEXT NOT NULL,
    settings JSONB NOT NULL,
    connection_id UUID,
    secrets BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    removed_at TIMESTAMPTZ,
    CONSTRAINT pk_recipients PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_recipients__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_recipients__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_recipients__tenant_id_connection_id
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id),
    CONSTRAINT ck_recipients__kind
        CHECK (kind IN ('webhook', 'email', 'klaviyo', 'hubspot', 'ga4', 'meta_audience'))
);

CREATE UNIQUE INDEX uq_recipients__current_name
    ON recipients (tenant_id, client_id, name) WHERE removed_at IS NULL;

CREATE TABLE recipient_notices (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    recipient_id UUID NOT NULL,
    request_id UUID NOT NULL,
    "right" VARCHAR(32) NOT NULL,
    sealed BYTEA,
    state VARCHAR(32) NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at TIMESTAMPTZ NOT NULL,
    last_status INTEGER,
    failure TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    confirmed_by TEXT,
    CONSTRAINT pk_recipient_notices PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_recipient_notices__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_recipient_notices__tenant_id_recipient_id
        FOREIGN KEY (tenant_id, recipient_id) REFERENCES recipients (tenant_id, id),
    CONSTRAINT fk_recipient_notices__tenant_id_request_id
        FOREIGN KEY (tenant_id, request_id) REFERENCES subject_requests (tenant_id, id),
    CONSTRAINT ck_recipient_notices__right CHECK ("right" IN (
        'access', 'rectification', 'erasure', 'restriction', 'portability', 'objection',
        'decision_review', 'withdrawal'
    )),
    CONSTRAINT ck_recipient_notices__state CHECK (state IN (
        'waiting', 'sending', 'sent', 'acknowledged', 'refused', 'failed'
    ))
);

CREATE UNIQUE INDEX ix_recipient_notices__tenant_id_request_id_recipient_id
    ON recipient_notices (tenant_id, request_id, recipient_id);

CREATE INDEX ix_recipient_notices__due
    ON recipient_notices (tenant_id, next_attempt_at) WHERE state IN ('waiting', 'sending');
"""

ALERTS = """
ALTER TABLE alerts
    DROP CONSTRAINT ck_alerts__kind,
    ADD CONSTRAINT ck_alerts__kind
        CHECK (kind
        IN ('freshness_predicted_miss', 'freshness_missed', 'sync_failed', 'credentials_refused',
            'credentials_expiring', 'quality_incident', 'webhook_failed', 'recipient_not_told',
            'privacy_message_stuck', 'request_at_risk', 'request_stuck'));
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

# What each table lets the application do.
GRANTS = {
    "privacy_forms": "SELECT, INSERT, UPDATE",
    "privacy_inbox": "SELECT, INSERT, UPDATE",
    "recipient_notices": "SELECT, INSERT, UPDATE",
    "recipients": "SELECT, INSERT, UPDATE",
}

# Who has a connection of that account, or one that that person consented to, is told to whoever
# names the account or the person; who was given a code, to whoever names its hash; and which
# agencies have something to do.
DOORS = """
CREATE POLICY door_connections_of_account ON connections FOR SELECT TO bosco_door
    USING (source || ':' || account_id
        = (SELECT NULLIF(current_setting('app.door_account', true), '')));
CREATE POLICY door_connections_granted_by ON connections FOR SELECT TO bosco_door
    USING (source || ':' || granted_by
        = (SELECT NULLIF(current_setting('app.door_granter', true), '')));
GRANT SELECT (tenant_id, id, client_id) ON connections TO bosco_door;

CREATE POLICY door_tenants_of_status ON privacy_inbox FOR SELECT TO bosco_door
    USING (status_hash
        = (SELECT decode(NULLIF(current_setting('app.door_status', true), ''), 'hex')));
CREATE POLICY door_agencies_with_privacy_messages ON privacy_inbox FOR SELECT TO bosco_door
    USING (state = 'waiting');
GRANT SELECT (tenant_id, state, status_hash, next_attempt_at) ON privacy_inbox TO bosco_door;

CREATE POLICY door_agencies_with_recipient_notices ON recipient_notices FOR SELECT TO bosco_door
    USING (state IN ('waiting', 'sending'));
GRANT SELECT (tenant_id, state, next_attempt_at) ON recipient_notices TO bosco_door;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(ALERTS)
    for table, rights in GRANTS.items():
        op.execute(
            f"""
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
            CREATE POLICY one_tenant ON {table} TO bosco_app
                USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
            GRANT {rights} ON {table} TO bosco_app;
            """
        )
    op.execute(DOORS)
