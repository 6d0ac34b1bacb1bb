"""One agency of the market at a time, whole: what it planned, what came, what was known when.

    seed, agency number -> each client: plan, incidents, response, figures, revisions -> Agency

An agency needs tens of megabytes at the frozen size, so a reader walks through them and keeps what
it needs. The same seed, size and number always make the same agency.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from ingestion.simulator.market.arrivals import Revisions, draw_revisions
from ingestion.simulator.market.clients import Client, Size, draw_client
from ingestion.simulator.market.demand import demand_path, season_path
from ingestion.simulator.market.figures import Figures, draw_figures
from ingestion.simulator.market.incidents import Incident, draw_incidents, effects_of
from ingestion.simulator.market.response import Response, draw_response
from ingestion.simulator.market.spending import actual_spend, is_live, planned_spend
from ingestion.simulator.market.streams import Floats, stream
from ingestion.simulator.market.trades import TRADES

__all__ = ["SEED", "SIZE", "START", "Agency", "MarketSeries", "draw_agency", "iter_agencies"]

SEED: Final = 20_261_201
# A Monday; 420 days hold two Black Fridays, the second near the end.
START: Final = dt.date(2024, 10, 14)
SIZE: Final = Size()
_UNPAID: Final = "direct"


@dataclass(frozen=True, slots=True)
class MarketSeries:
    """Whose figures a row holds.

    Attributes:
        client: Brand of the agency.
        trade: What it sells; not told to models.
        channel: Canonical channel.
        campaign: Its name; None: what came without being paid for.
        currency: ISO 4217 code.
    """

    client: str
    trade: str
    channel: str
    campaign: str | None
    currency: str


@dataclass(frozen=True, slots=True, eq=False)
class Agency:
    """One agency with the truth about it; rows are in the order of `series`.

    Attributes:
        name: Its name.
        start: Date of day 0.
        days: How many there are.
        series: Campaigns of a client, then what it does not pay for; client by client.
        revisions: What was known when; the last ones may be told after the world's end.
        final: Figures in the end, by measure, shape (rows, days); NaN: none to tell.
        planned: Planned spend, shape (rows, days); known ahead.
        response: Expected conversions and revenue for any spend.
        incidents: What went wrong, and late data.
    """

    name: str
    start: dt.date
    days: int
    series: tuple[MarketSeries, ...]
    revisions: Revisions
    final: Mapping[str, Floats]
    planned: Floats
    response: Response
    incidents: tuple[Incident, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What one client adds to its agency."""

    client: Client
    revisions: Revisions
    figures: Figures
    planned: Floats
    response: Response
    incidents: tuple[Incident, ...]


def iter_agencies(seed: int = SEED, size: Size = SIZE) -> Iterator[Agency]:
    """All agencies of a world, one at a time."""
    for number in range(size.agencies):
        yield draw_agency(number, seed, size)


def draw_agency(number: int, seed: int = SEED, size: Size = SIZE) -> Agency:
    """Make one agency.

    Args:
        number: Which one.
        seed: Of the world.
        size: Of the world.
    """
    name = f"agency-{number:03}"
    chance = stream(seed, name)
    focus = int(chance.integers(len(TRADES)))
    count = int(chance.integers(size.clients[0], size.clients[1] + 1))
    parts = [_part(f"{name}-client-{place}", focus, seed, size) for place in range(1, count + 1)]
    return Agency(
        name=name,
        start=START,
        days=size.days,
        series=tuple(series for part in parts for series in _series(part.client)),
        revisions=_joined([part.revisions for part in parts], parts),
        final={
            one.name: np.vstack([getattr(part.figures, one.name) for part in parts])
            for one in fields(Figures)
        },
        planned=np.vstack([part.planned for part in parts]),
        response=_stacked([part.response for part in parts]),
        incidents=tuple(one for part in parts for one in part.incidents),
    )


def _part(name: str, focus: int, seed: int, size: Size) -> _Part:
    def chance(what: str) -> np.random.Generator:
        return stream(seed, name, what)

    client = draw_client(name, focus, size, chance("client"))
    season = season_path(client.trade, client.country, START, size.days)
    demand = demand_path(client.trade, client.country, START, size.days, chance("demand"))
    planned = planned_spend(client, season, START, chance("plan"))
    incidents = draw_incidents(client, planned, chance("incidents"))
    effects = effects_of(client, incidents, size.days)
    spend = np.round(actual_spend(planned, chance("spend")) * effects.spend[:-1], 2)
    response = draw_response(client, demand, effects.price, chance("response"))
    live = is_live(client.campaigns, size.days)
    figures = draw_figures(client, spend, live, response, effects, chance("figures"))
    revisions = draw_revisions(client, figures, effects.told_from, START, chance("arrivals"))
    all_planned = np.vstack([planned, np.zeros(size.days)])
    return _Part(client, revisions, figures, all_planned, response, incidents)


def _series(client: Client) -> Iterator[MarketSeries]:
    for one in client.campaigns:
        yield MarketSeries(
            client.name, client.trade.name, one.channel.name, one.name, client.country.currency
        )
    yield MarketSeries(client.name, client.trade.name, _UNPAID, None, client.country.currency)


def _joined(revisions: Sequence[Revisions], parts: Sequence[_Part]) -> Revisions:
    counts = [len(part.planned) for part in parts]
    firsts = np.cumsum([0, *counts[:-1]])
    return Revisions(
        row=np.concatenate(
            [one.row + np.int32(first) for one, first in zip(revisions, firsts, strict=True)]
        ),
        step=np.concatenate([one.step for one in revisions]),
        known_at=np.concatenate([one.known_at for one in revisions]),
        values={
            measure: np.concatenate([one.values[measure] for one in revisions])
            for measure in revisions[0].values
        },
    )


def _stacked(responses: Sequence[Response]) -> Response:
    return Response(
        **{
            one.name: np.concatenate([getattr(part, one.name) for part in responses])
            for one in fields(Response)
        }
    )
