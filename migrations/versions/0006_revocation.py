"""Cutting off: access tokens before they expire, and keys that sign them.

Revision ID: 0006
Revises: 0005

    revoked_tokens           access tokens that are refused; kept until they would have expired
    signing_keys.revoked_at  a key that verifies nothing any more
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE signing_keys ADD COLUMN revoked_at TIMESTAMPTZ;

CREATE TABLE revoked_tokens (
    tenant_id UUID NOT NULL,
    token_id UUID NOT NULL,
    revoked_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_revoked_tokens PRIMARY KEY (tenant_id, token_id),
    CONSTRAINT fk_revoked_tokens__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

SECURITY = f"""
ALTER TABLE revoked_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE revoked_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON revoked_tokens TO bosco_app
    USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
GRANT SELECT, INSERT, DELETE ON revoked_tokens TO bosco_app;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(SECURITY)
