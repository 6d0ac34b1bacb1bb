"""What a resolver can reach: one object per operation.

verified token + state of the agency + services -> Context -> info.context
"""

from collections.abc import Callable
from dataclasses import dataclass

from graphql import FieldNode
from strawberry.types import Info

from api.graphql.execution import RowExecutor
from api.graphql.services import GraphQLServices
from api.graphql.tenant_state import TenantState
from api.identity.caller import Caller

__all__ = ["Context", "EdgeInfo"]


@dataclass(slots=True)
class Context:
    """Of one operation.

    Attributes:
        services: Wired once per process.
        caller: Who asks.
        tenant: State of the caller's agency, at most half a second old.
        forget_tenant: To be called when the agency's own metrics were changed.
        executor: Runs this operation; it puts itself here.
    """

    services: GraphQLServices
    caller: Caller
    tenant: TenantState
    forget_tenant: Callable[[], None]
    executor: RowExecutor | None = None


class EdgeInfo(Info[Context, None]):
    """Strawberry's info, with the syntax nodes of the field."""

    @property
    def nodes(self) -> list[FieldNode]:
        """Where the operation selects this field, once or more often."""
        nodes: list[FieldNode] = self._raw_info.field_nodes
        return nodes

    @property
    def executor(self) -> RowExecutor:
        """What runs this operation."""
        executor = self.context.executor
        if executor is None:
            raise TypeError("the schema is executed by RowExecutor only")
        return executor
