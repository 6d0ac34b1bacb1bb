"""Who may not be read for what, and what people agreed to.

Revision ID: 0019
Revises: 0018

    suppressions      intervals of people that are not read for a purpose
    consent_notices   what people were told
    consent_events    what they said
    subject_identifiers  a new one of somebody suppressed has to reach the warehouse, too
    subjects          whoever is erased leaves it
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE suppressions (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    subject_id UUID NOT NULL,
    purpose VARCHAR(32) NOT NULL,
    cause VARCHAR(32) NOT NULL,
    origin TEXT NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    events_from TIMESTAMPTZ,
    events_to TIMESTAMPTZ,
    lifted_at TIMESTAMPTZ,
    revision INTEGER NOT NULL,
    written_revision INTEGER NOT NULL,
    followed_revision INTEGER NOT NULL,
    written_at TIMESTAMPTZ,
    CONSTRAINT pk_suppressions PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_suppressions__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_suppressions__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT fk_suppressions__tenant_id_subject_id
        FOREIGN KEY (tenant_id, subject_id) REFERENCES subjects (tenant_id, id),
    CONSTRAINT ck_suppressions__purpose
        CHECK (purpose IN ('storage', 'analytics', 'advertising', 'personalisation')),
    CONSTRAINT ck_suppressions__cause CHECK (cause IN ('restriction', 'objection', 'withdrawal'))
);

CREATE UNIQUE INDEX uq_suppressions__open
    ON suppressions (tenant_id, subject_id, purpose, cause, origin)
    WHERE events_to IS NULL AND lifted_at IS NULL;

CREATE INDEX ix_suppressions__unsettled ON suppressions (tenant_id)
    WHERE written_revision < revision OR followed_revision < revision;

CREATE INDEX ix_suppressions__tenant_id_written_at ON suppressions (tenant_id, written_at);

CREATE TABLE consent_notices (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    version TEXT NOT NULL,
    language TEXT NOT NULL,
    content TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_consent_notices PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_consent_notices__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_consent_notices__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
);

CREATE UNIQUE INDEX uq_consent_notices__version
    ON consent_notices (tenant_id, client_id, version);

CREATE TABLE consent_events (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    pseudonym TEXT NOT NULL,
    purpose VARCHAR(32) NOT NULL,
    source TEXT NOT NULL,
    state VARCHAR(32) NOT NULL,
    effective_at TIMESTAMPTZ NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    notice_version TEXT NOT NULL,
    signal TEXT NOT NULL,
    receipt_id UUID NOT NULL,
    CONSTRAINT pk_consent_events PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_consent_events__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_consent_events__tenant_id_client_id
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT ck_consent_events__purpose
        CHECK (purpose IN ('storage', 'analytics', 'advertising', 'personalisation')),
    CONSTRAINT ck_consent_events__state CHECK (state IN ('granted', 'denied'))
);

CREATE INDEX ix_consent_events__tenant_id_pseudonym_purpose_effective_at
    ON consent_events (tenant_id, pseudonym, purpose, effective_at);

CREATE INDEX ix_consent_events__tenant_id_receipt_id ON consent_events (tenant_id, receipt_id);
"""

# A person who is suppressed and becomes known by another id stays suppressed; so do two who turn
# out to be one.
TRIGGER = """
CREATE FUNCTION suppressions_of_new_identifiers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE suppressions AS s SET revision = s.revision + 1
    FROM (
        SELECT DISTINCT a.tenant_id, a.subject_id FROM added AS a WHERE a.kind = 'platform'
        UNION
        SELECT m.tenant_id, m.id FROM added AS a
        JOIN subjects AS m ON m.tenant_id = a.tenant_id AND m.merged_into = a.subject_id
        WHERE a.kind = 'platform'
    ) AS those
    WHERE s.tenant_id = those.tenant_id AND s.subject_id = those.subject_id
        AND s.lifted_at IS NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER suppressions_of_new_identifiers AFTER INSERT ON subject_identifiers
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION suppressions_of_new_identifiers();
"""

# Nothing of somebody who was erased stays in the warehouse.
ERASED = """
CREATE FUNCTION suppressions_of_erased_subjects() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE suppressions AS s SET revision = s.revision + 1
    WHERE s.tenant_id = NEW.tenant_id AND s.subject_id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER suppressions_of_erased_subjects AFTER UPDATE OF erased_at ON subjects
    FOR EACH ROW WHEN (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL)
    EXECUTE FUNCTION suppressions_of_erased_subjects();
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

# What each table lets the application do.
GRANTS = {
    "consent_events": "SELECT, INSERT",
    "consent_notices": "SELECT, INSERT",
    "suppressions": "SELECT, INSERT, UPDATE",
}

DOOR = """
GRANT SELECT (tenant_id, revision, written_revision, followed_revision)
    ON suppressions TO bosco_door;
CREATE POLICY door_agencies_with_suppressions ON suppressions FOR SELECT TO bosco_door
    USING (written_revision < revision OR followed_revision < revision);
"""


def upgrade() -> None:
    op.execute(TABLES)
    for table, rights in GRANTS.items():
        op.execute(
            f"""
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
            CREATE POLICY one_tenant ON {table} TO bosco_app
                USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
            GRANT {rights} ON {table} TO bosco_app;
            """
        )
    op.execute(TRIGGER)
    op.execute(ERASED)
    op.execute(DOOR)
