"""Every way into the system, found in the code, and how each is attacked.

    code (routes, schema, registries, calls) -> find_entries -> names by kind
    CLASSIFIED: name -> Attacked(by which test) | Empty(why it holds nothing of a tenant)

A test compares both: a new entry is red until somebody says how it is attacked, and an entry that
is gone is red until its line is. Attacks that take their entries from `find_entries` themselves
(GraphQL fields, routes, tables) attack a new one at once.
"""

import ast
import enum
import importlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Table
from starlette.routing import Route

from api.bootstrap import warehouse_tables
from api.commands.registry import COMMANDS
from api.graphql.schema_factory import build_schema
from domain.facts import FACTS
from domain.facts.tables import Table as WarehouseTable
from domain.metrics.catalogue import build_catalogue
from feature_repo.feature_services import SERVICES
from ingestion.connector.source_file import load_all_sources
from ingestion.files.feeds import raw_file_stream
from tenancy.cache import KeyKind
from tenancy.landing_store import TenantLanding
from tenancy.tables import AlertKind, Base, WebhookEventType
from tenancy.unscoped import Doors
from tenancy.vault import Vault

__all__ = [
    "CLASSIFIED",
    "ROOT",
    "Attacked",
    "Empty",
    "Entry",
    "Kind",
    "find_entries",
    "is_of_tenant",
    "routes_of",
]

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("api", "domain", "feature_repo", "ingestion", "tenancy", "ml", "gdpr")

# Calls that see several tenants, or none: each module that makes one is an entry.
_WIDE_CALLS: Final = ("platform_session", "unscoped_session", "AuditedTenants")
_REDIS_NAMES: Final = ("RedisServer", "TenantRedis")


class Kind(enum.Enum):
    """What sort of entry; the value says it to people."""

    ROUTE = "HTTP routes"
    QUERY = "GraphQL queries"
    MUTATION = "GraphQL mutations"
    SUBSCRIPTION = "GraphQL subscriptions"
    COMMAND = "commands"
    JOB = "durable jobs"
    DOOR = "doors"
    WIDE = "modules that work for several tenants, or none"
    REDIS = "modules that use Redis"
    KEY = "kinds of keys in Redis"
    TABLE = "tables of PostgreSQL"
    WAREHOUSE = "schemas of the warehouse"
    LANDING = "ways to landing objects"
    VAULT = "ways to secrets"
    EVENT = "webhook events"
    ALERT = "alerts"
    SERVICE = "feature services"
    TEMPLATE = "pages"


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One way in."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Attacked:
    """An entry that reaches what tenants own.

    Attributes:
        test: `module::function` below `tests`, without `.py`.
    """

    test: str


@dataclass(frozen=True, slots=True)
class Empty:
    """An entry that holds nothing of a tenant, or cannot be used by one.

    Attributes:
        because: Why.
    """

    because: str


def find_entries() -> set[Entry]:
    """All but the routes, which are those of a running application: `routes_of`."""
    found = {Entry(kind, name) for kind, names in _registries().items() for name in names}
    for path, tree in _modules():
        module = path.removesuffix(".py").replace("/", ".")
        found |= {Entry(Kind.JOB, name) for name in _jobs(module, tree)}
        names = {name for node in ast.walk(tree) if (name := _called(node))}
        if names & set(_WIDE_CALLS):
            found.add(Entry(Kind.WIDE, path))
        if {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & set(_REDIS_NAMES):
            found.add(Entry(Kind.REDIS, path))
    return found


def routes_of(app: object) -> dict[str, Route]:
    """Routes of an application by path."""
    return {route.path: route for route in app.routes if isinstance(route, Route)}  # type: ignore[attr-defined]


def is_of_tenant(table: Table) -> bool:
    """Whether its rows belong to tenants. Such a table is attacked without being named."""
    return table.name == "tenants" or "tenant_id" in table.columns


def _registries() -> Mapping[Kind, set[str]]:
    schema = build_schema(build_catalogue()).core
    roots = {
        Kind.QUERY: schema.query_type,
        Kind.MUTATION: schema.mutation_type,
        Kind.SUBSCRIPTION: schema.subscription_type,
    }
    return {
        **{kind: set(root.fields) if root else set() for kind, root in roots.items()},
        Kind.COMMAND: set(COMMANDS.names),
        Kind.DOOR: _public_methods(Doors),
        Kind.KEY: {kind.value for kind in KeyKind},
        Kind.TABLE: set(Base.metadata.tables),
        Kind.WAREHOUSE: {table.schema for table in tables_of_the_warehouse()},
        Kind.LANDING: _public_methods(TenantLanding),
        Kind.VAULT: _public_methods(Vault),
        Kind.EVENT: {kind.value for kind in WebhookEventType},
        Kind.ALERT: {kind.value for kind in AlertKind},
        Kind.SERVICE: set(SERVICES),
        Kind.TEMPLATE: {path.name for path in (ROOT / "api/pages/templates").glob("*.html")},
    }


def tables_of_the_warehouse() -> list[WarehouseTable]:
    """Every table, raw ones of all streams included."""
    streams = [s for source in load_all_sources().values() for s in source.streams.values()]
    streams += [raw_file_stream(fact) for fact in FACTS.values()]
    return warehouse_tables({stream.raw_table.qualified: stream for stream in streams})


def _public_methods(owner: type) -> set[str]:
    found = inspect.getmembers(owner, inspect.isroutine)
    return {name for name, _ in found if not name.startswith("_")}


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            yield str(path.relative_to(ROOT)), ast.parse(text)


def _called(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else None


def _jobs(module: str, tree: ast.Module) -> Iterator[str]:
    """Names of jobs that are registered with an engine: `....jobs.register(NAME, ...)`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="jobs"), attr="register"),
                args=[ast.Name(id=name), _],
            ):
                yield getattr(importlib.import_module(module), name)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="jobs" | "engine"), attr="register")
            ):
                raise NotImplementedError(f"{module}: name the job by a constant")
            case _:
                pass


def _all(verdict: "Attacked | Empty", names: str) -> dict[str, "Attacked | Empty"]:
    return dict.fromkeys(names.split(), verdict)


_ROUTES: Final = Attacked("isolation/test_routes::test_what_is_another_agency_s_is_nothing")
_FIELDS: Final = Attacked("isolation/test_fields::test_what_is_another_agency_s_is_nothing")
_COMMANDS: Final = Attacked("isolation/test_commands::test_what_is_another_agency_s_is_nothing")
_JOBS: Final = Attacked("isolation/test_jobs::test_a_job_reaches_its_own_agency_alone")
_LOCKS: Final = Attacked("isolation/test_locks::test_no_attack_gets_through_until_a_lock_is_gone")
_DOORS: Final = Attacked("isolation/test_locks::test_a_door_is_as_wide_as_its_question")
_CONSENT: Final = Attacked(
    "api/connect/test_consent::test_another_agency_knows_no_state_and_no_link"
)
_DEEDS: Final = (
    *("search", "choose", "nobody", "ask", "vouch", "approve", "countersign", "retry"),
    *(
        "look-again",
        "grant",
        "tell-lifting",
        "lift",
        "extend",
        "refuse",
        "withdraw",
        "hold",
        "note",
        "handed",
        "link",
    ),
)
_ALL_AGENCIES: Final = Empty("the operator's: it takes no name, and tells of all agencies")
_PLATFORM: Final = Empty("the platform's own; no agency's data is in reach")

CLASSIFIED: Final[Mapping[Kind, Mapping[str, Attacked | Empty]]] = {
    Kind.ROUTE: {
        **_all(
            _ROUTES,
            "/graphql /oauth/token /oauth/revoke /oauth/introspect /oauth/authorize /account"
            " /account/apps /account/apps/withdraw"
            " /account/authenticator /account/authenticator/confirm /account/authenticator/remove"
            " /account/password /account/sessions/end /account/sessions/end-others /sign-in"
            " /sign-in/code /sign-out /links/{token} /people /people/invite /people/{user}"
            " /sign-in/provider /sign-in/callback"
            " /people/{user}/role /people/{user}/withdraw /people/{user}/deactivate"
            " /people/{user}/reactivate /people/{user}/authenticator /people/{user}/link"
            " /apps /apps/new /apps/{client_id}/rotate /apps/{client_id}/suspend"
            " /apps/{client_id}/resume /approvals /approvals/{approval}/approve"
            " /approvals/{approval}/reject /privacy/shopify /privacy/meta/deletion"
            " /privacy/meta/deauthorise /privacy/request/{form} /privacy/status/{code}"
            " /desk/privacy /desk/privacy/requests/new"
            " /desk/privacy/requests/{subject_request} /desk/privacy/holds"
            " /desk/privacy/holds/{hold}/release /desk/privacy/statistics"
            " /desk/privacy/statistics.csv /desk/privacy/record",
        ),
        **_all(
            _ROUTES,
            " ".join(f"/desk/privacy/requests/{{subject_request}}/{deed}" for deed in _DEEDS),
        ),
        **_all(Empty("says whether the process is alive"), "/healthz /readyz"),
        **_all(
            Empty("the same document for everybody"),
            "/oauth/jwks.json /.well-known/oauth-authorization-server"
            " /.well-known/oauth-protected-resource /.well-known/oauth-protected-resource/graphql",
        ),
        **_all(_CONSENT, "/connect/start/{ticket} /connect/{source}/callback /connect/choose"),
        "/privacy/export/{token}": Attacked(
            "api/pages/test_exports::test_a_link_opens_nothing_of_another_agency"
        ),
        **_all(
            Attacked(
                "api/features/test_endpoint::test_another_agency_and_another_client_see_nothing"
            ),
            "/features/historical /features/online",
        ),
        "/": Empty("leads to the explorer, in development"),
        "/static/bosco.css": Empty("a style sheet"),
    },
    Kind.QUERY: _all(
        _FIELDS,
        "metrics me clients connections metricDefinitions features featureServices featureHealth"
        " featureCatalogue syncs quarantine freshness incidents alerts auditTrail"
        " webhookDeliveries webhookEndpoints"
        " subjectRequests subjectRequest privacyStatistics legalHolds erasurePreview certificates"
        " consent consentReceipts plans forecast forecastAccuracy modelCard"
        " budgetPlan budgetScenario anomalies pacing",
    ),
    Kind.MUTATION: _all(
        _FIELDS,
        "defineMetric retireMetric planSpend planEvent noteLiftTest removePlan"
        " planFeatureView applyFeatureView deprecateFeatureView"
        " acknowledgeAnomaly acknowledgeIncident resolveIncident addWebhook removeWebhook"
        " replayWebhook recordConsent addConsentNotice createSubjectRequest searchAgain"
        " chooseSubject declareNobody askIdentity"
        " vouchIdentity approveErasure countersignRequest lookAgain grantRequest tellLifting"
        " liftRequest extendRequest"
        " refuseRequest withdrawRequest holdRequest releaseHold",
    ),
    Kind.SUBSCRIPTION: {},
    Kind.COMMAND: {
        **_all(
            _COMMANDS,
            "alerts.channels.add alerts.channels.list alerts.channels.remove alerts.channels.test"
            " alerts.list apps.add apps.list apps.resume apps.rotate apps.suspend audit.export"
            " audit.list audit.verify clients.add clients.list compare connections.add"
            " connections.check connections.link connections.list connections.pause"
            " connections.resume"
            " budget.plan budget.scenario"
            " anomalies.acknowledge anomalies.list forecast pacing"
            " plans.event plans.lift-test plans.list plans.remove plans.spend"
            " features.apply features.check features.deprecate features.list"
            " features.health features.plan features.refresh features.show freshness"
            " gdpr.certificate"
            " gdpr.consent.notice.add gdpr.consent.prove gdpr.consent.record gdpr.consent.show"
            " gdpr.certificates gdpr.dpia gdpr.form-link gdpr.link gdpr.record"
            " gdpr.requests.approve gdpr.requests.ask-identity gdpr.requests.choose"
            " gdpr.requests.countersign gdpr.requests.extend gdpr.requests.grant"
            " gdpr.requests.hold gdpr.requests.holds gdpr.requests.import gdpr.requests.letter"
            " gdpr.requests.lift gdpr.requests.list"
            " gdpr.requests.look-again gdpr.requests.new gdpr.requests.nobody"
            " gdpr.requests.note gdpr.requests.refuse gdpr.requests.release"
            " gdpr.requests.retry gdpr.requests.search gdpr.requests.show"
            " gdpr.requests.tell-lifting gdpr.requests.vouch"
            " gdpr.requests.withdraw gdpr.queue gdpr.statistics"
            " gdpr.recipients.acknowledge gdpr.recipients.add gdpr.recipients.list"
            " gdpr.recipients.remove gdpr.recipients.retry gdpr.retention.plan"
            " gdpr.retention.run gdpr.retention.set gdpr.retention.show gdpr.replay-tombstones"
            " history.import import"
            " incidents.acknowledge incidents.list incidents.resolve incidents.show metrics.define"
            " metrics.explain metrics.list metrics.retire night people.add people.deactivate"
            " people.list people.provider people.reset people.role quality.release"
            " quarantine.dismiss"
            " quarantine.list quarantine.replay quarantine.show query sync webhooks.add"
            " webhooks.deliveries webhooks.list webhooks.remove webhooks.replay webhooks.resume"
            " webhooks.rotate webhooks.test",
        ),
        "connections.discover": Empty("asks a provider with credentials that it is given"),
        "demo": Empty("makes agencies of its own on simulated platforms"),
        "doctor": Empty("asks the parts whether they answer"),
        "features.test": Empty("runs the tests of a file that it is given, on the rows in it"),
        "gdpr.keys": _PLATFORM,
        "keys.list": _PLATFORM,
        "keys.revoke": _PLATFORM,
        "quality.checks": Empty("what the checks are, the same for all"),
        "tenants.add": Empty("the operator's: short names are unique over all agencies"),
        **_all(_PLATFORM, "models.list models.rollback models.show models.train"),
        "tenants.list": _ALL_AGENCIES,
        "workers.join": Empty("hands a worker of the operator's the servers' addresses"),
    },
    Kind.JOB: _all(
        _JOBS,
        "sync_connection import_file import_history publish_released replay_quarantined"
        " place_replayed load_landed follow_publication gdpr.request erase_people"
        " backfill_features monitor_features forecast_agency forecast_client"
        " train_forecaster judge_challenger watch_champion fit_response"
        " look_at_figures",
    ),
    Kind.DOOR: {
        **_all(
            _DOORS,
            "tenant_of_client is_origin_known pending_loads agencies_with_alerts"
            " agencies_with_webhooks agencies_with_requests due_work list_tenants find_tenant"
            " agencies_with_rescans agencies_with_overdue_models"
            " connections_of_account connections_granted_by tenants_of_status"
            " agencies_with_unwritten_suppressions agencies_with_unfollowed_suppressions"
            " agencies_with_privacy_messages"
            " agencies_with_recipient_notices",
        ),
        "create_tenant": Attacked("tenancy/test_unscoped::test_new_tenant_is_stored_with_its_key"),
    },
    Kind.WIDE: {
        "api/commands/gdpr_certificates.py": _PLATFORM,
        "api/commands/night.py": Empty("outages of the platforms, the same for all"),
        "api/oauth/signing_keys.py": _PLATFORM,
        "feature_repo/registry.py": Empty("what features mean, the same for all"),
        "feature_repo/registration/trial.py": Empty(
            "a warehouse in memory, of one plan: the rows of its tests and of its own agency"
        ),
        **_all(
            Attacked("gdpr/erasure/test_neighbours::test_nobody_else_s_data_changes"),
            "gdpr/erasure/search.py gdpr/erasure/work.py",
        ),
        "gdpr/retention/warehouse.py": Attacked(
            "gdpr/retention/test_warehouse::test_an_open_hold_keeps_everything_of_its_client"
        ),
        "ingestion/load.py": Attacked("isolation/test_warehouse::test_b_writes_nothing_of_a"),
        "ingestion/schedule/provider_watch.py": Empty("outages of the platforms"),
        "ml/registry/cards.py": Attacked(
            "ml/registry/test_cards::test_a_card_tells_each_agency_of_its_own_part_alone"
        ),
        "ml/registry/registry.py": Attacked(
            "ml/registry/test_registry::test_each_agency_sees_its_own_part_and_no_other"
        ),
        "tenancy/privacy/suppression_writer.py": Attacked(
            "tenancy/privacy/test_suppressions::test_each_agency_is_left_its_own"
        ),
        "tenancy/exclusive.py": Empty("an advisory lock, no rows"),
        "tenancy/unscoped.py": _DOORS,
    },
    Kind.REDIS: {
        **_all(
            Attacked("isolation/test_features::test_no_id_reaches_another_agency"),
            "feature_repo/online.py tenancy/feature_values.py",
        ),
        **_all(Empty("opens Redis and hands it on"), "api/bootstrap.py api/runtime.py"),
        **_all(Empty("hands Redis on"), "feature_repo/open.py gdpr/erasure/work.py"),
        **_all(
            Attacked("gdpr/erasure/test_neighbours::test_nobody_else_s_data_changes"),
            "gdpr/erasure/records.py tenancy/redis_sweep.py",
        ),
        "ingestion/publish.py": Attacked(
            "isolation/test_redis::test_messages_stay_with_their_tenant"
        ),
        "tenancy/privacy/suppression_writer.py": Attacked(
            "tenancy/privacy/test_suppressions::test_each_agency_is_left_its_own"
        ),
        "tenancy/cache.py": Attacked("isolation/test_redis::test_every_key_starts_with_its_tenant"),
        "tenancy/quota.py": Attacked("tenancy/test_quota::test_buckets_do_not_touch_each_other"),
        "tenancy/rate_limits.py": Attacked(
            "tenancy/test_rate_limits"
            "::test_keys_begin_with_the_tenant_or_open_and_hold_nobody_s_name_and_end"
        ),
    },
    Kind.KEY: _all(
        Attacked("isolation/test_redis::test_values_stay_with_their_tenant"),
        "answer data_version feature feature_index rate",
    ),
    Kind.TABLE: {
        **{table.name: _LOCKS for table in Base.metadata.sorted_tables if is_of_tenant(table)},
        **_all(
            Empty("of the platform: no column tells of a tenant"),
            "signing_keys feature_registrations provider_outages model_versions model_events"
            " model_retrainings",
        ),
    },
    Kind.WAREHOUSE: {
        **_all(Attacked("isolation/test_warehouse::test_b_reads_nothing_of_a"), "facts marts"),
        **_all(
            Attacked("isolation/test_warehouse::test_b_reads_nothing_of_a_in_any_table"),
            "raw privacy",
        ),
    },
    Kind.LANDING: _all(
        Attacked("tenancy/test_landing_store::test_reaches_no_other_tenant"),
        "create delete describe get list put stream",
    ),
    Kind.VAULT: {
        **_all(
            Attacked("tenancy/test_vault::test_sealed_credentials_open_nowhere_else"), "open seal"
        ),
        **_all(
            Attacked("tenancy/test_vault::test_tenant_key_opens_for_its_tenant_only"),
            "create_tenant_key open_tenant_key",
        ),
        **_all(
            Attacked("tenancy/test_vault::test_what_is_sealed_for_one_row_opens_for_no_other"),
            "open_for seal_for",
        ),
    },
    Kind.EVENT: _all(
        Attacked("api/webhooks/test_delivery::test_agencies_hear_of_their_own_events_only"),
        "data.published freshness.missed sync.failed",
    ),
    Kind.ALERT: _all(
        Attacked("api/alerts/test_delivery::test_agencies_hear_of_their_own_alerts_only"),
        "credentials_expiring credentials_refused features_differ features_drifted features_late"
        " features_unusual freshness_missed freshness_predicted_miss"
        " anomaly budget_pace"
        " help_at_risk model_not_retrained privacy_message_stuck quality_incident"
        " recipient_not_told request_at_risk request_stuck sync_failed webhook_failed",
    ),
    Kind.SERVICE: _all(
        Attacked("isolation/test_matrix::test_no_field_shows_anything_of_another_agency"),
        "ad_response_v1 campaign_pacing_v1 campaign_response_v1 channel_performance_v1"
        " client_funnel_v1 client_sales_v1 product_sales_v1 segment_sales_v1",
    ),
    Kind.TEMPLATE: {
        "connect_choice.html": _CONSENT,
        "export.html": Attacked(
            "api/pages/test_exports::test_a_link_opens_nothing_of_another_agency"
        ),
        "consent.html": Attacked(
            "isolation/test_routes::test_a_person_of_another_agency_is_asked_to_sign_in"
        ),
        **_all(
            Attacked("isolation/test_routes::test_a_page_is_of_whom_its_cookie_is"),
            "account.html allowed_apps.html code.html link.html recovery_codes.html sign_in.html",
        ),
        **_all(
            _ROUTES,
            "app_new.html app_secret.html approvals.html apps.html desk_holds.html desk_new.html"
            " desk_queue.html desk_record.html desk_request.html desk_statistics.html"
            " link_made.html people.html person.html",
        ),
        **_all(
            Attacked("isolation/test_privacy::test_a_form_and_a_code_are_of_one_agency"),
            "privacy_request.html privacy_sent.html privacy_status.html",
        ),
        **_all(
            Empty("a frame for what is said"),
            "base.html desk_base.html message.html parts.html parts_choices.html people_base.html",
        ),
    },
}
