"""A forecast as it is kept: totals of one series from one day on, beside the baselines'.

    panel, Forecast, baselines' forecasts -> entries_of -> Entry, one a series -> AccuracyLedger

Decision: ADR-0033.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from domain.errors import InternalError
from domain.ids import ClientId
from ml.forecast.forecast import QUANTILES, Forecast
from ml.panel import Floats, Measure, Panel, Series
from tenancy.tables import ForecastLevel, ForecastRole

__all__ = ["Entry", "Maker", "entries_of", "key_of", "level_of", "parts_of"]

_MEDIAN = QUANTILES.index(0.5)


@dataclass(frozen=True, slots=True)
class Maker:
    """Who made forecasts.

    Attributes:
        version_id: The model; None: there was none, only baselines.
        role: Whether anybody saw them.
    """

    version_id: uuid.UUID | None
    role: ForecastRole = ForecastRole.SERVED


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What was forecast of one series.

    Attributes:
        client_id: Whose.
        series: See `key_of`.
        origin: First day that was forecast.
        method: Name of the model or baseline that made it.
        horizons: Days of each total, ascending.
        quantiles: Shape (horizons, quantiles of `QUANTILES`).
        baselines: Name -> shape (horizons,); NaN: it had nothing to say.
        is_planned: Made with planned spend.
        days: Each day from the origin on, shape (days, quantiles).
    """

    client_id: ClientId
    level: ForecastLevel
    series: str
    currency: str | None
    measure: Measure
    origin: dt.date
    method: str
    maker: Maker
    horizons: tuple[int, ...]
    quantiles: Floats
    baselines: Mapping[str, Floats]
    is_planned: bool
    days: Floats


def entries_of(
    known: Panel,
    forecast: Forecast,
    baselines: Mapping[str, Forecast],
    maker: Maker,
    is_planned: npt.NDArray[np.bool_],
) -> dict[int, Entry]:
    """Entries of all series of which anything was forecast, by their rows in the panel.

    Args:
        known: What the forecast was made of; daily.
        forecast: Of the panel's series, in their order.
        baselines: By name: of the same series, measure and horizons, from the same origin.
        maker: Who made it.
        is_planned: Which series it was made of with planned spend, shape (series,).

    Raises:
        InternalError: A baseline is of something else (our bug).
    """
    for name, other in baselines.items():
        if (other.measure, other.horizons) != (forecast.measure, forecast.horizons):
            raise InternalError(f"baseline {name} forecasts something else")
    told = np.flatnonzero(~np.isnan(forecast.totals).all(axis=(1, 2)))
    return {
        row: _entry(known, row, forecast, baselines, maker, is_planned=bool(is_planned[row]))
        for row in map(int, told)
    }


def key_of(series: Series) -> str:
    """What tells a series from the others of its client; empty: it is the client's total."""
    parts = {
        "connection": series.connection,
        "channel": series.channel,
        "campaign": series.campaign,
        "currency": series.currency,
    }
    told = ((name, value) for name, value in parts.items() if value is not None)
    return " ".join(f"{name}={quote(value, safe=':')}" for name, value in told)


def parts_of(key: str) -> dict[str, str]:
    """What `key_of` was made of: by word."""
    named = (part.partition("=") for part in key.split(" ") if part)
    return {name: unquote(value) for name, _, value in named}


def level_of(series: Series) -> ForecastLevel:
    """The finest thing that a series is of."""
    levels: Sequence[tuple[str | None, ForecastLevel]] = (
        (series.campaign, ForecastLevel.CAMPAIGN),
        (series.channel, ForecastLevel.CHANNEL),
        (series.connection, ForecastLevel.ACCOUNT),
    )
    return next((level for one, level in levels if one is not None), ForecastLevel.CLIENT)


def _entry(
    known: Panel,
    row: int,
    forecast: Forecast,
    baselines: Mapping[str, Forecast],
    maker: Maker,
    *,
    is_planned: bool,
) -> Entry:
    series = known.series[row]
    return Entry(
        client_id=ClientId(uuid.UUID(series.client)),
        level=level_of(series),
        series=key_of(series),
        currency=series.currency,
        measure=forecast.measure,
        origin=known.day(known.steps),
        method=forecast.methods[row],
        maker=maker,
        horizons=forecast.horizons,
        quantiles=forecast.totals[row],
        baselines={name: other.totals[row, :, _MEDIAN] for name, other in baselines.items()},
        is_planned=is_planned,
        days=forecast.steps[row],
    )
