"""Models and what they forecast: `bosco models` and `bosco forecast`."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import numpy as np

from api.commands.lookup import find_agency, find_client
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.entity_ids import public_entity_id
from api.runtime import Runtime
from domain.errors import InvalidInputError, NotFoundError
from feature_repo.entities import CAMPAIGN
from ml.forecast.forecast import QUANTILES
from ml.ledger.entry import parts_of
from ml.panel import Measure
from ml.registry.training import EVERYBODY
from ml.runs.served import list_served
from ml.runs.training import FORECAST
from tenancy.tables import ForecastLevel, MadeForecast, ModelVersion

__all__ = ["forecast_agency", "list_models", "roll_back", "show_model", "train_model"]

_OPERATOR: Final = "operator"
_LEVELS: Final = {level.value: level for level in ForecastLevel}
_LOW, _MEDIAN, _HIGH = (QUANTILES.index(level) for level in (0.1, 0.5, 0.9))


async def list_models(runtime: Runtime, _: Arguments) -> AsyncIterator[Event]:
    """`bosco models list`."""
    versions = await runtime.models.registry.list_versions(FORECAST)
    columns = ("model", "state", "since", "trained on", "agencies", "figures", "error", "80 % hold")
    rows = tuple(
        (
            one.number,
            one.state.value.replace("_", " "),
            f"{one.state_since:%Y-%m-%d}",
            f"{one.as_of:%Y-%m-%d %H:%M} UTC",
            one.agencies,
            one.figures,
            _percent(one.metrics.get(EVERYBODY, {}), "change", "+.1%"),
            _percent(one.metrics.get(EVERYBODY, {}), "coverage_80", ".1%"),
        )
        for one in versions
    )
    yield TableEvent("forecasting models", columns, rows)
    if not versions:
        yield LineEvent("baselines serve until there is one: bosco models train")


async def show_model(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco models show`."""
    version = await _find(runtime, arguments["model"])
    lines: Mapping[str, Any] = {
        "model": f"forecast {version.number}, {version.state.value.replace('_', ' ')}",
        "knew": f"what was known on {version.as_of:%Y-%m-%d %H:%M} UTC",
        "data": f"{version.agencies} agencies, {version.figures:,} figures, {version.data_hash}",
        "code": f"{version.code}, features {version.features}",
        "artefact": f"{version.artefact_bytes:,} bytes, {version.artefact_hash}",
    }
    for name, text in lines.items():
        yield LineEvent(f"{name:<10} {text}")
    groups = tuple(
        (group, _percent(told, "change", "+.1%"), _percent(told, "coverage_80", ".1%"))
        for group, told in sorted(version.metrics.items())
        if told
    )
    columns = ("agencies", "error against what served", "80 % hold")
    yield TableEvent("trial on past days", columns, groups)
    events = await runtime.models.registry.list_events(version.id)
    rows = tuple(
        (f"{one.at:%Y-%m-%d %H:%M} UTC", one.state.value.replace("_", " "), one.process, one.reason)
        for one in events
    )
    yield TableEvent("what became of it", ("at", "state", "by", "why"), rows)


async def train_model(runtime: Runtime, _: Arguments) -> AsyncIterator[Event]:
    """`bosco models train`."""
    trained = await runtime.models.training.run(runtime.clock())
    version = trained.version
    yield LineEvent(
        f"forecast {version.number}: {version.agencies} agencies, {version.figures:,} figures,"
        f" {version.state.value.replace('_', ' ')}"
    )
    if trained.verdict is None:
        yield LineEvent("no history is long enough for a trial: it takes 27 weeks of one")
        return
    verdict = trained.verdict
    low, high = verdict.interval
    yield LineEvent(
        f"on past days its error is {verdict.change:+.1%} against what serves"
        f" (95 %: {low:+.1%} to {high:+.1%}), its 80 % intervals hold {verdict.coverage:.1%}"
    )
    for reason in verdict.reasons:
        yield LineEvent(f"not served: {reason}")


async def roll_back(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco models rollback`."""
    version = await _find(runtime, arguments["model"])
    former = await runtime.models.registry.rollback(
        version.id, arguments["reason"], process=_OPERATOR
    )
    serving = "baselines serve" if former is None else f"forecast {former.number} serves again"
    yield LineEvent(f"forecast {version.number} is taken back; {serving}")


async def forecast_agency(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco forecast`: make today's forecasts, then show those of one client."""
    tenant = await find_agency(runtime, arguments["tenant"])
    measure = _measure(arguments["measure"])
    level = _level(arguments["level"])
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
    done = await runtime.models.forecasts.run(tenant.tenant_id, tenant.time_zone)
    served = "baselines" if done.model is None else f"forecast {done.model}"
    yield LineEvent(
        f"from {done.origin} by {served}: {done.kept} forecasts, {done.scored} earlier ones scored"
    )
    if not done.kept:
        yield LineEvent("made today already: what has been planned since counts from tomorrow on")
    async with runtime.database.session(tenant.tenant_id) as session:
        rows = await list_served(session, client.id, measure, level)
    if not rows:
        raise NotFoundError(
            f"nothing is known of {measure.value} of {client.slug} by {level.value}",
            hint="a client is forecast once its accounts have told some days: bosco freshness",
        )
    columns = ("of", "currency", "days", "80 % from", "expected", "80 % to", "by")
    yield TableEvent(
        f"{measure.value} of {client.slug} from {rows[0].origin}",
        columns,
        tuple(line for row in rows for line in _lines(row)),
    )


def _lines(row: MadeForecast) -> list[tuple[str, ...]]:
    quantiles = np.reshape(row.quantiles, (len(row.horizons), len(QUANTILES)))
    named = parts_of(row.series)
    campaign = named.get("campaign")
    what = named.get("channel", "all") if campaign is None else public_entity_id(CAMPAIGN, campaign)
    return [
        (
            what,
            row.currency or "",
            str(horizon),
            *(_figure(quantiles[place, one]) for one in (_LOW, _MEDIAN, _HIGH)),
            row.method,
        )
        for place, horizon in enumerate(row.horizons)
    ]


def _figure(value: float) -> str:
    return "not known" if np.isnan(value) else f"{value:,.2f}"


async def _find(runtime: Runtime, number: int) -> ModelVersion:
    versions = await runtime.models.registry.list_versions(FORECAST)
    found = next((one for one in versions if one.number == number), None)
    if found is None:
        raise NotFoundError(f"there is no model {number}", hint="bosco models list shows them")
    return found


def _percent(told: Mapping[str, float], name: str, form: str) -> str:
    return format(told[name], form) if name in told else ""


def _measure(word: str) -> Measure:
    known = {measure.value: measure for measure in Measure}
    if word not in known:
        raise InvalidInputError(
            f"nothing is called {word!r} here", hint=f"--measure is one of {', '.join(known)}"
        )
    return known[word]


def _level(word: str) -> ForecastLevel:
    if word not in _LEVELS:
        raise InvalidInputError(
            f"there is no level {word!r}", hint=f"--level is one of {', '.join(_LEVELS)}"
        )
    return _LEVELS[word]
