"""When figures come to be known: every revision of every day, until it is final.

    final figures, lag of the trade and channel, delays -> told after 1, 2, ... 30 days -> Revisions

Conversions arrive and never leave; revenue arrives with them and loses returns later; spend is
credited for invalid clicks; sessions are complete on the second morning. A revision is told in the
morning (`HOUR`, UTC); what is late is told in the first morning after the delay, once.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ingestion.simulator.market.clients import Client
from ingestion.simulator.market.figures import Figures
from ingestion.simulator.market.streams import Floats, Stream

__all__ = ["HOUR", "TOLD_AFTER", "Revisions", "draw_revisions"]

TOLD_AFTER: Final = (1, 2, 3, 5, 7, 10, 14, 21, 30)  # days after the day began
HOUR: Final = 6
# Share of what is taken back by then: credits for invalid clicks, and returned goods.
_CREDITED: Final = np.array([0.0, 0.0, 0.5, 0.5, 0.8, 0.8, 1.0, 1.0, 1.0])
_RETURNED: Final = np.array([0.0, 0.0, 0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
_DAY: Final = 86_400_000_000  # microseconds
_EPOCH: Final = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Revisions:
    """Every figure with the instant from which it was known; sorted by row, step and instant.

    Attributes:
        row: Place of the series, int32.
        step: Day of the world, int32.
        known_at: Microseconds since 1970, UTC, int64.
        values: `spend`, `conversions`, `revenue`, `sessions`; NaN: there is none to tell.
    """

    row: npt.NDArray[np.int32]
    step: npt.NDArray[np.int32]
    known_at: npt.NDArray[np.int64]
    values: Mapping[str, Floats]


def draw_revisions(
    client: Client, figures: Figures, told_from: np.ndarray, start: dt.date, chance: Stream
) -> Revisions:
    """Draw how the figures of a client came to be known.

    Args:
        client: Whose.
        figures: Final ones.
        told_from: Step in whose morning each day is told at the earliest, shape (rows, days).
        start: Date of day 0.
        chance: Drawn from.
    """
    row, step = np.nonzero(~np.isnan(figures.conversions))
    conversions = _arrived(figures.conversions[row, step], _arrival(client)[row], chance)
    told = {
        "spend": _credited(client, figures.spend[row, step], row, chance),
        "conversions": conversions,
        "revenue": _returned(figures.revenue[row, step], conversions, client.trade.returns),
        "sessions": _processed(figures.sessions[row, step], chance),
    }
    after = np.array(TOLD_AFTER)
    mornings = np.maximum(step[:, None] + after, told_from[row, step][:, None])
    # What falls on one morning is told once, with the newest figure.
    is_told = np.ones(mornings.shape, dtype=np.bool_)
    is_told[:, :-1] = mornings[:, :-1] != mornings[:, 1:]
    first = (start - _EPOCH).days * _DAY + HOUR * _DAY // 24
    return Revisions(
        row=np.broadcast_to(row[:, None], mornings.shape)[is_told].astype(np.int32),
        step=np.broadcast_to(step[:, None], mornings.shape)[is_told].astype(np.int32),
        known_at=first + mornings[is_told].astype(np.int64) * _DAY,
        values={name: told_values[is_told] for name, told_values in told.items()},
    )


def _arrival(client: Client) -> Floats:
    """Share of conversions told by each revision, shape (rows, revisions); 1 in the last."""
    lags = [client.trade.lag_days * one.channel.lag for one in client.campaigns]
    lag = np.array([*lags, client.trade.lag_days])[:, None]
    age = np.array(TOLD_AFTER) - 1.0
    # Conversions of a click are dated to the click; nothing is claimed after 30 days.
    late = (1 - np.exp(-age / lag)) / (1 - np.exp(-age[-1] / lag))
    same_day = client.trade.same_day
    share: Floats = same_day + (1 - same_day) * late
    return share


def _arrived(final: Floats, share: Floats, chance: Stream) -> Floats:
    told = np.empty(share.shape)
    known = np.zeros(len(final), dtype=np.int64)
    left = final.astype(np.int64)
    before = np.zeros(len(final))
    for place in range(share.shape[1]):
        part = np.clip((share[:, place] - before) / np.maximum(1 - before, 1e-12), 0.0, 1.0)
        come = chance.binomial(left, part)
        known, left, before = known + come, left - come, share[:, place]
        told[:, place] = known
    told[:, -1] = final
    return told


def _returned(final: Floats, conversions: Floats, returns: float) -> Floats:
    share = conversions / np.maximum(conversions[:, -1:], 1.0)
    gross = final[:, None] / (1 - returns)
    told = np.round(gross * share * (1 - returns * _RETURNED), 2)
    told[:, -1] = final
    return told


def _credited(client: Client, final: Floats, row: np.ndarray, chance: Stream) -> Floats:
    most = np.array([*[one.channel.invalid for one in client.campaigns], 0.0])[row]
    credit = chance.uniform(0.0, 1.0, len(final)) * most
    told: Floats = np.round(final[:, None] * (1 + credit[:, None] * (1 - _CREDITED)), 2)
    return told


def _processed(final: Floats, chance: Stream) -> Floats:
    told = np.repeat(final[:, None], len(TOLD_AFTER), axis=1)
    told[:, 0] = np.floor(final * chance.uniform(0.94, 1.0, len(final)))
    return told
