"""Feast's registry in PostgreSQL: what features there are, for all agencies alike.

    definitions -> rules -> fingerprint == the noted one? done : Feast apply -> noted

One project for the platform: definitions are the product's and hold no agency's data. The registry
lives in a schema of its own, whose role sees nothing else. Feast is imported only when there is
something to apply, or when somebody wants its API: starting the platform does neither, the first
publication after an upgrade does the former.

Decision: ADR-0014.
"""

import asyncio
import datetime as dt
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import NullPool, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import InternalError, Terminal
from domain.ports import Clock
from feature_repo.catalogue import PLATFORM, Catalogues
from feature_repo.compute import FeatureComputer
from feature_repo.definition_rules import find_problems
from feature_repo.entities import PROJECT
from feature_repo.feast_imports import unchecked_imports
from feature_repo.online import OnlineFeatures
from tenancy.exclusive import hold_exclusively
from tenancy.rls import FEATURES_ROLE
from tenancy.session import Database, TenantSession
from tenancy.tables import FeatureRegistration

if TYPE_CHECKING:
    from feast import FeatureStore

__all__ = ["FeatureRegistry", "InvalidDefinitionsError", "RegistryError"]

_SCHEMA: Final = "feast"


class InvalidDefinitionsError(InternalError, Terminal):
    """Feature definitions break a rule (our bug, at their author)."""

    code = "INVALID_FEATURES"


class RegistryError(InternalError):
    """Feast cannot write its registry (the operator can mend it)."""

    code = "FEATURE_REGISTRY"


@dataclass(frozen=True, slots=True)
class FeatureRegistry:
    """The registry of this database.

    Attributes:
        url: `postgresql+psycopg://...`; its login may become `bosco_features`.
    """

    database: Database
    url: str
    online: OnlineFeatures
    computer: FeatureComputer
    catalogues: Catalogues
    clock: Clock

    async def ensure(self) -> bool:
        """Make the registry hold the present definitions; one query when it does.

        Returns:
            Whether they were applied now.

        Raises:
            InvalidDefinitionsError: They break a rule.
            RegistryError: Feast cannot write them.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        problems = find_problems(PLATFORM.views.values(), PLATFORM.services.values())
        if problems:
            raise InvalidDefinitionsError("; ".join(problems))
        async with self.database.platform_session() as session:
            if await _noted(session) == _fingerprint():
                return False
            await hold_exclusively(session, "feature registry")
            if await _noted(session) == _fingerprint():
                return False
            store = await asyncio.to_thread(self._open_store, asyncio.get_running_loop())
            await asyncio.to_thread(_apply, store)
            await _note(session, self.clock())
        return True

    async def open_store(self) -> "FeatureStore":
        """Feast's own API on this registry, with the present definitions, and on our stores.

        Its calls are synchronous: make them in a thread (`asyncio.to_thread`), within
        `feature_repo.stores.acting.acting`.

        Raises:
            InvalidDefinitionsError: The definitions break a rule.
            RegistryError: Feast cannot write them.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        await self.ensure()
        return await asyncio.to_thread(self._open_store, asyncio.get_running_loop())

    def _open_store(self, loop: asyncio.AbstractEventLoop) -> "FeatureStore":
        # Feast takes seconds to import; no command waits for it in vain.
        with unchecked_imports():
            from feast import FeatureStore, RepoConfig  # noqa: PLC0415
            from feast.infra.registry.sql import SqlRegistryConfig  # noqa: PLC0415

            from feature_repo.stores.acting import Bridge  # noqa: PLC0415
            from feature_repo.stores.offline_store import (  # noqa: PLC0415
                WarehouseOfflineStoreConfig,
            )
            from feature_repo.stores.online_store import (  # noqa: PLC0415
                TenantRedisOnlineStoreConfig,
            )

        bridge = Bridge(loop, self.online, self.computer, self.catalogues)
        options = f"-c role={FEATURES_ROLE} -c search_path={_SCHEMA}"
        registry = SqlRegistryConfig(
            path=self.url,
            cache_ttl_seconds=300,
            sqlalchemy_config_kwargs={
                "poolclass": NullPool,
                "hide_parameters": True,
                "connect_args": {"options": options},
            },
        )
        config = RepoConfig(
            project=PROJECT,
            provider="local",
            registry=registry,
            online_store=TenantRedisOnlineStoreConfig(bridge=bridge),
            offline_store=WarehouseOfflineStoreConfig(bridge=bridge),
            entity_key_serialization_version=3,
        )
        return FeatureStore(config=config)


async def _noted(session: TenantSession) -> str | None:
    query = select(FeatureRegistration.fingerprint).where(FeatureRegistration.project == PROJECT)
    noted: str | None = await session.scalar(query)
    return noted


async def _note(session: TenantSession, applied_at: dt.datetime) -> None:
    values = {"fingerprint": _fingerprint(), "applied_at": applied_at}
    note = insert(FeatureRegistration).values(project=PROJECT, **values)
    await session.execute(note.on_conflict_do_update(index_elements=["project"], set_=values))


@cache
def _fingerprint() -> str:
    """Of everything that is in the registry. 16 hex digits."""
    words = [PLATFORM.fingerprint]
    for view in PLATFORM.views.values():
        words += [view.description, *(feature.description for feature in view.features)]
    for service in PLATFORM.services.values():
        words += [service.name, service.description, *service.features]
    return hashlib.sha256("\x1f".join(words).encode()).hexdigest()[:16]


def _apply(store: "FeatureStore") -> None:
    # As above: both import Feast.
    from feast.errors import FeastError  # noqa: PLC0415
    from feast.feast_object import FeastObject  # noqa: PLC0415

    from feature_repo.feast_objects import feast_objects  # noqa: PLC0415

    try:
        gone: list[FeastObject] = [
            *(view for view in store.list_feature_views() if view.name not in PLATFORM.views),
            *(one for one in store.list_feature_services() if one.name not in PLATFORM.services),
        ]
        store.apply(feast_objects(PLATFORM), objects_to_delete=gone, partial=False)
    except (FeastError, SQLAlchemyError) as error:
        raise RegistryError(
            f"Feast cannot write its registry: {type(error).__name__}",
            hint=f"the login of DATABASE_URL must be able to become {FEATURES_ROLE}",
        ) from error
