"""What was found of features day by day, and a sample of what was read of them.

Revision ID: 0032
Revises: 0031

    feature_reads      what was served to some reads; computed again within a day, then deleted
    feature_view_days  a view on one day
    feature_days       a feature on one day
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE feature_materialisations ADD COLUMN whole_since TIMESTAMPTZ;

CREATE TABLE feature_reads (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    view TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    client_id UUID NOT NULL,
    as_of TIMESTAMPTZ NOT NULL,
    served JSONB NOT NULL,
    noted_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_feature_reads PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_feature_reads__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE INDEX ix_feature_reads__tenant_id_view ON feature_reads (tenant_id, view);

CREATE TABLE feature_view_days (
    tenant_id UUID NOT NULL,
    view TEXT NOT NULL,
    day DATE NOT NULL,
    fingerprint TEXT NOT NULL,
    measured_at TIMESTAMPTZ NOT NULL,
    judged_at TIMESTAMPTZ,
    entities BIGINT NOT NULL,
    missing BIGINT NOT NULL,
    oldest_as_of TIMESTAMPTZ,
    late BIGINT NOT NULL,
    objective_seconds BIGINT NOT NULL,
    freshness VARCHAR(32) NOT NULL,
    reference_at TIMESTAMPTZ NOT NULL,
    reads BIGINT NOT NULL,
    unjudged_reads BIGINT NOT NULL,
    compared BIGINT NOT NULL,
    mismatches BIGINT NOT NULL,
    examples JSONB NOT NULL,
    CONSTRAINT pk_feature_view_days PRIMARY KEY (tenant_id, view, day),
    CONSTRAINT fk_feature_view_days__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_feature_view_days__freshness
        CHECK (freshness IN ('too_few', 'usual', 'unusual'))
);

CREATE TABLE feature_days (
    tenant_id UUID NOT NULL,
    view TEXT NOT NULL,
    feature TEXT NOT NULL,
    day DATE NOT NULL,
    fingerprint TEXT NOT NULL,
    count BIGINT NOT NULL,
    nulls BIGINT NOT NULL,
    minimum DOUBLE PRECISION,
    maximum DOUBLE PRECISION,
    mean DOUBLE PRECISION,
    quantiles DOUBLE PRECISION[] NOT NULL,
    histogram JSONB NOT NULL,
    usual_null_rate DOUBLE PRECISION,
    usual_low DOUBLE PRECISION,
    usual_high DOUBLE PRECISION,
    reference BIGINT NOT NULL,
    psi DOUBLE PRECISION,
    distance DOUBLE PRECISION,
    p_value DOUBLE PRECISION,
    nulls_verdict VARCHAR(32) NOT NULL,
    range_verdict VARCHAR(32) NOT NULL,
    drift_verdict VARCHAR(32) NOT NULL,
    CONSTRAINT pk_feature_days PRIMARY KEY (tenant_id, view, feature, day),
    CONSTRAINT fk_feature_days__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_feature_days__nulls_verdict
        CHECK (nulls_verdict IN ('too_few', 'usual', 'unusual')),
    CONSTRAINT ck_feature_days__range_verdict
        CHECK (range_verdict IN ('too_few', 'usual', 'unusual')),
    CONSTRAINT ck_feature_days__drift_verdict
        CHECK (drift_verdict IN ('too_few', 'usual', 'unusual'))
);

CREATE INDEX ix_feature_days__tenant_id_view_day ON feature_days (tenant_id, view, day);

ALTER TABLE alerts
    DROP CONSTRAINT ck_alerts__kind,
    ADD CONSTRAINT ck_alerts__kind CHECK (kind IN (
        'freshness_predicted_miss', 'freshness_missed', 'sync_failed',
        'credentials_refused', 'credentials_expiring', 'quality_incident',
        'webhook_failed', 'recipient_not_told', 'privacy_message_stuck',
        'request_at_risk', 'help_at_risk', 'request_stuck',
        'features_late', 'features_unusual', 'features_drifted', 'features_differ'));
"""

OWNED = ("feature_reads", "feature_view_days", "feature_days")

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"


def upgrade() -> None:
    op.execute(TABLES)
    for table in OWNED:
        op.execute(
            f"""
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
            CREATE POLICY one_tenant ON {table} TO bosco_app
                USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
            GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO bosco_app;
            """
        )
