"""How near a request is to its dates: in words, and the same in SQL."""

import datetime as dt
import itertools
import uuid
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from domain.privacy.rights import RequestState
from gdpr.desk.urgency import (
    AT_RISK,
    Urgency,
    days_left,
    describe,
    is_at_risk,
    urgency_of,
    urgency_rank,
)
from tenancy.tables import SubjectRequest
from tests.api.identity.world import START, Agency, World, northwind, world
from tests.gdpr.desk.requests import request_row

__all__ = ["northwind", "world"]

DAY, HOUR, SECOND = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Case:
    due_at: dt.datetime
    state: RequestState = RequestState.IDENTIFYING
    assist_by: dt.datetime | None = None
    paused_at: dt.datetime | None = None
    closed_at: dt.datetime | None = None


@pytest.mark.parametrize(
    ("dates", "urgency", "left", "words"),
    [
        (Case(START + 8 * DAY), Urgency.ON_TIME, 8, "due in 8 days"),
        (Case(START + 7 * DAY + SECOND), Urgency.ON_TIME, 7, "due in 7 days"),
        (Case(START + 7 * DAY), Urgency.DUE_SOON, 7, "due in 7 days"),
        (Case(START + 47 * HOUR), Urgency.DUE_SOON, 1, "due in 47 hours"),
        (Case(START + HOUR), Urgency.DUE_SOON, 0, "due in 1 hour"),
        (Case(START + SECOND), Urgency.DUE_SOON, 0, "due in less than an hour"),
        (Case(START), Urgency.OVERDUE, 0, "overdue by less than an hour"),
        (Case(START - 3 * DAY), Urgency.OVERDUE, -3, "overdue by 3 days"),
        (
            Case(START + 20 * DAY, assist_by=START + 20 * HOUR),
            Urgency.HELP_DUE,
            20,
            "help to the client due in 20 hours",
        ),
        (
            Case(START + 20 * DAY, assist_by=START - 2 * DAY),
            Urgency.HELP_DUE,
            20,
            "help to the client overdue by 2 days",
        ),
        (
            Case(START + 20 * DAY, assist_by=START + DAY + SECOND),
            Urgency.ON_TIME,
            20,
            "due in 20 days",
        ),
        (  # carried out: the client has its help
            Case(START + 20 * DAY, RequestState.WAITING, assist_by=START - DAY),
            Urgency.ON_TIME,
            20,
            "due in 20 days",
        ),
        (  # the law's date counts before the contract's
            Case(START + DAY, assist_by=START - DAY),
            Urgency.DUE_SOON,
            1,
            "due in 24 hours",
        ),
        (
            Case(START - DAY, paused_at=START - 11 * DAY),
            Urgency.PAUSED,
            10,
            "clock stands still, 10 days left",
        ),
        (
            Case(START - DAY, RequestState.REFUSED, closed_at=START - 2 * DAY),
            Urgency.CLOSED,
            None,
            "closed",
        ),
    ],
)
def test_says_how_near_it_is(dates: Case, urgency: Urgency, left: int | None, words: str) -> None:
    assert urgency_of(dates, START) is urgency
    assert days_left(dates, START) == left
    assert describe(dates, START) == words


@pytest.mark.anyio
async def test_sql_says_the_same(world: World, northwind: Agency) -> None:
    spans = [None, *(sign * span for sign in (-1, 1) for span in (SECOND, DAY, 7 * DAY, 8 * DAY))]
    numbers = itertools.count(1)
    async with world.database.session(northwind.tenant_id) as session:
        for state, due, assist, is_paused in itertools.product(
            RequestState, spans, (None, -SECOND, DAY, DAY + SECOND), (False, True)
        ):
            session.add(
                request_row(
                    uuid.UUID(int=next(numbers)),
                    northwind.clients["acme"],
                    START - 20 * DAY,
                    state=state,
                    due_at=START + (due or 0 * DAY),
                    assist_by=None if assist is None else START + assist,
                    paused_at=START - DAY if is_paused else None,
                )
            )
        await session.flush()
        rows = (
            await session.execute(select(SubjectRequest, urgency_rank(START), is_at_risk(START)))
        ).all()
    assert len(rows) == 13 * 9 * 4 * 2
    order = list(Urgency)
    for row, rank, at_risk in rows:
        expected = urgency_of(row, START)
        assert (order[rank], at_risk) == (expected, expected in AT_RISK)
