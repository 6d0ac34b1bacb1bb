"""The field `freshness`: up to which day the data is there, and when more is due."""

import datetime as dt

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.queries.clients import Client, client_of
from api.identity.caller import Scope
from domain.ids import public_id
from ingestion.schedule.freshness import FreshnessStatus, StreamFreshness, read_freshness

__all__ = ["FRESHNESS"]

strawberry.enum(
    FreshnessStatus,
    description=(
        "LATE: a deadline has passed without the data. PREDICTED_LATE: one will. FRESH: all that is"
        " due by now is there. UNSCHEDULED: nothing is due, of a file or a paused connection."
    ),
)


@strawberry.type(description="How far a stream of a connection is published, and what is due.")
class Freshness:
    """See the description."""

    connection_id: strawberry.ID
    client_id: strawberry.ID
    client: Client
    source: str
    stream: str
    status: FreshnessStatus
    covered_from: dt.date | None = strawberry.field(description="First reporting date.")
    covered_to: dt.date | None = strawberry.field(description="Last reporting date, included.")
    final_to: dt.date | None = strawberry.field(
        description="Last reporting date that the source changes no more; later ones are"
        " provisional."
    )
    published_at: dt.datetime | None
    ready_at: dt.datetime | None = strawberry.field(
        description="When the source's figures of the day that is due next are complete."
    )
    deadline: dt.datetime | None = strawberry.field(
        description="When they have to be there: at eight the next morning, where the client is."
    )
    predicted_at: dt.datetime | None = strawberry.field(
        description="When they are expected; null when they are there, or nobody can tell."
    )
    last_error: str | None = strawberry.field(
        description="Why the last try failed; shown with the scope ingestion:read."
    )


async def _freshness(info: EdgeInfo) -> list[Freshness] | None:
    context = info.context
    services, caller = context.services, context.caller
    async with services.database.session(caller.tenant_id) as session:
        streams = await read_freshness(
            session, services.sources, services.clock(), clients=caller.clients
        )
    shows_errors = Scope.INGESTION_READ.value in caller.scopes
    return [_freshness_of(stream, shows_errors=shows_errors) for stream in streams]


def _freshness_of(found: StreamFreshness, *, shows_errors: bool) -> Freshness:
    state = found.state
    return Freshness(
        connection_id=strawberry.ID(public_id("con", found.connection.id)),
        client_id=strawberry.ID(public_id("cli", found.client.id)),
        client=client_of(found.client),
        source=found.connection.source,
        stream=found.stream,
        status=found.status,
        covered_from=None if state is None else state.covered_from,
        covered_to=None if state is None else state.covered_to,
        final_to=found.final_to,
        published_at=None if state is None else state.published_at,
        ready_at=found.ready_at,
        deadline=found.deadline_at,
        predicted_at=found.expected_at,
        last_error=found.last_error if shows_errors else None,
    )


FRESHNESS = RootField(
    "freshness",
    Scope.METRICS_READ,
    "How fresh each stream of each connection is, by client and source.",
    _freshness,
)
