"""The field `me`: who asks."""

import datetime as dt
from zoneinfo import ZoneInfo

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from domain.ids import public_id

__all__ = ["ME"]


@strawberry.type(description="The agency that the token belongs to.")
class Agency:
    """See the description."""

    id: strawberry.ID
    name: str
    slug: str
    currency: str = strawberry.field(description="Reporting currency, ISO 4217.")
    time_zone: str = strawberry.field(description="IANA name; days of `period` are days there.")
    today: dt.date = strawberry.field(description="The present date in this time zone.")


@strawberry.type(description="The application that asks, and what its token allows.")
class Me:
    """See the description."""

    tenant: Agency
    application: str = strawberry.field(description="Public id of the OAuth client.")
    scopes: list[str]
    is_limited_to_clients: bool = strawberry.field(
        description="Whether the token shows some clients of the agency only."
    )
    is_limited_to_metrics: bool = strawberry.field(
        description="Whether the token shows some metrics only, and no features."
    )
    person: strawberry.ID | None = strawberry.field(
        description="The person that the application acts for; null: it acts for itself."
    )


async def _me(info: EdgeInfo) -> Me | None:
    tenant, caller = info.context.tenant, info.context.caller
    now, person = info.context.services.clock(), caller.person
    return Me(
        tenant=Agency(
            id=strawberry.ID(public_id("ten", tenant.tenant_id)),
            name=tenant.name,
            slug=tenant.slug,
            currency=tenant.currency,
            time_zone=tenant.time_zone,
            today=now.astimezone(ZoneInfo(tenant.time_zone)).date(),
        ),
        application=caller.client_id,
        scopes=sorted(caller.scopes),
        is_limited_to_clients=caller.clients is not None,
        is_limited_to_metrics=caller.metrics is not None,
        person=None if person is None else strawberry.ID(public_id("usr", person.user_id)),
    )


ME = RootField("me", None, "Who asks.", _me)
