"""The fields `consent` and `consentReceipts`: what somebody had agreed to, and the proof of it."""

import datetime as dt
from typing import Annotated, Final

import strawberry

from api.graphql.access import RootField, own_client_id
from api.graphql.consent_words import PersonInput, identifiers_of
from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from domain.errors import InvalidInputError
from domain.ids import parse_id, public_id
from domain.privacy.consent import ConsentState
from domain.privacy.purposes import Purpose
from tenancy import audit

__all__ = ["CONSENT", "CONSENT_RECEIPTS"]

_MOST_RECEIPTS: Final = 100

strawberry.enum(ConsentState, description="What somebody said.")


@strawberry.type(description="One word that counted.")
class ConsentWord:
    """See the description."""

    source: str
    state: ConsentState
    effective_at: dt.datetime = strawberry.field(description="When they said it.")
    recorded_at: dt.datetime = strawberry.field(description="When it was recorded here.")
    receipt_id: strawberry.ID


@strawberry.type(description="How somebody stands to one purpose.")
class ConsentStanding:
    """See the description."""

    purpose: Purpose
    state: ConsentState | None = strawberry.field(
        description="DENIED while any source denies it; null: nobody has said anything."
    )
    words: list[ConsentWord] = strawberry.field(description="Oldest first.")


async def _consent(
    info: EdgeInfo,
    client: strawberry.ID,
    person: PersonInput,
    at: Annotated[
        dt.datetime | None, strawberry.argument(description="At this instant; null: now.")
    ] = None,
    known_by: Annotated[
        dt.datetime | None,
        strawberry.argument(description="As it was known at this instant; null: as it is now."),
    ] = None,
) -> list[ConsentStanding]:
    caller, services = info.context.caller, info.context.services
    client_id = own_client_id(client, caller.clients)
    for instant in (at, known_by):
        if instant is not None and instant.tzinfo is None:
            raise InvalidInputError("an instant needs its time zone", hint="2026-03-01T12:00:00Z")
    named = identifiers_of(person)
    async with services.database.session(caller.tenant_id) as session:
        standing = await services.consent_proof.standing(
            session, client_id, named, at or services.clock(), known_by=known_by
        )
        audit.record(
            session,
            clock=services.clock,
            ids=services.ids,
            actor=caller.actor,
            action="consent.read",
            object_kind="client",
            object_id=str(client_id),
            details={},
        )
    return [
        ConsentStanding(
            purpose=one.purpose,
            state=one.state,
            words=[
                ConsentWord(
                    source=word.source,
                    state=word.state,
                    effective_at=word.effective_at,
                    recorded_at=word.recorded_at,
                    receipt_id=strawberry.ID(public_id("rcp", word.receipt_id)),
                )
                for word in one.events
            ],
        )
        for one in standing
    ]


@strawberry.type(description="What one signal of one person said, signed.")
class ConsentReceipt:
    """See the description."""

    id: strawberry.ID
    jws: str = strawberry.field(description="Compact JWS, Ed25519.")


async def _consent_receipts(
    info: EdgeInfo,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="At most 100.")],
) -> list[ConsentReceipt]:
    caller, services = info.context.caller, info.context.services
    if len(ids) > _MOST_RECEIPTS:
        raise InvalidInputError(f"ask for at most {_MOST_RECEIPTS} receipts")
    wanted = [parse_id("rcp", one) for one in ids]
    async with services.database.session(caller.tenant_id) as session:
        signed = await services.consent_proof.receipts(session, wanted, clients=caller.clients)
    return [
        ConsentReceipt(id=strawberry.ID(public_id("rcp", one)), jws=signed[one])
        for one in wanted
        if one in signed
    ]


CONSENT = RootField(
    "consent",
    Scope.PRIVACY_READ,
    "What somebody had agreed to at an instant, and which words say so.",
    _consent,
)
CONSENT_RECEIPTS = RootField(
    "consentReceipts",
    Scope.PRIVACY_READ,
    "Signed receipts of what was recorded; those that there are not are left out.",
    _consent_receipts,
)
