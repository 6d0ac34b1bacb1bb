"""The field `auditTrail`: who did or saw what; that it was read is an entry of its own.

The trail tells of the whole agency, so a token that is limited to some clients does not see it.
"""

import datetime as dt
from typing import Annotated

import orjson
import strawberry

from api.audit.trail import TrailFilter, read_trail
from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.metric_types import PageInfo
from api.graphql.paging import read_numbered_page
from api.graphql.scalars import Count
from api.identity.caller import Scope
from domain.errors import PermissionDeniedError
from domain.ids import public_id
from tenancy.tables import AuditEntry as AuditRow

__all__ = ["AUDIT_TRAIL"]

_MAXIMUM = 500


@strawberry.type(description="Who did or saw what, at its place in the agency's chain.")
class AuditEntry:
    """See the description."""

    id: strawberry.ID
    number: Count = strawberry.field(description="1, 2, 3 ... within the agency, without gaps.")
    at: dt.datetime
    actor: str = strawberry.field(description="For example user:..., client:... or job:...")
    action: str = strawberry.field(description="For example connection.paused.")
    object_kind: str
    object_id: str
    details: str = strawberry.field(description="Ids and settings, as a JSON object.")
    hash: str = strawberry.field(
        description="SHA-256 over the entry and the hash before it; docs/audit.md tells how."
    )


@strawberry.type(description="A page of the audit trail.")
class AuditPage:
    """See the description."""

    nodes: list[AuditEntry]
    page_info: PageInfo


async def _audit_trail(
    info: EdgeInfo,
    object: Annotated[  # noqa: A002  # the name in the schema
        str | None,
        strawberry.argument(description="A kind, connection, or one object, connection:con_..."),
    ] = None,
    actor: Annotated[
        str | None, strawberry.argument(description="Only what this one did or saw.")
    ] = None,
    first: Annotated[int, strawberry.argument(description="At most 500.")] = 50,
    after: Annotated[
        str | None, strawberry.argument(description="`endCursor` of the page before.")
    ] = None,
) -> AuditPage | None:
    context = info.context
    if context.caller.clients is not None:
        raise PermissionDeniedError(
            "the audit trail tells of all clients, and the token is limited to some",
            hint="ask with a token of an application, or a person, that sees the whole agency",
        )
    page = read_numbered_page(first, after, maximum=_MAXIMUM)
    async with context.services.database.session(context.caller.tenant_id) as session:
        found = await read_trail(
            session,
            TrailFilter(about=object, actor=actor),
            limit=page.limit,
            before=page.before,
            clock=context.services.clock,
            ids=context.services.ids,
            actor=context.caller.actor,
        )
    last = found.entries[-1].sequence if found.entries else None
    return AuditPage(
        nodes=[_entry(row) for row in found.entries],
        page_info=page.info(last, has_next=found.has_more),
    )


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        id=strawberry.ID(public_id("aud", row.id)),
        number=Count(row.sequence),
        at=row.at,
        actor=row.actor,
        action=row.action,
        object_kind=row.object_kind,
        object_id=row.object_id,
        details=orjson.dumps(row.details).decode(),
        hash=row.hash.hex(),
    )


AUDIT_TRAIL = RootField(
    "auditTrail",
    Scope.AUDIT_READ,
    "Who did or saw what, the latest first.",
    _audit_trail,
)
