"""Who may use which root field.

    RootField(name, scope, resolver) -> field extension -> scope checked -> resolver

Every root field is made here, so none can be without a scope; what hangs below a root field is
reached through it only.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from domain.errors import NotFoundError
from domain.ids import ClientId, parse_id

__all__ = ["RequireScope", "RootField", "own_client_id"]


class RequireScope(FieldExtension):
    """Refuses callers without a scope before the resolver runs; None: any valid token will do."""

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope

    async def resolve_async(  # type: ignore[override]  # narrower info: ours is the only one
        self,
        next_: Callable[..., Awaitable[Any]],
        source: object,
        info: EdgeInfo,
        **kwargs: Any,
    ) -> Any:
        """Check, then resolve.

        Raises:
            PermissionDeniedError: The token lacks the scope.
        """
        if self.scope is not None:
            info.context.caller.require(self.scope)
        return await next_(source, info, **kwargs)


@dataclass(frozen=True, slots=True)
class RootField:
    """A field of Query or Mutation.

    Fields of Query are nullable, so that one that fails does not take its neighbours away.

    Attributes:
        name: GraphQL name.
        scope: What the token must allow; None: any valid token.
        description: For the schema.
        resolver: Asynchronous; its annotations are the field's types.
    """

    name: str
    scope: Scope | None
    description: str
    resolver: Callable[..., Awaitable[Any]]

    def build(self) -> StrawberryField:
        """A new Strawberry field; each schema needs its own."""
        field: StrawberryField = strawberry.field(
            resolver=self.resolver,
            name=self.name,
            description=self.description,
            extensions=[RequireScope(self.scope)],
        )
        return field


def own_client_id(text: str, seen: frozenset[ClientId] | None) -> ClientId:
    """The client of a public id, when the caller may see it.

    Raises:
        InvalidInputError: It is no client's id (caller).
        NotFoundError: The caller may not see it (caller).
    """
    client_id = ClientId(parse_id("cli", text))
    if seen is not None and client_id not in seen:
        raise NotFoundError("there is no such client", hint="`clients` lists them")
    return client_id
