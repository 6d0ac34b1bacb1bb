"""Models of the platform, wired.

database, warehouse, object store, clock -> open_models -> registry, ledger, training,
    forecasts, budgets

Connects to nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain.ids import TenantId
from domain.ports import AnswerCache, Clock, IdFactory, QueryWarehouse
from ml.history.load import HistoryLoader
from ml.ledger.ledger import AccuracyLedger
from ml.registry.registry import ModelRegistry
from ml.runs.daily import ModelRounds
from ml.runs.forecasts import ForecastRun
from ml.runs.histories import AgencyHistories
from ml.runs.mornings import MorningRounds
from ml.runs.pacing import PaceRun
from ml.runs.served import ServedForecasts
from ml.runs.shadow import Judging
from ml.runs.training import Agency, ForecastTraining
from ml.runs.unusual import UnusualRun
from ml.runs.watch import Watching
from ml.spending.learning import Learning
from ml.spending.planner import BudgetPlanner
from ml.spending.weekly import ResponseRounds
from tenancy.jobs import JobEngine
from tenancy.model_store import ModelStore
from tenancy.session import Database

__all__ = ["Models", "open_models"]


@dataclass(frozen=True, slots=True)
class Models:
    """What there is to do with models.

    Attributes:
        registry: Keeps and moves them.
        ledger: Tells how good forecasts were.
        training: Makes new ones.
        forecasts: Forecasts an agency.
        served: What is shown of forecasts.
        rounds: Keeps all of it up to date.
        budgets: Plans what clients spend.
        response_rounds: Keeps what budgets are planned by up to date.
        unusual: Looks for what is unusual in an agency's figures.
        pacing: Tells where its budgets end.
        mornings: Does both every day.
    """

    registry: ModelRegistry
    ledger: AccuracyLedger
    training: ForecastTraining
    forecasts: ForecastRun
    served: ServedForecasts
    rounds: ModelRounds
    budgets: BudgetPlanner
    response_rounds: ResponseRounds
    unusual: UnusualRun
    pacing: PaceRun
    mornings: MorningRounds


def open_models(
    database: Database,
    warehouse: QueryWarehouse,
    artefacts: ModelStore,
    jobs: JobEngine,
    agencies: Callable[[], Awaitable[Sequence[tuple[TenantId, str]]]],
    answers: AnswerCache | None,
    clock: Clock,
    ids: IdFactory,
) -> Models:
    """Wire the models of a platform.

    Args:
        database: Control plane.
        warehouse: Has the facts.
        artefacts: Has the models' bytes.
        jobs: Runs what takes long.
        agencies: All there are, with the IANA names of their zones; a door.
        answers: Keeps what is served at hand; None: it is read where it is stored.
        clock: The present UTC instant.
        ids: For new rows.
    """

    async def tenants() -> Sequence[TenantId]:
        return [tenant_id for tenant_id, _ in await agencies()]

    async def in_zones() -> Sequence[Agency]:
        return [Agency(tenant_id, zone) for tenant_id, zone in await agencies()]

    registry = ModelRegistry(database, artefacts, tenants, clock, ids)
    ledger = AccuracyLedger(database, clock, ids)
    loader = HistoryLoader(warehouse)
    histories = AgencyHistories(loader)
    training = ForecastTraining(database, histories, registry, in_zones, clock)
    served = ServedForecasts(database, answers)
    forecasts = ForecastRun(database, histories, registry, ledger, served, clock)
    judging = Judging(registry, ledger, tenants, clock)
    watching = Watching(database, histories, registry, ledger, in_zones, clock)
    rounds = ModelRounds(database, jobs, forecasts, training, judging, watching, agencies, clock)
    learning = Learning(database, loader, clock, ids)
    unusual = UnusualRun(database, loader, clock, ids)
    pacing = PaceRun(database, histories, clock, ids)
    return Models(
        registry=registry,
        ledger=ledger,
        training=training,
        forecasts=forecasts,
        served=served,
        rounds=rounds,
        budgets=BudgetPlanner(database, loader, learning, clock),
        response_rounds=ResponseRounds(jobs, learning, agencies, clock),
        unusual=unusual,
        pacing=pacing,
        mornings=MorningRounds(database, jobs, unusual, pacing, agencies, clock),
    )
