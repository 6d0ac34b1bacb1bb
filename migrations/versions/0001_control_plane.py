"""Control plane: tables, roles, row-level security.

Revision ID: 0001
Revises: nothing

Text SQL on purpose: this file is history and imports no application code. Roles belong to the
whole server, tables to one database; so roles are made only where they are absent.

    bosco_app   every request and job; sees the tenant of its transaction only
    bosco_door  the named doors; reads single columns of several tenants, writes nothing
    bosco_jobs  owns the schema of the job engine, sees nothing else
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "audit_entries",
    "clients",
    "connections",
    "data_versions",
    "landing_objects",
    "membership_clients",
    "memberships",
    "metric_definitions",
    "oauth_clients",
    "quarantined_rows",
    "stream_states",
    "sync_runs",
    "syncs",
    "users",
)

ROLES = """
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['bosco_app', 'bosco_door', 'bosco_jobs'] LOOP
        BEGIN
            EXECUTE format(
                'CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', role_name
            );
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        IF NOT pg_has_role(current_user, role_name, 'SET') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT FALSE, SET TRUE', role_name);
        END IF;
    END LOOP;
END
$$;
"""

SCHEMAS = """
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO bosco_app, bosco_door;
CREATE SCHEMA dbos AUTHORIZATION bosco_jobs;
"""

TABLES = """
CREATE SEQUENCE landing_version AS BIGINT;

CREATE TABLE signing_keys (
    kid TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    public_jwk JSONB NOT NULL,
    wrapped_private_key BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    retired_at TIMESTAMPTZ,
    CONSTRAINT pk_signing_keys PRIMARY KEY (kid)
);

CREATE TABLE tenants (
    id UUID NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    wrapped_data_key BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_tenants PRIMARY KEY (id),
    CONSTRAINT uq_tenants__slug UNIQUE (slug)
);

CREATE TABLE audit_entries (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    details JSONB NOT NULL,
    CONSTRAINT pk_audit_entries PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_audit_entries__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE INDEX ix_audit_entries__tenant_id_at
    ON audit_entries (tenant_id, at);

CREATE INDEX ix_audit_entries__tenant_id_object_kind_object_id_at
    ON audit_entries (tenant_id, object_kind, object_id, at);

CREATE TABLE clients (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_clients PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_clients__tenant_id_slug UNIQUE (tenant_id, slug),
    CONSTRAINT fk_clients__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE metric_definitions (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    definition JSONB NOT NULL,
    revision INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    retired_at TIMESTAMPTZ,
    CONSTRAINT pk_metric_definitions PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_metric_definitions__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE UNIQUE INDEX uq_metric_definitions__current_name
    ON metric_definitions (tenant_id, name) WHERE retired_at IS NULL;

CREATE TABLE oauth_clients (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id TEXT NOT NULL,
    name TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    scopes TEXT[] NOT NULL,
    client_ids UUID[],
    created_at TIMESTAMPTZ NOT NULL,
    suspended_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    CONSTRAINT pk_oauth_clients PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_oauth_clients__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT uq_oauth_clients__client_id UNIQUE (client_id)
);

CREATE TABLE sync_runs (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    requested_by TEXT NOT NULL,
    state VARCHAR(32) NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    CONSTRAINT pk_sync_runs PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_sync_runs__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_sync_runs__state CHECK (state IN ('running', 'succeeded', 'failed'))
);

CREATE TABLE users (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    deactivated_at TIMESTAMPTZ,
    CONSTRAINT pk_users PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_users__tenant_id_email UNIQUE (tenant_id, email),
    CONSTRAINT fk_users__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE connections (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    source TEXT NOT NULL,
    account_id TEXT NOT NULL,
    label TEXT NOT NULL,
    settings JSONB NOT NULL,
    credentials BYTEA,
    state VARCHAR(32) NOT NULL,
    start_date DATE NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_connections PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_connections__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT uq_connections__tenant_id_client_id_source_account_id
        UNIQUE (tenant_id, client_id, source, account_id),
    CONSTRAINT fk_connections__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_connections__state CHECK (state IN ('active', 'paused', 'broken'))
);

CREATE TABLE memberships (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    role VARCHAR(32) NOT NULL,
    CONSTRAINT pk_memberships PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_memberships__tenant_id_user_id
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT uq_memberships__tenant_id_user_id_role UNIQUE (tenant_id, user_id, role),
    CONSTRAINT fk_memberships__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_memberships__role
        CHECK (role
        IN ('owner', 'admin', 'analyst', 'client_viewer', 'data_protection_officer', 'ml_engineer'))
);

CREATE TABLE membership_clients (
    tenant_id UUID NOT NULL,
    membership_id UUID NOT NULL,
    client_id UUID NOT NULL,
    CONSTRAINT pk_membership_clients PRIMARY KEY (tenant_id, membership_id, client_id),
    CONSTRAINT fk_membership_clients__tenant_id_membership_id
        FOREIGN KEY (tenant_id, membership_id) REFERENCES memberships (tenant_id, id),
    CONSTRAINT fk_membership_clients__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_membership_clients__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE stream_states (
    tenant_id UUID NOT NULL,
    connection_id UUID NOT NULL,
    stream TEXT NOT NULL,
    cursor JSONB,
    covered_from DATE,
    covered_to DATE,
    published_at TIMESTAMPTZ,
    CONSTRAINT pk_stream_states PRIMARY KEY (tenant_id, connection_id, stream),
    CONSTRAINT fk_stream_states__tenant_id_connection_id
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id),
    CONSTRAINT fk_stream_states__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE syncs (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    run_id UUID NOT NULL,
    client_id UUID NOT NULL,
    connection_id UUID NOT NULL,
    source TEXT NOT NULL,
    stream TEXT NOT NULL,
    fact TEXT NOT NULL,
    slice_from DATE,
    slice_to DATE,
    cursor_from TIMESTAMPTZ,
    cursor_to TIMESTAMPTZ,
    api_version TEXT NOT NULL,
    version BIGINT,
    known_at TIMESTAMPTZ,
    state VARCHAR(32) NOT NULL,
    checkpoint JSONB,
    rows BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    bytes_received BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    CONSTRAINT pk_syncs PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_syncs__tenant_id_run_id
        FOREIGN KEY (tenant_id, run_id) REFERENCES sync_runs (tenant_id, id),
    CONSTRAINT fk_syncs__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_syncs__tenant_id_connection_id
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id),
    CONSTRAINT ck_syncs__landed_has_version
        CHECK (state NOT
        IN ('landed', 'loaded', 'published') OR (version IS NOT NULL AND known_at IS NOT NULL)),
    CONSTRAINT fk_syncs__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_syncs__state
        CHECK (state IN ('planned', 'extracting', 'landed', 'loaded', 'published', 'failed'))
);

CREATE INDEX ix_syncs__landed
    ON syncs (version) WHERE state = 'landed';

CREATE INDEX ix_syncs__tenant_id_connection_id_stream_started_at
    ON syncs (tenant_id, connection_id, stream, started_at);

CREATE INDEX ix_syncs__tenant_id_run_id
    ON syncs (tenant_id, run_id);

CREATE TABLE data_versions (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    fact TEXT NOT NULL,
    version BIGINT NOT NULL,
    date_from DATE,
    date_to DATE,
    sync_id UUID NOT NULL,
    published_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_data_versions PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_data_versions__tenant_id_sync_id
        FOREIGN KEY (tenant_id, sync_id) REFERENCES syncs (tenant_id, id),
    CONSTRAINT fk_data_versions__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE INDEX ix_data_versions__tenant_id_fact_version
    ON data_versions (tenant_id, fact, version);

CREATE TABLE landing_objects (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    sync_id UUID NOT NULL,
    part INTEGER NOT NULL,
    uri TEXT NOT NULL,
    raw_table TEXT NOT NULL,
    rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    content_hash TEXT NOT NULL,
    api_version TEXT NOT NULL,
    landed_at TIMESTAMPTZ NOT NULL,
    loaded_at TIMESTAMPTZ,
    CONSTRAINT pk_landing_objects PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_landing_objects__tenant_id_sync_id
        FOREIGN KEY (tenant_id, sync_id) REFERENCES syncs (tenant_id, id),
    CONSTRAINT uq_landing_objects__tenant_id_sync_id_part UNIQUE (tenant_id, sync_id, part),
    CONSTRAINT fk_landing_objects__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE INDEX ix_landing_objects__unloaded
    ON landing_objects (tenant_id, sync_id) WHERE loaded_at IS NULL;

CREATE TABLE quarantined_rows (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    sync_id UUID NOT NULL,
    connection_id UUID NOT NULL,
    source TEXT NOT NULL,
    stream TEXT NOT NULL,
    row_number BIGINT NOT NULL,
    field TEXT,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    raw JSONB NOT NULL,
    state VARCHAR(32) NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    resolved_at TIMESTAMPTZ,
    CONSTRAINT pk_quarantined_rows PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_quarantined_rows__tenant_id_sync_id
        FOREIGN KEY (tenant_id, sync_id) REFERENCES syncs (tenant_id, id),
    CONSTRAINT fk_quarantined_rows__tenant_id_connection_id
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id),
    CONSTRAINT fk_quarantined_rows__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_quarantined_rows__state CHECK (state IN ('open', 'replayed', 'dismissed'))
);

CREATE INDEX ix_quarantined_rows__tenant_id_sync_id
    ON quarantined_rows (tenant_id, sync_id);"""

# The tenant of the transaction. A setting that was set once reads as '' in later transactions of
# the connection, hence NULLIF; the sub-select makes it one evaluation per statement, not per row.
CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON
    clients, connections, landing_objects, memberships, metric_definitions, oauth_clients,
    quarantined_rows, signing_keys, stream_states, sync_runs, syncs, tenants, users
TO bosco_app;
GRANT SELECT, INSERT ON audit_entries, data_versions, membership_clients TO bosco_app;
GRANT DELETE ON memberships, membership_clients TO bosco_app;
GRANT SELECT ON alembic_version TO bosco_app;
GRANT USAGE ON SEQUENCE landing_version TO bosco_app;
"""

# Each door reads the columns that it needs, of the rows that it is about.
DOORS = """
CREATE POLICY door_list_tenants ON tenants FOR SELECT TO bosco_door USING (true);
GRANT SELECT (id, slug, name, currency, time_zone, created_at) ON tenants TO bosco_door;

CREATE POLICY door_tenant_of_client ON oauth_clients FOR SELECT TO bosco_door
    USING (client_id = (SELECT NULLIF(current_setting('app.door_client_id', true), '')));
GRANT SELECT (tenant_id, client_id, secret_hash, scopes, client_ids, suspended_at)
    ON oauth_clients TO bosco_door;

CREATE POLICY door_pending_loads ON syncs FOR SELECT TO bosco_door USING (state = 'landed');
GRANT SELECT (tenant_id, id, run_id, client_id, connection_id, source, stream, fact, slice_from,
    slice_to, cursor_from, cursor_to, api_version, version, known_at, state)
    ON syncs TO bosco_door;

CREATE POLICY door_pending_loads ON landing_objects FOR SELECT TO bosco_door
    USING (loaded_at IS NULL);
GRANT SELECT (tenant_id, id, sync_id, part, uri, raw_table, rows, bytes, content_hash, loaded_at)
    ON landing_objects TO bosco_door;
"""


def upgrade() -> None:
    op.execute(ROLES)
    op.execute(SCHEMAS)
    op.execute(TABLES)
    _force_row_security("tenants", "id")
    for table in TENANT_TABLES:
        _force_row_security(table, "tenant_id")
    op.execute(GRANTS)
    op.execute(DOORS)


def _force_row_security(table: str, column: str) -> None:
    op.execute(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY one_tenant ON {table} TO bosco_app
            USING ({column} = {CURRENT_TENANT}) WITH CHECK ({column} = {CURRENT_TENANT});
        """
    )
