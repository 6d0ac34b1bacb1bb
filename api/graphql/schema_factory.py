"""The typed schema of an agency.

    MetricCatalogue -> one field per metric and dimension -> strawberry.tools.create_type -> schema

An agency's own metrics are fields like the core ones. Building takes some tens of milliseconds and
no I/O, so it is done in a thread; agencies with equal catalogues share the result.
"""

from collections.abc import Callable
from types import GenericAlias
from typing import Annotated, Any, Final

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type
from strawberry.types.field import StrawberryField

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.metric_types import Compare
from api.graphql.mutations.acknowledge_anomaly import ACKNOWLEDGE_ANOMALY
from api.graphql.mutations.acknowledge_incident import ACKNOWLEDGE_INCIDENT
from api.graphql.mutations.add_consent_notice import ADD_CONSENT_NOTICE
from api.graphql.mutations.add_webhook import ADD_WEBHOOK
from api.graphql.mutations.apply_feature_view import APPLY_FEATURE_VIEW
from api.graphql.mutations.approve_erasure import APPROVE_ERASURE
from api.graphql.mutations.ask_identity import ASK_IDENTITY
from api.graphql.mutations.choose_subject import CHOOSE_SUBJECT
from api.graphql.mutations.countersign_request import COUNTERSIGN_REQUEST
from api.graphql.mutations.create_subject_request import CREATE_SUBJECT_REQUEST
from api.graphql.mutations.declare_nobody import DECLARE_NOBODY
from api.graphql.mutations.define_metric import DEFINE_METRIC
from api.graphql.mutations.deprecate_feature_view import DEPRECATE_FEATURE_VIEW
from api.graphql.mutations.extend_request import EXTEND_REQUEST
from api.graphql.mutations.grant_request import GRANT_REQUEST
from api.graphql.mutations.hold_request import HOLD_REQUEST
from api.graphql.mutations.lift_request import LIFT_REQUEST
from api.graphql.mutations.look_again import LOOK_AGAIN
from api.graphql.mutations.note_lift_test import NOTE_LIFT_TEST
from api.graphql.mutations.plan_event import PLAN_EVENT
from api.graphql.mutations.plan_feature_view import PLAN_FEATURE_VIEW
from api.graphql.mutations.plan_spend import PLAN_SPEND
from api.graphql.mutations.record_consent import RECORD_CONSENT
from api.graphql.mutations.refuse_request import REFUSE_REQUEST
from api.graphql.mutations.release_hold import RELEASE_HOLD
from api.graphql.mutations.remove_plan import REMOVE_PLAN
from api.graphql.mutations.remove_webhook import REMOVE_WEBHOOK
from api.graphql.mutations.replay_webhook import REPLAY_WEBHOOK
from api.graphql.mutations.resolve_incident import RESOLVE_INCIDENT
from api.graphql.mutations.retire_metric import RETIRE_METRIC
from api.graphql.mutations.search_again import SEARCH_AGAIN
from api.graphql.mutations.tell_lifting import TELL_LIFTING
from api.graphql.mutations.vouch_identity import VOUCH_IDENTITY
from api.graphql.mutations.withdraw_request import WITHDRAW_REQUEST
from api.graphql.periods import Period
from api.graphql.queries.alerts import ALERTS
from api.graphql.queries.anomalies import ANOMALIES
from api.graphql.queries.audit_trail import AUDIT_TRAIL
from api.graphql.queries.budget_plan import BUDGET_PLAN
from api.graphql.queries.budget_scenario import BUDGET_SCENARIO
from api.graphql.queries.certificates import CERTIFICATES
from api.graphql.queries.clients import CLIENTS
from api.graphql.queries.connections import CONNECTIONS
from api.graphql.queries.consent import CONSENT, CONSENT_RECEIPTS
from api.graphql.queries.erasure_preview import ERASURE_PREVIEW
from api.graphql.queries.feature_catalogue import FEATURE_CATALOGUE
from api.graphql.queries.feature_health import FEATURE_HEALTH
from api.graphql.queries.feature_services import FEATURE_SERVICES
from api.graphql.queries.features import FEATURES
from api.graphql.queries.forecast import FORECAST
from api.graphql.queries.forecast_accuracy import FORECAST_ACCURACY
from api.graphql.queries.freshness import FRESHNESS
from api.graphql.queries.incidents import INCIDENTS
from api.graphql.queries.legal_holds import LEGAL_HOLDS
from api.graphql.queries.me import ME
from api.graphql.queries.metric_definitions import METRIC_DEFINITIONS
from api.graphql.queries.metrics import MAXIMUM_ROWS, answer_metrics
from api.graphql.queries.model_card import MODEL_CARD
from api.graphql.queries.pacing import PACING
from api.graphql.queries.plans import PLANS
from api.graphql.queries.privacy_statistics import PRIVACY_STATISTICS
from api.graphql.queries.quarantine import QUARANTINE
from api.graphql.queries.subject_request import SUBJECT_REQUEST
from api.graphql.queries.subject_requests import SUBJECT_REQUESTS
from api.graphql.queries.syncs import SYNCS
from api.graphql.queries.webhook_deliveries import WEBHOOK_DELIVERIES
from api.graphql.queries.webhook_endpoints import WEBHOOK_ENDPOINTS
from api.graphql.row_fields import enum_names, row_fields
from api.graphql.scalars import SCALARS
from api.graphql.tenant_state import TenantSchema
from api.graphql.typed_arguments import ArgumentTypes
from api.graphql.typed_rows import make_result_type
from api.identity.caller import Scope
from domain.metrics.catalogue import MetricCatalogue

__all__ = ["MUTATIONS", "QUERIES", "build_schema", "print_catalogue_schema"]

QUERIES: Final = (
    ME,
    CLIENTS,
    CONNECTIONS,
    METRIC_DEFINITIONS,
    FEATURES,
    FEATURE_SERVICES,
    PLANS,
    FORECAST,
    FORECAST_ACCURACY,
    MODEL_CARD,
    BUDGET_PLAN,
    BUDGET_SCENARIO,
    ANOMALIES,
    PACING,
    FEATURE_CATALOGUE,
    FEATURE_HEALTH,
    SYNCS,
    QUARANTINE,
    FRESHNESS,
    INCIDENTS,
    ALERTS,
    AUDIT_TRAIL,
    CONSENT,
    CONSENT_RECEIPTS,
    WEBHOOK_ENDPOINTS,
    WEBHOOK_DELIVERIES,
    SUBJECT_REQUESTS,
    SUBJECT_REQUEST,
    PRIVACY_STATISTICS,
    LEGAL_HOLDS,
    ERASURE_PREVIEW,
    CERTIFICATES,
)
MUTATIONS: Final = (
    DEFINE_METRIC,
    RETIRE_METRIC,
    PLAN_SPEND,
    PLAN_EVENT,
    NOTE_LIFT_TEST,
    REMOVE_PLAN,
    PLAN_FEATURE_VIEW,
    APPLY_FEATURE_VIEW,
    DEPRECATE_FEATURE_VIEW,
    ACKNOWLEDGE_ANOMALY,
    ACKNOWLEDGE_INCIDENT,
    RESOLVE_INCIDENT,
    ADD_WEBHOOK,
    REMOVE_WEBHOOK,
    REPLAY_WEBHOOK,
    CREATE_SUBJECT_REQUEST,
    SEARCH_AGAIN,
    CHOOSE_SUBJECT,
    DECLARE_NOBODY,
    ASK_IDENTITY,
    VOUCH_IDENTITY,
    APPROVE_ERASURE,
    COUNTERSIGN_REQUEST,
    LOOK_AGAIN,
    GRANT_REQUEST,
    TELL_LIFTING,
    LIFT_REQUEST,
    EXTEND_REQUEST,
    REFUSE_REQUEST,
    WITHDRAW_REQUEST,
    HOLD_REQUEST,
    RELEASE_HOLD,
    RECORD_CONSENT,
    ADD_CONSENT_NOTICE,
)

_DEFAULT_ROWS: Final = 1_000


def build_schema(catalogue: MetricCatalogue) -> TenantSchema:
    """Make the schema of a catalogue. No I/O; takes about 0.3 ms per metric."""
    schema = _strawberry_schema(catalogue)
    core: GraphQLSchema = schema._schema  # noqa: SLF001  # Strawberry has no public name for it
    return TenantSchema(
        core=core,
        content_hash=catalogue.content_hash,
        fields=row_fields(catalogue),
        enums={
            name: enum_names(dimension)
            for name, dimension in catalogue.dimensions.items()
            if dimension.values
        },
    )


def print_catalogue_schema(catalogue: MetricCatalogue) -> str:
    """The schema in GraphQL's schema language."""
    return _strawberry_schema(catalogue).as_str()


def _strawberry_schema(catalogue: MetricCatalogue) -> strawberry.Schema:
    return strawberry.Schema(
        query=create_type(
            "Query", [_metrics_field(catalogue), *(root.build() for root in QUERIES)]
        ),
        mutation=create_type("Mutation", [root.build() for root in MUTATIONS]),
        config=StrawberryConfig(info_class=EdgeInfo, scalar_map=SCALARS),
    )


def _metrics_field(catalogue: MetricCatalogue) -> StrawberryField:
    fields = row_fields(catalogue)
    arguments = ArgumentTypes(catalogue, fields)
    root = RootField(
        "metrics",
        Scope.METRICS_READ,
        "Ask about metrics: what is selected in `rows` is grouped by and computed.",
        _metrics_resolver(arguments, make_result_type(catalogue, fields, arguments)),
    )
    return root.build()


def _metrics_resolver(arguments: ArgumentTypes, result: Any) -> Callable[..., Any]:
    async def metrics(  # the arguments of the field; their types are set below
        info: EdgeInfo,
        period: Any,
        where: Any = None,
        having: Any = (),
        compare: Any = None,
        order_by: Any = (),
        first: Any = _DEFAULT_ROWS,
        after: Any = None,
    ) -> Any:
        return await answer_metrics(
            info, period, where, list(having), compare, list(order_by), (first, after)
        )

    metrics.__annotations__ = {
        "info": EdgeInfo,
        "period": _described(Period, "Which reporting dates."),
        "where": _described(arguments.where | None, "Filters before aggregation."),
        "having": _described(
            GenericAlias(list, (arguments.having,)), "Conditions after aggregation; all hold."
        ),
        "compare": _described(Compare | None, "Also compute a base period; see `compared`."),
        "order_by": _described(
            GenericAlias(list, (arguments.order_by,)), "Ties are broken by the dimensions."
        ),
        "first": _described(int, f"Rows of this page, at most {MAXIMUM_ROWS:,}."),
        "after": _described(str | None, "`endCursor` of the page before."),
        "return": result | None,
    }
    return metrics


def _described(annotation: Any, description: str) -> Any:
    return Annotated[annotation, strawberry.argument(description=description)]
