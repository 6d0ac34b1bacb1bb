"""Ready JSON is what graphql-core would have made, for any document.

random document -> our executor over Arrow, and stock graphql-core over dictionaries -> equal
"""

import asyncio
import datetime as dt
import inspect
import uuid
from decimal import Decimal
from functools import cache
from typing import Any

import orjson
import pyarrow as pa
from graphql import build_schema as build_from_text
from graphql import execute_sync, parse, validate
from graphql.execution import execute
from hypothesis import given, settings
from hypothesis import strategies as st

from api.graphql.context import Context
from api.graphql.execution import RowExecutor
from api.graphql.schema_factory import build_schema, print_catalogue_schema
from api.graphql.services import GraphQLServices
from api.graphql.tenant_state import TenantState
from api.identity.caller import Caller
from domain.ids import TenantId, public_id
from domain.metrics.catalogue import build_catalogue
from domain.money import format_amount
from domain.query.plan import PlanCache
from tests.fakes.fake_warehouse import FakeWarehouse

NUMERIC = pa.decimal128(38, 9)
CONNECTION = uuid.UUID(int=7)
TENANT = TenantId(uuid.UUID(int=1))

SPEND = [Decimal("10.5"), None, Decimal(0), Decimal("0.000000001")]
SPEND_BASE = [Decimal(21), Decimal(1), Decimal(0), None]
CLICKS = [4, 2**40, None, 0]
CPC = [Decimal("2.625"), None, None, Decimal(-3)]
CTR = [0.1, 1e-9, None, 123456789.5]
CHANNELS = ["paid_search", "email", "tv", "other"]
CAMPAIGNS = [f"{CONNECTION}:c1", None, f"{CONNECTION}:c:2", f"{CONNECTION}:"]
LABELS = ['Brand "A"', None, None, "Ünïcode\n"]
COUNTRIES = ["NO", None, "DE", ""]
DATES = [dt.date(2026, 1, 1), dt.date(2026, 1, 8), dt.date(2026, 1, 15), dt.date(2026, 1, 22)]

TABLE = pa.table(
    {
        "date": pa.array(DATES),
        "channel": CHANNELS,
        "campaign": pa.array(CAMPAIGNS, pa.string()),
        "campaign__label": pa.array(LABELS, pa.string()),
        "country": pa.array(COUNTRIES, pa.string()),
        "spend": pa.array(SPEND, NUMERIC),
        "spend__base": pa.array(SPEND_BASE, NUMERIC),
        "clicks": pa.array(CLICKS, pa.int64()),
        "clicks__base": pa.array(CLICKS[::-1], pa.int64()),
        "cpc": pa.array(CPC, NUMERIC),
        "cpc__base": pa.array(CPC[::-1], NUMERIC),
        "ctr": pa.array(CTR, pa.float64()),
        "ctr__base": pa.array(CTR[::-1], pa.float64()),
    }
)


def money(amount: Decimal | None) -> dict[str, str] | None:
    return None if amount is None else {"amount": format_amount(amount), "currency": "SEK"}


def change(values: list[Any], bases: list[Any], row: int) -> float | None:
    value, base = values[row], bases[row]
    if value is None or base is None or base == 0:
        return None
    return (float(value) - float(base)) / abs(float(base))


def stock_row(row: int) -> dict[str, Any]:
    changes = {
        "spend": change(SPEND, SPEND_BASE, row),
        "clicks": change(CLICKS, CLICKS[::-1], row),
        "ctr": change(CTR, CTR[::-1], row),
    }
    campaign = CAMPAIGNS[row]
    public = None if campaign is None else campaign.replace(str(CONNECTION), CONNECTION_PUBLIC)
    return {
        "date": lambda _info, grain: DATES[row].isoformat(),  # noqa: ARG005
        "channel": CHANNELS[row].upper(),
        "campaign": None if public is None else {"id": public, "name": LABELS[row]},
        "country": COUNTRIES[row],
        "spend": money(SPEND[row]),
        "clicks": CLICKS[row],
        "cpc": money(CPC[row]),
        "ctr": CTR[row],
        "compared": {
            "spend": money(SPEND_BASE[row]),
            "clicks": CLICKS[::-1][row],
            "ctr": CTR[::-1][row],
            "change": lambda _info, of: changes[of],
        },
    }


CONNECTION_PUBLIC = public_id("con", CONNECTION)


@cache
def schemas() -> tuple[Any, Any, Any]:
    catalogue = build_catalogue()
    return (
        catalogue,
        build_schema(catalogue),
        build_from_text(print_catalogue_schema(catalogue)),
    )


# An alias keeps to one field, else most documents would be invalid.
ALIASES = st.sampled_from(["", "one", "two"])
DIRECTIVES = st.sampled_from(
    ["", "", " @include(if: true)", " @skip(if: $yes)", " @include(if: $yes)", " @skip(if: $no)"]
)
MONEY = st.sampled_from(
    ["{ amount }", "{ currency amount }", "{ c: currency ...money }", "{ __typename a: amount }"]
)


def field(name: str, inside: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[str]:
    selection = st.just("") if inside is None else inside
    key = "".join(letter for letter in name if letter.isalpha())

    def write(alias: str, directive: str, below: str) -> str:
        is_aliased = alias or "(" in name
        return f"{f'{key}{alias}: ' if is_aliased else ''}{name}{directive} {below}"

    return st.builds(write, ALIASES, DIRECTIVES, selection)


METRICS = st.one_of(field("spend", MONEY), field("clicks"), field("ctr"), field("__typename"))
COMPARED = st.lists(
    st.one_of(METRICS, *(field(f"change(of: {name})") for name in ("spend", "clicks", "ctr"))),
    min_size=1,
    max_size=4,
).map(lambda parts: "{ " + " ".join(parts) + " }")
FIELDS = st.one_of(
    METRICS,
    field("cpc", MONEY),
    field("date(grain: WEEK)"),
    field("channel"),
    field("country"),
    field("campaign", st.sampled_from(["{ id }", "{ n: name id }", "{ __typename }"])),
    field("compared", COMPARED),
)
SELECTIONS = st.recursive(
    FIELDS,
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(
        lambda parts: "... on MetricsRow { " + " ".join(parts) + " }"
    ),
    max_leaves=8,
)
ROWS = st.lists(st.one_of(SELECTIONS, st.just("...part")), min_size=1, max_size=8)


def document(parts: list[str], fragment: list[str]) -> str:
    return (
        "query Q($yes: Boolean = true, $no: Boolean = false) {"
        '  metrics(period: {month: "2026-01"}, compare: {to: PREVIOUS_PERIOD}) {'
        f"    rows {{ clicks {' '.join(parts)} }} used: rows {{ clicks ...all ...conditional }}"
        "  } }"
        f" fragment part on MetricsRow {{ {' '.join(fragment)} }}"
        " fragment all on MetricsRow { date(grain: WEEK) channel country campaign { ...name }"
        "   spend { ...money } ...part }"
        " fragment name on Named { id name }"
        " fragment conditional on MetricsRow { q: clicks @include(if: $yes) r: ctr @skip(if: $no) }"
        " fragment money on Money { amount }"
    )


async def run_ours(node: Any) -> dict[str, Any]:
    catalogue, schema, _ = schemas()
    services = GraphQLServices(
        database=None,  # type: ignore[arg-type]  # these questions need no names
        warehouse=FakeWarehouse(TABLE, "SEK"),
        answers=None,
        plans=PlanCache(),
        features=None,  # type: ignore[arg-type]  # nor features
        feature_book=None,  # type: ignore[arg-type]
        feature_backfills=None,  # type: ignore[arg-type]
        sources={},
        tokens=None,  # type: ignore[arg-type]  # the caller is given
        webhooks=None,  # type: ignore[arg-type]  # nor webhooks
        privacy=None,  # type: ignore[arg-type]  # nor officers
        budgets=None,  # type: ignore[arg-type]  # nor budgets
        consent=None,  # type: ignore[arg-type]  # nor consent
        consent_proof=None,  # type: ignore[arg-type]
        clock=lambda: dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
        ids=uuid.uuid4,
        is_development=False,
    )
    caller = Caller(TENANT, "app", frozenset({"metrics:read"}), None)
    state = TenantState(TENANT, "N", "n", "EUR", "UTC", catalogue, schema, "1")
    context = Context(services, caller, state, lambda: None)
    pending = execute(schema.core, node, context_value=context, executor_class=RowExecutor)
    assert inspect.isawaitable(pending)
    result = await pending
    assert result.errors is None, result.errors
    data: dict[str, Any] = orjson.loads(orjson.dumps(result.data))
    return data


def same_dimensions(text: str) -> str:
    """Both aliases of rows ask by the same dimensions, as the gateway wants."""
    dimensions = "k: channel l: country m: campaign { id } n: date(grain: WEEK)"
    return text.replace("rows { clicks ", f"rows {{ clicks {dimensions} ")


@settings(max_examples=150, deadline=None)
@given(ROWS, st.lists(FIELDS, min_size=1, max_size=4))
def test_any_document_gives_the_payload_of_stock_execution(
    parts: list[str], fragment: list[str]
) -> None:
    node = parse(same_dimensions(document(parts, fragment)))
    _, schema, stock = schemas()
    assert validate(schema.core, node) == []
    rows = [stock_row(number) for number in range(4)]
    expected = execute_sync(stock, node, {"metrics": {"rows": rows}})
    assert expected.errors is None
    assert ordered(asyncio.run(run_ours(node))) == ordered(expected.data)


def ordered(value: Any) -> Any:
    """Objects as lists, so that the order of keys counts; 1 and 1.0 are one number in JSON."""
    if isinstance(value, dict):
        return [(key, ordered(below)) for key, below in value.items()]
    return [ordered(below) for below in value] if isinstance(value, list) else value
