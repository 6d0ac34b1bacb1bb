"""Row-level security: its names, and the check that no table escaped it.

    pg_catalog -> find_gaps -> sentences that say what is open and how to close it

Row-level security is the second lock of tenancy: it holds when a query forgot its tenant. It is
inert where it is not forced, where a role may bypass it, and for views and functions that run with
their owner's rights; each of these is one rule below. `Database.check` and the tests ask them all.

Sources: PostgreSQL 18 sections 5.9 (row security) and CREATE VIEW (security_invoker).
"""

from typing import Final

from sqlalchemy import Connection, text

__all__ = [
    "APP_ROLE",
    "DOOR_ACCOUNT_SETTING",
    "DOOR_CLIENT_SETTING",
    "DOOR_GRANTER_SETTING",
    "DOOR_ORIGIN_SETTING",
    "DOOR_ROLE",
    "DOOR_STATUS_SETTING",
    "FEATURES_ROLE",
    "JOBS_ROLE",
    "TENANT_SETTING",
    "find_gaps",
]

APP_ROLE: Final = "bosco_app"
DOOR_ROLE: Final = "bosco_door"
JOBS_ROLE: Final = "bosco_jobs"
FEATURES_ROLE: Final = "bosco_features"
TENANT_SETTING: Final = "app.tenant_id"
DOOR_CLIENT_SETTING: Final = "app.door_client_id"
DOOR_ORIGIN_SETTING: Final = "app.door_origin"
DOOR_ACCOUNT_SETTING: Final = "app.door_account"
DOOR_GRANTER_SETTING: Final = "app.door_granter"
DOOR_STATUS_SETTING: Final = "app.door_status"

# Unique over all tenants on purpose; everything else would tell one tenant what another has.
_GLOBAL_UNIQUE: Final = (
    "pk_tenants",  # the tenant itself
    "uq_tenants__slug",  # chosen by the operator, who sees all agencies
    "uq_oauth_clients__client_id",  # random, made by us: a token request names nothing else
)

# A tenant table is one with a tenant_id (partitions have their own row here), and `tenants`.
_TENANT_TABLES: Final = """
    SELECT c.oid, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
      AND (c.relname = 'tenants' OR EXISTS (
        SELECT 1 FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped))
"""

_RULES: Final = (
    f"""
    SELECT format('table %s: row-level security is not enabled and forced'
                  ' (ALTER TABLE ... FORCE ROW LEVEL SECURITY)', relname)
    FROM ({_TENANT_TABLES}) t WHERE NOT (relrowsecurity AND relforcerowsecurity)
    """,
    f"""
    SELECT format('table %s: no policy narrows {APP_ROLE} to one tenant, for reading and writing',
                  relname)
    FROM ({_TENANT_TABLES}) t
    WHERE NOT EXISTS (
        SELECT 1 FROM pg_policy p
        WHERE p.polrelid = t.oid AND p.polcmd = '*'
          AND '{APP_ROLE}'::regrole = ANY (p.polroles)
          AND position(:tenant_setting IN pg_get_expr(p.polqual, t.oid)) > 0
          AND position(:tenant_setting IN pg_get_expr(p.polwithcheck, t.oid)) > 0)
    """,
    f"""
    SELECT format('table %s: policy %s lets {APP_ROLE} past the tenant', t.relname, p.polname)
    FROM ({_TENANT_TABLES}) t JOIN pg_policy p ON p.polrelid = t.oid
    WHERE p.polpermissive AND p.polroles && ARRAY['{APP_ROLE}'::regrole::oid, 0::oid]
      AND (position(:tenant_setting IN pg_get_expr(p.polqual, t.oid)) = 0
        OR position(:tenant_setting IN pg_get_expr(p.polwithcheck, t.oid)) = 0)
    """,
    f"""
    SELECT format('role %s may bypass row-level security (ALTER ROLE ... NOSUPERUSER NOBYPASSRLS)',
                  rolname)
    FROM pg_roles
    WHERE (rolname IN ('{APP_ROLE}', '{DOOR_ROLE}', '{FEATURES_ROLE}', '{JOBS_ROLE}')
        AND (rolsuper OR rolbypassrls))
       OR (rolbypassrls AND NOT rolsuper)
    """,
    f"""
    SELECT format('role {APP_ROLE} owns table %s', relname)
    FROM pg_class WHERE relowner = '{APP_ROLE}'::regrole
    """,
    """
    SELECT format('materialized view %s would hold rows of every tenant', c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind = 'm'
    """,
    """
    SELECT format('view %s reads with its owner''s rights (set security_invoker)', c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind = 'v'
      AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)
    """,
    """
    SELECT format('function %s runs with its owner''s rights (SECURITY DEFINER)', p.proname)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'public' AND p.prosecdef
    """,
    f"""
    SELECT format('unique index %s lacks tenant_id: a conflict would tell of another tenant',
                  i.relname)
    FROM ({_TENANT_TABLES}) t
    JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
    WHERE x.indisunique AND i.relname <> ALL (:global_unique)
      AND NOT EXISTS (
        SELECT 1 FROM pg_attribute a
        WHERE a.attrelid = t.oid AND a.attname = 'tenant_id' AND a.attnum = ANY (x.indkey))
    """,
    f"""
    SELECT format('foreign key %s does not carry tenant_id', k.conname)
    FROM ({_TENANT_TABLES}) t JOIN pg_constraint k ON k.conrelid = t.oid
    WHERE k.contype = 'f' AND NOT EXISTS (
        SELECT 1 FROM pg_attribute a
        WHERE a.attrelid = t.oid AND a.attname = 'tenant_id' AND a.attnum = ANY (k.conkey))
    """,
    f"""
    SELECT format('%s may %s table %s', g.grantee, lower(g.privilege_type), g.table_name)
    FROM information_schema.role_table_grants g
    WHERE g.grantee IN ('{APP_ROLE}', '{DOOR_ROLE}', '{FEATURES_ROLE}', '{JOBS_ROLE}', 'PUBLIC')
      AND g.table_schema = 'public'
      AND (g.privilege_type IN ('TRUNCATE', 'TRIGGER', 'REFERENCES')
        OR g.table_name IN ('audit_checkpoints', 'audit_entries', 'certificates')
          AND g.privilege_type IN ('UPDATE', 'DELETE')
        OR g.grantee <> '{APP_ROLE}')
    """,
)


_PARAMETERS: Final[dict[str, object]] = {
    "global_unique": list(_GLOBAL_UNIQUE),
    "tenant_setting": TENANT_SETTING,
}


def find_gaps(connection: Connection) -> tuple[str, ...]:
    """Every place where one tenant could see or change another's rows.

    Args:
        connection: Any role; reads the catalogue only, one query for each rule.

    Returns:
        One sentence for each gap, sorted; empty when there is none.
    """
    gaps: list[str] = []
    for rule in _RULES:
        statement = text(rule)
        names = statement.compile().params
        gaps.extend(connection.scalars(statement, {name: _PARAMETERS[name] for name in names}))
    return tuple(sorted(gaps))
