"""What can be planned or noted, and what cannot be meant so.

target, period, amount, result -> checked, before anything is kept | error that says what to do
"""

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sqlalchemy import select

from domain.errors import InvalidInputError, NotFoundError
from domain.facts.ads import CHANNELS
from domain.ids import ClientId, ConnectionId
from domain.money import Money
from domain.time_window import DateRange
from ml.panel import Measure
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection

__all__ = [
    "LIFT_MEASURES",
    "LiftResult",
    "Target",
    "check_amount",
    "check_period",
    "check_result",
    "check_target",
    "checked_words",
]

LIFT_MEASURES: Final = (Measure.CONVERSIONS, Measure.REVENUE)

_LONGEST_DAYS: Final = 731
_LONGEST_NAME: Final = 200
_LARGEST: Final = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class Target:
    """What money is spent on: a client, or one of its channels or campaigns.

    Attributes:
        channel: Canonical channel; None: all.
        campaign: Connection, colon, provider's id; None: all.
    """

    client_id: ClientId
    channel: str | None = None
    campaign: str | None = None


@dataclass(frozen=True, slots=True)
class LiftResult:
    """What an experiment found.

    Attributes:
        measure: What was counted; one of `LIFT_MEASURES`.
        spend_change: Over the whole period; negative: less was spent.
        effect: Of the measure, over the whole period.
        standard_error: Of `effect`.
        source: Who made it, and how.
    """

    measure: Measure
    spend_change: Money
    effect: Decimal
    standard_error: Decimal
    source: str


async def check_target(session: TenantSession, target: Target) -> None:
    """Refuse what is not the agency's, and lock the client: two plans come one after the other.

    Raises:
        NotFoundError: There is no such client, channel or campaign (caller).
        InvalidInputError: The campaign is no campaign's id (caller).
    """
    client = select(Client.id).where(Client.id == target.client_id).with_for_update()
    if (await session.scalars(client)).one_or_none() is None:
        raise NotFoundError("there is no such client", hint="`clients` lists them")
    if target.channel is not None and target.channel not in CHANNELS:
        raise NotFoundError(
            f"there is no channel {target.channel!r}", hint=f"there are {', '.join(CHANNELS)}"
        )
    if target.campaign is not None:
        await _check_campaign(session, target.client_id, target.campaign)


async def _check_campaign(session: TenantSession, client_id: ClientId, campaign: str) -> None:
    connection, colon, _ = campaign.partition(":")
    try:
        connection_id = ConnectionId(uuid.UUID(connection if colon else ""))
    except ValueError:
        raise InvalidInputError(
            f"{campaign!r} is no campaign", hint="it is the id that `features` and `forecast` tell"
        ) from None
    known = select(Connection.id).where(
        Connection.id == connection_id, Connection.client_id == client_id
    )
    if (await session.scalars(known)).one_or_none() is None:
        raise NotFoundError(
            "the client has no such campaign", hint="`forecast` lists its campaigns"
        )


def check_period(period: DateRange) -> None:
    """Refuse more than two years.

    Raises:
        InvalidInputError: It is longer (caller).
    """
    if period.days > _LONGEST_DAYS:
        raise InvalidInputError(
            f"{period.start} to {period.end} is longer than two years", hint="plan shorter periods"
        )


def check_amount(what: str, amount: Decimal, *, least: Decimal) -> None:
    """Refuse what is no number, too little or beyond all money.

    Raises:
        InvalidInputError: It is (caller).
    """
    if not amount.is_finite() or not least <= amount <= _LARGEST:
        raise InvalidInputError(
            f"{what} is {amount}", hint=f"it is at least {least} and at most {_LARGEST:,}"
        )


def check_result(result: LiftResult) -> None:
    """Refuse a result that says nothing of returns.

    Raises:
        InvalidInputError: It does not (caller).
    """
    if result.measure not in LIFT_MEASURES:
        raise InvalidInputError(
            f"a lift test of {result.measure.value} says nothing of returns",
            hint="it counts conversions or revenue",
        )
    check_amount("the change of spend", result.spend_change.amount, least=-_LARGEST)
    check_amount("the effect", result.effect, least=-_LARGEST)
    check_amount("the standard error", result.standard_error, least=Decimal("0.000000001"))
    if result.spend_change.amount == 0:
        raise InvalidInputError(
            "the test changed no spend", hint="give the difference to what was spent without it"
        )


def checked_words(what: str, words: str) -> str:
    """Words in one line, single spaces between them.

    Raises:
        InvalidInputError: None, too many, or some that cannot be printed (caller).
    """
    text = " ".join(words.split())
    if not 1 <= len(text) <= _LONGEST_NAME or not text.isprintable():
        raise InvalidInputError(
            f"{what} has {len(text)} characters", hint=f"write 1 to {_LONGEST_NAME} printable ones"
        )
    return text
