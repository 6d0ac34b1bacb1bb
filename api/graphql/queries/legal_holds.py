"""The field `legalHolds`: data that may not be erased for now."""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.privacy_types import LegalHold, hold_of
from api.identity.caller import Scope
from gdpr.desk.holds import list_holds

__all__ = ["LEGAL_HOLDS"]


async def _legal_holds(
    info: EdgeInfo,
    *,
    include_ended: Annotated[
        bool, strawberry.argument(description="Also released and expired ones.")
    ] = False,
) -> list[LegalHold] | None:
    caller, services = info.context.caller, info.context.services
    async with services.database.session(caller.tenant_id) as session:
        lines = await list_holds(
            session, now=services.clock(), seen=caller.clients, includes_ended=include_ended
        )
    return [hold_of(line.row) for line in lines]


LEGAL_HOLDS = RootField(
    "legalHolds",
    Scope.PRIVACY_READ,
    "Legal holds in force, the latest first.",
    _legal_holds,
)
