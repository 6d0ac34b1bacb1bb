"""On the simulated market, from what was known on a day: plans beat the present split in truth."""

import datetime as dt
import uuid
from decimal import Decimal

import numpy as np
import pytest

from bench.budgets.market import TrueReturns
from bench.market_panels import panels_of
from domain.ids import ClientId, TenantId
from domain.time_window import DateRange
from ingestion.simulator.market.agency import Agency, draw_agency
from ml.budget.plan import plan_budget
from ml.budget.returns import PlannedReturns
from ml.budget.whole import Amounts
from ml.panel import Measure, Panel
from ml.spending.facts import Recent, recent_of
from ml.spending.kept import Learnt, Whose, learn, read_learnt
from ml.spending.material import TooLittleDataError, gather
from ml.spending.question import Ask
from ml.spending.request import Members, Paces, request_of
from tenancy.tables import BudgetLevel

TODAY = 366
DAYS = 28


def _known(agency: Agency) -> Panel:
    """All campaigns, as of the morning of the day."""
    campaigns, _ = panels_of(agency)
    now = dt.datetime.combine(agency.start, dt.time(12), dt.UTC) + dt.timedelta(days=TODAY)
    return campaigns.history.as_of(now).until(TODAY)


def _learn(panel: Panel, today: dt.date, currency: str) -> Learnt:
    nobody = uuid.UUID(int=1)
    whose = Whose(ClientId(nobody), BudgetLevel.CAMPAIGN, Measure.REVENUE, currency)
    material = gather(panel, Measure.REVENUE, today)
    row = learn(
        whose,
        material,
        panel,
        tenant_id=TenantId(nobody),
        as_of=dt.datetime.combine(today, dt.time(12), dt.UTC),
        tests_known=[],
        new_id=nobody,
    )
    return read_learnt(row)


def _truth(agency: Agency, keys: tuple[str, ...], amounts: Amounts) -> float:
    rows = {str(one.campaign): row for row, one in enumerate(agency.series)}
    places = np.array([rows[key] for key in keys])
    spend = np.nan_to_num(agency.final["spend"])[places]
    truth = TrueReturns(keys, agency.start, agency.response, spend, places, np.ones(len(keys)))
    return float(
        sum(truth.outcome(item, np.array([float(one)]))[0, 0] for item, one in enumerate(amounts))
    )


def _items(learnt: Learnt, recent: Recent) -> tuple[Learnt, Members, Paces]:
    keys = tuple(key for key in learnt.curves.names if key in recent.keys)
    places = [recent.keys.index(key) for key in keys]
    current = np.round(100 * DAYS * recent.pace[places]).astype(int).tolist()
    members = Members(keys, tuple(recent.channels[one] for one in places), {k: k for k in keys}, ())
    return learnt, members, Paces(current, [0] * len(keys))


@pytest.mark.slow
def test_most_plans_beat_the_present_split_and_surely_all_together() -> None:
    gains, sure = [], []
    for number in range(4):
        agency = draw_agency(number)
        panel, today = _known(agency), agency.start + dt.timedelta(days=TODAY)
        for client in dict.fromkeys(one.client for one in panel.series):
            own = panel.rows([r for r, one in enumerate(panel.series) if one.client == client])
            currency = own.series[0].currency or ""
            try:
                learnt = _learn(own, today, currency)
            except TooLittleDataError:
                continue
            learnt, members, paces = _items(learnt, recent_of(own, today, today))
            total = Decimal(sum(paces.current)).scaleb(-2)
            period = DateRange(today, today + dt.timedelta(days=DAYS - 1))
            ask = Ask(ClientId(uuid.UUID(int=1)), period, BudgetLevel.CAMPAIGN, total=total)
            returns = PlannedReturns(learnt.among(members.keys), learnt.demand(today, DAYS, []))
            plan = plan_budget(request_of(ask, members, paces, 0, currency), returns)
            assert plan.amounts.sum() == sum(paces.current)
            held = _truth(agency, members.keys, plan.held)
            gains.append(_truth(agency, members.keys, plan.amounts) / held - 1)
            sure.append(plan.is_better)
    assert len(gains) >= 10
    assert np.mean(np.array(gains) > 0) >= 0.75
    assert np.mean(gains) > 0.01
    # What is told of the chance is about what came: within what so few clients can show.
    assert abs(np.mean(np.array(gains) > 0) - np.mean(sure)) < 0.25
