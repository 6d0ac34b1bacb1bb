"""Every check and predicate in the code that keeps tenants apart, and how to take it away.

    Guard: a text that stands once in a file, the text without the check, the tests that must notice

`mutations.py` takes them away one by one; `test_guards.py` proves that each is where it is said to
be. A guard that two locks share (row-level security and a predicate, the narrowing of SQL and its
proof) is listed twice, once for each lock: each has tests that the other one does not make green.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["GUARDS", "Guard"]


@dataclass(frozen=True, slots=True)
class Guard:
    """A check that can be taken away.

    Attributes:
        area: What it guards, for the report.
        name: What it says.
        path: File, from the root.
        old: The check, as it stands there once.
        new: What the file says without it.
        tests: What pytest is given: files or functions below `tests`.
    """

    area: str
    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


SESSION: Final = ("tenancy/test_session.py",)
LEFT_OUT: Final = ("tenancy/test_left_out.py",)
GUARD: Final = ("tenancy/test_sql_guard.py", "tenancy/test_sql_guard_check.py")
VAULT: Final = ("tenancy/test_vault.py",)
LANDING: Final = ("tenancy/test_landing_store.py",)
FEATURES: Final = ("isolation/test_features.py",)
MATRIX: Final = ("isolation/test_matrix.py",)
STRANGERS: Final = ("isolation/test_fields.py::test_what_is_another_agency_s_is_nothing",)
LIMITED: Final = (
    "isolation/test_fields.py::test_a_client_that_the_token_does_not_show_is_nothing",
    "isolation/test_graphql.py",
)
SCOPES: Final = (
    "isolation/test_fields.py::test_a_token_without_the_scope_gets_nothing_and_does_nothing",
)
OAUTH: Final = (
    "api/oauth/test_families.py",
    "api/oauth/test_token_desk.py",
    "isolation/test_routes.py::test_an_app_is_no_agency_s_door_to_another",
)
TOKENS: Final = ("api/oauth/test_access_tokens.py",)
PAGES: Final = (
    "isolation/test_routes.py::test_a_page_is_of_whom_its_cookie_is",
    "api/identity/test_sessions.py",
    "api/pages",
)
CONSENT: Final = ("api/oauth/test_consent.py",)
WAREHOUSE: Final = ("isolation/test_warehouse.py", "tenancy/warehouse/test_duckdb.py")
BIGQUERY: Final = "tenancy/warehouse/test_warehouse.py"

# Of tenancy/landing_store.py.
_ASKS: Final = "        self._check(key)\n"
_READS: Final = "        try:\n            result = await obstore.get_async(self._store, key)\n"
_CREATES: Final = 'await obstore.put_async(self._store, key, data, mode="create")'


def _of(area: str, path: str, *guards: tuple[str, str, str, tuple[str, ...]]) -> list[Guard]:
    return [Guard(area, name, path, old, new, tests) for name, old, new, tests in guards]


GUARDS: Final[tuple[Guard, ...]] = (
    *_of(
        "PostgreSQL sessions",
        "tenancy/session.py",
        (
            "a transaction is of its tenant",
            "    if tenant_id is not None:\n        connection.execute(_SET_TENANT",
            "    if False:\n        connection.execute(_SET_TENANT",
            SESSION,
        ),
        (
            "the tenant ends with the transaction",
            "SELECT set_config(:setting, :tenant, true)",
            "SELECT set_config(:setting, :tenant, false)",
            SESSION,
        ),
        ("connections act as a bound role", 'f"-c role={role}"', '"-c jit=off"', SESSION),
        ("doors read only", "    if read_only:\n", "    if False:\n", SESSION),
        (
            "rows are of the session's tenant",
            "if given is None or given != tenant_id:",
            "if given is None:",
            SESSION,
        ),
        (
            "statements change no setting",
            "    if _FORBIDDEN.search(statement) and",
            "    if False and",
            SESSION,
        ),
        (
            "no autocommit",
            'if options.get("isolation_level") == "AUTOCOMMIT":',
            "if False:",
            SESSION,
        ),
        (
            "a connection forgets its borrower",
            'connection.cursor().execute("RESET ALL")',
            "pass",
            SESSION,
        ),
    ),
    *_of(
        "SQL of the warehouse",
        "tenancy/sql_guard.py",
        (
            "scans are narrowed",
            "            scan.replace(_narrowed(scan, kind, nobody_suppressed=nobody_suppressed))",
            "            pass",
            GUARD,
        ),
        (
            "scans are narrowed to clients",
            "    if kind is ScopeKind.TENANT:\n        return one",
            "    if kind is not ScopeKind.TENANTS:\n        return one",
            GUARD,
        ),
        ("unknown shapes are refused", "    _refuse_unknown_shapes(tree)\n", "", GUARD),
        (
            "the proof is asked for",
            (
                "    check_guarded(text, dialect.name, kind.value,"
                " nobody_suppressed=nobody_suppressed)\n"
            ),
            "",
            GUARD,
        ),
        (
            "questions leave out the suppressed",
            "if kind is not ScopeKind.TENANTS and not nobody_suppressed:",
            "if False:",
            LEFT_OUT,
        ),
        (
            "what is kept is not asked about",
            "if kind is not ScopeKind.TENANTS and scan.db in _KEPT_SCHEMAS:",
            "if False:",
            LEFT_OUT,
        ),
        ("only the guard seals", "if self.seal is not _SEAL:", "if False:", GUARD),
        (
            "parameters of the guard are reserved",
            "return isinstance(node.this, exp.Var) and not node.name.startswith(_RESERVED)",
            "return isinstance(node.this, exp.Var)",
            GUARD,
        ),
        (
            "schemas of others are refused",
            "if schema.name in _FOREIGN_SCHEMAS or name.name.startswith(CTE_PREFIX):",
            "if name.name.startswith(CTE_PREFIX):",
            GUARD,
        ),
        (
            "base tables are no CTE's namesakes",
            "known = node.alias.startswith(CTE_PREFIX)",
            "known = True",
            GUARD,
        ),
        (
            "one tenant changes nothing",
            "    if kind is not ScopeKind.TENANTS:\n        raise _refused(f",
            "    if False:\n        raise _refused(f",
            GUARD,
        ),
        (
            "an insert is narrowed by value",
            '    insert.set("expression", _of_tenants(query))\n',
            "",
            GUARD,
        ),
        (
            "a delete is narrowed",
            '    delete.set("where", exp.Where(this=predicate))\n',
            "",
            GUARD,
        ),
        (
            "a merge reads rows of its tenants",
            '    using.set("this", _of_tenants(using.this))\n',
            "",
            GUARD,
        ),
        (
            "a merge inserts its source's tenant",
            '            if pairs.get("tenant_id") != exp.column("tenant_id", table=source):',
            "            if False:",
            GUARD,
        ),
        (
            "a merge moves no row",
            'if any(setting.this.name == "tenant_id" for setting in then.expressions):',
            "if False:",
            GUARD,
        ),
    ),
    *_of(
        "proof of that SQL",
        "tenancy/sql_guard_check.py",
        (
            "each scan sits in its frame",
            "return self._sql(frame) == permitted and isinstance(",
            "return isinstance(",
            GUARD,
        ),
        (
            "the suppressed are left out of it",
            "if self._leaves_out and of_facts is not None:",
            "if False:",
            LEFT_OUT,
        ),
        (
            "unqualified names are CTEs",
            'if table.db or not table.name.startswith("_cte_"):',
            "if table.db:",
            GUARD,
        ),
        (
            "claims are checked",
            "        if not condition:\n            raise self._unguarded(node)",
            "        if False:\n            raise self._unguarded(node)",
            GUARD,
        ),
        (
            "only several tenants are written",
            '        self._require(self._kind == "tenants", tree)\n',
            "",
            GUARD,
        ),
        (
            "a delete ends in the predicate",
            "self._require(where is not None and self._holds(where.this, target), tree)",
            "self._require(where is not None, tree)",
            GUARD,
        ),
    ),
    *_of(
        "values of that SQL",
        "tenancy/warehouse/guarding.py",
        (
            "the scope's values win",
            "values = {**parameters, **scope_values(scope)}",
            "values = {**scope_values(scope), **parameters}",
            ("tenancy/warehouse/test_guarding.py",),
        ),
        (
            "a scope of clients narrows to them",
            "return ScopeKind.TENANT if scope.clients is None else ScopeKind.CLIENTS",
            "return ScopeKind.TENANT",
            LIMITED,
        ),
        (
            "tables have an owner",
            "if tenant is None or tenant.type is not ColumnType.STRING:",
            "if False:",
            (f"{BIGQUERY}::test_refuses_tables_that_cannot_be_guarded",),
        ),
    ),
    *_of(
        "loads into the warehouse",
        "tenancy/warehouse/types.py",
        (
            "rows are of the load's tenants",
            "    if foreign:\n        raise ForeignRowsError(",
            "    if False:\n        raise ForeignRowsError(",
            WAREHOUSE,
        ),
    ),
    *_of(
        "loads into the warehouse",
        "tenancy/warehouse/bigquery.py",
        (
            "remote objects are of the load's tenants",
            "            if foreign:\n                raise ForeignRowsError(",
            "            if False:\n                raise ForeignRowsError(",
            (f"{BIGQUERY}::test_remote_objects_of_other_tenants_are_not_loaded",),
        ),
    ),
    *_of(
        "loads into the warehouse",
        "tenancy/audited_tenants.py",
        (
            "work for several names them",
            "if not self.tenant_ids:",
            "if False:",
            LANDING,
        ),
    ),
    *_of(
        "Redis",
        "tenancy/cache.py",
        (
            "keys begin with the tenant",
            'return ":".join(("t", str(self._tenant_id), kind.value, *parts))',
            'return ":".join(("t", "all", kind.value, *parts))',
            ("isolation/test_redis.py",),
        ),
        (
            "parts reach into no other key",
            "if not parts or not all(_PART.fullmatch(part) for part in parts):",
            "if not parts:",
            ("isolation/test_redis.py", "tenancy/test_cache.py"),
        ),
        (
            "answers are those of the same clients",
            '    return _digest(",".join(sorted(str(client) for client in scope.clients)))',
            '    return "all"',
            ("tenancy/test_cache.py",),
        ),
    ),
    *_of(
        "Redis",
        "tenancy/rate_limits.py",
        (
            "an agency's calls are counted apart",
            "redis = TenantRedis(self._server, bucket.tenant_id)",
            "redis = TenantRedis(self._server, TenantId(bucket.tenant_id.__class__(int=0)))",
            ("tenancy/test_rate_limits.py",),
        ),
    ),
    *_of(
        "features",
        "tenancy/feature_values.py",
        (
            "ids are encoded",
            'encoded = _PLAIN.sub(lambda found: b"=%02X" % found[0][0], data).decode()',
            'encoded = data.decode("utf-8", "surrogatepass")',
            FEATURES,
        ),
        (
            "handles are of one tenant",
            "self._redis = TenantRedis(server, tenant_id)",
            "self._redis = TenantRedis(server, TenantId(tenant_id.__class__(int=0)))",
            FEATURES,
        ),
    ),
    *_of(
        "features",
        "feature_repo/online.py",
        (
            "only clients of the scope are shown",
            "        if scope.clients is None:\n            return rows",
            "        if True:\n            return rows",
            ("feature_repo/test_online.py", *LIMITED),
        ),
    ),
    *_of(
        "vault",
        "tenancy/vault.py",
        (
            "data keys are of one tenant",
            'return b"bosco data key\\0" + tenant_id.bytes',
            'return b"bosco data key\\0"',
            VAULT,
        ),
        (
            "credentials are of one tenant",
            'return b"bosco credentials\\0" + tenant_id.bytes + connection_id.bytes',
            'return b"bosco credentials\\0" + connection_id.bytes',
            VAULT,
        ),
        (
            "credentials are of one connection",
            'b"bosco credentials\\0" + tenant_id.bytes + connection_id.bytes',
            'b"bosco credentials\\0" + tenant_id.bytes',
            VAULT,
        ),
        (
            "other secrets are of one tenant",
            "encode() + tenant_id.bytes + object_id.bytes",
            "encode() + object_id.bytes",
            VAULT,
        ),
        (
            "other secrets are of one object",
            "encode() + tenant_id.bytes + object_id.bytes",
            "encode() + tenant_id.bytes",
            VAULT,
        ),
        (
            "other secrets are of one purpose",
            'f"bosco {purpose.value}\\0".encode() + tenant_id.bytes',
            'b"bosco secret\\0" + tenant_id.bytes',
            VAULT,
        ),
        (
            "what is sealed names its place",
            "return _VERSION + nonce + cipher.encrypt(nonce, plaintext, _VERSION + context)",
            "return _VERSION + nonce + cipher.encrypt(nonce, plaintext, _VERSION)",
            VAULT,
        ),
    ),
    *_of(
        "landing objects",
        "tenancy/landing_store.py",
        (
            "keys lie under the tenant",
            'if not key.startswith(self._prefixes) or ".." in key.split("/"):',
            "if False:",
            LANDING,
        ),
        (
            "keys climb nowhere",
            'if not key.startswith(self._prefixes) or ".." in key.split("/"):',
            "if not key.startswith(self._prefixes):",
            LANDING,
        ),
        (
            "reading asks",
            f"{_ASKS}{_READS}            return",
            f"{_READS}            return",
            LANDING,
        ),
        (
            "streaming asks",
            f"{_ASKS}{_READS}            async for",
            f"{_READS}            async for",
            LANDING,
        ),
        (
            "listing asks",
            "        if prefix:\n            self._check(prefix)\n",
            "",
            LANDING,
        ),
        (
            "describing asks",
            "        self._check(key)\n        try:\n            footer",
            "        try:\n            footer",
            LANDING,
        ),
        (
            "writing asks",
            f"{_ASKS}        try:\n            await obstore.put_async(self._store, key, data)\n",
            "        try:\n            await obstore.put_async(self._store, key, data)\n",
            LANDING,
        ),
        (
            "creating asks",
            f"{_ASKS}        try:\n            {_CREATES}",
            f"        try:\n            {_CREATES}",
            LANDING,
        ),
        (
            "deleting asks",
            "        self._check(key)\n        try:\n            await obstore.delete_async",
            "        try:\n            await obstore.delete_async",
            LANDING,
        ),
        (
            "objects prove whose rows they hold",
            "            or statistics.min != statistics.max\n",
            "",
            LANDING,
        ),
    ),
    *_of(
        "jobs",
        "tenancy/jobs.py",
        (
            "fair queues know the tenant",
            "            if tenant_id is None:\n                raise MissingTenantError",
            "            if False:\n                raise MissingTenantError",
            ("tenancy/test_jobs.py::test_sync_job_without_tenant_is_refused",),
        ),
        (
            "tenants take turns",
            'options["queue_partition_key"] = str(tenant_id)',
            'options["queue_partition_key"] = "all"',
            ("tenancy/test_jobs.py::test_one_tenant_does_not_take_all_places",),
        ),
    ),
    *_of(
        "GraphQL",
        "api/graphql/access.py",
        (
            "fields ask for their scope",
            "        if self.scope is not None:",
            "        if False:",
            SCOPES,
        ),
    ),
    *_of(
        "GraphQL",
        "api/identity/caller.py",
        (
            "a scope is one that the token has",
            "        if scope.value not in self.scopes:",
            "        if False:",
            SCOPES,
        ),
        (
            "answers are the caller's agency's and clients'",
            "return TenantScope(self.tenant_id, self.clients)",
            "return TenantScope(self.tenant_id, None)",
            LIMITED,
        ),
    ),
    *_of(
        "GraphQL",
        "api/graphql/tenants.py",
        (
            "states are remembered by agency",
            "        entry = self._entries.get(tenant_id)\n        if entry",
            "        entry = next(iter(self._entries.values()), None)\n        if entry",
            MATRIX,
        ),
        (
            "states are read by agency",
            "        task = self._refreshing.get(tenant_id)\n        if task",
            "        task = next(iter(self._refreshing.values()), None)\n        if task",
            ("isolation/test_side_by_side.py",),
        ),
    ),
    *(
        Guard(
            "clients that a token shows",
            name,
            f"api/graphql/queries/{name}.py",
            "if context.caller.clients is not None:",
            "if False:",
            LIMITED,
        )
        for name in ("alerts", "clients", "connections", "incidents", "quarantine", "syncs")
    ),
    *_of(
        "clients that a token shows",
        "api/graphql/queries/audit_trail.py",
        (
            "audit_trail",
            "if context.caller.clients is not None:",
            "if False:",
            ("api/graphql/test_audit_trail.py",),
        ),
    ),
    *_of(
        "clients that a token shows",
        "ingestion/schedule/freshness.py",
        ("freshness", "    if clients is not None:", "    if False:", LIMITED),
    ),
    *_of(
        "clients that a token shows",
        "api/graphql/queries/features.py",
        (
            "features",
            "for limit in (context.caller.clients, None if clients is None else asked):",
            "for limit in (None, None if clients is None else asked):",
            (*LIMITED, "api/graphql/test_features.py"),
        ),
    ),
    *_of(
        "clients that a token shows",
        "api/graphql/names.py",
        (
            "names of clients",
            "return query if limited is None else query.where(Client.id.in_(limited))",
            "return query",
            LIMITED,
        ),
        (
            "names of connections",
            "return query if limited is None else query.where(Connection.client_id.in_(limited))",
            "return query",
            LIMITED,
        ),
    ),
    *_of(
        "clients that a token shows",
        "api/incidents.py",
        ("one incident", "    if clients is not None:", "    if False:", LIMITED),
    ),
    *_of(
        "clients that a token shows",
        "api/webhooks/endpoints.py",
        (
            "webhook endpoints",
            "    if clients is not None:",
            "    if False:",
            ("api/graphql/test_webhooks.py", "api/webhooks/test_desk.py"),
        ),
    ),
    *_of(
        "clients that a token shows",
        "api/webhooks/desk.py",
        (
            "clients of a new webhook",
            "    if operator.clients is not None:\n        known &=",
            "    if False:\n        known &=",
            ("api/graphql/test_webhooks.py", "api/webhooks/test_desk.py"),
        ),
        (
            "clients of a new webhook are the agency's",
            "    if missing := [client for client in wish.clients if client not in known]:",
            "    if missing := []:",
            ("api/graphql/test_webhooks.py", "api/webhooks/test_desk.py"),
        ),
    ),
    *_of(
        "apps and their tokens",
        "api/oauth/token_desk.py",
        (
            "access tokens are the agency's",
            "return found if found and found.caller.tenant_id == application.tenant_id else None",
            "return found",
            OAUTH,
        ),
        (
            "an access token is revoked by its app",
            "        if found.caller.client_id != application.client_id:",
            "        if False:",
            OAUTH,
        ),
        (
            "a family is revoked by its app",
            "        if family.app_id != application.id:",
            "        if False:",
            OAUTH,
        ),
        (
            "a refresh token is described to its app",
            "        is_own = token.family.app_id == application.id",
            "        is_own = True",
            OAUTH,
        ),
        (
            "an access token is described to its app",
            "is_own = token.caller.client_id == application.client_id",
            "is_own = True",
            OAUTH,
        ),
    ),
    *_of(
        "apps and their tokens",
        "api/oauth/token_server.py",
        (
            "codes and tokens are of the app (before they are spent)",
            "        if presented.family.app_id != client.application.id:",
            "        if False:",
            OAUTH,
        ),
    ),
    *_of(
        "apps and their tokens",
        "api/oauth/applications.py",
        (
            "secrets are of the app",
            "        & (OAuthClientSecret.app_id == OAuthClient.id),",
            "",
            ("api/oauth/test_token_endpoint.py",),
        ),
        (
            "pages are of the app's origins",
            "        if origin is not None and origin not in self.origins:",
            "        if False:",
            ("api/edge/test_cors.py",),
        ),
    ),
    *_of(
        "apps and their tokens",
        "api/edge/admission.py",
        (
            "pages are of the token's app's origins",
            "        if origin is not None and origin not in policy.origins:",
            "        if False:",
            ("api/edge/test_cors.py",),
        ),
        (
            "calls are counted by agency and app",
            "bucket = TenantBucket(caller.tenant_id, caller.client_id)",
            'bucket = TenantBucket(caller.tenant_id, "all")',
            ("api/edge/test_rate_limits.py",),
        ),
    ),
    *_of(
        "apps and their tokens",
        "api/edge/app_policies.py",
        (
            "policies are remembered by app",
            "key, now = (caller.tenant_id, caller.client_id), self._clock()",
            'key, now = (caller.tenant_id, ""), self._clock()',
            ("api/edge/test_rate_limits.py", "api/edge/test_cors.py"),
        ),
    ),
    *_of(
        "apps and their tokens",
        "api/oauth/access_tokens.py",
        (
            "tokens are of this server, for this resource",
            'if claims.get("iss") != self._issuer or claims.get("aud") != self.resource:',
            "if False:",
            TOKENS,
        ),
    ),
    *_of(
        "apps and their tokens",
        "api/oauth/revocation.py",
        (
            "tokens end with their app, family or person",
            "            if row is None or row[1] or not _may_have(row[0], caller):",
            "            if row is not None and row[1]:",
            TOKENS,
        ),
        (
            "a token keeps to the app's clients",
            "        and _is_within(caller.clients, app.client_ids)\n",
            "",
            TOKENS,
        ),
        (
            "a token keeps to the person's clients",
            "return caller.scopes <= rights.scopes and _is_within(caller.clients, reached)",
            "return caller.scopes <= rights.scopes",
            ("api/oauth/test_families.py",),
        ),
    ),
    *_of(
        "people",
        "api/pages/consent.py",
        (
            "an app is allowed by people of its agency",
            "        if person.tenant_id != asked.application.tenant_id:",
            "        if False:",
            CONSENT,
        ),
        (
            "an app is shown to people of its agency",
            "return person if person is not None and person.tenant_id == tenant_id else None",
            "return person",
            CONSENT,
        ),
    ),
    *_of(
        "people",
        "api/identity/sessions.py",
        (
            "a session is found by its secret",
            "                BrowserSession.token_hash == token.hash,\n",
            "",
            PAGES,
        ),
        (
            "people end their own sessions",
            ".where(BrowserSession.user_id == user_id, BrowserSession.ended_at.is_(None), *which)",
            ".where(BrowserSession.ended_at.is_(None), *which)",
            PAGES,
        ),
    ),
    *_of(
        "people",
        "api/identity/links.py",
        (
            "a link is found by its secret",
            "                    OneTimeLink.token_hash == token.hash,\n",
            "",
            PAGES,
        ),
    ),
    *_of(
        "people",
        "api/pages/forms.py",
        (
            "a form is of its session",
            "    if form_token is not None and not hmac.compare_digest(",
            "    if False and not hmac.compare_digest(",
            PAGES,
        ),
    ),
    *_of(
        "people",
        "api/identity/rights.py",
        (
            "roles are of the person",
            "        (Membership.tenant_id == User.tenant_id) & (Membership.user_id == User.id),",
            "        (Membership.tenant_id == User.tenant_id),",
            ("api/identity/test_sessions.py", *CONSENT),
        ),
        (
            "several limits leave what all allow",
            "    return one if other is None else one & other",
            "    return one",
            ("api/oauth/test_families.py",),
        ),
    ),
    *_of(
        "people",
        "api/pages/doorway.py",
        (
            "pages ask for their roles",
            "        if roles and not visitor.rights.holds_everywhere(*roles):",
            "        if False:",
            ("api/pages/test_people.py",),
        ),
    ),
    *_of(
        "people",
        "api/identity/provider_sign_in.py",
        (
            "an answer is to the browser that asked",
            'not hmac.compare_digest(text.encode(), (kept_state or "").encode())',
            "False",
            ("api/pages/test_provider_sign_in.py",),
        ),
        (
            "an answer is to its own question",
            "                .where(PendingSignIn.state_hash == state.hash)\n",
            "",
            ("api/pages/test_provider_sign_in.py",),
        ),
    ),
    *_of(
        "accounts that are connected",
        "ingestion/connecting.py",
        (
            "a link is found by its secret",
            "                        PendingConnection.link_hash == _hash(ticket),\n",
            "",
            ("api/connect/test_consent.py",),
        ),
        (
            "an answer is found by its state",
            "                    PendingConnection.state_hash == _hash(ticket),\n",
            "",
            ("api/connect/test_consent.py",),
        ),
        (
            "an answer is of the browser that was sent away",
            'is_same = hmac.compare_digest(kept["browser"].encode(), browser.encode())',
            "is_same = True",
            ("api/connect/test_consent.py",),
        ),
    ),
    *_of(
        "audit",
        "api/audit/export_file.py",
        (
            "a statement is about the export's agency",
            " or checkpoint.tenant_id != reader.tenant_id:",
            ":",
            ("api/audit/test_export_file.py",),
        ),
    ),
    *_of(
        "audit",
        "api/audit/checkpoints.py",
        (
            "a checkpoint is of the agency",
            "return checkpoint if checkpoint.tenant_id == tenant_id else None",
            "return checkpoint",
            ("api/commands/test_audit.py",),
        ),
    ),
)
