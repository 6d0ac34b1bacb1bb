"""Feature views that agencies registered.

Revision ID: 0031
Revises: 0030
"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE feature_definitions (
    tenant_id UUID NOT NULL,
    view TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    definition TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL,
    clients INTEGER NOT NULL,
    clients_filled INTEGER NOT NULL,
    entities_filled BIGINT NOT NULL,
    filled_at TIMESTAMPTZ,
    retires_at TIMESTAMPTZ,
    successor TEXT NOT NULL,
    CONSTRAINT pk_feature_definitions PRIMARY KEY (tenant_id, view),
    CONSTRAINT fk_feature_definitions__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(
        f"""
        ALTER TABLE feature_definitions ENABLE ROW LEVEL SECURITY;
        ALTER TABLE feature_definitions FORCE ROW LEVEL SECURITY;
        CREATE POLICY one_tenant ON feature_definitions TO bosco_app
            USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
        """
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON feature_definitions TO bosco_app")
