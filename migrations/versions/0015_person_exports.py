"""Copies of people's data, made for them.

Revision ID: 0015
Revises: 0014

    person_exports  one for each request; the key of its sealed parts, and the link that opens it
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE person_exports (
    tenant_id UUID NOT NULL,
    request_id UUID NOT NULL,
    parts INTEGER NOT NULL,
    size_bytes BIGINT NOT NULL,
    sealed_key BYTEA,
    link_hash BYTEA,
    link_expires_at TIMESTAMPTZ,
    made_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    downloaded_at TIMESTAMPTZ,
    purged_at TIMESTAMPTZ,
    CONSTRAINT pk_person_exports PRIMARY KEY (tenant_id, request_id),
    CONSTRAINT fk_person_exports__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_person_exports__tenant_id_request_id
        FOREIGN KEY (tenant_id, request_id) REFERENCES subject_requests (tenant_id, id)
);

CREATE INDEX ix_person_exports__kept ON person_exports (tenant_id, expires_at)
    WHERE purged_at IS NULL;
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(
        f"""
        ALTER TABLE person_exports ENABLE ROW LEVEL SECURITY;
        ALTER TABLE person_exports FORCE ROW LEVEL SECURITY;
        CREATE POLICY one_tenant ON person_exports TO bosco_app
            USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
        GRANT SELECT, INSERT, UPDATE ON person_exports TO bosco_app;
        """
    )
