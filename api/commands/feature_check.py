"""`bosco features check`: what is served is what the facts say.

notes of refreshes -> listed entities -> served values against facts as of the same instant
-> one line for each account or client, exit code 1 when one is not right
"""

import datetime as dt
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from api.commands.feature_owners import FeatureOwners, load_feature_owners, show_instant
from api.commands.lookup import find_agency
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.entity_ids import public_entity_id
from api.runtime import Runtime
from domain.errors import NotFoundError
from domain.ids import TenantId
from domain.ports import TenantScope
from feature_repo.catalogue import Catalogue
from feature_repo.consistency import ConsistencyReport
from feature_repo.feature import FeatureView
from tenancy.tables import FeatureMaterialisation

__all__ = ["CheckedFeatures", "check_agency", "check_features"]

_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class CheckedFeatures:
    """A refresh, and what is served of it now."""

    note: FeatureMaterialisation
    view: FeatureView
    report: ConsistencyReport
    is_too_old: bool

    @property
    def missing(self) -> int:
        """Entities that the refresh wrote and that are not served."""
        return self.note.entities - (self.report.asked - self.report.missing)

    @property
    def is_wrong(self) -> bool:
        """What was not refreshed for long may be gone; nothing else may."""
        return bool(self.report.mismatches) or (self.missing > 0 and not self.is_too_old)

    @property
    def state(self) -> str:
        """For people."""
        if self.report.mismatches:
            return f"{len(self.report.mismatches):,} differing"
        if self.is_too_old:
            return "too old to be served"
        return f"{self.missing:,} missing" if self.missing > 0 else "equal"


async def check_features(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco features check`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    owners = await load_feature_owners(runtime, tenant.tenant_id, arguments)
    checked = await check_agency(runtime, tenant.tenant_id, owners)
    if not checked:
        raise NotFoundError(
            f"no features of {tenant.slug} have been computed yet",
            hint=f"bosco features refresh {tenant.slug}",
        )
    rows = tuple(
        (
            one.note.view,
            owners.clients[one.note.client_id],
            owners.accounts.get(one.note.owner_id, ""),
            one.note.entities,
            show_instant(one.note.as_of),
            one.report.values,
            one.state,
        )
        for one in checked
    )
    columns = ("view", "client", "account", "entities", "as of", "values", "state")
    yield TableEvent(f"features of {tenant.slug} against the facts", columns, rows)
    for line in _mismatch_lines(checked):
        yield LineEvent(line)
    if any(one.is_wrong for one in checked):
        yield LineEvent(f"compute them anew: bosco features refresh {tenant.slug}")
        yield DoneEvent(1)


async def check_agency(
    runtime: Runtime, tenant_id: TenantId, owners: FeatureOwners
) -> list[CheckedFeatures]:
    """Check what the last refreshes of some clients found."""
    catalogue = await runtime.features.catalogues.fresh(tenant_id)
    notes = await _load_notes(runtime, tenant_id, owners, catalogue)
    return [await _check(runtime, tenant_id, note, catalogue.view(note.view)) for note in notes]


async def _load_notes(
    runtime: Runtime, tenant_id: TenantId, owners: FeatureOwners, catalogue: Catalogue
) -> Sequence[FeatureMaterialisation]:
    """Refreshes that found something, of the present views."""
    note = FeatureMaterialisation
    query = (
        select(note)
        .where(note.client_id.in_(list(owners.clients)), note.view.in_(list(catalogue.views)))
        .where(note.entities > 0)
        .order_by(note.view, note.client_id, note.owner_id)
    )
    async with runtime.database.session(tenant_id) as session:
        return (await session.scalars(query)).all()


async def _check(
    runtime: Runtime, tenant_id: TenantId, note: FeatureMaterialisation, view: FeatureView
) -> CheckedFeatures:
    scope = TenantScope(tenant_id)
    entities = await runtime.features.reader.list_entities(scope, view, [str(note.owner_id)])
    report = await runtime.features.check.run(scope, view, entities)
    age = runtime.clock() - note.as_of
    return CheckedFeatures(
        note, view, report, is_too_old=age > dt.timedelta(seconds=view.ttl_seconds)
    )


def _mismatch_lines(checked: Sequence[CheckedFeatures]) -> Iterator[str]:
    pairs = [(found.view, one) for found in checked for one in found.report.mismatches]
    for view, one in pairs[:_SHOWN]:
        entity = public_entity_id(view.entity, one.entity_id)
        yield f"{entity}  {one.feature}: served {one.online}, the facts say {one.computed}"
    if len(pairs) > _SHOWN:
        yield f"and {len(pairs) - _SHOWN:,} more"
