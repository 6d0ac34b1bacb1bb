"""Models, their lives, whose data took part, and how well their forecasts did.

Revision ID: 0028
Revises: 0027

    model_versions, model_events, model_retrainings  of the platform: no column tells of a tenant
    model_shares, model_erasures                     an agency's part in the training of a version
    made_forecasts                                   the accuracy ledger
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE model_versions (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    state VARCHAR(32) NOT NULL,
    state_since TIMESTAMPTZ NOT NULL,
    follows UUID,
    created_at TIMESTAMPTZ NOT NULL,
    code TEXT NOT NULL,
    features TEXT NOT NULL,
    as_of TIMESTAMPTZ NOT NULL,
    data_hash TEXT NOT NULL,
    agencies INTEGER NOT NULL,
    figures BIGINT NOT NULL,
    parameters JSONB NOT NULL,
    metrics JSONB NOT NULL,
    artefact_hash TEXT NOT NULL,
    artefact_bytes BIGINT NOT NULL,
    retrain_by TIMESTAMPTZ,
    destroyed_at TIMESTAMPTZ,
    CONSTRAINT pk_model_versions PRIMARY KEY (id),
    CONSTRAINT uq_model_versions__kind_number UNIQUE (kind, number),
    CONSTRAINT uq_model_versions__kind_artefact_hash_as_of UNIQUE (kind, artefact_hash, as_of),
    CONSTRAINT ck_model_versions__state
        CHECK (state IN ('candidate', 'shadow', 'champion', 'retired', 'rejected', 'rolled_back'))
);

CREATE UNIQUE INDEX uq_model_versions__champion ON model_versions (kind) WHERE state = 'champion';

CREATE TABLE model_events (
    version_id UUID NOT NULL,
    number INTEGER NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    process TEXT NOT NULL,
    state VARCHAR(32) NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT pk_model_events PRIMARY KEY (version_id, number),
    CONSTRAINT fk_model_events__version_id FOREIGN KEY (version_id) REFERENCES model_versions (id),
    CONSTRAINT ck_model_events__state
        CHECK (state IN ('candidate', 'shadow', 'champion', 'retired', 'rejected', 'rolled_back'))
);

CREATE TABLE model_shares (
    tenant_id UUID NOT NULL,
    version_id UUID NOT NULL,
    kind TEXT NOT NULL,
    as_of TIMESTAMPTZ NOT NULL,
    series INTEGER NOT NULL,
    figures BIGINT NOT NULL,
    content_hash TEXT NOT NULL,
    told_events INTEGER NOT NULL,
    registered_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_model_shares PRIMARY KEY (tenant_id, version_id),
    CONSTRAINT fk_model_shares__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE model_erasures (
    tenant_id UUID NOT NULL,
    run_id UUID NOT NULL,
    version_id UUID NOT NULL,
    marked_at TIMESTAMPTZ NOT NULL,
    retrain_by TIMESTAMPTZ NOT NULL,
    retrained_at TIMESTAMPTZ,
    CONSTRAINT pk_model_erasures PRIMARY KEY (tenant_id, run_id, version_id),
    CONSTRAINT fk_model_erasures__tenant_id_run_id
        FOREIGN KEY (tenant_id, run_id) REFERENCES erasure_runs (tenant_id, id),
    CONSTRAINT fk_model_erasures__tenant_id_version_id
        FOREIGN KEY (tenant_id, version_id) REFERENCES model_shares (tenant_id, version_id),
    CONSTRAINT fk_model_erasures__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE INDEX ix_model_erasures__open ON model_erasures (retrain_by) WHERE retrained_at IS NULL;

CREATE INDEX ix_model_erasures__tenant_id_version_id ON model_erasures (tenant_id, version_id);

CREATE TABLE model_retrainings (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    reasons TEXT[] NOT NULL,
    noted_at TIMESTAMPTZ NOT NULL,
    done_at TIMESTAMPTZ,
    version_id UUID,
    CONSTRAINT pk_model_retrainings PRIMARY KEY (id)
);

CREATE UNIQUE INDEX uq_model_retrainings__open ON model_retrainings (kind) WHERE done_at IS NULL;

CREATE TABLE made_forecasts (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    level VARCHAR(32) NOT NULL,
    series TEXT NOT NULL,
    measure TEXT NOT NULL,
    origin DATE NOT NULL,
    made_at TIMESTAMPTZ NOT NULL,
    role VARCHAR(32) NOT NULL,
    method TEXT NOT NULL,
    version_id UUID,
    horizons INTEGER[] NOT NULL,
    quantiles DOUBLE PRECISION[] NOT NULL,
    baselines JSONB NOT NULL,
    actuals DOUBLE PRECISION[],
    scored_at TIMESTAMPTZ,
    CONSTRAINT pk_made_forecasts PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_made_forecasts__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_made_forecasts__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_made_forecasts__level CHECK (level IN ('client', 'channel', 'campaign')),
    CONSTRAINT ck_made_forecasts__role CHECK (role IN ('served', 'shadow'))
);

CREATE INDEX ix_made_forecasts__tenant_id_origin ON made_forecasts (tenant_id, origin);

CREATE UNIQUE INDEX uq_made_forecasts__one
    ON made_forecasts (tenant_id, client_id, series, measure, origin, version_id)
    NULLS NOT DISTINCT;
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

TENANT_TABLES = ("model_shares", "model_erasures", "made_forecasts")

GRANTS = """
GRANT SELECT, INSERT, UPDATE
    ON model_versions, model_shares, model_erasures, model_retrainings TO bosco_app;
GRANT SELECT, INSERT ON model_events TO bosco_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON made_forecasts TO bosco_app;
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
