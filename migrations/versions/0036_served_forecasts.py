"""What is served of forecasts, and what models were fed.

Revision ID: 0036
Revises: 0033

    served_forecasts               the latest forecast of each series, with its days and its reasons
    made_forecasts.is_planned      made with planned spend: the two regimes are never mixed
    model_versions.inputs          how the inputs were spread when the model was trained
"""

from alembic import op

revision = "0036"
down_revision = "0033"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE served_forecasts (
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    measure TEXT NOT NULL,
    series TEXT NOT NULL,
    level VARCHAR(32) NOT NULL,
    currency TEXT,
    origin DATE NOT NULL,
    made_at TIMESTAMPTZ NOT NULL,
    method TEXT NOT NULL,
    version_id UUID,
    is_planned BOOLEAN NOT NULL,
    horizons INTEGER[] NOT NULL,
    quantiles DOUBLE PRECISION[] NOT NULL,
    days REAL[] NOT NULL,
    reasons JSONB NOT NULL,
    CONSTRAINT pk_served_forecasts PRIMARY KEY (tenant_id, client_id, measure, series),
    CONSTRAINT fk_served_forecasts__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_served_forecasts__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_served_forecasts__level
        CHECK (level IN ('client', 'account', 'channel', 'campaign'))
);
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(
        f"""
        ALTER TABLE served_forecasts ENABLE ROW LEVEL SECURITY;
        ALTER TABLE served_forecasts FORCE ROW LEVEL SECURITY;
        CREATE POLICY one_tenant ON served_forecasts TO bosco_app
            USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
        GRANT SELECT, INSERT, UPDATE, DELETE ON served_forecasts TO bosco_app;
        """
    )
    op.execute("ALTER TABLE made_forecasts ADD COLUMN is_planned BOOLEAN NOT NULL DEFAULT false")
    op.execute("ALTER TABLE made_forecasts ALTER COLUMN is_planned DROP DEFAULT")
    op.execute("ALTER TABLE model_versions ADD COLUMN inputs JSONB NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE model_versions ALTER COLUMN inputs DROP DEFAULT")
