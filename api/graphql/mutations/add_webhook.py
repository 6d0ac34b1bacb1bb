"""The mutation `addWebhook`: a program is told from now on.

url, events, clients -> read_wish -> WebhookDesk -> endpoint and, once, its secret
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.queries.webhook_endpoints import WebhookEndpoint, endpoint_of
from api.identity.caller import Scope
from api.webhooks.desk import Operator, read_wish
from domain.errors import UserError
from domain.ids import ClientId, parse_id
from tenancy.tables import WebhookEventType

__all__ = ["ADD_WEBHOOK"]


@strawberry.type(description="The endpoint is told of what happens from now on.")
class WebhookAdded:
    """See the description."""

    endpoint: WebhookEndpoint
    secret: str = strawberry.field(description="Signs for the endpoint; it is not shown again.")


@strawberry.type(description="There is no new endpoint.")
class AddWebhookError:
    """See the description."""

    code: str
    message: str
    hint: str


AddWebhookPayload = Annotated[WebhookAdded | AddWebhookError, strawberry.union("AddWebhookPayload")]


@strawberry.input(description="An endpoint as it is wanted.")
class AddWebhookInput:
    """See the description."""

    url: str = strawberry.field(description="https, and public.")
    description: str = strawberry.field(default="", description="What it is for.")
    event_types: list[WebhookEventType] = strawberry.field(
        default_factory=list, description="Empty: all, also those that are added later."
    )
    clients: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Empty: all that the token shows."
    )


async def _add_webhook(info: EdgeInfo, input: AddWebhookInput) -> AddWebhookPayload:  # noqa: A002  # the argument's name in GraphQL
    try:
        return await _add(info, input)
    except UserError as error:
        return AddWebhookError(code=error.code, message=error.message, hint=error.hint)


async def _add(info: EdgeInfo, given: AddWebhookInput) -> WebhookAdded:
    caller, services = info.context.caller, info.context.services
    wish = read_wish(
        given.url,
        description=given.description,
        event_types=given.event_types,
        clients=[ClientId(parse_id("cli", client)) for client in given.clients],
        is_production=not services.is_development,
    )
    operator = Operator(caller.actor, caller.clients)
    endpoint, secret = await services.webhooks.add(caller.tenant_id, wish, operator)
    return WebhookAdded(endpoint=endpoint_of(endpoint), secret=secret.reveal())


ADD_WEBHOOK = RootField(
    "addWebhook",
    Scope.WEBHOOKS_MANAGE,
    "Have a program told what happens, by messages signed with a secret of its own.",
    _add_webhook,
)
