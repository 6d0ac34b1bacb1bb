"""What is unusual in an agency's figures, and how its budgets are spent.

Revision ID: 0034
Revises: 0035
"""

from alembic import op

revision = "0034"
down_revision = "0035"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE anomalies (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    channel TEXT,
    campaign TEXT,
    currency TEXT,
    cause TEXT NOT NULL,
    direction INTEGER NOT NULL,
    stage VARCHAR(32) NOT NULL,
    since DATE NOT NULL,
    last_day DATE NOT NULL,
    quiet INTEGER NOT NULL,
    deviations JSONB NOT NULL,
    stakes JSONB NOT NULL,
    found_on DATE NOT NULL,
    looked_on DATE NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    acknowledged_at TIMESTAMPTZ,
    CONSTRAINT pk_anomalies PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_anomalies__stage CHECK (stage IN ('opened', 'ongoing', 'over', 'lasting')),
    CONSTRAINT fk_anomalies__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_anomalies__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE INDEX ix_anomalies__tenant_id_last_day ON anomalies (tenant_id, last_day);

CREATE TABLE watched_days (
    tenant_id UUID NOT NULL,
    day DATE NOT NULL,
    as_of TIMESTAMPTZ NOT NULL,
    measures JSONB NOT NULL,
    CONSTRAINT pk_watched_days PRIMARY KEY (tenant_id, day),
    CONSTRAINT fk_watched_days__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE budget_paces (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    channel TEXT,
    campaign TEXT,
    currency TEXT NOT NULL,
    month DATE NOT NULL,
    looked_on DATE NOT NULL,
    as_of TIMESTAMPTZ NOT NULL,
    budget NUMERIC(38, 9) NOT NULL,
    spent DOUBLE PRECISION NOT NULL,
    planned DOUBLE PRECISION NOT NULL,
    landing DOUBLE PRECISION[] NOT NULL,
    verdict VARCHAR(32) NOT NULL,
    probability DOUBLE PRECISION,
    days_missing INTEGER NOT NULL,
    days_left INTEGER NOT NULL,
    left_to_spend NUMERIC(38, 9) NOT NULL,
    change DOUBLE PRECISION,
    method TEXT,
    version_id UUID,
    words TEXT NOT NULL,
    CONSTRAINT pk_budget_paces PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_budget_paces__verdict CHECK (
        verdict IN ('on_track', 'over', 'under', 'too_little_known')),
    CONSTRAINT fk_budget_paces__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_budget_paces__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE UNIQUE INDEX uq_budget_paces__one ON budget_paces
    (tenant_id, client_id, channel, campaign, currency, month) NULLS NOT DISTINCT;
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"


def upgrade() -> None:
    op.execute(TABLES)
    for table in ("anomalies", "watched_days", "budget_paces"):
        op.execute(
            f"""
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
            CREATE POLICY one_tenant ON {table} TO bosco_app
                USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
            GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO bosco_app;
            """
        )
    op.execute(
        """
        ALTER TABLE alerts
            DROP CONSTRAINT ck_alerts__kind,
            ADD CONSTRAINT ck_alerts__kind CHECK (kind IN (
                'freshness_predicted_miss', 'freshness_missed', 'sync_failed',
                'credentials_refused', 'credentials_expiring', 'quality_incident',
                'webhook_failed', 'recipient_not_told', 'privacy_message_stuck',
                'request_at_risk', 'help_at_risk', 'request_stuck', 'features_late',
                'features_unusual', 'features_drifted', 'features_differ',
                'model_not_retrained', 'anomaly', 'budget_pace'))
        """
    )
