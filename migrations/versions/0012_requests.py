"""What requests of people need beside themselves.

Revision ID: 0012
Revises: 0011

    legal_holds       data that may not be erased for now
    request_letters   what a person was written, sealed
    identity_codes    codes sent to addresses that the data carries
    request_runs      how far the carrying out of a request is
    alerts            two kinds more
    subject_requests  the door may ask which agencies have open ones
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE legal_holds (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    subject_id UUID,
    category TEXT,
    basis TEXT NOT NULL,
    owner TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    released_at TIMESTAMPTZ,
    CONSTRAINT pk_legal_holds PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_legal_holds__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_legal_holds__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_legal_holds__tenant_id_subject_id
        FOREIGN KEY (tenant_id, subject_id) REFERENCES subjects (tenant_id, id)
);

CREATE INDEX ix_legal_holds__open ON legal_holds (tenant_id, client_id) WHERE released_at IS NULL;

CREATE TABLE request_letters (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    request_id UUID NOT NULL,
    kind VARCHAR(32) NOT NULL,
    language TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    written_at TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ,
    handed_at TIMESTAMPTZ,
    CONSTRAINT pk_request_letters PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_request_letters__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_request_letters__tenant_id_request_id
        FOREIGN KEY (tenant_id, request_id) REFERENCES subject_requests (tenant_id, id),
    CONSTRAINT ck_request_letters__kind CHECK (kind IN (
        'acknowledgement', 'extension', 'refusal', 'completion', 'lifting', 'note'
    ))
);

CREATE INDEX ix_request_letters__tenant_id_request_id ON request_letters (tenant_id, request_id);

CREATE TABLE identity_codes (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    request_id UUID NOT NULL,
    code_hash BYTEA NOT NULL,
    attempts INTEGER NOT NULL,
    sent_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    CONSTRAINT pk_identity_codes PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_identity_codes__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_identity_codes__tenant_id_request_id
        FOREIGN KEY (tenant_id, request_id) REFERENCES subject_requests (tenant_id, id)
);

CREATE INDEX ix_identity_codes__tenant_id_request_id_sent_at
    ON identity_codes (tenant_id, request_id, sent_at);

CREATE TABLE request_runs (
    tenant_id UUID NOT NULL,
    request_id UUID NOT NULL,
    attempts INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    failure TEXT,
    next_attempt_at TIMESTAMPTZ,
    waits_for TEXT[] NOT NULL,
    held_categories TEXT[] NOT NULL,
    CONSTRAINT pk_request_runs PRIMARY KEY (tenant_id, request_id),
    CONSTRAINT fk_request_runs__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_request_runs__tenant_id_request_id
        FOREIGN KEY (tenant_id, request_id) REFERENCES subject_requests (tenant_id, id)
);
"""

ALERTS = """
ALTER TABLE alerts
    DROP CONSTRAINT ck_alerts__kind,
    ADD CONSTRAINT ck_alerts__kind CHECK (kind IN (
        'freshness_predicted_miss', 'freshness_missed', 'sync_failed', 'credentials_refused',
        'credentials_expiring', 'quality_incident', 'webhook_failed', 'request_at_risk',
        'request_stuck'
    ));
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

# What each table lets the application do.
GRANTS = {
    "identity_codes": "SELECT, INSERT, UPDATE",
    "legal_holds": "SELECT, INSERT, UPDATE",
    "request_letters": "SELECT, INSERT, UPDATE",
    "request_runs": "SELECT, INSERT, UPDATE",
}

DOOR = """
GRANT SELECT (tenant_id, state) ON subject_requests TO bosco_door;
CREATE POLICY door_agencies_with_requests ON subject_requests FOR SELECT TO bosco_door
    USING (state NOT IN ('completed', 'refused', 'withdrawn', 'merged'));
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
    op.execute(DOOR)
