"""What the gateway needs, wired once per process in `api/bootstrap.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from api.graphql.limits import Limits
from api.oauth.access_tokens import AccessTokens
from api.webhooks.desk import WebhookDesk
from domain.ports import AnswerCache, Clock, IdFactory, QueryWarehouse
from domain.query.plan import PlanCache
from feature_repo.read import FeatureReader
from feature_repo.registration.backfill import Backfills
from feature_repo.registration.book import FeatureBook
from gdpr.consent.desk import ConsentDesk
from gdpr.consent.proof import ConsentProof
from gdpr.desk.office import PrivacyOffice
from ingestion.connector.spec import SourceSpec
from ml.spending.planner import BudgetPlanner
from tenancy.session import Database

__all__ = ["GraphQLServices"]


@dataclass(frozen=True, slots=True)
class GraphQLServices:
    """Dependencies of the gateway.

    Attributes:
        database: Control plane.
        warehouse: Runs questions.
        answers: Cache of answers, or None: every question is computed.
        plans: Compiled questions of all tenants; holds no data.
        features: Reads features online.
        feature_book: Registers feature views of agencies.
        feature_backfills: Computes their first values.
        sources: Every source, by name.
        tokens: Verifies access tokens.
        webhooks: Looks after endpoints.
        privacy: Decides on requests of people.
        budgets: Plans what clients spend.
        consent: Records what people said.
        consent_proof: Shows what was recorded.
        clock: Present instant.
        ids: For trace ids and new rows.
        is_development: Serve the explorer page.
        limits: What one document may ask for.
    """

    database: Database
    warehouse: QueryWarehouse
    answers: AnswerCache | None
    plans: PlanCache
    features: FeatureReader
    feature_book: FeatureBook
    feature_backfills: Backfills
    sources: Mapping[str, SourceSpec]
    tokens: AccessTokens
    webhooks: WebhookDesk
    privacy: PrivacyOffice
    budgets: BudgetPlanner
    consent: ConsentDesk
    consent_proof: ConsentProof
    clock: Clock
    ids: IdFactory
    is_development: bool
    limits: Limits = field(default_factory=Limits)
