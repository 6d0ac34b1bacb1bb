"""The journal of erasure.

Revision ID: 0017
Revises: 0016

    erasure_runs          what a run does for an agency
    erasure_run_requests  the requests that it carries out
    erasure_steps         how far it is
    erasure_rescans       searches of every store for what was erased

A door: which agencies have a search that is due.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE erasure_runs (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    cause VARCHAR(32) NOT NULL,
    plan JSONB NOT NULL,
    round INTEGER NOT NULL,
    plan_hash TEXT NOT NULL,
    residuals JSONB,
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    CONSTRAINT pk_erasure_runs PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_erasure_runs__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_erasure_runs__cause CHECK (cause IN ('requests', 'replay'))
);

CREATE TABLE erasure_run_requests (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    run_id UUID NOT NULL,
    request_id UUID NOT NULL,
    client_id UUID NOT NULL,
    subject_id UUID,
    finished_at TIMESTAMPTZ,
    CONSTRAINT pk_erasure_run_requests PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_erasure_run_requests__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_erasure_run_requests__tenant_id_run_id
        FOREIGN KEY (tenant_id, run_id) REFERENCES erasure_runs (tenant_id, id),
    CONSTRAINT fk_erasure_run_requests__tenant_id_request_id
        FOREIGN KEY (tenant_id, request_id) REFERENCES subject_requests (tenant_id, id),
    CONSTRAINT fk_erasure_run_requests__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_erasure_run_requests__tenant_id_subject_id
        FOREIGN KEY (tenant_id, subject_id) REFERENCES subjects (tenant_id, id)
);

CREATE INDEX ix_erasure_run_requests__tenant_id_run_id
    ON erasure_run_requests (tenant_id, run_id);

CREATE UNIQUE INDEX uq_erasure_run_requests__one_run
    ON erasure_run_requests (tenant_id, request_id) WHERE finished_at IS NULL;

CREATE INDEX ix_erasure_run_requests__tenant_id_request_id
    ON erasure_run_requests (tenant_id, request_id);

CREATE TABLE erasure_steps (
    tenant_id UUID NOT NULL,
    run_id UUID NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    state VARCHAR(32) NOT NULL,
    counts JSONB,
    operations TEXT[] NOT NULL,
    executor TEXT,
    attempts INTEGER NOT NULL,
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    CONSTRAINT pk_erasure_steps PRIMARY KEY (tenant_id, run_id, number),
    CONSTRAINT fk_erasure_steps__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_erasure_steps__tenant_id_run_id
        FOREIGN KEY (tenant_id, run_id) REFERENCES erasure_runs (tenant_id, id),
    CONSTRAINT ck_erasure_steps__state CHECK (state IN ('waiting', 'running', 'done'))
);

CREATE TABLE erasure_rescans (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    run_id UUID NOT NULL,
    moment VARCHAR(32) NOT NULL,
    client_id UUID,
    due_at TIMESTAMPTZ,
    done_at TIMESTAMPTZ,
    found INTEGER,
    findings JSONB,
    CONSTRAINT pk_erasure_rescans PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_erasure_rescans__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_erasure_rescans__tenant_id_run_id
        FOREIGN KEY (tenant_id, run_id) REFERENCES erasure_runs (tenant_id, id),
    CONSTRAINT fk_erasure_rescans__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT ck_erasure_rescans__moment
        CHECK (moment IN ('erasure', 'ingest', 'materialisation', 'time_travel'))
);

CREATE INDEX ix_erasure_rescans__due ON erasure_rescans (due_at) WHERE done_at IS NULL;

CREATE INDEX ix_erasure_rescans__tenant_id_run_id ON erasure_rescans (tenant_id, run_id);
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

TENANT_TABLES = ("erasure_runs", "erasure_run_requests", "erasure_steps", "erasure_rescans")

# Which agencies have something to search, and when; not what.
DOOR = """
CREATE POLICY door_agencies_with_rescans ON erasure_rescans FOR SELECT TO bosco_door
    USING (done_at IS NULL AND due_at IS NOT NULL);
GRANT SELECT (tenant_id, due_at, done_at) ON erasure_rescans TO bosco_door;
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
            GRANT SELECT, INSERT, UPDATE ON {table} TO bosco_app;
            """
        )
    op.execute(DOOR)
