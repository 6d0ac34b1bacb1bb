"""Accounts that are connected by consent, and credentials that change by themselves.

Revision ID: 0010
Revises: 0009

    pending_connections                a link, and where the person who opened it stands
    connections.credentials_version    counts changes: whoever changes them names what it changes
    connections.credentials_expire_at  when a person has to be asked again
    connections.connected_at           when a person, or a file, last gave them
    connections.refresh_began_at       a refresh whose answer has not been stored
    alerts                             may say that credentials run out
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE connections
    ADD COLUMN credentials_version INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN credentials_expire_at TIMESTAMPTZ,
    ADD COLUMN connected_at TIMESTAMPTZ,
    ADD COLUMN refresh_began_at TIMESTAMPTZ;
ALTER TABLE connections ALTER COLUMN credentials_version DROP DEFAULT;

CREATE TABLE pending_connections (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    connection_id UUID,
    source TEXT NOT NULL,
    account_id TEXT,
    settings JSONB NOT NULL,
    start_date DATE NOT NULL,
    requested_by TEXT NOT NULL,
    step VARCHAR(32) NOT NULL,
    link_hash BYTEA NOT NULL,
    link_expires_at TIMESTAMPTZ NOT NULL,
    state_hash BYTEA,
    state_expires_at TIMESTAMPTZ,
    sealed BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    CONSTRAINT pk_pending_connections PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_pending_connections__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_pending_connections__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_pending_connections__tenant_id_connection_id
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id),
    CONSTRAINT uq_pending_connections__tenant_id_link_hash UNIQUE (tenant_id, link_hash),
    CONSTRAINT uq_pending_connections__tenant_id_state_hash UNIQUE (tenant_id, state_hash),
    CONSTRAINT ck_pending_connections__step
        CHECK (step IN ('invited', 'asked', 'choosing', 'connected'))
);

ALTER TABLE alerts DROP CONSTRAINT ck_alerts__kind;
ALTER TABLE alerts ADD CONSTRAINT ck_alerts__kind CHECK (kind IN (
    'freshness_predicted_miss', 'freshness_missed', 'sync_failed', 'credentials_refused',
    'credentials_expiring', 'quality_incident', 'webhook_failed'
));
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

SECURITY = f"""
ALTER TABLE pending_connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE pending_connections FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON pending_connections TO bosco_app
    USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
GRANT SELECT, INSERT, UPDATE ON pending_connections TO bosco_app;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(SECURITY)
