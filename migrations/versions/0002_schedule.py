"""The schedule: when each connection is due, and what is foretold.

Revision ID: 0002
Revises: 0001

    due_syncs         one row for each connection and reporting day: when, how far, what is expected
    provider_outages  when a platform did not answer: of no tenant
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE due_syncs (
    tenant_id UUID NOT NULL,
    connection_id UUID NOT NULL,
    day DATE NOT NULL,
    source TEXT NOT NULL,
    ready_at TIMESTAMPTZ NOT NULL,
    deadline_at TIMESTAMPTZ NOT NULL,
    typical_seconds INTEGER NOT NULL,
    fastest_seconds INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    state VARCHAR(32) NOT NULL,
    run_id UUID,
    attempts INTEGER NOT NULL,
    started_at TIMESTAMPTZ,
    next_attempt_at TIMESTAMPTZ,
    error_code TEXT,
    error_message TEXT,
    expected_at TIMESTAMPTZ,
    miss_foretold_at TIMESTAMPTZ,
    miss_cause VARCHAR(32),
    missed_at TIMESTAMPTZ,
    done_at TIMESTAMPTZ,
    CONSTRAINT pk_due_syncs PRIMARY KEY (tenant_id, connection_id, day),
    CONSTRAINT fk_due_syncs__tenant_id_connection_id
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id),
    CONSTRAINT fk_due_syncs__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_due_syncs__running_has_run
        CHECK (state <> 'running' OR (run_id IS NOT NULL AND started_at IS NOT NULL)),
    CONSTRAINT ck_due_syncs__state CHECK (state IN ('waiting', 'running', 'done', 'dropped')),
    CONSTRAINT ck_due_syncs__miss_cause
        CHECK (miss_cause
        IN ('refused', 'incident', 'outage', 'throttled', 'failing', 'ready_late', 'slow', 'queue'))
);

CREATE UNIQUE INDEX uq_due_syncs__open
    ON due_syncs (tenant_id, connection_id) WHERE state IN ('waiting', 'running');

CREATE TABLE provider_outages (
    source TEXT NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    CONSTRAINT pk_provider_outages PRIMARY KEY (source, since)
);

CREATE UNIQUE INDEX uq_provider_outages__open
    ON provider_outages (source) WHERE ended_at IS NULL;

ALTER TABLE syncs ADD COLUMN retry_at TIMESTAMPTZ;
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON due_syncs, provider_outages TO bosco_app;
"""

# What has to be synced, of all tenants: ids, instants and figures, no names and no words.
DOOR = """
CREATE POLICY door_due_work ON due_syncs FOR SELECT TO bosco_door
    USING (state IN ('waiting', 'running'));
GRANT SELECT (tenant_id, connection_id, day, source, ready_at, deadline_at, typical_seconds,
    fastest_seconds, calls, state, run_id, attempts, started_at, next_attempt_at, error_code,
    expected_at, miss_foretold_at, miss_cause, missed_at)
    ON due_syncs TO bosco_door;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(
        f"""
        ALTER TABLE due_syncs ENABLE ROW LEVEL SECURITY;
        ALTER TABLE due_syncs FORCE ROW LEVEL SECURITY;
        CREATE POLICY one_tenant ON due_syncs TO bosco_app
            USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
        """
    )
    op.execute(GRANTS)
    op.execute(DOOR)
