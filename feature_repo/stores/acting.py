"""For whom Feast works at the moment, and how its threads reach our event loop.

    with acting(scope): asyncio.to_thread(store.get_online_features) -> store subclass -> Bridge
    -> coroutine on the loop -> answer

Feast's calls are synchronous and know no tenant. The scope is a context variable, set around a
call: without one nothing is read or written, and keys of another agency are refused.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from domain.errors import InternalError, Terminal
from domain.ports import TenantScope
from feature_repo.catalogue import Catalogue, Catalogues
from feature_repo.compute import FeatureComputer
from feature_repo.online import OnlineFeatures

__all__ = [
    "Bridge",
    "ForeignEntityError",
    "NoScopeError",
    "acting",
    "acting_scope",
    "own_client",
    "own_tenant",
]

T = TypeVar("T")

_SCOPE: Final[ContextVar[TenantScope | None]] = ContextVar("feature_scope", default=None)


class NoScopeError(InternalError, Terminal):
    """Feast was called without a scope, or on the event loop (our bug)."""

    code = "NO_FEATURE_SCOPE"


class ForeignEntityError(InternalError, Terminal):
    """An entity is not of the scope's agency, or of none of its clients (our bug)."""

    code = "FOREIGN_ENTITY"


@contextmanager
def acting(scope: TenantScope) -> Iterator[None]:
    """Let Feast's calls within the block see this scope."""
    token = _SCOPE.set(scope)
    try:
        yield
    finally:
        _SCOPE.reset(token)


def acting_scope() -> TenantScope:
    """The scope that Feast works for.

    Raises:
        NoScopeError: There is none.
    """
    scope = _SCOPE.get()
    if scope is None:
        raise NoScopeError(
            "Feast was called without a tenant", hint="call it within feature_repo.stores.acting"
        )
    return scope


def own_tenant(scope: TenantScope, tenant: str) -> None:
    """Refuse another agency than the scope's.

    Raises:
        ForeignEntityError: It is another one.
    """
    if tenant != str(scope.tenant_id):
        raise ForeignEntityError("an entity key names another agency than the scope")


def own_client(scope: TenantScope, client: str) -> str:
    """The client, when the scope sees it.

    Raises:
        ForeignEntityError: It does not.
    """
    if scope.clients is not None and client not in map(str, scope.clients):
        raise ForeignEntityError("an entity is of a client outside the scope")
    return client


@dataclass(frozen=True, slots=True)
class Bridge:
    """What Feast's stores reach.

    Attributes:
        loop: Runs coroutines.
        online: Features in Redis.
        computer: Features out of the warehouse.
        catalogues: Which each agency has.
    """

    loop: asyncio.AbstractEventLoop
    online: OnlineFeatures
    computer: FeatureComputer
    catalogues: Catalogues

    def catalogue(self) -> Catalogue:
        """What the agency of the scope has.

        Raises:
            NoScopeError: No scope is set, or called on the loop.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        return self.run(self.catalogues.of(acting_scope().tenant_id))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait, from another thread.

        Raises:
            NoScopeError: Called on the loop itself, which would wait for ever.
        """
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run_coroutine_threadsafe(work, self.loop).result()
        work.close()
        raise NoScopeError(
            f"Feast's synchronous calls cannot run on {running}", hint="use asyncio.to_thread"
        )
