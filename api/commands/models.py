"""Models and what they forecast: `bosco models` and `bosco forecast`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

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
from ml.registry.card import Description, judgement_of
from ml.registry.training import EVERYBODY
from ml.runs.descriptions import DESCRIPTIONS
from ml.runs.reasons import Reasons, reasons_from
from ml.runs.served import Served
from ml.runs.training import FORECAST
from tenancy.tables import ForecastLevel, ModelEvent, ModelVersion

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
    events = await runtime.models.registry.list_events(version.id)
    description = DESCRIPTIONS[version.kind]
    for name, text in _card(version, events, description).items():
        yield LineEvent(f"{name:<10} {text}")
    for limit in description.limits:
        yield LineEvent(f"{'mind':<10} {limit}")
    groups = tuple(
        (
            group,
            format(told["agencies"], ".0f") if "agencies" in told else "",
            _percent(told, "change", "+.1%"),
            _percent(told, "coverage_80", ".1%"),
        )
        for group, told in sorted(version.metrics.items())
        if told
    )
    columns = ("group", "agencies", "error against what served", "80 % hold")
    yield TableEvent("trial on past days", columns, groups)
    rows = tuple(
        (f"{one.at:%Y-%m-%d %H:%M} UTC", one.state.value.replace("_", " "), one.process, one.reason)
        for one in events
    )
    yield TableEvent("what became of it", ("at", "state", "by", "why"), rows)


def _card(
    version: ModelVersion, events: Sequence[ModelEvent], description: Description
) -> dict[str, str]:
    days = version.parameters.get("days")
    known = f"what was known on {version.as_of:%Y-%m-%d %H:%M} UTC"
    lines = {
        "model": f"forecast {version.number}, {version.state.value.replace('_', ' ')}",
        "purpose": description.purpose,
        "knew": known if days is None else f"{known}, {days} days back",
        "data": f"{version.agencies} agencies, {version.figures:,} figures, {version.data_hash}",
        "code": f"{version.code}, features {version.features}",
        "artefact": f"{version.artefact_bytes:,} bytes, {version.artefact_hash}",
        "gate": judgement_of(version.metrics, [one.state for one in events], ()),
    }
    if version.inputs:
        lines["inputs"] = ", ".join(sorted(version.inputs))
    if version.retrain_by is not None:
        lines["erasure"] = (
            f"saw people who were erased: to be gone by {version.retrain_by:%Y-%m-%d}"
        )
    if version.destroyed_at is not None:
        lines["deleted"] = f"{version.destroyed_at:%Y-%m-%d %H:%M} UTC"
    return lines


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
        yield LineEvent("made today already: made anew with what has been planned since")
    rows = await runtime.models.served.read(tenant.tenant_id, client.id, measure, level)
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
    if len(rows) == 1:
        for text in _why(reasons_from(rows[0].reasons)):
            yield LineEvent(text)


def _why(reasons: Reasons) -> list[str]:
    told = (
        []
        if reasons.change is None
        else [f"next {reasons.change.days} days: {reasons.change.words[0]}"]
    )
    told += [] if reasons.change is None else list(reasons.change.words[1:])
    told += [driver.words for driver in reasons.drivers or ()]
    return told if reasons.note is None else [*told, reasons.note]


def _lines(row: Served) -> list[tuple[str, ...]]:
    named, missing = parts_of(row.series), reasons_from(row.reasons).missing_days
    campaign = named.get("campaign")
    what = named.get("channel", "all") if campaign is None else public_entity_id(CAMPAIGN, campaign)
    return [
        (
            what,
            row.currency or "",
            str(horizon),
            *(_figure(row.quantiles[place, one], days) for one in (_LOW, _MEDIAN, _HIGH)),
            row.method,
        )
        for place, (horizon, days) in enumerate(zip(row.horizons, missing, strict=True))
    ]


def _figure(value: float, missing_days: int) -> str:
    return f"in {missing_days} days" if np.isnan(value) else f"{value:,.2f}"


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
