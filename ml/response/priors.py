"""What is believed before the data: alike within a client, more alike within a channel.

    client-wide return -> client + channel + item deviations (normal, nested) -> covariance

A campaign with little data of its own is drawn to its channel, a channel with little to the
client. The means of channel and client are not parameters: they are integrated out, which leaves
a covariance between items. Every prior is normal in the unconstrained parameters, so that the
whole fit is one least-squares problem.

Sources: Jin et al. 2017, section 4 (priors decide when data are short); Gelman and Hill 2007,
chapter 12, for the nesting.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.panel import Floats
from ml.response.observed import Observed
from ml.response.shapes import PARAMETERS

__all__ = ["ATTRIBUTED", "CLIENT_OUTCOME", "Priors", "prior_of"]


@dataclass(frozen=True, slots=True)
class Priors:
    """Beliefs, one entry for each of `PARAMETERS` where there are four.

    Attributes:
        media_share: Share of an outcome that spend is believed to bring.
        retention: Share of the carry-over that is left after a step.
        half: Half-saturation as a multiple of the reference spend.
        spread_client: Standard deviation of the client around the mean.
        spread_channel: Of a channel around its client.
        spread_item: Of an item around its channel.
        spread_base: Of a coefficient of the baseline, as a share of the outcome's mean.
        spread_demand: Of a coefficient of the season that multiplies all effects.
    """

    media_share: float
    retention: float
    half: float = 1.5
    spread_client: tuple[float, float, float, float] = (0.5, 0.6, 0.5, 0.1)
    spread_channel: tuple[float, float, float, float] = (0.6, 0.6, 0.5, 0.15)
    spread_item: tuple[float, float, float, float] = (0.5, 0.3, 0.4, 0.15)
    spread_base: float = 0.3
    spread_demand: float = 0.15


# Platforms claim some outcomes that would have come anyway, by how much differs widely (Blake,
# Nosko and Tadelis 2015 for brand search). Half of a day's spend still works on the next.
ATTRIBUTED: Final = Priors(media_share=0.9, retention=0.5, spread_base=0.15)

# A brand sells without ads, too. Steps are weeks here.
CLIENT_OUTCOME: Final = Priors(media_share=0.3, retention=0.35, spread_demand=0.05)


def prior_of(priors: Priors, observed: Observed, reference: Floats) -> tuple[Floats, Floats]:
    """Mean and precision of the unconstrained parameters of all items.

    Args:
        priors: Beliefs.
        observed: Tells the client's return and the channels.
        reference: Reference spend of each item.

    Returns:
        Mean, shape (items, 4), and precision, shape (items * 4, items * 4), items outermost.
    """
    known = np.isfinite(observed.outcomes)
    mean_outcome = np.array(
        [row[is_known].mean() for row, is_known in zip(observed.outcomes, known, strict=True)]
    )
    client_return = (
        priors.media_share * max(mean_outcome.sum(), 1e-9) / observed.spend.mean(axis=1).sum()
    )
    mean = np.empty((len(reference), len(PARAMETERS)))
    mean[:, 0] = np.log(client_return * reference)
    mean[:, 1] = math.log(priors.retention / (1 - priors.retention))
    mean[:, 2] = math.log(priors.half)
    mean[:, 3] = 0.0
    channels = np.array(observed.channels)
    is_same = (channels[:, None] == channels[None, :]).astype(np.float64)
    precision = np.zeros((len(reference), 4, len(reference), 4))
    for place in range(len(PARAMETERS)):
        covariance = (
            priors.spread_client[place] ** 2
            + priors.spread_channel[place] ** 2 * is_same
            + priors.spread_item[place] ** 2 * np.eye(len(reference))
        )
        precision[:, place, :, place] = np.linalg.inv(covariance)
    return mean, precision.reshape(4 * len(reference), 4 * len(reference))
