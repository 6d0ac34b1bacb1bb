"""The audit trail as one chain of hashes for each agency, and its signed checkpoints.

Revision ID: 0008
Revises: 0007

    audit_hash          what binds an entry to the one before it; the same bytes as in Python
    chain_audit_entry   gives each new entry its number and its hashes, one transaction at a time
    audit_checkpoints   the end of a chain at an instant, signed

The trigger overwrites whatever an INSERT says about number and hashes, so nothing is added beside
the chain. Its lock is of one agency, and ends with the transaction. Entries that are there already
are chained in the order of their instant.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Fixed widths first, then each text after its length in bytes: no two entries read the same.
HASH = """
CREATE FUNCTION audit_text(value TEXT) RETURNS BYTEA LANGUAGE sql STABLE STRICT
RETURN int4send(octet_length(convert_to(value, 'UTF8'))) || convert_to(value, 'UTF8');

CREATE FUNCTION audit_hash(
    previous_hash BYTEA,
    tenant_id UUID,
    sequence BIGINT,
    id UUID,
    at TIMESTAMPTZ,
    actor TEXT,
    action TEXT,
    object_kind TEXT,
    object_id TEXT,
    details JSONB
) RETURNS BYTEA LANGUAGE sql STABLE STRICT
RETURN sha256(
    convert_to('bosco audit 1', 'UTF8')
    || previous_hash
    || uuid_send(tenant_id)
    || int8send(sequence)
    || uuid_send(id)
    || int8send((extract(epoch FROM at) * 1000000)::bigint)
    || audit_text(actor)
    || audit_text(action)
    || audit_text(object_kind)
    || audit_text(object_id)
    || audit_text(details::text)
);
"""

COLUMNS = """
ALTER TABLE audit_entries
    ADD COLUMN sequence BIGINT,
    ADD COLUMN previous_hash BYTEA,
    ADD COLUMN hash BYTEA;
"""

# Row-level security binds the owner of the table too; it has to see the rows to chain them.
BACKFILL = """
ALTER TABLE audit_entries NO FORCE ROW LEVEL SECURITY;

DO $$
DECLARE
    entry audit_entries;
    last audit_entries;
BEGIN
    FOR entry IN SELECT * FROM audit_entries ORDER BY tenant_id, at, id LOOP
        IF last.tenant_id IS DISTINCT FROM entry.tenant_id THEN
            last.sequence := 0;
            last.hash := decode(repeat('00', 32), 'hex');
        END IF;
        entry.sequence := last.sequence + 1;
        entry.previous_hash := last.hash;
        entry.hash := audit_hash(
            entry.previous_hash, entry.tenant_id, entry.sequence, entry.id, entry.at, entry.actor,
            entry.action, entry.object_kind, entry.object_id, entry.details
        );
        UPDATE audit_entries
            SET sequence = entry.sequence, previous_hash = entry.previous_hash, hash = entry.hash
            WHERE tenant_id = entry.tenant_id AND id = entry.id;
        last := entry;
    END LOOP;
END
$$;

ALTER TABLE audit_entries FORCE ROW LEVEL SECURITY;

ALTER TABLE audit_entries
    ALTER COLUMN sequence SET NOT NULL,
    ALTER COLUMN previous_hash SET NOT NULL,
    ALTER COLUMN hash SET NOT NULL,
    ADD CONSTRAINT uq_audit_entries__tenant_id_sequence UNIQUE (tenant_id, sequence);
"""

# A function sees what was committed while it waited for the lock: each of its statements looks anew
# (READ COMMITTED). Where a transaction keeps its first view, the unique number refuses the entry.
TRIGGER = """
CREATE FUNCTION chain_audit_entry() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit chain ' || NEW.tenant_id, 0));
    SELECT e.sequence + 1, e.hash INTO NEW.sequence, NEW.previous_hash
        FROM public.audit_entries e WHERE e.tenant_id = NEW.tenant_id
        ORDER BY e.sequence DESC LIMIT 1;
    IF NOT FOUND THEN
        NEW.sequence := 1;
        NEW.previous_hash := decode(repeat('00', 32), 'hex');
    END IF;
    NEW.hash := public.audit_hash(
        NEW.previous_hash, NEW.tenant_id, NEW.sequence, NEW.id, NEW.at, NEW.actor, NEW.action,
        NEW.object_kind, NEW.object_id, NEW.details
    );
    RETURN NEW;
END
$$;

CREATE TRIGGER chain_audit_entry BEFORE INSERT ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION chain_audit_entry();
"""

CHECKPOINTS = """
CREATE TABLE audit_checkpoints (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    sequence BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    statement TEXT NOT NULL,
    CONSTRAINT pk_audit_checkpoints PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_audit_checkpoints__tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE INDEX ix_audit_checkpoints__tenant_id_sequence_at
    ON audit_checkpoints (tenant_id, sequence, at);
"""

CURRENT_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"

SECURITY = f"""
ALTER TABLE audit_checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_checkpoints FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON audit_checkpoints TO bosco_app
    USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT});
GRANT SELECT, INSERT ON audit_checkpoints TO bosco_app;
"""


def upgrade() -> None:
    op.execute(HASH)
    op.execute(COLUMNS)
    op.execute(BACKFILL)
    op.execute(TRIGGER)
    op.execute(CHECKPOINTS)
    op.execute(SECURITY)
