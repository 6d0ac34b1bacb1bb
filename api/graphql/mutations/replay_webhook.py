"""The mutation `replayWebhook`: events are told again, with the ids that they had.

endpoint, one message or an instant -> WebhookDesk -> deliveries that wait once more
"""

import datetime as dt
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.scalars import Count
from api.identity.caller import Scope
from api.webhooks.desk import Operator
from domain.errors import InvalidInputError, UserError

__all__ = ["REPLAY_WEBHOOK"]


@strawberry.type(description="Events are on the way again.")
class WebhookReplayed:
    """See the description."""

    events: Count = strawberry.field(description="How many; one that is on its way counts not.")


@strawberry.type(description="Nothing is replayed.")
class ReplayWebhookError:
    """See the description."""

    code: str
    message: str
    hint: str


ReplayWebhookPayload = Annotated[
    WebhookReplayed | ReplayWebhookError, strawberry.union("ReplayWebhookPayload")
]


async def _replay_webhook(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the endpoint.")],  # noqa: A002  # the argument's name in GraphQL
    message: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="This one, whatever became of it."),
    ] = None,
    failed_since: Annotated[
        dt.datetime | None,
        strawberry.argument(description="All given up that happened since; with an offset."),
    ] = None,
) -> ReplayWebhookPayload:
    try:
        return WebhookReplayed(events=Count(await _replay(info, id, message, failed_since)))
    except UserError as error:
        return ReplayWebhookError(code=error.code, message=error.message, hint=error.hint)


async def _replay(
    info: EdgeInfo, public: str, message: str | None, since: dt.datetime | None
) -> int:
    caller, desk = info.context.caller, info.context.services.webhooks
    operator = Operator(caller.actor, caller.clients)
    if message is not None and since is None:
        return await desk.replay_message(caller.tenant_id, public, message, operator)
    if since is not None and message is None and since.tzinfo is not None:
        return await desk.replay_failed(caller.tenant_id, public, since, operator)
    raise InvalidInputError(
        "nothing says what to replay",
        hint="give message, or failedSince with an offset (2026-03-01T00:00:00Z); one of them",
    )


REPLAY_WEBHOOK = RootField(
    "replayWebhook",
    Scope.WEBHOOKS_MANAGE,
    "Tell an endpoint events again, with the ids that they had.",
    _replay_webhook,
)
