"""The mutation `addConsentNotice`: what a client's people are told before they agree.

client, version, language, text -> ConsentDesk -> kept with its hash, for receipts to name
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField, own_client_id
from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from domain.errors import UserError

__all__ = ["ADD_CONSENT_NOTICE"]


@strawberry.input(description="What people are told, word for word.")
class ConsentNoticeInput:
    """See the description."""

    client: strawberry.ID
    version: str = strawberry.field(description="Your own name of the text; words name it.")
    language: str = strawberry.field(description="As in BCP 47: en, de-AT.")
    text: str = strawberry.field(description="At most 100,000 characters.")


@strawberry.type(description="The text is kept, and never changed.")
class ConsentNoticeAdded:
    """See the description."""

    version: str
    sha256: str = strawberry.field(description="Of the text in UTF-8, hexadecimal.")


@strawberry.type(description="Nothing was kept.")
class AddConsentNoticeError:
    """See the description."""

    code: str
    message: str
    hint: str


AddConsentNoticePayload = Annotated[
    ConsentNoticeAdded | AddConsentNoticeError, strawberry.union("AddConsentNoticePayload")
]


async def _add_consent_notice(info: EdgeInfo, input: ConsentNoticeInput) -> AddConsentNoticePayload:  # noqa: A002  # the argument's name in GraphQL
    try:
        return await _add(info, input)
    except UserError as error:
        return AddConsentNoticeError(code=error.code, message=error.message, hint=error.hint)


async def _add(info: EdgeInfo, given: ConsentNoticeInput) -> ConsentNoticeAdded:
    caller, services = info.context.caller, info.context.services
    client_id = own_client_id(given.client, caller.clients)
    async with services.database.session(caller.tenant_id) as session:
        digest = await services.consent.add_notice(
            session, client_id, given.version, given.language, given.text, actor=caller.actor
        )
    return ConsentNoticeAdded(version=given.version, sha256=digest)


ADD_CONSENT_NOTICE = RootField(
    "addConsentNotice",
    Scope.PRIVACY_WRITE,
    "Keep what people are told before they agree; the same again changes nothing.",
    _add_consent_notice,
)
