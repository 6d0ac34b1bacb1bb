"""The field `metrics`, from HTTP to DuckDB."""

import pytest

from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio


async def test_answers_by_channel_with_totals(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    data = await edge.data(
        """{ metrics(period: {last: 30}, orderBy: [{field: spend, direction: DESC}]) {
             rows { channel spend { amount currency } clicks impressions roas }
             totals { spend { amount } roas }
             currency pageInfo { hasNextPage endCursor }
        } }""",
        token,
    )
    assert data == {
        "metrics": {
            "rows": [
                {
                    "channel": "PAID_SEARCH",
                    "spend": {"amount": "315.00", "currency": "EUR"},
                    "clicks": 3000,
                    "impressions": 3_000_000_000_000,
                    "roas": 5.714285714286,
                },
                {
                    "channel": "PAID_SOCIAL",
                    "spend": {"amount": "127.50", "currency": "EUR"},
                    "clicks": 1500,
                    "impressions": 1_500_000_000_000,
                    "roas": None,
                },
                {
                    "channel": "EMAIL",
                    "spend": {"amount": "1.00", "currency": "EUR"},
                    "clicks": 7,
                    "impressions": 7_000_000_000,
                    "roas": None,
                },
            ],
            "totals": {"spend": {"amount": "443.50"}, "roas": 4.058624577227},
            "currency": "EUR",
            "pageInfo": {"hasNextPage": False, "endCursor": "cG9zaXRpb246Mw=="},
        }
    }


async def test_claims_that_meet_are_empty_and_a_notice_says_so(
    edge: Edge, northwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read")
    data = await edge.data(
        """{ metrics(period: {last: 30}, where: {channel: {in: [PAID_SEARCH, PAID_SOCIAL]}}) {
             rows { channel conversions }
             totals { conversions attributedRoas clicks }
             notices { code metrics message hint }
        } }""",
        token,
    )
    assert data["metrics"] == {
        "rows": [
            {"channel": "PAID_SEARCH", "conversions": 45},
            {"channel": "PAID_SOCIAL", "conversions": 45},
        ],
        "totals": {"conversions": None, "attributedRoas": None, "clicks": 4500},
        "notices": [
            {
                "code": "MIXED_ATTRIBUTION",
                "metrics": ["attributedRoas", "conversions"],
                "message": (
                    "attributed_roas and conversions are empty where claims of different "
                    "attribution meet, paid_search:7d_click:canarynorthwind purchases and "
                    "paid_social:7d_click:canarynorthwind purchases among them: they may tell of "
                    "the same sale"
                ),
                "hint": "split or filter by attribution, source or connection",
            }
        ],
    }


async def test_a_partial_cut_is_told(edge: Edge, southwind: Agency) -> None:
    token = await edge.token(southwind, "metrics:read")
    data = await edge.data(
        f"""{{ metrics({DAY}) {{
             rows {{ keyword {{ id name }} matchType attribution clicks }}
             notices {{ code metrics message hint }}
        }} }}""",
        token,
    )
    connection = southwind.connection("zeta")
    assert data["metrics"] == {
        "rows": [
            {
                "keyword": {
                    "id": f"{connection}:canarysouthwind keyword_id",
                    "name": "canarysouthwind keyword",
                },
                "matchType": "EXACT",
                "attribution": "canarysouthwind attribution",
                "clicks": 777,
            }
        ],
        "notices": [
            {
                "code": "PARTIAL_CUT",
                "metrics": ["clicks"],
                "message": (
                    "clicks shows only the part that platforms report by keyword and match_type"
                ),
                "hint": "leave keyword and match_type out to see all of it",
            }
        ],
    }


async def test_an_answer_without_trouble_has_no_notices(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    data = await edge.data(
        f"{{ metrics({DAY}) {{ rows {{ clicks }} notices {{ code }} }} }}", token
    )
    assert data["metrics"] == {"rows": [{"clicks": 157}], "notices": []}


async def test_dimensions_that_do_not_go_together(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    error = await edge.error(f"{{ metrics({DAY}) {{ rows {{ device country clicks }} }} }}", token)
    assert error["message"] == (
        "clicks cannot be split by device and country at once: the platforms do not report them "
        "together"
    )
    assert error["extensions"] == {
        "code": "UNSUPPORTED_DIMENSION",
        "hint": (
            "ask apart; device goes with ad, ad_group, keyword, match_type; "
            "country goes with region"
        ),
    }


DAY = 'period: {from: "2026-03-14", to: "2026-03-14"}'


@pytest.fixture
async def token(edge: Edge, northwind: Agency) -> str:
    return await edge.token(northwind, "metrics:read")


async def test_names_and_public_ids(edge: Edge, northwind: Agency, token: str) -> None:
    data = await edge.data(
        f"""{{ metrics({DAY}, orderBy: [{{field: spend}}]) {{ rows {{
               client {{ id name }} connection {{ id name }} campaign {{ id name }}
               spend {{ amount }} }} }} }}""",
        token,
    )
    assert data["metrics"]["rows"] == [
        {
            "client": {"id": northwind.client("bolt"), "name": "canarynorthwind bolt"},
            "connection": {
                "id": northwind.connection("bolt"),
                "name": "canarynorthwind ads of bolt",
            },
            "campaign": None,
            "spend": {"amount": "1.00"},
        },
        *(
            {
                "client": {"id": northwind.client("acme"), "name": "canarynorthwind acme"},
                "connection": {
                    "id": northwind.connection("acme"),
                    "name": "canarynorthwind ads of acme",
                },
                "campaign": {"id": f"{northwind.connection('acme')}:{key}", "name": name},
                "spend": {"amount": spend},
            }
            for key, name, spend in (("c2", "Spring", "4.25"), ("c1", "Brand", "10.50"))
        ),
    ]


async def test_filters_by_every_kind_of_dimension(
    edge: Edge, northwind: Agency, token: str
) -> None:
    query = f"""query Q($where: MetricsFilter) {{
      metrics({DAY}, where: $where) {{ totals {{ clicks }} }} }}"""

    async def clicks(**where: object) -> object:
        data = await edge.data(query, token, where=where)
        return data["metrics"]["totals"]["clicks"]

    acme = northwind.client("acme")
    assert await clicks() == 157
    assert await clicks(channel={"in": ["PAID_SEARCH", "EMAIL"]}) == 107
    assert await clicks(channel={"not": ["PAID_SEARCH"]}) == 57
    assert await clicks(client={"in": [acme]}) == 150
    assert await clicks(client={"not": [acme]}) == 7
    assert await clicks(connection={"in": [northwind.connection("bolt")]}) == 7
    assert await clicks(campaign={"in": [f"{northwind.connection('acme')}:c2"]}) == 50
    assert await clicks(campaign={"in": [None]}) == 7
    assert await clicks(source={"in": ["google_ads"]}, channel={"in": ["EMAIL"]}) == 7
    assert await clicks(source={"in": ["meta_ads"]}) is None


async def test_weeks_aliases_fragments_and_directives(edge: Edge, token: str) -> None:
    data = await edge.data(
        """query Q($money: Boolean!) {
          metrics(period: {from: "2026-03-02", to: "2026-03-14"},
                  where: {channel: {in: [PAID_SEARCH]}}, orderBy: [{field: date}]) {
            rows { week: date(grain: WEEK) ...numbers kind: __typename
                   spend @include(if: $money) { amount } } } }
        fragment numbers on MetricsRow { count: clicks ... @skip(if: $money) { ctr } }""",
        token,
        money=True,
    )
    assert data["metrics"]["rows"] == [
        {
            "week": "2026-03-02",
            "count": 700,
            "kind": "MetricsRow",
            "spend": {"amount": "73.50"},
        },
        {
            "week": "2026-03-09",
            "count": 600,
            "kind": "MetricsRow",
            "spend": {"amount": "63.00"},
        },
    ]


async def test_comparison(edge: Edge, token: str) -> None:
    data = await edge.data(
        """{ metrics(period: {from: "2026-03-12", to: "2026-03-14"},
                     compare: {to: PREVIOUS_PERIOD, align: DATE},
                     orderBy: [{field: clicks, direction: DESC}]) {
               rows { channel clicks
                      compared { clicks change(of: clicks) spent: spend { amount } } }
               totals { compared { clicks change(of: clicks) } } } }""",
        token,
    )
    assert data["metrics"] == {
        "rows": [
            {
                "channel": channel,
                "clicks": clicks,
                "compared": {"clicks": base, "change": change, "spent": spent},
            }
            for channel, clicks, base, change, spent in (
                ("PAID_SEARCH", 300, 300, 0, {"amount": "31.50"}),
                ("PAID_SOCIAL", 150, 150, 0, {"amount": "12.75"}),
                ("EMAIL", 7, None, None, None),
            )
        ],
        "totals": {"compared": {"clicks": 450, "change": 7 / 450}},
    }


async def test_pages_follow_each_other(edge: Edge, token: str) -> None:
    query = f"""query Q($after: String) {{ metrics({DAY}, first: 2, after: $after,
      orderBy: [{{field: clicks, direction: DESC}}]) {{
        rows {{ channel clicks }} pageInfo {{ hasNextPage endCursor }} }} }}"""
    first = (await edge.data(query, token))["metrics"]
    assert [row["clicks"] for row in first["rows"]] == [100, 50]
    assert first["pageInfo"]["hasNextPage"] is True
    second = (await edge.data(query, token, after=first["pageInfo"]["endCursor"]))["metrics"]
    assert [row["clicks"] for row in second["rows"]] == [7]
    assert second["pageInfo"]["hasNextPage"] is False
    third = (await edge.data(query, token, after=second["pageInfo"]["endCursor"]))["metrics"]
    assert third == {"rows": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


async def test_conditions_after_aggregation(edge: Edge, token: str) -> None:
    data = await edge.data(
        f"""{{ metrics({DAY}, having: [{{metric: clicks, gte: "50", lt: "100"}}]) {{
               rows {{ channel clicks }} }} }}""",
        token,
    )
    assert data["metrics"]["rows"] == [{"channel": "PAID_SOCIAL", "clicks": 50}]


async def test_two_questions_in_one_operation(edge: Edge, token: str) -> None:
    reply = await edge.ask(
        f"""{{ good: metrics({DAY}) {{ totals {{ clicks }} }}
               bad: metrics({DAY}) {{ rows {{ device newCustomers }} }}
               again: metrics({DAY}) {{ a: totals {{ clicks }} b: totals {{ n: clicks }} }} }}""",
        token,
    )
    body = reply.json()
    assert body["data"] == {
        "good": {"totals": {"clicks": 157}},
        "bad": None,
        "again": {"a": {"clicks": 157}, "b": {"n": 157}},
    }
    (error,) = body["errors"]
    assert error["path"] == ["bad"]
    assert error["extensions"]["code"] == "UNSUPPORTED_DIMENSION"
    assert error["message"] == "new_customers cannot be split by device"


@pytest.mark.parametrize(
    ("arguments", "selection", "message"),
    [
        (DAY, "rows { channel }", "no metric is selected"),
        (DAY, "currency", "no metric is selected"),
        (DAY, "rows { compared { clicks } }", "compared is selected without a base period"),
        (
            DAY,
            "rows { a: date(grain: DAY) b: date(grain: WEEK) clicks }",
            "the date is selected at two grains",
        ),
        (
            DAY,
            "a: rows { channel clicks } b: rows { device clicks }",
            "rows is selected twice with different dimensions",
        ),
        (f"{DAY}, first: 0", "rows { clicks }", "first must be between 1 and 10,000, not 0"),
        (f"{DAY}, first: 10001", "rows { clicks }", "first must be between 1 and 10,000"),
        (f'{DAY}, after: "here"', "rows { clicks }", "after is not a cursor"),
        (f'{DAY}, after: "cG9zaXRpb246LTE="', "rows { clicks }", "after is not a cursor"),
        ("period: {}", "rows { clicks }", "the period must be given in exactly one way"),
        (
            f'{DAY}, where: {{client: {{in: ["acme"]}}}}',
            "rows { clicks }",
            "'acme' is not an id of this kind",
        ),
        (
            f"{DAY}, orderBy: [{{field: date}}]",
            "rows { clicks }",
            "rows cannot be ordered by date: they have none",
        ),
    ],
)
async def test_questions_without_an_answer(
    edge: Edge, token: str, arguments: str, selection: str, message: str
) -> None:
    error = await edge.error(f"{{ metrics({arguments}) {{ {selection} }} }}", token)
    assert error["message"].startswith(message)
    assert error["path"] == ["metrics"]
    assert error["extensions"]["hint"]


async def test_an_unexpected_failure_is_masked(edge: Edge, token: str) -> None:
    await edge.services.warehouse.close()  # type: ignore[attr-defined]  # DuckDB has it
    reply = await edge.ask(f"{{ metrics({DAY}) {{ totals {{ clicks }} }} }}", token)
    (error,) = reply.json()["errors"]
    assert error["message"] == "something went wrong on our side"
    assert error["path"] == ["metrics"]
    assert set(error["extensions"]) == {"code", "hint", "traceId"}
    assert "SELECT" not in reply.text


async def test_nobody_connected_means_no_rows(edge: Edge, southwind: Agency) -> None:
    token = await edge.token(southwind, "metrics:read")
    data = await edge.data(
        '{ metrics(period: {month: "2020-01"}) { rows { channel clicks } totals { clicks } '
        "currency } }",
        token,
    )
    assert data["metrics"] == {"rows": [], "totals": {"clicks": None}, "currency": "EUR"}
