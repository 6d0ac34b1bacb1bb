"""Every lock of the control plane, taken away once: an attack gets through, and the doctor tells.

    each table -> no attack gets through | one lock less, in the same transaction -> one does, and
    `find_gaps` names the table -> ROLLBACK

So neither a policy nor the test of it can be lost without a red test. The doors are the same: each
shows the rows that it is for; narrower or wider, and a test is red.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection, NullPool, Table, create_engine, text

from tenancy.rls import (
    APP_ROLE,
    DOOR_ACCOUNT_SETTING,
    DOOR_CLIENT_SETTING,
    DOOR_GRANTER_SETTING,
    DOOR_ORIGIN_SETTING,
    DOOR_ROLE,
    DOOR_STATUS_SETTING,
    FEATURES_ROLE,
    JOBS_ROLE,
    find_gaps,
)
from tenancy.tables import Base
from tests.fixtures.database import TEMPLATE, FilledTenant, copied_database, fill_two_tenants
from tests.isolation.entries import is_of_tenant
from tests.isolation.locks import breaches, tenant_column

Two = tuple[FilledTenant, FilledTenant]
TABLES = [table for table in Base.metadata.sorted_tables if is_of_tenant(table)]

# What is done to a table, and the attacks that may notice it; the doctor has to tell all of them.
LOCKS: Mapping[str, tuple[str, set[str]]] = {
    "no policy": ("DROP POLICY one_tenant ON {table}", {"read"}),
    "policy for all rows read": (
        "ALTER POLICY one_tenant ON {table} USING (true)",
        {"read", "read as nobody"},
    ),
    "policy for all rows written": (
        "ALTER POLICY one_tenant ON {table} WITH CHECK (true)",
        {"move", "plant"},
    ),
    "second policy beside it": (
        f"CREATE POLICY more ON {{table}} FOR SELECT TO {APP_ROLE} USING (true)",
        {"read as nobody"},
    ),
    "not forced": ("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY", {"own"}),
    "not enabled": (
        "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        {"read", "plant", "own"},
    ),
    "truncate granted": (
        f"GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO {APP_ROLE}",
        {"truncate"},
    ),
    **{
        f"granted to {role}": (
            f"GRANT USAGE ON SCHEMA public TO {role}; GRANT SELECT ON {{table}} TO {role}",
            {f"read as {role}"},
        )
        for role in (DOOR_ROLE, FEATURES_ROLE, JOBS_ROLE)
    },
}


@pytest.fixture(scope="module")
def filled(database_template: str) -> Iterator[tuple[str, Two]]:
    """One database for the module: every test undoes what it does."""
    with copied_database(database_template, TEMPLATE) as url:
        yield url, fill_two_tenants(url)


@pytest.fixture
def connection(filled: tuple[str, Two]) -> Iterator[Connection]:
    """The superuser, in a transaction that is rolled back."""
    engine = create_engine(filled[0], poolclass=NullPool)
    with engine.connect() as opened:
        yield opened
        opened.rollback()
    engine.dispose()


@pytest.fixture
def two(filled: tuple[str, Two]) -> Two:
    return filled[1]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.name))
def test_no_attack_gets_through_until_a_lock_is_gone(
    connection: Connection, two: Two, table: Table
) -> None:
    first, second = two
    assert breaches(connection, table, first, second) == set()
    for name, (statement, noticed_by) in LOCKS.items():
        savepoint = connection.begin_nested()
        connection.execute(text(statement.format(table=table.name)))
        found = breaches(connection, table, second, first, *noticed_by)
        gaps = [gap for gap in find_gaps(connection) if f"table {table.name}" in gap]
        savepoint.rollback()
        assert found, f"{name}: no attack gets through"
        assert gaps, f"{name}: the doctor does not tell"
    assert breaches(connection, table, second, first) == set()


@dataclass(frozen=True, slots=True)
class Door:
    """A policy of the doors.

    Attributes:
        table: That it is on.
        column: Of the table, granted to the doors.
        hides: Makes the second tenant's row one that the door is not for; empty: it is for all.
        named: What a caller names, by setting; an expression over the first tenant's row.
        apart: Makes both rows ones that other doors to the table are not for.
    """

    table: str
    column: str = "tenant_id"
    hides: str = ""
    named: Mapping[str, str] = field(default_factory=dict)
    apart: str = ""


DOORS = {
    ("door_list_tenants", "tenants"): Door("tenants", "id"),
    ("door_tenant_of_client", "oauth_clients"): Door(
        "oauth_clients", named={DOOR_CLIENT_SETTING: "client_id"}
    ),
    ("door_is_origin_known", "oauth_clients"): Door(
        "oauth_clients",
        hides="suspended_at = now(), origins = array_append(origins, 'https://known.example')",
        named={DOOR_ORIGIN_SETTING: "'https://known.example'"},
    ),
    ("door_pending_loads", "syncs"): Door("syncs", hides="state = 'published'"),
    ("door_pending_loads", "landing_objects"): Door("landing_objects", hides="loaded_at = now()"),
    ("door_agencies_with_alerts", "alerts"): Door("alerts", hides="settled_at = now()"),
    ("door_agencies_with_requests", "subject_requests"): Door(
        "subject_requests", hides="state = 'completed'"
    ),
    ("door_agencies_with_rescans", "erasure_rescans"): Door(
        "erasure_rescans", hides="done_at = now()"
    ),
    ("door_agencies_with_marked_models", "model_erasures"): Door(
        "model_erasures", hides="retrained_at = now()"
    ),
    ("door_agencies_with_suppressions", "suppressions"): Door(
        "suppressions", hides="written_revision = revision, followed_revision = revision"
    ),
    ("door_due_work", "due_syncs"): Door("due_syncs", hides="state = 'done'"),
    ("door_agencies_with_webhooks", "webhook_deliveries"): Door(
        "webhook_deliveries", hides="state = 'delivered'"
    ),
    ("door_connections_of_account", "connections"): Door(
        "connections", named={DOOR_ACCOUNT_SETTING: "source || ':' || account_id"}
    ),
    ("door_connections_granted_by", "connections"): Door(
        "connections", named={DOOR_GRANTER_SETTING: "source || ':' || granted_by"}
    ),
    ("door_tenants_of_status", "privacy_inbox"): Door(
        "privacy_inbox",
        named={DOOR_STATUS_SETTING: "encode(status_hash, 'hex')"},
        apart="state = 'filed'",
    ),
    ("door_agencies_with_privacy_messages", "privacy_inbox"): Door(
        "privacy_inbox", hides="state = 'filed'"
    ),
    ("door_agencies_with_recipient_notices", "recipient_notices"): Door(
        "recipient_notices", hides="state = 'acknowledged'"
    ),
}


def test_every_policy_is_known(connection: Connection) -> None:
    rows = connection.execute(
        text(
            "SELECT policyname, tablename, roles::text[] FROM pg_policies"
            " WHERE schemaname = 'public'"
        )
    ).all()
    doors = {(name, table) for name, table, roles in rows if roles == [DOOR_ROLE]}
    assert doors == set(DOORS)
    others = {(name, table) for name, table, roles in rows if roles != [DOOR_ROLE]}
    assert others == {("one_tenant", table.name) for table in TABLES}
    assert all(roles in ([DOOR_ROLE], [APP_ROLE]) for _, __, roles in rows)


@pytest.mark.parametrize("policy", DOORS, ids=".".join)
def test_a_door_is_as_wide_as_its_question(
    connection: Connection, two: Two, policy: tuple[str, str]
) -> None:
    door, (first, second) = DOORS[policy], two
    if policy[0] == "door_is_origin_known":
        connection.execute(
            text(
                "UPDATE oauth_clients SET origins = ARRAY['https://known.example']"
                " WHERE tenant_id = :id"
            ),
            {"id": first.tenant_id},
        )
    if door.hides:
        connection.execute(
            text(f"UPDATE {door.table} SET {door.hides} WHERE tenant_id = :id"),
            {"id": second.tenant_id},
        )
    if door.apart:
        connection.execute(text(f"UPDATE {door.table} SET {door.apart}"))
    both = {first.tenant_id, second.tenant_id}
    shown = {first.tenant_id} if door.hides or door.named else both
    assert _seen(connection, door, first) == shown
    name, table = policy
    savepoint = connection.begin_nested()
    connection.execute(text(f"DROP POLICY {name} ON {table}"))
    assert _seen(connection, door, first) == set()
    savepoint.rollback()
    connection.execute(text(f"ALTER POLICY {name} ON {table} USING (true)"))
    assert _seen(connection, door, first) == both


def _seen(connection: Connection, door: Door, first: FilledTenant) -> set[object]:
    """Tenants whose rows the door shows to who names the first tenant's."""
    savepoint = connection.begin_nested()
    for setting, expression in door.named.items():
        query = text(f"SELECT {expression} FROM {door.table} WHERE tenant_id = :id")
        value = connection.scalar(query, {"id": first.tenant_id})
        connection.execute(
            text("SELECT set_config(:name, :value, true)"), {"name": setting, "value": value}
        )
    connection.execute(text(f"SET LOCAL ROLE {DOOR_ROLE}"))
    found = set(connection.scalars(text(f"SELECT {door.column} FROM {door.table}")))
    savepoint.rollback()
    return found


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.name))
def test_the_tenant_comes_first_in_every_key(table: Table) -> None:
    first = next(iter(table.primary_key)).name
    assert first == tenant_column(table)
