"""The field `privacyStatistics`: figures that a regulator asks for."""

import datetime as dt
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.scalars import Count
from api.identity.caller import Scope
from domain.ids import public_id
from domain.privacy.rights import IntakeChannel, Right
from gdpr.desk.statistics import ClientTally, Tally, compute_statistics

__all__ = ["PRIVACY_STATISTICS"]


@strawberry.type(description="How many requests for a right.")
class RightCount:
    """See the description."""

    right: Right
    count: Count


@strawberry.type(description="How many requests came in that way.")
class ChannelCount:
    """See the description."""

    channel: IntakeChannel
    count: Count


@strawberry.type(description="How many requests have something in common.")
class NamedCount:
    """See the description."""

    name: str
    count: Count


@strawberry.type(description="Figures of requests.")
class SubjectRequestTally:
    """See the description."""

    received: Count
    rights: list[RightCount]
    channels: list[ChannelCount]
    outcomes: list[NamedCount] = strawberry.field(
        description="open, done, partly, nothing_found, refused, withdrawn, merged."
    )
    answered: Count = strawberry.field(description="Completed or refused.")
    answered_late: Count
    median_days: float | None = strawberry.field(
        description="From receipt to answer; null: none is answered."
    )
    p90_days: float | None = strawberry.field(description="Nine in ten took no longer.")
    extended: Count
    overdue: Count = strawberry.field(description="Open, and the law's date has passed.")
    refusals: list[NamedCount] = strawberry.field(description="By reason, the most frequent first.")


@strawberry.type(description="Figures of one client.")
class ClientRequestTally:
    """See the description."""

    client_id: strawberry.ID | None = strawberry.field(
        description="null: about people of the agency itself."
    )
    name: str
    tally: SubjectRequestTally


@strawberry.type(description="Figures of requests that were received in a period.")
class PrivacyStatistics:
    """See the description."""

    first: dt.date
    last: dt.date
    time_zone: str = strawberry.field(description="Of the agency; the days are of its calendar.")
    total: SubjectRequestTally
    clients: list[ClientRequestTally]


async def _privacy_statistics(
    info: EdgeInfo,
    from_: Annotated[dt.date, strawberry.argument(name="from", description="First day.")],
    to: Annotated[dt.date, strawberry.argument(description="Last day, itself included.")],
) -> PrivacyStatistics | None:
    caller, services = info.context.caller, info.context.services
    async with services.database.session(caller.tenant_id) as session:
        found = await compute_statistics(
            session, from_, to, now=services.clock(), seen=caller.clients
        )
    return PrivacyStatistics(
        first=found.first,
        last=found.last,
        time_zone=found.time_zone,
        total=_tally(found.total),
        clients=[_client(one) for one in found.clients],
    )


def _client(one: ClientTally) -> ClientRequestTally:
    client_id = None if one.client_id is None else strawberry.ID(public_id("cli", one.client_id))
    return ClientRequestTally(client_id=client_id, name=one.name, tally=_tally(one.tally))


def _tally(one: Tally) -> SubjectRequestTally:
    return SubjectRequestTally(
        received=Count(one.received),
        rights=[RightCount(right=kind, count=Count(n)) for kind, n in one.rights.items()],
        channels=[ChannelCount(channel=kind, count=Count(n)) for kind, n in one.channels.items()],
        outcomes=[NamedCount(name=name, count=Count(n)) for name, n in one.outcomes.items()],
        answered=Count(one.answered),
        answered_late=Count(one.answered_late),
        median_days=one.median_days,
        p90_days=one.p90_days,
        extended=Count(one.extended),
        overdue=Count(one.overdue),
        refusals=[NamedCount(name=reason, count=Count(n)) for reason, n in one.refusals],
    )


PRIVACY_STATISTICS = RootField(
    "privacyStatistics",
    Scope.PRIVACY_READ,
    "What a regulator asks for: how many requests, what became of them, and how fast.",
    _privacy_statistics,
)
