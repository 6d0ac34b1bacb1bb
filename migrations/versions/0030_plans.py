"""What an agency plans, and what it has measured.

Revision ID: 0030
Revises: 0029
"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE spend_plans (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    channel TEXT,
    campaign TEXT,
    day_from DATE NOT NULL,
    day_to DATE NOT NULL,
    amount NUMERIC(38, 9) NOT NULL,
    currency TEXT NOT NULL,
    planned_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_spend_plans PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_spend_plans__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_spend_plans__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE INDEX ix_spend_plans__tenant_id_client_id ON spend_plans (tenant_id, client_id);

CREATE TABLE planned_events (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    name TEXT NOT NULL,
    day_from DATE NOT NULL,
    day_to DATE NOT NULL,
    planned_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_planned_events PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_planned_events__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_planned_events__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE INDEX ix_planned_events__tenant_id_client_id ON planned_events (tenant_id, client_id);

CREATE TABLE lift_tests (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    channel TEXT NOT NULL,
    campaign TEXT,
    day_from DATE NOT NULL,
    day_to DATE NOT NULL,
    measure TEXT NOT NULL,
    spend_change NUMERIC(38, 9) NOT NULL,
    effect NUMERIC(38, 9) NOT NULL,
    standard_error NUMERIC(38, 9) NOT NULL,
    currency TEXT NOT NULL,
    source TEXT NOT NULL,
    noted_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_lift_tests PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_lift_tests__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_lift_tests__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE INDEX ix_lift_tests__tenant_id_client_id ON lift_tests (tenant_id, client_id);
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"


def upgrade() -> None:
    op.execute(TABLES)
    for table in ("spend_plans", "planned_events", "lift_tests"):
        op.execute(
            f"""
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
            CREATE POLICY one_tenant ON {table} TO bosco_app
                USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
            GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO bosco_app;
            """
        )
