"""The schema: same as the model, safe by its catalogue, migrated once by many who start at once."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, make_url, text

from migrations.upgrade import find_version, head, migrate
from tenancy.rls import find_gaps
from tenancy.tables import Base
from tests.fixtures.database import administrate, in_database

APP_GRANTS = {
    "alembic_version": {"SELECT"},
    "alert_channels": {"SELECT", "INSERT", "UPDATE"},
    "alert_messages": {"SELECT", "INSERT", "UPDATE"},
    "alert_notices": {"SELECT", "INSERT"},
    "alerts": {"SELECT", "INSERT", "UPDATE"},
    "app_grants": {"SELECT", "INSERT", "UPDATE"},
    "approvals": {"SELECT", "INSERT", "UPDATE"},
    "audit_checkpoints": {"SELECT", "INSERT"},
    "audit_entries": {"SELECT", "INSERT"},
    "authorization_codes": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "browser_sessions": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "certificates": {"SELECT", "INSERT"},
    "clients": {"SELECT", "INSERT", "UPDATE"},
    "consent_events": {"SELECT", "INSERT"},
    "consent_notices": {"SELECT", "INSERT"},
    "connections": {"SELECT", "INSERT", "UPDATE"},
    "data_versions": {"SELECT", "INSERT"},
    "due_syncs": {"SELECT", "INSERT", "UPDATE"},
    "erasure_rescans": {"SELECT", "INSERT", "UPDATE"},
    "erasure_run_requests": {"SELECT", "INSERT", "UPDATE"},
    "erasure_runs": {"SELECT", "INSERT", "UPDATE"},
    "erasure_steps": {"SELECT", "INSERT", "UPDATE"},
    "external_identities": {"SELECT", "INSERT", "DELETE"},
    "feature_definitions": {"SELECT", "INSERT", "UPDATE"},
    "feature_days": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "feature_materialisations": {"SELECT", "INSERT", "UPDATE"},
    "feature_reads": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "feature_registrations": {"SELECT", "INSERT", "UPDATE"},
    "feature_view_days": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "identity_codes": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "identity_providers": {"SELECT", "INSERT", "UPDATE"},
    "incident_events": {"SELECT", "INSERT"},
    "incidents": {"SELECT", "INSERT", "UPDATE"},
    "landing_objects": {"SELECT", "INSERT", "UPDATE"},
    "legal_holds": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "lift_tests": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "made_forecasts": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "membership_clients": {"SELECT", "INSERT", "DELETE"},
    "memberships": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "metric_definitions": {"SELECT", "INSERT", "UPDATE"},
    "model_erasures": {"SELECT", "INSERT", "UPDATE"},
    "model_events": {"SELECT", "INSERT"},
    "model_retrainings": {"SELECT", "INSERT", "UPDATE"},
    "model_shares": {"SELECT", "INSERT", "UPDATE"},
    "model_versions": {"SELECT", "INSERT", "UPDATE"},
    "oauth_client_secrets": {"SELECT", "INSERT", "UPDATE"},
    "oauth_clients": {"SELECT", "INSERT", "UPDATE"},
    "one_time_links": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "passwords": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "pending_connections": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "pending_sign_ins": {"SELECT", "INSERT", "DELETE"},
    "planned_events": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "privacy_forms": {"SELECT", "INSERT", "UPDATE"},
    "privacy_inbox": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "person_exports": {"SELECT", "INSERT", "UPDATE"},
    "provider_outages": {"SELECT", "INSERT", "UPDATE"},
    "quarantined_rows": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "recipient_notices": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "recipients": {"SELECT", "INSERT", "UPDATE"},
    "recovery_codes": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "refresh_tokens": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "request_events": {"SELECT", "INSERT"},
    "request_letters": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "request_runs": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "response_curves": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "retention_runs": {"SELECT", "INSERT", "UPDATE"},
    "revoked_tokens": {"SELECT", "INSERT", "DELETE"},
    "second_factors": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "signing_keys": {"SELECT", "INSERT", "UPDATE"},
    "stream_states": {"SELECT", "INSERT", "UPDATE"},
    "served_forecasts": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "anomalies": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "budget_paces": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "watched_days": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "spend_plans": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "subject_identifiers": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "subject_requests": {"SELECT", "INSERT", "UPDATE"},
    "subjects": {"SELECT", "INSERT", "UPDATE"},
    "suppressions": {"SELECT", "INSERT", "UPDATE"},
    "sync_runs": {"SELECT", "INSERT", "UPDATE"},
    "syncs": {"SELECT", "INSERT", "UPDATE"},
    "tenants": {"SELECT", "INSERT", "UPDATE"},
    "token_families": {"SELECT", "INSERT", "UPDATE"},
    "tombstones": {"SELECT", "INSERT"},
    "users": {"SELECT", "INSERT", "UPDATE"},
    "webhook_deliveries": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "webhook_endpoints": {"SELECT", "INSERT", "UPDATE"},
    "webhook_events": {"SELECT", "INSERT", "DELETE"},
}

DOOR_COLUMNS = {
    "alerts": {"tenant_id", "settled_at"},
    "connections": {"tenant_id", "id", "client_id"},
    "due_syncs": {
        "tenant_id", "connection_id", "day", "source", "ready_at", "deadline_at", "typical_seconds",
        "fastest_seconds", "calls", "state", "run_id", "attempts", "started_at", "next_attempt_at",
        "error_code", "expected_at", "miss_foretold_at", "miss_cause", "missed_at",
    },
    "erasure_rescans": {"tenant_id", "due_at", "done_at"},
    "landing_objects": {
        "tenant_id", "id", "sync_id", "part", "uri", "raw_table", "rows", "bytes", "content_hash",
        "loaded_at",
    },
    "model_erasures": {"tenant_id", "retrain_by", "retrained_at"},
    "oauth_clients": {"tenant_id", "client_id"},
    "privacy_inbox": {"tenant_id", "state", "status_hash", "next_attempt_at"},
    "recipient_notices": {"tenant_id", "state", "next_attempt_at"},
    "subject_requests": {"tenant_id", "state"},
    "suppressions": {"tenant_id", "revision", "written_revision", "followed_revision"},
    "syncs": {
        "tenant_id", "id", "run_id", "client_id", "connection_id", "source", "stream", "fact",
        "slice_from", "slice_to", "cursor_from", "cursor_to", "api_version", "version", "known_at",
        "state", "quarantined", "released_at",
    },
    "tenants": {"id", "slug", "name", "currency", "time_zone", "created_at"},
    "webhook_deliveries": {"tenant_id", "state", "next_attempt_at"},
}  # fmt: skip


@pytest.fixture
def empty_url(postgres_url: str) -> str:
    name = f"empty_{uuid.uuid4().hex}"
    administrate(postgres_url, f"CREATE DATABASE {name}")
    return in_database(postgres_url, name)


def test_migrated_schema_is_the_model(database_url: str) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_check_constraints_are_those_of_the_model(database_url: str) -> None:
    checks = text(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'c' AND connamespace = CAST(:schema AS regnamespace)"
    )
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("CREATE SCHEMA model"))
        connection.execute(text("SET LOCAL search_path TO model"))
        Base.metadata.create_all(connection, checkfirst=False)
        model = {tuple(row) for row in connection.execute(checks, {"schema": "model"})}
        migrated = {tuple(row) for row in connection.execute(checks, {"schema": "public"})}
    assert len(model) == 61
    assert migrated == model


def test_second_migration_changes_nothing(database_url: str) -> None:
    migrate(database_url)
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        assert find_version(connection) == head()


def test_processes_that_start_together_migrate_once(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(migrate, [empty_url] * 4)) == [None] * 4
    engine = create_engine(empty_url, poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
        assert find_gaps(connection) == ()


def test_owner_without_superuser_rights_can_migrate(postgres_url: str) -> None:
    login, name = f"owner_{uuid.uuid4().hex[:8]}", f"owned_{uuid.uuid4().hex}"
    administrate(postgres_url, f"CREATE ROLE {login} LOGIN CREATEROLE NOSUPERUSER")
    for role in ("bosco_app", "bosco_door", "bosco_features", "bosco_jobs"):
        administrate(
            postgres_url,
            f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        )
        administrate(postgres_url, f"GRANT {role} TO {login} WITH INHERIT FALSE, SET TRUE")
    administrate(postgres_url, f"CREATE DATABASE {name} OWNER {login}")
    url = make_url(in_database(postgres_url, name)).set(username=login)
    migrate(url.render_as_string(hide_password=False))
    engine = create_engine(url, poolclass=NullPool, connect_args={"options": "-c role=bosco_app"})
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT current_user")) == "bosco_app"
        assert find_gaps(connection) == ()
        assert connection.scalar(text("SELECT count(*) FROM tenants")) == 0


def test_rights_of_the_application_are_these(database_url: str) -> None:
    assert _table_grants(database_url, "bosco_app") == APP_GRANTS


def test_doors_hold_no_right_on_a_whole_table(database_url: str) -> None:
    assert _table_grants(database_url, "bosco_door") == {}
    assert _table_grants(database_url, "bosco_features") == {}
    assert _table_grants(database_url, "bosco_jobs") == {}
    assert _table_grants(database_url, "PUBLIC") == {}


def test_doors_read_these_columns_only(database_url: str) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT table_name, column_name, privilege_type"
                " FROM information_schema.role_column_grants WHERE grantee = 'bosco_door'"
            )
        ).all()
    assert {kind for *_, kind in rows} == {"SELECT"}
    found: dict[str, set[str]] = {}
    for table, column, _ in rows:
        found.setdefault(table, set()).add(column)
    assert found == DOOR_COLUMNS


def test_policies_of_the_doors_are_these(database_url: str) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT tablename, policyname, cmd FROM pg_policies"
                " WHERE 'bosco_door' = ANY (roles) ORDER BY tablename, policyname"
            )
        ).all()
    assert [tuple(row) for row in rows] == [
        ("alerts", "door_agencies_with_alerts", "SELECT"),
        ("connections", "door_connections_granted_by", "SELECT"),
        ("connections", "door_connections_of_account", "SELECT"),
        ("due_syncs", "door_due_work", "SELECT"),
        ("erasure_rescans", "door_agencies_with_rescans", "SELECT"),
        ("landing_objects", "door_pending_loads", "SELECT"),
        ("model_erasures", "door_agencies_with_marked_models", "SELECT"),
        ("oauth_clients", "door_is_origin_known", "SELECT"),
        ("oauth_clients", "door_tenant_of_client", "SELECT"),
        ("privacy_inbox", "door_agencies_with_privacy_messages", "SELECT"),
        ("privacy_inbox", "door_tenants_of_status", "SELECT"),
        ("recipient_notices", "door_agencies_with_recipient_notices", "SELECT"),
        ("subject_requests", "door_agencies_with_requests", "SELECT"),
        ("suppressions", "door_agencies_with_suppressions", "SELECT"),
        ("syncs", "door_pending_loads", "SELECT"),
        ("tenants", "door_list_tenants", "SELECT"),
        ("webhook_deliveries", "door_agencies_with_webhooks", "SELECT"),
    ]


def test_every_tenant_table_leads_with_its_tenant() -> None:
    for table in Base.metadata.tables.values():
        if "tenant_id" in table.columns:
            assert table.primary_key.columns.keys()[0] == "tenant_id", table.name
    without = {name for name, table in Base.metadata.tables.items() if "tenant_id" not in table.c}
    of_models = {"model_events", "model_retrainings", "model_versions"}
    assert without == of_models | {
        *("feature_registrations", "provider_outages", "tenants", "signing_keys"),
    }


def test_migrated_schema_has_no_gap(database_url: str) -> None:
    assert _gaps_after(database_url, "SELECT 1") == ()


@pytest.mark.parametrize(
    ("change", "gap"),
    [
        (
            "ALTER TABLE clients NO FORCE ROW LEVEL SECURITY",
            (
                "table clients: row-level security is not enabled and forced"
                " (ALTER TABLE ... FORCE ROW LEVEL SECURITY)"
            ),
        ),
        (
            "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY",
            (
                "table tenants: row-level security is not enabled and forced"
                " (ALTER TABLE ... FORCE ROW LEVEL SECURITY)"
            ),
        ),
        (
            "DROP POLICY one_tenant ON users",
            "table users: no policy narrows bosco_app to one tenant, for reading and writing",
        ),
        (
            "CREATE POLICY wide ON users TO bosco_app USING (true)",
            "table users: policy wide lets bosco_app past the tenant",
        ),
        (
            "CREATE POLICY wide ON users USING (true)",
            "table users: policy wide lets bosco_app past the tenant",
        ),
        (
            "CREATE MATERIALIZED VIEW all_users AS SELECT * FROM users",
            "materialized view all_users would hold rows of every tenant",
        ),
        (
            "CREATE VIEW all_users AS SELECT * FROM users",
            "view all_users reads with its owner's rights (set security_invoker)",
        ),
        (
            (
                "CREATE FUNCTION f() RETURNS bigint SECURITY DEFINER LANGUAGE sql"
                " AS 'SELECT count(*) FROM users'"
            ),
            "function f runs with its owner's rights (SECURITY DEFINER)",
        ),
        (
            "CREATE UNIQUE INDEX by_email ON users (email)",
            "unique index by_email lacks tenant_id: a conflict would tell of another tenant",
        ),
        (
            "CREATE TABLE notes (tenant_id uuid, body text) PARTITION BY LIST (tenant_id)",
            "table notes: no policy narrows bosco_app to one tenant, for reading and writing",
        ),
        (
            (
                "ALTER TABLE users ADD CONSTRAINT fk_key FOREIGN KEY (name)"
                " REFERENCES signing_keys (kid)"
            ),
            "foreign key fk_key does not carry tenant_id",
        ),
        ("GRANT TRUNCATE ON users TO bosco_app", "bosco_app may truncate table users"),
        ("GRANT UPDATE ON audit_entries TO bosco_app", "bosco_app may update table audit_entries"),
        (
            "GRANT DELETE ON audit_checkpoints TO bosco_app",
            "bosco_app may delete table audit_checkpoints",
        ),
        ("GRANT DELETE ON certificates TO bosco_app", "bosco_app may delete table certificates"),
        ("GRANT SELECT ON users TO bosco_door", "bosco_door may select table users"),
        ("GRANT SELECT ON users TO PUBLIC", "PUBLIC may select table users"),
        ("ALTER TABLE users OWNER TO bosco_app", "role bosco_app owns table users"),
        (
            "ALTER ROLE bosco_app BYPASSRLS",
            "role bosco_app may bypass row-level security (ALTER ROLE ... NOSUPERUSER NOBYPASSRLS)",
        ),
        (
            "CREATE ROLE sneaky BYPASSRLS",
            "role sneaky may bypass row-level security (ALTER ROLE ... NOSUPERUSER NOBYPASSRLS)",
        ),
    ],
)
def test_gap_is_told(database_url: str, change: str, gap: str) -> None:
    assert gap in _gaps_after(database_url, change)


def test_view_with_the_rights_of_its_caller_is_no_gap(database_url: str) -> None:
    view = "CREATE VIEW mine WITH (security_invoker=true) AS SELECT * FROM users"
    assert _gaps_after(database_url, view) == ()


def _gaps_after(url: str, change: str) -> tuple[str, ...]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:  # never committed: roles belong to the whole server
        connection.execute(text(change))
        return find_gaps(connection)


def _table_grants(url: str, role: str) -> dict[str, set[str]]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
                " WHERE grantee = :role AND table_schema = 'public'"
            ),
            {"role": role},
        ).all()
    found: dict[str, set[str]] = {}
    for table, kind in rows:
        found.setdefault(table, set()).add(kind)
    return found
