"""What is served of an agency's forecasts: the latest of each series, as it was told.

    run -> replace -> PostgreSQL, a row a series -> a copy at hand (Redis), one for each question
    client, measure, level -> read -> the copy at hand | PostgreSQL -> Served, in order of series

Copies are answers of the agency like others: under its own keys, for a day, forgotten with all its
answers when people are erased. Series of campaigns are many and seldom asked for: they are not
kept at hand. What was told first stays in the ledger (`ml.ledger`), whatever takes its place here.

Decision: ADR-0043.
"""

import datetime as dt
import math
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
from sqlalchemy import Row, delete, select
from sqlalchemy.dialects.postgresql import insert

from domain.ids import ClientId, TenantId
from domain.ports import AnswerCache, TenantScope
from ml.forecast.forecast import QUANTILES
from ml.ledger.entry import Entry
from ml.panel import Floats, Measure
from ml.runs.reasons import Reasons
from tenancy.exclusive import hold_exclusively
from tenancy.session import Database, TenantSession
from tenancy.tables import ForecastLevel, ServedForecast

__all__ = ["Served", "ServedForecasts"]

_AT_HAND: Final = frozenset({ForecastLevel.CLIENT, ForecastLevel.ACCOUNT, ForecastLevel.CHANNEL})
_LENGTH_BYTES: Final = 4
_HEAD: Final = (
    *(ServedForecast.series, ServedForecast.currency, ServedForecast.origin),
    *(ServedForecast.made_at, ServedForecast.method, ServedForecast.version_id),
    *(ServedForecast.is_planned, ServedForecast.horizons, ServedForecast.quantiles),
    ServedForecast.reasons,
)


class _Question(NamedTuple):
    client_id: ClientId
    measure: str
    level: ForecastLevel

    @property
    def key(self) -> str:
        return f"forecast {self.client_id} {self.measure} {self.level.value}"


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """The latest forecast of one series.

    Attributes:
        series: See `ml.ledger.entry.key_of`.
        method: Name of the model or baseline that made it.
        version_id: Of the model; None: no model serves.
        is_planned: Made with planned spend.
        horizons: Days of each total, ascending.
        quantiles: Shape (horizons, quantiles of `QUANTILES`); NaN: not known.
        reasons: JSON; see `ml.runs.reasons.reasons_from`.
        days: Shape (days, quantiles), to seven digits; None: not asked for.
    """

    series: str
    currency: str | None
    origin: dt.date
    made_at: dt.datetime
    method: str
    version_id: uuid.UUID | None
    is_planned: bool
    horizons: Sequence[int]
    quantiles: Floats
    reasons: dict[str, Any]
    days: npt.NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class ServedForecasts:
    """Keeps what is served, and reads it.

    Attributes:
        answers: Keeps copies at hand; None: every question goes to PostgreSQL.
    """

    database: Database
    answers: AnswerCache | None

    async def replace(
        self,
        tenant_id: TenantId,
        made_at: dt.datetime,
        served: Iterable[tuple[Entry, Reasons]],
        client_id: ClientId | None = None,
    ) -> None:
        """Serve these forecasts from now on, in place of all that were made before.

        Args:
            tenant_id: Whose.
            made_at: What was made later stays.
            served: With the reasons of each.
            client_id: Of which client they all are; None: of all.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        rows = [_row(tenant_id, made_at, *one) for one in served]
        old = delete(ServedForecast).where(ServedForecast.made_at <= made_at)
        if client_id is not None:
            old = old.where(ServedForecast.client_id == client_id)
        columns = ServedForecast.client_id, ServedForecast.measure, ServedForecast.level
        async with self.database.session(tenant_id) as session:
            await _alone(session)
            asked = {_Question(*row) for row in await session.execute(old.returning(*columns))}
            if rows:
                await session.execute(insert(ServedForecast).on_conflict_do_nothing(), rows)
        asked |= {_Question(row["client_id"], row["measure"], row["level"]) for row in rows}
        await self._keep_at_hand(tenant_id, asked)

    async def read(
        self,
        tenant_id: TenantId,
        client_id: ClientId,
        measure: Measure,
        level: ForecastLevel,
        *,
        with_days: bool = False,
    ) -> Sequence[Served]:
        """The latest forecasts; empty: there are none.

        Args:
            tenant_id: Whose.
            client_id: Of which of its clients.
            measure: Of what.
            level: What a series is summed over.
            with_days: Each day as well, not only totals.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        question = _Question(client_id, measure.value, level)
        if self.answers is not None and level in _AT_HAND:
            content = await self.answers.get(TenantScope(tenant_id), question.key)
            if content is not None:
                return _unpacked(content)
        async with self.database.session(tenant_id) as session:
            return await _stored(session, question, with_days=with_days)

    async def _keep_at_hand(self, tenant_id: TenantId, asked: Iterable[_Question]) -> None:
        """Copy what is stored now; one after the other, so that the newest copy stays."""
        if self.answers is None:
            return
        async with self.database.session(tenant_id) as session:
            await _alone(session)
            for question in sorted(asked, key=lambda one: one.key):
                if question.level in _AT_HAND:
                    stored = await _stored(session, question, with_days=True)
                    await self.answers.put(TenantScope(tenant_id), question.key, _packed(stored))


async def _alone(session: TenantSession) -> None:
    await hold_exclusively(session, f"served forecasts {session.tenant_id}")


async def _stored(
    session: TenantSession, question: _Question, *, with_days: bool
) -> Sequence[Served]:
    columns = (*_HEAD, ServedForecast.days) if with_days else _HEAD
    query = (
        select(*columns)
        .where(
            ServedForecast.client_id == question.client_id,
            ServedForecast.measure == question.measure,
            ServedForecast.level == question.level,
        )
        .order_by(ServedForecast.series)
    )
    found = await session.execute(query)
    return [_served(row, row.days if with_days else None) for row in found]


def _row(
    tenant_id: TenantId, made_at: dt.datetime, entry: Entry, reasons: Reasons
) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "client_id": entry.client_id,
        "measure": entry.measure.value,
        "series": entry.series,
        "level": entry.level,
        "currency": entry.currency,
        "origin": entry.origin,
        "made_at": made_at,
        "method": entry.method,
        "version_id": entry.maker.version_id,
        "is_planned": entry.is_planned,
        "horizons": list(entry.horizons),
        "quantiles": entry.quantiles.ravel().tolist(),
        "days": entry.days.ravel().tolist(),
        "reasons": reasons.as_json(),
    }


def _served(row: Row[Any], days: Sequence[float] | None) -> Served:
    return Served(
        series=row.series,
        currency=row.currency,
        origin=row.origin,
        made_at=row.made_at,
        method=row.method,
        version_id=row.version_id,
        is_planned=row.is_planned,
        horizons=row.horizons,
        quantiles=np.reshape(row.quantiles, (-1, len(QUANTILES))),
        reasons=row.reasons,
        days=None if days is None else _by_day(np.array(days, dtype=np.float32)),
    )


def _packed(served: Sequence[Served]) -> bytes:
    """Length of the head, the head as JSON, then the days of all series as 32-bit floats."""
    heads = [
        {
            "series": one.series,
            "currency": one.currency,
            "origin": one.origin,
            "made_at": one.made_at,
            "method": one.method,
            "version_id": one.version_id,
            "is_planned": one.is_planned,
            "horizons": one.horizons,
            "quantiles": one.quantiles.ravel().tolist(),
            "reasons": one.reasons,
            "days": 0 if one.days is None else one.days.size,
        }
        for one in served
    ]
    head = orjson.dumps(heads)
    days = b"".join(b"" if one.days is None else one.days.tobytes() for one in served)
    return len(head).to_bytes(_LENGTH_BYTES, "big") + head + days


def _unpacked(content: bytes) -> Sequence[Served]:
    begin = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "big")
    served = []
    for head in orjson.loads(content[_LENGTH_BYTES:begin]):
        days = np.frombuffer(content, dtype=np.float32, count=head["days"], offset=begin)
        begin += days.nbytes
        version = head["version_id"]
        quantiles = [math.nan if one is None else one for one in head["quantiles"]]
        told = {
            **head,
            "origin": dt.date.fromisoformat(head["origin"]),
            "made_at": dt.datetime.fromisoformat(head["made_at"]),
            "version_id": None if version is None else uuid.UUID(version),
            "quantiles": np.reshape(quantiles, (-1, len(QUANTILES))),
            "days": _by_day(days),
        }
        served.append(Served(**told))
    return served


def _by_day(days: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return days.reshape(-1, len(QUANTILES))
