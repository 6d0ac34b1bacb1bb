"""Rows about people, landing objects and closed records that are over may go.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE clients ADD COLUMN people_days INTEGER, ADD COLUMN people_purged_before DATE;

ALTER TABLE landing_objects ADD COLUMN purged_at TIMESTAMPTZ;

CREATE TABLE retention_runs (
    tenant_id UUID NOT NULL,
    day DATE NOT NULL,
    run_id UUID NOT NULL,
    counts JSONB NOT NULL,
    counted_at TIMESTAMPTZ NOT NULL,
    done_at TIMESTAMPTZ,
    told_at TIMESTAMPTZ,
    CONSTRAINT pk_retention_runs PRIMARY KEY (tenant_id, day),
    CONSTRAINT fk_retention_runs__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

RIGHTS = f"""
ALTER TABLE retention_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE retention_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON retention_runs TO bosco_app
    USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
GRANT SELECT, INSERT, UPDATE ON retention_runs TO bosco_app;
GRANT DELETE ON identity_codes, legal_holds, passwords, privacy_inbox, recipient_notices,
    request_runs TO bosco_app;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(RIGHTS)
