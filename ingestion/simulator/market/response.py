"""What a path of spend brings in expectation: the truth behind every figure.

    spend -> adstock (geometric) -> Hill -> x ceiling x demand + claimed -> conversions -> revenue

The adstock of a steady spend is that spend, so half-saturation is in money a day. Marginal return
and the best split of a budget follow from these curves exactly; a model sees none of it.

Source: Jin, Wang, Sun, Chan, Koehler, "Bayesian methods for media mix modeling with carryover and
shape effects", 2017, equations 1 and 4.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ingestion.simulator.market.clients import Client
from ingestion.simulator.market.spending import is_live
from ingestion.simulator.market.streams import Floats, Stream, accumulate, autoregressive

__all__ = ["Response", "draw_response"]

_DRIFT_KEPT: Final = 0.97  # creative wears out and auctions change over weeks
_UNPAID_KEPT: Final = 0.9
_LEARNING_DAYS: Final = 6.0  # e-folding time of a new campaign's learning
_LEARNING_LOSS: Final = 0.45


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """Expected conversions and revenue of some campaigns, as functions of their spend.

    Attributes:
        carry: Share of the effect that is kept until the next day, shape (rows,).
        half_spend: Daily spend at half the ceiling, shape (rows,).
        slope: Hill exponent, shape (rows,); above 1 the curve is S-shaped.
        ceiling: Conversions a day at infinite spend and a demand of 1, shape (rows,).
        demand: What multiplies the curve each day, shape (rows, days).
        claimed: Conversions a day without any spend, shape (rows, days).
        order_value: Of one conversion, net of returns, shape (rows, days).
    """

    carry: Floats
    half_spend: Floats
    slope: Floats
    ceiling: Floats
    demand: Floats
    claimed: Floats
    order_value: Floats

    def conversions(self, spend: Floats) -> Floats:
        """Expected conversions of each day.

        Args:
            spend: From the first day on, shape (rows, days); at least 0.
        """
        stock = accumulate(spend, self.carry) * (1 - self.carry)[:, None]
        raised = (stock / self.half_spend[:, None]) ** self.slope[:, None]
        days = slice(0, spend.shape[1])
        curve = self.ceiling[:, None] * raised / (1 + raised)
        expected: Floats = curve * self.demand[:, days] + self.claimed[:, days]
        return expected

    def revenue(self, spend: Floats) -> Floats:
        """Expected revenue of each day, in the client's currency; same shape as `spend`."""
        return self.conversions(spend) * self.order_value[:, : spend.shape[1]]


def draw_response(client: Client, demand: Floats, price: Floats, chance: Stream) -> Response:
    """Draw the curves of a client's campaigns, and its unpaid conversions as a last row.

    Args:
        client: Whose campaigns.
        demand: Of the client, shape (days,).
        price: What prices are multiplied with, shape (days,).
        chance: Drawn from.
    """
    trade, days = client.trade, len(demand)
    count = len(client.campaigns)
    channels = [one.channel for one in client.campaigns]
    raised, curve = _curve(client, chance)
    order = trade.order_value * (1 - trade.returns) * client.country.rate
    order *= np.exp(chance.normal(0.0, 0.35))
    value = order * np.exp(chance.normal(0.0, 0.12, count))
    typical = _typical_revenue(client, chance) / value
    share = np.array([one.claimed for one in channels])
    wanted = demand * price**trade.elasticity
    drift = np.exp(autoregressive(chance, (count, days), _DRIFT_KEPT, chance.uniform(0.1, 0.22)))
    claimed = (typical * share)[:, None] * is_live(client.campaigns, days) * wanted
    organic = typical.sum() * trade.organic * np.exp(chance.normal(0.0, 0.3))
    own = np.exp(autoregressive(chance, (1, days), _UNPAID_KEPT, 0.08))
    return Response(
        *curve,
        # At the typical spend and demand, a campaign has its typical return.
        ceiling=np.append(typical * (1 - share) * (1 + raised) / raised, 0.0),
        demand=np.vstack([wanted * drift * _learning(client, days), wanted]),
        claimed=np.vstack([claimed, organic * wanted * own]),
        order_value=np.append(value, order)[:, None] * price,
    )


def _curve(client: Client, chance: Stream) -> tuple[Floats, tuple[Floats, Floats, Floats]]:
    """Typical spend over half-saturation, to the slope; then carry, half-saturation and slope."""
    channels = [one.channel for one in client.campaigns]
    count = len(channels)
    level = np.array([one.level for one in client.campaigns])
    saturation = np.array([one.saturation for one in channels])
    saturation *= np.exp(chance.normal(0.0, 0.35, count))
    slope = chance.uniform(0.7, 1.35, count)
    carry = np.clip([one.carry for one in channels] + chance.normal(0.0, 0.06, count), 0.0, 0.8)
    curve = (np.append(carry, 0.0), np.append(level / saturation, 1.0), np.append(slope, 1.0))
    return saturation**slope, curve


def _typical_revenue(client: Client, chance: Stream) -> Floats:
    spread = chance.normal(0.0, 0.3) + chance.normal(0.0, 0.35, len(client.campaigns))
    roas = np.array([one.channel.roas for one in client.campaigns]) * client.trade.roas
    revenue: Floats = roas * np.exp(spread) * np.array([one.level for one in client.campaigns])
    return revenue


def _learning(client: Client, days: int) -> Floats:
    first = np.array([one.first_day for one in client.campaigns], dtype=np.float64)[:, None]
    age = np.maximum(np.arange(days) - first, 0.0)
    # Those of the first day began before the world did.
    learnt: Floats = np.where(first > 0, 1 - _LEARNING_LOSS * np.exp(-age / _LEARNING_DAYS), 1.0)
    return learnt
