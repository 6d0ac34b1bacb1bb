"""`bosco features health`: are the features of an agency still right?

    daily checks -> freshness, consistency -> one line for each feature -> what is not as usual

With `--now` today's check is made first, whether it was made or not.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Final
from zoneinfo import ZoneInfo

from api.commands.feature_owners import show_instant
from api.commands.lookup import find_agency
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.entity_ids import public_entity_id
from api.runtime import Runtime
from domain.errors import NotFoundError
from feature_repo.feature import FeatureView
from feature_repo.monitoring.health import FeatureHealth, ViewHealth, load_health
from feature_repo.monitoring.wording import (
    describe_drift,
    describe_feature,
    describe_freshness,
    describe_mismatches,
    is_differing,
)
from tenancy.tables import FeatureVerdict, FeatureViewDay

__all__ = ["show_health"]

_COLUMNS: Final = ("feature", "unknown", "range", "middle", "drift in 28 days", "verdict")
_UNKNOWN: Final = "-"


async def show_health(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco features health`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    catalogue = await runtime.features.catalogues.fresh(tenant.tenant_id)
    name = arguments["view"]
    views = catalogue.views.values() if name is None else [catalogue.view(name)]
    if arguments["now"]:
        today = runtime.clock().astimezone(ZoneInfo(tenant.time_zone)).date()
        await runtime.monitoring.monitor(tenant.tenant_id, today)
    async with runtime.database.session(tenant.tenant_id) as session:
        found = [(view, await load_health(session, view)) for view in views]
    measured = [(view, health) for view, health in found if health is not None]
    if not measured:
        raise NotFoundError(
            f"the features of {tenant.slug} have not been checked yet",
            hint=f"bosco serve checks them every morning; now: bosco features health {tenant.slug}"
            " --now",
        )
    for view, health in measured:
        for event in _events(view, health):
            yield event
    if any(_is_wrong(health) for _, health in measured):
        yield DoneEvent(1)


def _events(view: FeatureView, health: ViewHealth) -> Iterator[Event]:
    last = health.last
    rows = tuple(_row(one) for one in health.features)
    yield TableEvent(
        f"{view.name}, {last.day} (as of {show_instant(last.measured_at)})", _COLUMNS, rows
    )
    yield LineEvent(f"entities   {last.entities:,}{_missing(last)}")
    yield LineEvent(f"freshness  {describe_freshness(last)}")
    yield LineEvent(f"served     {describe_mismatches(last)}")
    for entity_id, feature, served, computed in last.examples:
        entity = public_entity_id(view.entity, entity_id)
        yield LineEvent(f"{entity}  {feature}: served {served}, the facts say {computed}")


def _missing(day: FeatureViewDay) -> str:
    return f", {day.missing:,} of them not served" if day.missing else ""


def _row(found: FeatureHealth) -> tuple[str, ...]:
    day = found.last
    unknown = f"{day.nulls / day.count:.1%}" if day.count else _UNKNOWN
    seen, middle = _UNKNOWN, _UNKNOWN
    if day.quantiles:
        seen = f"{day.minimum:,.6g} to {day.maximum:,.6g}"
        middle = f"{day.quantiles[len(day.quantiles) // 2]:,.6g}"
    elif counts := day.histogram.get("counts"):
        middle = max(counts, key=counts.__getitem__)
    remarks = "; ".join(describe_feature(day))
    return found.name, unknown, seen, middle, describe_drift(day), remarks or _calm(found)


def _calm(found: FeatureHealth) -> str:
    is_known = found.last.nulls_verdict is not FeatureVerdict.TOO_FEW
    return "as usual" if is_known else "no usual days yet"


def _is_wrong(health: ViewHealth) -> bool:
    is_late = health.last.freshness is FeatureVerdict.UNUSUAL
    return (
        is_late
        or is_differing(health.last)
        or any(describe_feature(one.last) for one in health.features)
    )
