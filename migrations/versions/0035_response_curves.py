"""What a client's spend brings, as it was learnt last.

Revision ID: 0035
Revises: 0036
"""

from alembic import op

revision = "0035"
down_revision = "0036"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE response_curves (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    level VARCHAR(32) NOT NULL,
    measure TEXT NOT NULL,
    currency TEXT NOT NULL,
    as_of TIMESTAMPTZ NOT NULL,
    code TEXT NOT NULL,
    data_hash TEXT NOT NULL,
    figures BIGINT NOT NULL,
    first_day DATE NOT NULL,
    last_day DATE NOT NULL,
    final_day DATE NOT NULL,
    items TEXT[] NOT NULL,
    support JSONB NOT NULL,
    events TEXT[] NOT NULL,
    tests_known UUID[] NOT NULL,
    tests_used UUID[] NOT NULL,
    curves BYTEA NOT NULL,
    CONSTRAINT pk_response_curves PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_response_curves__tenant_id_client_id_level_measure_currency
        UNIQUE (tenant_id, client_id, level, measure, currency),
    CONSTRAINT fk_response_curves__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_response_curves__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_response_curves__level CHECK (level IN ('channel', 'campaign'))
);
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(
        f"""
        ALTER TABLE response_curves ENABLE ROW LEVEL SECURITY;
        ALTER TABLE response_curves FORCE ROW LEVEL SECURITY;
        CREATE POLICY one_tenant ON response_curves TO bosco_app
            USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
        GRANT SELECT, INSERT, UPDATE, DELETE ON response_curves TO bosco_app;
        """
    )
