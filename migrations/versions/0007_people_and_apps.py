"""People who sign in, and apps that act for them.

Revision ID: 0007
Revises: 0006

    passwords, second_factors, recovery_codes,  how a person proves who it is
    identity_providers, external_identities,
    pending_sign_ins
    browser_sessions, one_time_links            who is signed in; invitations and new passwords
    approvals                                   four eyes: asked for by one, allowed by another
    app_grants, token_families,                 what a person allows an app, and what came of it
    authorization_codes, refresh_tokens
    oauth_clients                               gets kinds, grants, redirects, origins and limits
    oauth_client_secrets                        two may live at a time; the door reads none
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "app_grants",
    "approvals",
    "authorization_codes",
    "browser_sessions",
    "external_identities",
    "identity_providers",
    "oauth_client_secrets",
    "one_time_links",
    "passwords",
    "pending_sign_ins",
    "recovery_codes",
    "refresh_tokens",
    "second_factors",
    "token_families",
)

PEOPLE = """
CREATE TABLE approvals (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    payload JSONB NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    decision VARCHAR(32),
    decided_by TEXT,
    decided_at TIMESTAMPTZ,
    used_at TIMESTAMPTZ,
    CONSTRAINT pk_approvals PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_approvals__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_approvals__decision CHECK (decision IN ('approved', 'rejected'))
);

CREATE INDEX ix_approvals__tenant_id_requested_at
    ON approvals (tenant_id, requested_at);

CREATE TABLE passwords (
    tenant_id UUID NOT NULL,
    user_id UUID NOT NULL,
    hash TEXT NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_passwords PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT fk_passwords__tenant_id_user_id
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT fk_passwords__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE second_factors (
    tenant_id UUID NOT NULL,
    user_id UUID NOT NULL,
    sealed_secret BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    confirmed_at TIMESTAMPTZ,
    last_step INTEGER,
    CONSTRAINT pk_second_factors PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT fk_second_factors__tenant_id_user_id
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT fk_second_factors__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE recovery_codes (
    tenant_id UUID NOT NULL,
    user_id UUID NOT NULL,
    code_hash BYTEA NOT NULL,
    used_at TIMESTAMPTZ,
    CONSTRAINT pk_recovery_codes PRIMARY KEY (tenant_id, user_id, code_hash),
    CONSTRAINT fk_recovery_codes__tenant_id_user_id
        FOREIGN KEY (tenant_id, user_id) REFERENCES second_factors (tenant_id, user_id),
    CONSTRAINT fk_recovery_codes__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE identity_providers (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    sealed_secret BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    removed_at TIMESTAMPTZ,
    CONSTRAINT pk_identity_providers PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_identity_providers__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE UNIQUE INDEX uq_identity_providers__in_force
    ON identity_providers (tenant_id) WHERE removed_at IS NULL;

CREATE TABLE external_identities (
    tenant_id UUID NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id UUID NOT NULL,
    linked_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_external_identities PRIMARY KEY (tenant_id, issuer, subject),
    CONSTRAINT fk_external_identities__tenant_id_user_id
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT fk_external_identities__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE pending_sign_ins (
    tenant_id UUID NOT NULL,
    state_hash BYTEA NOT NULL,
    provider_id UUID NOT NULL,
    nonce TEXT NOT NULL,
    sealed_verifier BYTEA NOT NULL,
    return_to TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_pending_sign_ins PRIMARY KEY (tenant_id, state_hash),
    CONSTRAINT fk_pending_sign_ins__tenant_id_provider_id
        FOREIGN KEY (tenant_id, provider_id) REFERENCES identity_providers (tenant_id, id),
    CONSTRAINT fk_pending_sign_ins__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE browser_sessions (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    methods TEXT[] NOT NULL,
    browser TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    CONSTRAINT pk_browser_sessions PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_browser_sessions__tenant_id_user_id
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT fk_browser_sessions__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE UNIQUE INDEX ix_browser_sessions__tenant_id_token_hash
    ON browser_sessions (tenant_id, token_hash);

CREATE INDEX ix_browser_sessions__tenant_id_user_id
    ON browser_sessions (tenant_id, user_id);

CREATE TABLE one_time_links (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    kind VARCHAR(32) NOT NULL,
    user_id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    withdrawn_at TIMESTAMPTZ,
    CONSTRAINT pk_one_time_links PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_one_time_links__tenant_id_user_id
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT fk_one_time_links__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_one_time_links__kind CHECK (kind IN ('invitation', 'password_reset'))
);

CREATE UNIQUE INDEX ix_one_time_links__tenant_id_token_hash
    ON one_time_links (tenant_id, token_hash);

CREATE INDEX ix_one_time_links__tenant_id_user_id
    ON one_time_links (tenant_id, user_id);
"""

APPS = """
ALTER TABLE oauth_clients
    ADD COLUMN kind VARCHAR(32) NOT NULL DEFAULT 'confidential',
    ADD COLUMN grants TEXT[] NOT NULL DEFAULT '{client_credentials}',
    ADD COLUMN metrics TEXT[],
    ADD COLUMN redirect_uris TEXT[] NOT NULL DEFAULT '{}',
    ADD COLUMN origins TEXT[] NOT NULL DEFAULT '{}',
    ADD COLUMN calls_per_minute INTEGER,
    ADD CONSTRAINT ck_oauth_clients__kind CHECK (kind IN ('confidential', 'public'));

ALTER TABLE oauth_clients
    ALTER COLUMN kind DROP DEFAULT,
    ALTER COLUMN grants DROP DEFAULT,
    ALTER COLUMN redirect_uris DROP DEFAULT,
    ALTER COLUMN origins DROP DEFAULT;

CREATE TABLE oauth_client_secrets (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    app_id UUID NOT NULL,
    secret_hash BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    retired_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    CONSTRAINT pk_oauth_client_secrets PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_oauth_client_secrets__tenant_id_app_id
        FOREIGN KEY (tenant_id, app_id) REFERENCES oauth_clients (tenant_id, id),
    CONSTRAINT fk_oauth_client_secrets__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE INDEX ix_oauth_client_secrets__tenant_id_app_id
    ON oauth_client_secrets (tenant_id, app_id);

CREATE TABLE app_grants (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    app_id UUID NOT NULL,
    user_id UUID NOT NULL,
    scopes TEXT[] NOT NULL,
    granted_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    CONSTRAINT pk_app_grants PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_app_grants__tenant_id_app_id
        FOREIGN KEY (tenant_id, app_id) REFERENCES oauth_clients (tenant_id, id),
    CONSTRAINT fk_app_grants__tenant_id_user_id
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT fk_app_grants__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE UNIQUE INDEX uq_app_grants__in_force
    ON app_grants (tenant_id, app_id, user_id) WHERE revoked_at IS NULL;

CREATE TABLE token_families (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    grant_id UUID NOT NULL,
    scopes TEXT[] NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    revoked_because VARCHAR(32),
    CONSTRAINT pk_token_families PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_token_families__tenant_id_grant_id
        FOREIGN KEY (tenant_id, grant_id) REFERENCES app_grants (tenant_id, id),
    CONSTRAINT fk_token_families__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_token_families__revoked_because
        CHECK (revoked_because
        IN ('asked_for', 'code_replayed', 'refresh_token_reused', 'consent_withdrawn'))
);

CREATE INDEX ix_token_families__tenant_id_grant_id
    ON token_families (tenant_id, grant_id);

CREATE INDEX ix_token_families__tenant_id_expires_at
    ON token_families (tenant_id, expires_at);

CREATE TABLE authorization_codes (
    tenant_id UUID NOT NULL,
    code_hash BYTEA NOT NULL,
    family_id UUID NOT NULL,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    redeemed_at TIMESTAMPTZ,
    CONSTRAINT pk_authorization_codes PRIMARY KEY (tenant_id, code_hash),
    CONSTRAINT fk_authorization_codes__tenant_id_family_id
        FOREIGN KEY (tenant_id, family_id) REFERENCES token_families (tenant_id, id),
    CONSTRAINT uq_authorization_codes__tenant_id_family_id UNIQUE (tenant_id, family_id),
    CONSTRAINT fk_authorization_codes__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE refresh_tokens (
    tenant_id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    family_id UUID NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    CONSTRAINT pk_refresh_tokens PRIMARY KEY (tenant_id, token_hash),
    CONSTRAINT fk_refresh_tokens__tenant_id_family_id
        FOREIGN KEY (tenant_id, family_id) REFERENCES token_families (tenant_id, id),
    CONSTRAINT fk_refresh_tokens__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE INDEX ix_refresh_tokens__tenant_id_family_id
    ON refresh_tokens (tenant_id, family_id);
"""

# Row-level security binds the owner of the table too; it has to see the rows to move them.
SECRETS = """
ALTER TABLE oauth_clients NO FORCE ROW LEVEL SECURITY;
INSERT INTO oauth_client_secrets (tenant_id, id, app_id, secret_hash, created_at)
    SELECT tenant_id, gen_random_uuid(), id, secret_hash, created_at FROM oauth_clients;
ALTER TABLE oauth_clients FORCE ROW LEVEL SECURITY;
ALTER TABLE oauth_clients DROP COLUMN secret_hash;
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON
    app_grants, approvals, browser_sessions, identity_providers, oauth_client_secrets,
    one_time_links, passwords, token_families
TO bosco_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    authorization_codes, recovery_codes, refresh_tokens, second_factors
TO bosco_app;
GRANT SELECT, INSERT, DELETE ON external_identities, pending_sign_ins TO bosco_app;
"""

# A token request names an application and nothing else; a browser's preflight names an origin.
DOORS = """
REVOKE SELECT (scopes, client_ids, suspended_at) ON oauth_clients FROM bosco_door;

CREATE POLICY door_is_origin_known ON oauth_clients FOR SELECT TO bosco_door
    USING (suspended_at IS NULL
        AND (SELECT NULLIF(current_setting('app.door_origin', true), '')) = ANY (origins));
"""


def upgrade() -> None:
    op.execute(PEOPLE)
    op.execute(APPS)
    op.execute(SECRETS)
    for table in TENANT_TABLES:
        op.execute(
            f"""
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
            CREATE POLICY one_tenant ON {table} TO bosco_app
                USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
            """
        )
    op.execute(GRANTS)
    op.execute(DOORS)
