"""Which features an agency has: the platform's, and those that it registered itself.

    agency -> its registered views (one query, kept for some seconds) -> Catalogue -> view, set

A name of the platform means the same for everybody, so what is asked by such a name needs no
query. A view that an agency registered exists for that agency alone: for any other there is nothing
of that name. A catalogue never changes; the next one is made when the registered views differ, so
statements and packings that are kept by view stay valid.

Decision: ADR-0039.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final

from domain.errors import NotFoundError
from domain.ids import TenantId
from domain.ports import Clock
from feature_repo.feature import FeatureView
from feature_repo.feature_services import SERVICES, FeatureService
from feature_repo.feature_views import VIEWS, fingerprint

__all__ = ["PLATFORM", "Catalogue", "Catalogues", "FeatureSet", "LoadViews", "none_registered"]

# Another process learns of a new view within this time. It is served after its backfill only,
# which takes longer.
_KEPT_FOR: Final = dt.timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Some features of one view, in order."""

    view: FeatureView
    features: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """Views and services by name, as one agency sees them.

    Attributes:
        own: Views that the agency registered, in order of name; each is a service as well.
    """

    own: tuple[FeatureView, ...] = ()

    @cached_property
    def views(self) -> Mapping[str, FeatureView]:
        """The platform's, then the agency's."""
        return MappingProxyType(VIEWS | {view.name: view for view in self.own})

    @cached_property
    def services(self) -> Mapping[str, FeatureService]:
        """The platform's, then one for each view of the agency."""
        return MappingProxyType(SERVICES | {view.name: _whole(view) for view in self.own})

    @cached_property
    def fingerprint(self) -> str:
        """Names the meaning of all values. 16 hex digits."""
        return fingerprint(*self.views.values())

    def view(self, name: str) -> FeatureView:
        """The view of that name.

        Raises:
            NotFoundError: This agency has none (caller).
        """
        if name not in self.views:
            raise NotFoundError(
                f"there is no feature view {name!r}", hint=f"there are {', '.join(self.views)}"
            )
        return self.views[name]

    def feature_set(self, name: str) -> FeatureSet:
        """The set that a view or service names.

        Raises:
            NotFoundError: There is neither of that name (caller).
        """
        if name in self.views:
            return FeatureSet(self.views[name], self.views[name].feature_names)
        service = self.services.get(name)
        if service is None:
            names = dict.fromkeys((*self.views, *self.services))
            raise NotFoundError(
                f"there is no feature view or service {name!r}",
                hint=f"there are {', '.join(names)}",
            )
        return FeatureSet(self.views[service.view], service.features)


PLATFORM: Final = Catalogue()

# The views that an agency registered and that are still served, in order of name.
LoadViews = Callable[[TenantId], Awaitable[tuple[FeatureView, ...]]]


async def none_registered(_: TenantId) -> tuple[FeatureView, ...]:
    """Agencies that have the platform's features only."""
    return ()


class Catalogues:
    """The catalogue of each agency; keeps what it has loaded lately."""

    def __init__(self, load: LoadViews, clock: Clock) -> None:
        self._load = load
        self._clock = clock
        self._kept: dict[TenantId, tuple[dt.datetime, Catalogue]] = {}

    async def of(self, tenant_id: TenantId) -> Catalogue:
        """What an agency has, as of a few seconds ago. No query, or one.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        kept = self._kept.get(tenant_id)
        if kept is not None and self._clock() - kept[0] < _KEPT_FOR:
            return kept[1]
        return await self.fresh(tenant_id)

    async def fresh(self, tenant_id: TenantId) -> Catalogue:
        """What an agency has now. One query.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        loaded_at, own = self._clock(), await self._load(tenant_id)
        kept = self._kept.get(tenant_id)
        found = kept[1] if kept is not None and kept[1].own == own else _catalogue(own)
        self._kept[tenant_id] = loaded_at, found
        return found

    async def feature_set(self, tenant_id: TenantId, name: str) -> FeatureSet:
        """The set that a view or service of an agency names; no query for one of the platform.

        Raises:
            NotFoundError: There is neither of that name (caller).
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        known = name in PLATFORM.views or name in PLATFORM.services
        return (PLATFORM if known else await self.of(tenant_id)).feature_set(name)


def _catalogue(own: tuple[FeatureView, ...]) -> Catalogue:
    return Catalogue(own) if own else PLATFORM


def _whole(view: FeatureView) -> FeatureService:
    return FeatureService(view.name, view.description, view.name, view.feature_names)
