"""Data quality: incidents, held syncs, replayed rows.

Revision ID: 0003
Revises: 0002

    incidents         what one check found in one stream of a connection
    incident_events   who did what about it; append-only

A sync can be held back and released, or be superseded; it can bring the mended rows of another
one. A row in quarantine knows its key and day where they can be read, what was given in place of
its values, and how it was closed.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TENANT_TABLES = ("incident_events", "incidents")

SYNCS = """
ALTER TABLE syncs
    ADD COLUMN drift JSONB,
    ADD COLUMN released_at TIMESTAMPTZ,
    ADD COLUMN replays UUID,
    ADD CONSTRAINT fk_syncs__tenant_id_replays
        FOREIGN KEY (tenant_id, replays) REFERENCES syncs (tenant_id, id),
    DROP CONSTRAINT ck_syncs__landed_has_version,
    ADD CONSTRAINT ck_syncs__landed_has_version
        CHECK (state NOT IN ('landed', 'loaded', 'published', 'held', 'superseded')
        OR (version IS NOT NULL AND known_at IS NOT NULL)),
    DROP CONSTRAINT ck_syncs__state,
    ADD CONSTRAINT ck_syncs__state
        CHECK (state
        IN ('planned', 'extracting', 'landed', 'loaded', 'published', 'failed', 'held',
            'superseded'));

CREATE INDEX ix_syncs__held
    ON syncs (tenant_id, connection_id, stream) WHERE state = 'held';
"""

QUARANTINE = """
ALTER TABLE quarantined_rows
    ADD COLUMN around JSONB,
    ADD COLUMN natural_key TEXT,
    ADD COLUMN reporting_date DATE,
    ADD COLUMN repair JSONB,
    ADD COLUMN replay_run_id UUID,
    ADD COLUMN replay_sync_id UUID,
    ADD COLUMN resolved_by TEXT,
    ADD COLUMN resolution TEXT,
    ADD CONSTRAINT fk_quarantined_rows__tenant_id_replay_run_id
        FOREIGN KEY (tenant_id, replay_run_id) REFERENCES sync_runs (tenant_id, id),
    ADD CONSTRAINT fk_quarantined_rows__tenant_id_replay_sync_id
        FOREIGN KEY (tenant_id, replay_sync_id) REFERENCES syncs (tenant_id, id),
    DROP CONSTRAINT ck_quarantined_rows__state,
    ADD CONSTRAINT ck_quarantined_rows__state
        CHECK (state IN ('open', 'replayed', 'dismissed', 'superseded'));

CREATE INDEX ix_quarantined_rows__open
    ON quarantined_rows (tenant_id, connection_id, stream) WHERE state = 'open';
"""

INCIDENTS = """
CREATE TABLE incidents (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    connection_id UUID NOT NULL,
    stream TEXT NOT NULL,
    check_name TEXT NOT NULL,
    severity VARCHAR(32) NOT NULL,
    state VARCHAR(32) NOT NULL,
    message TEXT NOT NULL,
    hint TEXT NOT NULL,
    run_id UUID NOT NULL,
    sync_id UUID,
    times_found BIGINT NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    last_found_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_incidents PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_incidents__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_incidents__tenant_id_connection_id
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id),
    CONSTRAINT fk_incidents__tenant_id_run_id
        FOREIGN KEY (tenant_id, run_id) REFERENCES sync_runs (tenant_id, id),
    CONSTRAINT fk_incidents__tenant_id_sync_id
        FOREIGN KEY (tenant_id, sync_id) REFERENCES syncs (tenant_id, id),
    CONSTRAINT uq_incidents__tenant_id_connection_id_stream_check_name
        UNIQUE (tenant_id, connection_id, stream, check_name),
    CONSTRAINT fk_incidents__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_incidents__severity CHECK (severity IN ('notice', 'warning', 'critical')),
    CONSTRAINT ck_incidents__state CHECK (state IN ('open', 'acknowledged', 'resolved'))
);

CREATE INDEX ix_incidents__tenant_id_state_last_found_at
    ON incidents (tenant_id, state, last_found_at);

CREATE TABLE incident_events (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    incident_id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    kind VARCHAR(32) NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT pk_incident_events PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_incident_events__tenant_id_incident_id
        FOREIGN KEY (tenant_id, incident_id) REFERENCES incidents (tenant_id, id),
    CONSTRAINT fk_incident_events__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_incident_events__kind
        CHECK (kind
        IN ('opened', 'reopened', 'worsened', 'acknowledged', 'released', 'resolved'))
);

CREATE INDEX ix_incident_events__tenant_id_incident_id_at
    ON incident_events (tenant_id, incident_id, at);
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON incidents TO bosco_app;
GRANT SELECT, INSERT ON incident_events TO bosco_app;
"""

# What the loader's checks need beside what it loads.
DOOR = """
GRANT SELECT (quarantined, released_at) ON syncs TO bosco_door;
"""


def upgrade() -> None:
    op.execute(SYNCS)
    op.execute(QUARANTINE)
    op.execute(INCIDENTS)
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
