"""What goes wrong in a client's figures, and what only looks so, with the truth about it.

    chance -> incidents of a client -> factors on spend, response, figures, prices; delays

A break of tracking and double counting change what is told, an outage, a runaway and a pause what
happens, a new price both for good. Data that comes late is here too, since alarms must not ring
for it: it is no incident.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ingestion.simulator.market.clients import Client
from ingestion.simulator.market.streams import Floats, Stream

__all__ = ["Effects", "Incident", "Kind", "draw_incidents", "effects_of"]

_YEAR: Final = 420.0  # days that the rates below are for


class Kind(enum.Enum):
    """What happened."""

    TRACKING_BREAK = "tracking_break"  # conversions and revenue of the whole client are lost
    SITE_OUTAGE = "site_outage"  # sessions, conversions and revenue are really lost
    PRICE_CHANGE = "price_change"  # order value and demand change until the end
    DOUBLE_COUNTING = "double_counting"  # a channel's conversions and revenue are told twice
    SPEND_RUNAWAY = "spend_runaway"  # a campaign spends a multiple of its plan
    PAUSED_CAMPAIGN = "paused_campaign"  # a campaign spends nothing, against its plan
    LATE_DATA = "late_data"  # a channel's figures are told days later; no incident

    @property
    def is_incident(self) -> bool:
        """Whether an alarm is right."""
        return self is not Kind.LATE_DATA


@dataclass(frozen=True, slots=True)
class Incident:
    """One of them.

    Attributes:
        kind: What happened.
        client: To whom.
        channel: In which channel; None: in all.
        campaign: In which campaign; None: in all of them.
        first_step: First day that it touches.
        last_step: Last one.
        factor: What the touched figures are multiplied with; of late data: days of delay.
    """

    kind: Kind
    client: str
    channel: str | None
    campaign: str | None
    first_step: int
    last_step: int
    factor: float


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """What a client's incidents do; its last row is what is not paid for.

    Attributes:
        spend: Factor on planned spend, shape (rows, days).
        happens: Factor on conversions that happen, and on sessions, same shape.
        told: Factor on conversions and revenue that are told, same shape.
        price: Factor on prices, shape (days,).
        told_from: Step in whose morning a day's figures are told at the earliest, same shape.
    """

    spend: Floats
    happens: Floats
    told: Floats
    price: Floats
    told_from: np.ndarray


@dataclass(frozen=True, slots=True)
class _Habit:
    """How often something happens to a client in a year, for how many days, how strongly."""

    rate: float
    days: tuple[int, int]
    factors: tuple[tuple[float, float], ...]


_HABITS: Final[Mapping[Kind, _Habit]] = {
    Kind.TRACKING_BREAK: _Habit(0.35, (2, 9), ((0.0, 0.35),)),
    Kind.SITE_OUTAGE: _Habit(0.35, (1, 2), ((0.05, 0.5),)),
    Kind.PRICE_CHANGE: _Habit(0.35, (0, 0), ((0.8, 0.92), (1.08, 1.25))),
    Kind.DOUBLE_COUNTING: _Habit(0.35, (4, 16), ((1.6, 2.0),)),
    Kind.SPEND_RUNAWAY: _Habit(0.5, (1, 4), ((2.5, 6.0),)),
    Kind.PAUSED_CAMPAIGN: _Habit(0.5, (3, 12), ((0.0, 0.0),)),
    Kind.LATE_DATA: _Habit(1.2, (1, 3), ((1.0, 3.0),)),
}
_OF_A_CHANNEL: Final = frozenset({Kind.DOUBLE_COUNTING, Kind.LATE_DATA})
_OF_A_CAMPAIGN: Final = frozenset({Kind.SPEND_RUNAWAY, Kind.PAUSED_CAMPAIGN})


def draw_incidents(client: Client, planned: Floats, chance: Stream) -> tuple[Incident, ...]:
    """Draw what happens to a client, by day.

    Args:
        client: To whom.
        planned: Planned spend, shape (campaigns, days).
        chance: Drawn from.
    """
    found: list[Incident] = []
    days = planned.shape[1]
    for kind, habit in _HABITS.items():
        for _ in range(int(chance.poisson(habit.rate * days / _YEAR))):
            row = int(chance.integers(len(client.campaigns)))
            running = np.flatnonzero(planned[row] > 0)
            day = int(chance.integers(days))
            if kind in _OF_A_CAMPAIGN:
                if not len(running):
                    continue
                day = int(running[day % len(running)])
            found.append(_incident(kind, client, row, day, days, chance))
    return tuple(sorted(found, key=lambda one: (one.first_step, one.kind.value, one.factor)))


def _incident(
    kind: Kind, client: Client, row: int, day: int, days: int, chance: Stream
) -> Incident:
    habit = _HABITS[kind]
    low, high = habit.factors[int(chance.integers(len(habit.factors)))]
    factor = round(float(chance.uniform(low, high)), 3)
    length = int(chance.integers(habit.days[0], habit.days[1] + 1))
    campaign = client.campaigns[row]
    last = days - 1 if kind is Kind.PRICE_CHANGE else min(day + length, days) - 1
    return Incident(
        kind,
        client.name,
        campaign.channel.name if kind in _OF_A_CHANNEL | _OF_A_CAMPAIGN else None,
        campaign.name if kind in _OF_A_CAMPAIGN else None,
        day,
        last,
        float(round(factor)) if kind is Kind.LATE_DATA else factor,
    )


def effects_of(client: Client, incidents: tuple[Incident, ...], days: int) -> Effects:
    """What incidents do to each day of each row of a client."""
    shape = (len(client.campaigns) + 1, days)
    effects = Effects(
        spend=np.ones(shape),
        happens=np.ones(shape),
        told=np.ones(shape),
        price=np.ones(days),
        told_from=np.tile(np.arange(1, days + 1), (shape[0], 1)),
    )
    for one in incidents:
        rows = _rows(client, one)[:, None] & np.ones(days, dtype=np.bool_)
        rows[:, : one.first_step] = False
        rows[:, one.last_step + 1 :] = False
        _apply(one, rows, effects)
    return effects


def _rows(client: Client, one: Incident) -> np.ndarray:
    if one.channel is None:
        return np.ones(len(client.campaigns) + 1, dtype=np.bool_)
    touched = [
        campaign.channel.name == one.channel and one.campaign in {None, campaign.name}
        for campaign in client.campaigns
    ]
    return np.array([*touched, False])


def _apply(one: Incident, cells: np.ndarray, effects: Effects) -> None:
    match one.kind:
        case Kind.TRACKING_BREAK | Kind.DOUBLE_COUNTING:
            effects.told[cells] *= one.factor
        case Kind.SITE_OUTAGE:
            effects.happens[cells] *= one.factor
        case Kind.SPEND_RUNAWAY | Kind.PAUSED_CAMPAIGN:
            effects.spend[cells] *= one.factor
        case Kind.PRICE_CHANGE:
            effects.price[one.first_step :] *= one.factor
        case Kind.LATE_DATA:
            told = one.last_step + 1 + int(one.factor)
            effects.told_from[cells] = np.maximum(effects.told_from[cells], told)
