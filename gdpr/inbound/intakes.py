"""What a message asks for, as requests.

    PrivacyMessage, its content -> Intake (one), or none: a person's consent was taken back only

Whatever of a message is no identifier (an address without `@`) is left out; the rest still counts.
Of Shopify's messages the platform vouches for the person; `shop/redact` is about all people of the
connection, and names none of them: the scope says so.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from domain.errors import InvalidInputError
from domain.ids import ConnectionId
from domain.privacy import identifiers
from domain.privacy.identifiers import Identifier
from domain.privacy.rights import IdentityLevel, IntakeChannel, Right
from gdpr.inbound.refusal import InboundRefusedError
from gdpr.requests.intake import Intake
from tenancy.tables import MessageTopic, PrivacyMessage

__all__ = ["intake_of", "read_identifiers"]

_RIGHTS: Final = {
    MessageTopic.DATA_REQUEST: Right.ACCESS,
    MessageTopic.CUSTOMER_REDACT: Right.ERASURE,
    MessageTopic.SHOP_REDACT: Right.ERASURE,
    MessageTopic.DELETION: Right.ERASURE,
}


def intake_of(
    message: PrivacyMessage, content: Mapping[str, Any], connections: Sequence[ConnectionId]
) -> Intake | None:
    """The request that a message is.

    Args:
        message: As it was kept.
        content: Opened.
        connections: Of the client; a form's customer number may be of any of them.

    Returns:
        None: it asks for nothing.

    Raises:
        InboundRefusedError: It names nobody.
    """
    match message.topic:
        case MessageTopic.DEAUTHORISATION:
            return None
        case MessageTopic.FORM:
            return _of_form(message, content, connections)
    scope: dict[str, Any] = {"connection": str(message.connection_id)}
    found: tuple[Identifier, ...] = ()
    if message.topic is MessageTopic.SHOP_REDACT:
        scope["everybody"] = True
    else:
        found = read_identifiers(content, _only(message))
    if message.topic is MessageTopic.DATA_REQUEST:
        scope["answer_to"] = "controller"  # the owner of the shop gives it to the customer
    if message.topic is MessageTopic.DELETION:
        scope["of"] = "who consented to the connection"
    return Intake(
        client_id=message.client_id,
        right=_RIGHTS[message.topic],
        channel=message.channel,
        identifiers=found,
        received_at=message.received_at,
        requested_by=message.channel.value,
        identity=IdentityLevel.VOUCHED,
        external_ref=content.get("reference", ""),
        scope=scope,
    )


def read_identifiers(
    content: Mapping[str, Any], connections: Sequence[ConnectionId]
) -> tuple[Identifier, ...]:
    """Every identifier in a message, each once; e-mail first, orders last.

    Args:
        content: `email`, `phone`, `id` and `orders`; any may be missing or empty.
        connections: In which `id` and `orders` may be.

    Raises:
        InboundRefusedError: There is none.
    """
    found = [
        *_read(identifiers.email, content.get("email")),
        *_read(identifiers.phone, content.get("phone")),
    ]
    for connection_id in connections:
        found += _read(
            partial(identifiers.platform_id, connection_id=connection_id), content.get("id")
        )
        of_order = partial(identifiers.order, connection_id=connection_id)
        for order in content.get("orders", ()):
            found += _read(of_order, order)
    if not found:
        raise InboundRefusedError("the message names nobody")
    return tuple(dict.fromkeys(found))


def _of_form(
    message: PrivacyMessage, content: Mapping[str, Any], connections: Sequence[ConnectionId]
) -> Intake:
    return Intake(
        client_id=message.client_id,
        right=Right(content["right"]),
        channel=IntakeChannel.FORM,
        identifiers=read_identifiers(content, connections),
        received_at=message.received_at,
        requested_by="person",
        identity=IdentityLevel.CLAIMED,
        message=content.get("message", ""),
    )


def _only(message: PrivacyMessage) -> tuple[ConnectionId, ...]:
    return () if message.connection_id is None else (message.connection_id,)


def _read(make: Callable[[str], Identifier], text: Any) -> list[Identifier]:
    if not isinstance(text, str) or not text.strip():
        return []
    try:
        return [make(text)]
    except InvalidInputError:
        return []
