"""The mutation `recordConsent`: what people said, up to a thousand at a time.

words -> signals read -> ConsentDesk -> ledger and suppressions, in one transaction
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.consent_words import ConsentWordInput, word_of
from api.graphql.context import EdgeInfo
from api.graphql.scalars import Count
from api.identity.caller import Scope
from domain.errors import InvalidInputError, NotFoundError, UserError
from domain.ids import public_id
from gdpr.consent.desk import MOST_WORDS

__all__ = ["RECORD_CONSENT"]


@strawberry.type(
    description="What was denied is not read any more, within seconds, in what happened since."
)
class ConsentRecorded:
    """See the description."""

    recorded: Count
    receipts: list[strawberry.ID | None] = strawberry.field(
        description="One for each word, in order; null: erased, or a signal that says nothing."
    )


@strawberry.type(description="Nothing was recorded.")
class RecordConsentError:
    """See the description."""

    code: str
    message: str
    hint: str


RecordConsentPayload = Annotated[
    ConsentRecorded | RecordConsentError, strawberry.union("RecordConsentPayload")
]


async def _record_consent(
    info: EdgeInfo,
    words: Annotated[list[ConsentWordInput], strawberry.argument(description="At most 1,000.")],
) -> RecordConsentPayload:
    try:
        return await _record(info, words)
    except UserError as error:
        return RecordConsentError(code=error.code, message=error.message, hint=error.hint)


async def _record(info: EdgeInfo, given: list[ConsentWordInput]) -> ConsentRecorded:
    if len(given) > MOST_WORDS:
        raise InvalidInputError(f"record between 1 and {MOST_WORDS:,} words at a time")
    caller, services = info.context.caller, info.context.services
    words = [word_of(one) for one in given]
    if caller.clients is not None and not {one.client_id for one in words} <= caller.clients:
        raise NotFoundError("there is no such client")
    async with services.database.session(caller.tenant_id) as session:
        done = await services.consent.record(session, words, actor=caller.actor)
    receipts = [one.receipt_id for one in done]
    return ConsentRecorded(
        recorded=Count(sum(one is not None for one in receipts)),
        receipts=[
            None if one is None else strawberry.ID(public_id("rcp", one)) for one in receipts
        ],
    )


RECORD_CONSENT = RootField(
    "recordConsent",
    Scope.PRIVACY_WRITE,
    "Record what people agreed to, or withdrew.",
    _record_consent,
)
