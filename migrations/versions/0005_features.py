"""Features: what has been materialised, and the registry's own schema.

Revision ID: 0005
Revises: 0004

    bosco_features  owns the schema of Feast's registry: definitions of all agencies, no data
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROLE = """
DO $$
BEGIN
    BEGIN
        CREATE ROLE bosco_features NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    EXCEPTION
        WHEN duplicate_object OR unique_violation THEN NULL;
    END;
    IF NOT pg_has_role(current_user, 'bosco_features', 'SET') THEN
        GRANT bosco_features TO CURRENT_USER WITH INHERIT FALSE, SET TRUE;
    END IF;
END
$$;
CREATE SCHEMA feast AUTHORIZATION bosco_features;
"""

TABLES = """
CREATE TABLE feature_materialisations (
    tenant_id UUID NOT NULL,
    view TEXT NOT NULL,
    owner_id UUID NOT NULL,
    client_id UUID NOT NULL,
    fingerprint TEXT NOT NULL,
    as_of TIMESTAMPTZ NOT NULL,
    entities BIGINT NOT NULL,
    took_milliseconds BIGINT NOT NULL,
    CONSTRAINT pk_feature_materialisations PRIMARY KEY (tenant_id, view, owner_id),
    CONSTRAINT fk_feature_materialisations__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_feature_materialisations__tenant_id
        FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE feature_registrations (
    project TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_feature_registrations PRIMARY KEY (project)
);
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON feature_materialisations, feature_registrations TO bosco_app;
"""


def upgrade() -> None:
    op.execute(ROLE)
    op.execute(TABLES)
    op.execute(
        f"""
        ALTER TABLE feature_materialisations ENABLE ROW LEVEL SECURITY;
        ALTER TABLE feature_materialisations FORCE ROW LEVEL SECURITY;
        CREATE POLICY one_tenant ON feature_materialisations TO bosco_app
            USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
        """
    )
    op.execute(GRANTS)
