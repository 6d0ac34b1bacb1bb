"""The mutation `removeWebhook`: a program is told nothing any more.

id -> WebhookDesk -> its secrets are forgotten
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from api.webhooks.desk import Operator
from domain.errors import UserError

__all__ = ["REMOVE_WEBHOOK"]


@strawberry.type(description="The endpoint is told nothing any more.")
class WebhookRemoved:
    """See the description."""

    id: strawberry.ID


@strawberry.type(description="Nothing changed.")
class RemoveWebhookError:
    """See the description."""

    code: str
    message: str
    hint: str


RemoveWebhookPayload = Annotated[
    WebhookRemoved | RemoveWebhookError, strawberry.union("RemoveWebhookPayload")
]


async def _remove_webhook(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the endpoint.")],  # noqa: A002  # the argument's name in GraphQL
) -> RemoveWebhookPayload:
    caller, services = info.context.caller, info.context.services
    operator = Operator(caller.actor, caller.clients)
    try:
        await services.webhooks.remove(caller.tenant_id, id, operator)
    except UserError as error:
        return RemoveWebhookError(code=error.code, message=error.message, hint=error.hint)
    return WebhookRemoved(id=id)


REMOVE_WEBHOOK = RootField(
    "removeWebhook",
    Scope.WEBHOOKS_MANAGE,
    "Tell an endpoint nothing any more; its secrets are forgotten.",
    _remove_webhook,
)
