"""What comes to be counted: figures of each day when all has arrived.

    expected conversions x noise -> counts -> revenue of so many orders; spend -> clicks -> sessions

Counts are over-dispersed (a Poisson count around a gamma mean), days have shocks with a heavy tail,
and the mean order of a day varies the less the more orders there are.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ingestion.simulator.market.clients import Client
from ingestion.simulator.market.incidents import Effects
from ingestion.simulator.market.response import Response
from ingestion.simulator.market.streams import Floats, Stream

__all__ = ["Figures", "draw_figures"]

_DAY_SHOCK: Final = 0.09  # scale of a campaign's day, Student's t with 4 degrees of freedom
_MOST_SHOCK: Final = 1.0  # no day is beyond e times its mean, or below its e-th part
_ORGANIC_RATE: Final = 0.022  # conversions for an unpaid session


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What is true of each day of a client in the end; its last row is what is not paid for.

    Attributes:
        spend: In its currency, shape (rows, days); NaN: there is none to tell.
        conversions: Whole, same shape; NaN as above.
        revenue: Net of returns, in its currency, same shape; NaN as above.
        sessions: Whole, same shape; NaN as above.
    """

    spend: Floats
    conversions: Floats
    revenue: Floats
    sessions: Floats


def draw_figures(
    client: Client,
    spend: Floats,
    live: np.ndarray,
    response: Response,
    effects: Effects,
    chance: Stream,
) -> Figures:
    """Draw the final figures of a client.

    Args:
        client: Whose.
        spend: Actual, shape (campaigns, days).
        live: Whether a campaign exists, same shape, boolean.
        response: Its curves, with a last row for what is not paid for.
        effects: Of its incidents.
        chance: Drawn from.
    """
    days = spend.shape[1]
    all_spend = np.vstack([spend, np.zeros(days)])
    all_live = np.vstack([live, np.ones(days, dtype=np.bool_)])
    shape = all_spend.shape
    expected = response.conversions(all_spend) * effects.happens * effects.told
    shock = np.clip(chance.standard_t(4, shape) * _DAY_SHOCK, -_MOST_SHOCK, _MOST_SHOCK)
    size = chance.uniform(8.0, 60.0)
    mean = expected * np.exp(shock) * chance.gamma(size, 1 / size, shape)
    conversions = chance.poisson(mean).astype(np.float64)
    spread = client.trade.order_spread / np.sqrt(np.maximum(conversions, 1.0))
    sigma = np.sqrt(np.log1p(spread**2))
    order = response.order_value * np.exp(chance.normal(0.0, 1.0, shape) * sigma - sigma**2 / 2)
    sessions = _sessions(client, all_spend, response, effects, chance)
    unknown = np.where(all_live, 0.0, np.nan)
    paid = np.vstack([unknown[:-1], np.full(days, np.nan)])
    return Figures(
        spend=all_spend + paid,
        conversions=conversions + unknown,
        revenue=np.round(conversions * order, 2) + unknown,
        sessions=sessions + unknown,
    )


def _sessions(
    client: Client, spend: Floats, response: Response, effects: Effects, chance: Stream
) -> Floats:
    count = len(client.campaigns)
    cost = np.array([one.channel.click_cost for one in client.campaigns]) * client.country.rate
    cost *= np.exp(chance.normal(0.0, 0.3, count))
    # Auctions get dear when everybody wants to be seen.
    wanted = response.claimed[-1] / response.claimed[-1].mean()
    clicks = spend[:-1] / (cost[:, None] * np.sqrt(wanted))
    unpaid = response.claimed[-1] / _ORGANIC_RATE
    mean = np.vstack([clicks * chance.uniform(0.75, 0.95), unpaid]) * effects.happens
    noisy = mean * chance.gamma(50.0, 1 / 50.0, mean.shape)
    return chance.poisson(noisy).astype(np.float64)
