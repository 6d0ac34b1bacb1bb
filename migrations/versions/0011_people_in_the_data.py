"""People whom the data is about: who they are, what they asked for, and who is gone.

Revision ID: 0011
Revises: 0010

    subjects             a person in the data of one client, and the sealed key of their identifiers
    subject_identifiers  pseudonyms of their identifiers, and these under the person's key
    subject_requests     what a person asked for
    request_events       what happened to it
    tombstones           pseudonyms of the erased
    tenants              count the times that somebody was erased
    syncs                count their rows about erased people
    quarantined_rows     tell whom they name
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE subjects (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    sealed_key BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    erased_at TIMESTAMPTZ,
    merged_into UUID,
    CONSTRAINT pk_subjects PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_subjects__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_subjects__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_subjects__tenant_id_merged_into
        FOREIGN KEY (tenant_id, merged_into) REFERENCES subjects (tenant_id, id)
);

CREATE INDEX ix_subjects__tenant_id_merged_into
    ON subjects (tenant_id, merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE subject_identifiers (
    tenant_id UUID NOT NULL,
    pseudonym TEXT NOT NULL,
    subject_id UUID NOT NULL,
    kind VARCHAR(32) NOT NULL,
    connection_id UUID,
    sealed BYTEA NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_subject_identifiers PRIMARY KEY (tenant_id, pseudonym, subject_id),
    CONSTRAINT fk_subject_identifiers__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_subject_identifiers__tenant_id_subject_id
        FOREIGN KEY (tenant_id, subject_id) REFERENCES subjects (tenant_id, id),
    CONSTRAINT fk_subject_identifiers__tenant_id_connection_id
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id),
    CONSTRAINT ck_subject_identifiers__kind
        CHECK (kind IN ('email', 'phone', 'platform', 'order'))
);

CREATE UNIQUE INDEX uq_subject_identifiers__one_person
    ON subject_identifiers (tenant_id, pseudonym) WHERE kind <> 'phone';

CREATE INDEX ix_subject_identifiers__tenant_id_subject_id
    ON subject_identifiers (tenant_id, subject_id);

CREATE TABLE subject_requests (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID,
    "right" VARCHAR(32) NOT NULL,
    channel VARCHAR(32) NOT NULL,
    role VARCHAR(32) NOT NULL,
    state VARCHAR(32) NOT NULL,
    identity VARCHAR(32) NOT NULL,
    fingerprint BYTEA NOT NULL,
    external_ref TEXT,
    sealed_claim BYTEA,
    pseudonyms TEXT[] NOT NULL,
    subject_id UUID,
    scope JSONB NOT NULL,
    policy TEXT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    assist_by TIMESTAMPTZ,
    extended_at TIMESTAMPTZ,
    paused_at TIMESTAMPTZ,
    paused_seconds BIGINT NOT NULL DEFAULT 0,
    approved_at TIMESTAMPTZ,
    run_by TEXT,
    language TEXT NOT NULL DEFAULT 'en',
    requested_by TEXT NOT NULL,
    outcome VARCHAR(32),
    reason TEXT,
    merged_into UUID,
    closed_at TIMESTAMPTZ,
    CONSTRAINT pk_subject_requests PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_subject_requests__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_subject_requests__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_subject_requests__tenant_id_subject_id
        FOREIGN KEY (tenant_id, subject_id) REFERENCES subjects (tenant_id, id),
    CONSTRAINT fk_subject_requests__tenant_id_merged_into
        FOREIGN KEY (tenant_id, merged_into) REFERENCES subject_requests (tenant_id, id),
    CONSTRAINT ck_subject_requests__right CHECK ("right" IN (
        'access', 'rectification', 'erasure', 'restriction', 'portability', 'objection',
        'decision_review', 'withdrawal'
    )),
    CONSTRAINT ck_subject_requests__channel
        CHECK (channel IN ('desk', 'form', 'api', 'batch', 'shopify', 'meta')),
    CONSTRAINT ck_subject_requests__role CHECK (role IN ('controller', 'processor')),
    CONSTRAINT ck_subject_requests__state CHECK (state IN (
        'received', 'identifying', 'matching', 'approving', 'held', 'ready', 'running', 'waiting',
        'countersigning', 'completed', 'refused', 'withdrawn', 'merged'
    )),
    CONSTRAINT ck_subject_requests__identity CHECK (identity IN ('claimed', 'reached', 'vouched')),
    CONSTRAINT ck_subject_requests__outcome CHECK (outcome IN ('done', 'partly', 'nothing_found'))
);

CREATE UNIQUE INDEX uq_subject_requests__open ON subject_requests (tenant_id, fingerprint)
    WHERE state NOT IN ('completed', 'refused', 'withdrawn', 'merged');

CREATE INDEX ix_subject_requests__tenant_id_state_due_at
    ON subject_requests (tenant_id, state, due_at);

CREATE INDEX ix_subject_requests__tenant_id_subject_id
    ON subject_requests (tenant_id, subject_id);

CREATE TABLE request_events (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    request_id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    details JSONB NOT NULL,
    CONSTRAINT pk_request_events PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_request_events__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_request_events__tenant_id_request_id
        FOREIGN KEY (tenant_id, request_id) REFERENCES subject_requests (tenant_id, id)
);

CREATE INDEX ix_request_events__tenant_id_request_id_at
    ON request_events (tenant_id, request_id, at);

CREATE TABLE tombstones (
    tenant_id UUID NOT NULL,
    pseudonym TEXT NOT NULL,
    client_id UUID NOT NULL,
    kind VARCHAR(32) NOT NULL,
    request_id UUID NOT NULL,
    epoch BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_tombstones PRIMARY KEY (tenant_id, pseudonym),
    CONSTRAINT fk_tombstones__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_tombstones__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_tombstones__tenant_id_request_id
        FOREIGN KEY (tenant_id, request_id) REFERENCES subject_requests (tenant_id, id),
    CONSTRAINT ck_tombstones__kind CHECK (kind IN ('email', 'phone', 'platform', 'order'))
);

CREATE INDEX ix_tombstones__tenant_id_epoch ON tombstones (tenant_id, epoch);

ALTER TABLE tenants ADD COLUMN tombstone_epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE syncs ADD COLUMN screened BIGINT NOT NULL DEFAULT 0;
ALTER TABLE quarantined_rows ADD COLUMN pseudonyms TEXT[] NOT NULL DEFAULT '{}';
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

# What each table lets the application do.
GRANTS = {
    "request_events": "SELECT, INSERT",
    "subject_identifiers": "SELECT, INSERT, UPDATE, DELETE",
    "subject_requests": "SELECT, INSERT, UPDATE",
    "subjects": "SELECT, INSERT, UPDATE",
    "tombstones": "SELECT, INSERT",
}


def upgrade() -> None:
    op.execute(TABLES)
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
