"""The demo's question, as a dashboard asks it, and its answer as tables.

app -> token by client credentials -> one GraphQL document -> overview, and by platform
-> tables -> compared with truth
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import httpx
from sqlalchemy import select

from api.commands.apps import apps_of
from api.commands.demo_truth import Truth
from api.commands.metrics import load_catalogue
from api.control.protocol import TableEvent
from api.identity.caller import Scope
from api.oauth.app_registry import AppSecret, Registration
from api.runtime import Runtime
from domain.errors import InternalError
from domain.metrics.definition import Unit
from domain.metrics.naming import camel_case
from domain.time_window import DateRange
from ingestion.simulator.config import DemoAgency
from tenancy.tables import OAuthClient
from tenancy.unscoped import TenantProfile

__all__ = ["DemoMismatchError", "ask", "compare", "overview_table", "platform_table"]

_ACTOR: Final = "demo"
_APP_NAME: Final = "Demo dashboard"

_QUESTION: Final = """
query Overview($period: Period!) {
  overview: metrics(period: $period, compare: {to: PREVIOUS_PERIOD}) {
    currency
    rows {
      spend { amount } revenue { amount } roas %(own)s
      compared { spend { amount } revenue { amount } roas %(own)s }
    }
  }
  platforms: metrics(period: $period, orderBy: [{field: source}]) {
    rows {
      source spend { amount } clicks attributedRevenue { amount } purchaseRevenue { amount }
      revenue { amount } sessions
    }
  }
}
"""
# What the table of platforms shows: title of the column, and name in the answer.
_COLUMNS: Final = {
    "spend": "spend",
    "clicks": "clicks",
    "sessions": "sessions",
    "sales it claims": "attributedRevenue",
    "sales it saw": "purchaseRevenue",
    "sales of the shop": "revenue",
}
_CENT: Final = Decimal("0.01")

Answer = Mapping[str, Any]


class DemoMismatchError(InternalError):
    """The demo's answer is not what the simulated platforms hold."""

    code = "DEMO_MISMATCH"


async def ask(
    runtime: Runtime,
    http: httpx.AsyncClient,
    tenant: TenantProfile,
    period: DateRange,
    own_metric: str,
) -> Answer:
    """Ask as a dashboard does.

    Args:
        runtime: For what an agency does beforehand: register an app.
        http: Reaches the running API.
        tenant: The agency.
        period: Days asked for.
        own_metric: Of the agency.

    Raises:
        DemoMismatchError: GraphQL refuses the question.
    """
    app = await _demo_app(runtime, tenant)
    granted = await http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials", "scope": Scope.METRICS_READ.value},
        auth=(app.client_id, app.client_secret or ""),
    )
    granted.raise_for_status()
    days = {"from": period.start.isoformat(), "to": period.end.isoformat()}
    answered = await http.post(
        "/graphql",
        json={
            "query": _QUESTION % {"own": await _selected(runtime, tenant, own_metric)},
            "variables": {"period": days},
        },
        headers={"authorization": f"Bearer {granted.json()['access_token']}"},
    )
    body = answered.json()
    if "errors" in body:
        raise DemoMismatchError(f"GraphQL answered {body['errors'][0]['message']!r}")
    data: Answer = body["data"]
    return data


async def _selected(runtime: Runtime, tenant: TenantProfile, name: str) -> str:
    """The agency's own metric as its GraphQL schema has it."""
    info = (await load_catalogue(runtime, tenant.tenant_id)).metrics[name]
    return f"{camel_case(name)} {{ amount }}" if info.unit is Unit.MONEY else camel_case(name)


async def _demo_app(runtime: Runtime, tenant: TenantProfile) -> AppSecret:
    async with runtime.database.session(tenant.tenant_id) as session:
        found = await session.scalar(
            select(OAuthClient.client_id).where(OAuthClient.name == _APP_NAME)
        )
    if found is None:
        registration = Registration(_APP_NAME, [Scope.METRICS_READ.value])
        return await apps_of(runtime).register(tenant.tenant_id, registration, actor=_ACTOR)
    return await apps_of(runtime).rotate(
        tenant.tenant_id, found, overlap=dt.timedelta(), actor=_ACTOR
    )


def overview_table(agency: DemoAgency, period: DateRange, answer: Answer) -> TableEvent:
    """The whole agency beside the period before."""
    overview = answer["overview"]
    row = dict(overview["rows"][0])
    compared = row.pop("compared")
    title = (
        f"\n{agency.name}: {period.start} to {period.end} in {overview['currency']}, "
        f"and the {period.days} days before"
    )
    rows = [
        (name, _shown(value), _shown(compared[name]), _change(value, compared[name]))
        for name, value in row.items()
    ]
    return TableEvent(title, ("metric", "period", "before", "change"), tuple(rows))


def platform_table(answer: Answer) -> TableEvent:
    """What each platform says of the same days, side by side: claims are never added up."""
    rows = [
        (row["source"], *(_shown(row[name]) for name in _COLUMNS.values()))
        for row in answer["platforms"]["rows"]
    ]
    return TableEvent("the same sales, as each platform tells", ("source", *_COLUMNS), tuple(rows))


def compare(agency: DemoAgency, answer: Answer, truth: Truth) -> Iterator[str]:
    """Hold the answer against what the platforms hold, to the cent.

    Raises:
        DemoMismatchError: A figure differs.
    """
    rows = {row["source"]: row for row in answer["platforms"]["rows"]}
    for source, expected in truth.items():
        for metric, amount in expected.items():
            found = _amount(rows[source][camel_case(metric)]) if source in rows else None
            if found is None or found.quantize(_CENT) != amount.quantize(_CENT):
                raise DemoMismatchError(
                    f"{agency.name}: {metric} of {source} is {found}, the platform holds {amount}"
                )
        told = ", ".join(f"{metric} {amount:,.2f}" for metric, amount in expected.items())
        yield f"equal to {source}'s own figures: {told}"


def _amount(value: Any) -> Decimal | None:
    amount = value["amount"] if isinstance(value, dict) else value
    return None if amount is None else Decimal(str(amount))


def _shown(value: Any) -> str:
    amount = _amount(value)
    if amount is None:
        return "-"
    return f"{amount:,}" if isinstance(value, int) else f"{amount:,.2f}"


def _change(value: Any, before: Any) -> str:
    now, then = _amount(value), _amount(before)
    return "-" if now is None or not then else f"{(now / then - 1) * 100:+.1f} %"
