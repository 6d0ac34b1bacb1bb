"""Training the forecaster on the histories of all agencies, and trying it before it is registered.

    agencies -> trial: trained up to the first origin, rolled over the last weeks beside what serves
        -> trained on everything -> artefact, snapshot, metrics by group -> registry
        -> shadow when the trial was won | rejected with the reasons

Each agency is read within its own scope, one at a time; what several agencies' figures become is
the model, which names none of them. Trees and statistics are computed in a thread.

Decision: ADR-0032.
"""

import asyncio
import datetime as dt
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import structlog

from domain.errors import InvalidInputError
from domain.ids import TenantId
from domain.ports import Clock, TenantScope
from ml.forecast.calendar import NO_CALENDAR, Calendar
from ml.forecast.completion import learn_completion
from ml.forecast.features import NAMES, Features
from ml.forecast.forecast import HORIZONS, Forecaster
from ml.forecast.model_file import from_bytes, to_bytes
from ml.forecast.pooled import PooledModel
from ml.forecast.rolling_origin import history_at_origin
from ml.forecast.snapshots import Snapshots
from ml.forecast.train import train
from ml.history.topics import TopicName
from ml.panel import History
from ml.registry.gate import OFFLINE, Gate, PairedErrors, Verdict
from ml.registry.registry import ModelRegistry
from ml.registry.training import EVERYBODY, Share, Snapshot, Training, share_of
from ml.runs.calendars import load_calendar
from ml.runs.histories import DAYS, AgencyHistories
from ml.runs.inputs import TRAINED_ON, inputs_of, profile_of
from ml.runs.opponent import HARD_TO_BEAT
from ml.runs.trial import TRIAL_EVERY, TRIAL_HORIZONS, TrialErrors, trial_origins
from tenancy.session import Database
from tenancy.tables import ModelState, ModelVersion

__all__ = [
    "FORECAST",
    "GROUPS",
    "Agency",
    "ForecastTraining",
    "ListTrained",
    "Trained",
    "group_of",
]

FORECAST: Final = "forecast"  # kind of model

_LOG: Final = structlog.get_logger(__name__)
_PROCESS: Final = "job:train_forecaster"
_SEED: Final = 20_261_201
_THREADS: Final = 2

# Agencies by the number of their series: what is true of the large may be wrong for the small.
GROUPS: Final = ("small", "medium", "large")
_GROUP_SIZES: Final = (20, 200)


@dataclass(frozen=True, slots=True)
class Agency:
    """Whose histories are read.

    Attributes:
        time_zone: IANA name; says which day is over.
    """

    tenant_id: TenantId
    time_zone: str


ListTrained = Callable[[], Awaitable[Sequence[Agency]]]


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a training.

    Attributes:
        version: As registered.
        verdict: Of the trial; None: no history was long enough for one.
    """

    version: ModelVersion
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class ForecastTraining:
    """Trains, tries and registers.

    Attributes:
        agencies: Those whose data is used; a door of `tenancy.unscoped`.
    """

    database: Database
    histories: AgencyHistories
    registry: ModelRegistry
    agencies: ListTrained
    clock: Clock

    async def run(self, as_of: dt.datetime) -> Trained:
        """Train on what was known at an instant; the same one again gives the same version.

        Raises:
            InvalidInputError: No agency has enough past to learn from (caller).
            WarehouseError: The warehouse failed.
            LandingError: The object store failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        agencies = await self.agencies()
        calendar = await self._calendar(agencies)
        loop = asyncio.get_running_loop()
        reader = _Reader(self, agencies, as_of, loop)
        champion = await self.registry.find_champion(FORECAST)
        served = None if champion is None else from_bytes(await self.registry.load(champion))
        learnt = await asyncio.to_thread(_learn, reader, calendar, served)
        verdict = None if learnt.errors is None else _verdict(learnt.errors)
        training = Training(
            kind=FORECAST,
            code=_code(),
            features=hashlib.sha256("\x1f".join(NAMES).encode()).hexdigest()[:16],
            snapshot=Snapshot(as_of, tuple(learnt.shares)),
            parameters={"horizons": list(HORIZONS), "days": DAYS},
            seed=_SEED,
            metrics=_metrics(verdict, learnt.agencies),
            inputs=profile_of(learnt.inputs),
        )
        version = await self.registry.register(
            training,
            to_bytes(learnt.model),
            process=_PROCESS,
            reasons=await self.registry.due_reasons(FORECAST),
        )
        if version.state is ModelState.CANDIDATE:
            version = await self._judge(version, verdict)
        _LOG.info("forecaster_trained", number=version.number, agencies=version.agencies)
        return Trained(version, verdict)

    async def _judge(self, version: ModelVersion, verdict: Verdict | None) -> ModelVersion:
        if version.retrain_by is not None:
            reason = "people were erased while it was trained, and it has seen their figures"
        elif verdict is None:
            reason = "no history is long enough for a trial"
        elif verdict.has_passed:
            return await self.registry.start_shadow(version.id, verdict, process=_PROCESS)
        else:
            reason = "; ".join(verdict.reasons)
        return await self.registry.reject(version.id, reason, process=_PROCESS)

    async def _calendar(self, agencies: Sequence[Agency]) -> Calendar:
        calendar = NO_CALENDAR
        for agency in agencies:
            async with self.database.session(agency.tenant_id) as session:
                own = await load_calendar(session)
            calendar = Calendar(
                {**calendar.countries, **own.countries}, {**calendar.events, **own.events}
            )
        return calendar


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads histories from a thread, one agency at a time."""

    training: ForecastTraining
    agencies: Sequence[Agency]
    as_of: dt.datetime
    loop: asyncio.AbstractEventLoop

    def read(self) -> Iterator[tuple[Agency, dict[TopicName, History]]]:
        for agency in self.agencies:
            scope = TenantScope(agency.tenant_id)
            today = self.as_of.astimezone(ZoneInfo(agency.time_zone)).date()
            reading = self.training.histories.read(scope, today, self.as_of)
            yield agency, asyncio.run_coroutine_threadsafe(reading, self.loop).result()


@dataclass(frozen=True, slots=True, eq=False)
class _Learnt:
    """What became of the histories.

    Attributes:
        errors: Of the trial; None: no history was long enough for one.
        agencies: How many each group has, of those that took part in the trial.
        inputs: See `ml.runs.inputs`.
    """

    model: PooledModel
    errors: PairedErrors | None
    agencies: Mapping[str, int]
    shares: Sequence[Share]
    inputs: Features


def _learn(reader: _Reader, calendar: Calendar, served: PooledModel | None) -> _Learnt:
    tried = _try(reader, calendar, served)
    shares: list[Share] = []
    inputs: list[Features] = []

    def histories() -> Iterator[History]:
        for agency, by_topic in reader.read():
            if by_topic:
                panels = [by_topic[topic].latest() for topic in sorted(by_topic, key=_name)]
                shares.append(share_of(agency.tenant_id, panels))
            for history in by_topic.values():
                inputs.append(inputs_of(history, calendar, TRAINED_ON))
                yield history

    model = train(histories(), seed=_SEED, threads=_THREADS, calendar=calendar)
    return _Learnt(model, *tried, shares, np.concatenate(inputs))


def _try(
    reader: _Reader, calendar: Calendar, served: PooledModel | None
) -> tuple[PairedErrors | None, Mapping[str, int]]:
    """Errors of a model that was trained before the first origin, and agencies by group.

    No errors: there is too little past.
    """

    def before() -> Iterator[History]:
        for _, by_topic in reader.read():
            for history in by_topic.values():
                if origins := trial_origins(history.steps):
                    yield history_at_origin(history, origins[0])

    try:
        model = train(before(), seed=_SEED, threads=_THREADS, calendar=calendar)
    except InvalidInputError:
        return None, {}
    errors, agencies = TrialErrors(), dict.fromkeys(GROUPS, 0)
    for _, by_topic in reader.read():
        group = group_of(sum(len(history.series) for history in by_topic.values()))
        is_tried = False
        for history in by_topic.values():
            opponent = HARD_TO_BEAT if served is None else _of_agency(served, history, calendar)
            own = _of_agency(model, history, calendar)
            is_tried |= errors.add(history, own, opponent, group=group)
        agencies[GROUPS[group]] += is_tried
    return errors.paired(GROUPS), agencies


def _of_agency(model: PooledModel, history: History, calendar: Calendar) -> Forecaster:
    """With the completion that was known before the first origin."""
    first = trial_origins(history.steps)[0] if trial_origins(history.steps) else history.steps
    known = history_at_origin(history, first)
    completion = learn_completion(Snapshots.of(known), known.steps)
    return model.forecaster(completion=completion, calendar=calendar)


def group_of(series: int) -> int:
    """Place in `GROUPS` of an agency with so many series."""
    return sum(series >= size for size in _GROUP_SIZES)


def _verdict(errors: PairedErrors) -> Verdict:
    weeks = TRIAL_HORIZONS[-1] // TRIAL_EVERY
    return Gate(OFFLINE).judge(errors, weeks, np.random.default_rng(_SEED))


def _metrics(
    verdict: Verdict | None, agencies: Mapping[str, int]
) -> Mapping[str, Mapping[str, float]]:
    """Figures of the trial by group; a group without agencies has none."""
    if verdict is None:
        return {EVERYBODY: {}}
    low, high = verdict.interval
    overall = {
        "agencies": sum(agencies.values()),
        "change": verdict.change,
        "change_low": low,
        "change_high": high,
        "coverage_80": verdict.coverage,
    }
    return {EVERYBODY: overall} | {
        group: {"agencies": agencies[group], "change": change}
        for group, change in verdict.groups.items()
        if agencies[group]
    }


def _name(topic: TopicName) -> str:
    return topic.value


@cache
def _code() -> str:
    """Fingerprint of everything that makes the model what it is."""
    digest = hashlib.sha256()
    for package in ("ml.forecast", "ml.history"):
        for file in sorted(resources.files(package).iterdir(), key=lambda one: one.name):
            if file.name.endswith(".py"):
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
