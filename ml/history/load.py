"""Histories out of the warehouse.

    scope, days, instant -> revisions, coverage -> guarded warehouse -> one `History` for each topic
                                                          -> since when each day is told whole

A day that the platform was asked for, and of which it told nothing about a series, is a zero from
the instant of that sync on, not a gap: a paused campaign has spent nothing. Before the first day
that a series is heard of there is nothing. A shop by key is asked for everything that happened, so
a day of it is covered by the first sync after the day's end. A day that was read while it went on
is told in part: whole it is with the first sync after its end, in the account's time zone.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from domain.ports import Parameter, QueryWarehouse, Statement, TenantScope
from ml.history.statements import (
    FACTS_READ,
    FIRST_DAY,
    LAST_DAY,
    MOMENT,
    coverage,
    revisions,
)
from ml.history.topics import TOPICS, Topic, TopicName
from ml.panel import DAILY, History, Instants, Series

__all__ = ["HistoryLoader"]

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NEVER: Final = np.iinfo(np.int64).max


class HistoryLoader:
    """Reads histories; keeps nothing but its statements."""

    def __init__(self, warehouse: QueryWarehouse) -> None:
        self._warehouse = warehouse

    async def load(
        self,
        scope: TenantScope,
        topics: Sequence[TopicName],
        first: dt.date,
        last: dt.date,
        as_of: dt.datetime,
    ) -> dict[TopicName, History]:
        """Read what was known of some days by an instant, and since when.

        Args:
            scope: Whose.
            topics: Which histories.
            first: First reporting date; step 0.
            last: Last reporting date.
            as_of: UTC instant; what became known later is not read.

        Returns:
            One for each topic; series in the order of client, account and keys. One query for each
            topic and one for all.

        Raises:
            WarehouseError: The warehouse failed.
        """
        loaded = await self.load_told(scope, topics, first, last, as_of)
        return {topic: history for topic, (history, _) in loaded.items()}

    async def load_told(
        self,
        scope: TenantScope,
        topics: Sequence[TopicName],
        first: dt.date,
        last: dt.date,
        as_of: dt.datetime,
    ) -> dict[TopicName, tuple[History, Instants]]:
        """As `load`, and since when each day of each series has been told whole.

        Returns:
            For each topic the history, and microseconds since 1970, UTC, shape (series, steps);
            the largest integer: not yet.

        Raises:
            WarehouseError: The warehouse failed.
        """
        moment = (as_of - _EPOCH) // dt.timedelta(microseconds=1)
        facts = tuple(sorted({TOPICS[topic].fact.name for topic in topics}))
        syncs = await self._warehouse.run(scope, _coverage(), {FACTS_READ: facts, MOMENT: moment})
        covered = syncs.to_pandas()
        days: dict[str, Parameter] = {FIRST_DAY: first, LAST_DAY: last, MOMENT: moment}
        histories = {}
        for name in topics:
            found = await self._warehouse.run(scope, _revisions(name), days)
            topic = TOPICS[name]
            own = covered[covered["fact"] == topic.fact.name]
            histories[name] = _history(topic, found, own, first, (last - first).days + 1)
        return histories


def _history(
    topic: Topic, found: pa.Table, syncs: pd.DataFrame, start: dt.date, steps: int
) -> tuple[History, Instants]:
    frame = found.to_pandas()
    keys = ["client_id", "connection_id", *topic.keys, "currency"]
    groups = frame.groupby(keys, dropna=False, sort=True)
    frame["row"] = groups.ngroup()
    frame["step"] = (pd.to_datetime(frame["reporting_date"]) - pd.Timestamp(start)).dt.days
    heads = frame.drop_duplicates("row").sort_values("row")
    told = [*(measure.value for measure in topic.measures)]
    columns = frame[["row", "step", "known_at", *told]]
    nothing = _nothing_told(frame, heads, syncs, start, steps)
    revised = pd.concat([columns, nothing.assign(**dict.fromkeys(told, 0.0))], ignore_index=True)
    revised = revised.sort_values(["row", "step", "known_at"], kind="stable")
    history = History(
        cadence=DAILY,
        start=start,
        steps=steps,
        series=tuple(_series(topic, head) for head in heads.to_dict("records")),
        row=revised["row"].to_numpy(np.int32),
        step=revised["step"].to_numpy(np.int32),
        known_at=revised["known_at"].to_numpy(np.int64),
        values={measure: revised[measure.value].to_numpy(float) for measure in topic.measures},
    )
    return history, _told_whole(heads, syncs, start, steps)


def _series(topic: Topic, head: Mapping[str, object]) -> Series:
    connection = str(head["connection_id"])
    campaign = f"{connection}:{_text(head['campaign_id']) or ''}" if "campaign_id" in head else None
    return Series(
        client=str(head["client_id"]),
        channel=_text(head.get("channel")),
        campaign=campaign,
        currency=_text(head["currency"]) if topic.has_amounts else None,
        connection=connection,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _nothing_told(
    frame: pd.DataFrame, heads: pd.DataFrame, syncs: pd.DataFrame, start: dt.date, steps: int
) -> pd.DataFrame:
    """Row, step and instant of days that were covered before anything was told of them."""
    first_told = np.full((len(heads), steps), _NEVER)
    places = frame["row"].to_numpy(), frame["step"].to_numpy()
    np.minimum.at(first_told, places, frame["known_at"].to_numpy())
    covered = np.full((len(heads), steps), _NEVER)
    whose, zones = heads["connection_id"].to_numpy(), heads["time_zone"].to_numpy()
    for connection, of_connection in syncs.groupby("connection_id"):
        own = np.flatnonzero(whose == connection)
        if len(own):
            covered[own] = _first_covered(of_connection, zones[own[0]], start, steps)
    # A series begins on the first day that has been told of it so far.
    begun = np.minimum.accumulate(first_told, axis=1)
    instants = np.maximum(covered, begun)
    row, step = np.nonzero(instants < first_told)
    return pd.DataFrame({"row": row, "step": step, "known_at": instants[row, step]})


def _told_whole(heads: pd.DataFrame, syncs: pd.DataFrame, start: dt.date, steps: int) -> Instants:
    """Instant of the first sync of each day after the day's end; shape (series, steps)."""
    whole = np.full((len(heads), steps), _NEVER)
    whose, zones = heads["connection_id"].to_numpy(), heads["time_zone"].to_numpy()
    for connection, of_connection in syncs.groupby("connection_id"):
        own = np.flatnonzero(whose == connection)
        if not len(own):
            continue
        ends = _ends(zones[own[0]], start, steps)
        for sync in of_connection.itertuples(index=False):
            low, high = _places(sync, zones[own[0]], start, steps)
            days = np.arange(low, high)
            days = days[ends[low:high] <= int(sync.known_at)]
            whole[np.ix_(own, days)] = np.minimum(whole[np.ix_(own, days)], int(sync.known_at))
    return whole


def _ends(zone: str, start: dt.date, steps: int) -> Instants:
    """When each day is over, in microseconds since 1970."""
    midnights = [
        dt.datetime.combine(start + dt.timedelta(days=step + 1), dt.time(), ZoneInfo(zone))
        for step in range(steps)
    ]
    return np.array([(one - _EPOCH) // dt.timedelta(microseconds=1) for one in midnights])


def _first_covered(
    syncs: pd.DataFrame, zone: str, start: dt.date, steps: int
) -> npt.NDArray[np.int64]:
    """The instant from which each day has been covered; `_NEVER`: it has not."""
    first = np.full(steps, _NEVER)
    for sync in syncs.itertuples(index=False):
        low, high = _places(sync, zone, start, steps)
        first[low:high] = np.minimum(first[low:high], int(sync.known_at))
    return first


def _places(sync: Any, zone: str, start: dt.date, steps: int) -> tuple[int, int]:
    """First step that a sync covers, and the one after the last."""
    begin, end = _span(sync.covers_from, sync.covers_to, int(sync.known_at), zone)
    low = min(max((begin - start).days, 0), steps) if begin is not None else 0
    return low, max(min((end - start).days + 1, steps), low)


def _span(
    begin: dt.date | None, end: dt.date | None, known_at: int, zone: str
) -> tuple[dt.date | None, dt.date]:
    """Days that a sync covers; by key: all complete ones since its first."""
    if not pd.isna(end):
        return begin, end  # type: ignore[return-value]  # pandas' test narrows nothing
    today = (_EPOCH + dt.timedelta(microseconds=known_at)).astimezone(ZoneInfo(zone)).date()
    return (None if pd.isna(begin) else begin), today - dt.timedelta(days=1)


@cache
def _revisions(topic: TopicName) -> Statement:
    return revisions(TOPICS[topic])


@cache
def _coverage() -> Statement:
    return coverage()
