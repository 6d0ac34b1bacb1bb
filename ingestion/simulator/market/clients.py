"""Which clients an agency has, and which campaigns they run when.

    seed, agency number -> clients -> channels -> campaigns: budget, life, flights

Most campaigns run all the time; some start, some end, some are short, and some have only just
begun when the world ends.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ingestion.simulator.market.streams import Floats, Stream
from ingestion.simulator.market.trades import CHANNELS, COUNTRIES, TRADES, Channel, Country, Trade

__all__ = ["Campaign", "Client", "Size", "draw_client"]

_BUDGET: Final = 1200.0  # median client, dollars a day
_BUDGET_SPREAD: Final = 0.9  # of its logarithm: a tenth spends over 3,800 a day
_MIN_LEVEL: Final = 8.0  # dollars a day; below it nobody keeps a campaign
_FOCUS: Final = 0.45  # chance that a client is of the trade that the agency is known for
_RESTS: Final = 0.35  # chance that a campaign of a weekday trade is off at weekends
_LIVES: Final = {"always on": 0.58, "starts": 0.14, "ends": 0.1, "short": 0.1, "just begun": 0.08}
_COLD_DAYS: Final = 60  # a campaign that began within them is called cold


@dataclass(frozen=True, slots=True)
class Size:
    """How large a world is; ranges include both ends.

    Attributes:
        agencies: How many there are.
        days: How long it lasts.
        clients: Of an agency.
        channels: Of a client, six at most.
        campaigns: Of a channel.
    """

    agencies: int = 50
    days: int = 420
    clients: tuple[int, int] = (2, 5)
    channels: tuple[int, int] = (2, 5)
    campaigns: tuple[int, int] = (1, 5)


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign.

    Attributes:
        name: Unique in the world.
        channel: Where it runs.
        level: Typical spend of a day, in the client's currency.
        first_day: When it starts; steps of the world.
        end_day: Day after its last.
        flight: Days on, days off, shift; None: it runs every day.
        rests_at_weekends: It is off on Saturdays and Sundays.
    """

    name: str
    channel: Channel
    level: float
    first_day: int
    end_day: int
    flight: tuple[int, int, int] | None
    rests_at_weekends: bool


@dataclass(frozen=True, slots=True)
class Client:
    """A brand of an agency.

    Attributes:
        name: Unique in the world.
        trade: What it sells.
        country: Where.
        campaigns: By channel, in order.
    """

    name: str
    trade: Trade
    country: Country
    campaigns: tuple[Campaign, ...]


def draw_client(name: str, focus: int, size: Size, chance: Stream) -> Client:
    """Draw one client.

    Args:
        name: Its name.
        focus: Place in `TRADES` of what its agency is known for.
        size: Of the world.
        chance: Drawn from.
    """
    is_focus = chance.random() < _FOCUS
    trade = TRADES[focus if is_focus else int(chance.integers(len(TRADES)))]
    country = COUNTRIES[str(chance.choice(sorted(COUNTRIES)))]
    budget = _BUDGET * float(np.exp(chance.normal(0.0, _BUDGET_SPREAD))) * country.rate
    campaigns: list[Campaign] = []
    channels = _draw_channels(size, chance)
    shares = _shares(chance, np.array([channel.weight for channel in channels]))
    for channel, share in zip(channels, shares, strict=True):
        count = int(chance.integers(size.campaigns[0], size.campaigns[1] + 1))
        for place, part in enumerate(_shares(chance, np.full(count, 2.5)), start=1):
            level = max(budget * float(share * part), _MIN_LEVEL * country.rate)
            label = f"{name}-{channel.name}-{place}"
            campaigns.append(_draw_campaign(label, channel, level, trade, size.days, chance))
    return Client(name, trade, country, tuple(campaigns))


def _draw_channels(size: Size, chance: Stream) -> list[Channel]:
    count = int(chance.integers(size.channels[0], size.channels[1] + 1))
    weights = np.array([channel.weight for channel in CHANNELS])
    places = chance.choice(len(CHANNELS), count, replace=False, p=weights / weights.sum())
    return [CHANNELS[place] for place in sorted(places)]


def _shares(chance: Stream, weights: Floats) -> Floats:
    return chance.dirichlet(weights)


def _draw_campaign(
    name: str, channel: Channel, level: float, trade: Trade, days: int, chance: Stream
) -> Campaign:
    first_day, end_day = _draw_life(days, chance)
    flight = None
    if chance.random() < channel.flights:
        flight = (
            int(chance.integers(14, 36)),
            int(chance.integers(7, 22)),
            int(chance.integers(0, 40)),
        )
    rests = bool(max(trade.week[5:]) < 1 and chance.random() < _RESTS)
    return Campaign(name, channel, level, first_day, end_day, flight, rests)


def _draw_life(days: int, chance: Stream) -> tuple[int, int]:
    third = days // 3
    match str(chance.choice(list(_LIVES), p=list(_LIVES.values()))):
        case "starts":
            return int(chance.integers(third // 2, 2 * third)), days
        case "ends":
            return 0, int(chance.integers(third, days))
        case "short":
            first = int(chance.integers(0, max(days - 21, 1)))
            return first, min(first + int(chance.integers(21, 76)), days)
        case "just begun":
            return days - int(chance.integers(3, min(_COLD_DAYS, days) + 1)), days
        case _:
            return 0, days
