"""Certificates of what was erased.

Revision ID: 0013
Revises: 0012

    certificates  one row for each revision; nobody may change or delete one
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE certificates (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    request_id UUID NOT NULL,
    number BIGINT NOT NULL,
    revision INTEGER NOT NULL,
    digest BYTEA NOT NULL,
    kid TEXT NOT NULL,
    signed TEXT NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    closed_at TIMESTAMPTZ,
    CONSTRAINT pk_certificates PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_certificates__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_certificates__tenant_id_request_id
        FOREIGN KEY (tenant_id, request_id) REFERENCES subject_requests (tenant_id, id),
    CONSTRAINT uq_certificates__tenant_id_number UNIQUE (tenant_id, number),
    CONSTRAINT uq_certificates__one_revision UNIQUE (tenant_id, request_id, revision)
);
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(
        f"""
        ALTER TABLE certificates ENABLE ROW LEVEL SECURITY;
        ALTER TABLE certificates FORCE ROW LEVEL SECURITY;
        CREATE POLICY one_tenant ON certificates TO bosco_app
            USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
        GRANT SELECT, INSERT ON certificates TO bosco_app;
        """
    )
