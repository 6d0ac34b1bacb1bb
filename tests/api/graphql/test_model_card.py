"""The field `modelCard`: on one page, and of one's own part alone."""

import datetime as dt
import uuid

import pytest

from domain.ids import public_id
from tenancy.tables import ModelEvent, ModelShare, ModelState, ModelVersion
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

NOW = dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC)
VERSION = uuid.UUID(int=77)
CARD = """
    modelCard(name: "%s") {
        id name version state purpose judgement code inputs
        data { asOf days agencies hash }
        trials { group agencies change changeLow changeHigh coverage80 }
        states { state at }
        own { series figures hash retrainBy retrainedAt }
    }
"""


async def serve(edge: Edge, agency: Agency) -> None:
    async with edge.database.platform_session() as session:
        session.add(
            ModelVersion(
                id=VERSION,
                kind="forecast",
                number=3,
                state=ModelState.CHAMPION,
                state_since=NOW,
                created_at=NOW,
                code="c0de",
                features="fea7",
                as_of=NOW,
                data_hash="da7a",
                agencies=6,
                figures=7_654_321,
                parameters={"days": 400},
                metrics={"all": {"agencies": 6, "change": -0.1, "coverage_80": 0.8}},
                inputs={"noise": {}, "complete": {}},
                artefact_hash="a4",
                artefact_bytes=1,
            )
        )
        await session.flush()
        session.add(
            ModelEvent(
                version_id=VERSION,
                number=1,
                at=NOW,
                process="job:judge_challenger",
                state=ModelState.CHAMPION,
                reason="in group large its error is 1.0% larger",
            )
        )
    async with edge.database.session(agency.tenant_id) as session:
        session.add(
            ModelShare(
                version_id=VERSION,
                kind="forecast",
                as_of=NOW,
                series=12,
                figures=4_800,
                content_hash=agency.canary,
                told_events=1,
                registered_at=NOW,
            )
        )


async def test_a_model_is_told_on_one_page(edge: Edge, northwind: Agency) -> None:
    await serve(edge, northwind)
    token = await edge.token(northwind, "metrics:read")
    told = (await edge.data(f"{{ {CARD % 'forecast'} }}", token))["modelCard"]
    assert told.pop("purpose").startswith("Tells what clients will spend")
    assert told == {
        "id": public_id("mdl", VERSION),
        "name": "forecast",
        "version": 3,
        "state": "CHAMPION",
        "judgement": (
            "passed on past days and in the shadow: error -10.0% against what served then,"
            " bands of 80 % held 80.0%"
        ),
        "code": "c0de",
        "inputs": ["complete", "noise"],
        "data": {"asOf": "2026-03-01T06:00:00+00:00", "days": 400, "agencies": 6, "hash": "da7a"},
        "trials": [
            {
                "group": "all",
                "agencies": 6,
                "change": -0.1,
                "changeLow": None,
                "changeHigh": None,
                "coverage80": 0.8,
            }
        ],
        "states": [{"state": "CHAMPION", "at": "2026-03-01T06:00:00+00:00"}],
        "own": {
            "series": 12,
            "figures": 4800,
            "hash": northwind.canary,
            "retrainBy": None,
            "retrainedAt": None,
        },
    }
    by_id = await edge.data(f"{{ {CARD % public_id('mdl', VERSION)} }}", token)
    assert by_id["modelCard"]["version"] == 3


async def test_another_agency_reads_nothing_of_it(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    await serve(edge, northwind)
    token = await edge.token(southwind, "metrics:read")
    told = await edge.data(f"{{ {CARD % 'forecast'} }}", token)
    assert told["modelCard"]["own"] is None
    for secret in (northwind.canary, "7654321", "4800", "group large"):
        assert secret not in repr(told)


async def test_a_model_that_is_not_there_is_not_found(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    assert (await edge.data(f"{{ {CARD % 'forecast'} }}", token))["modelCard"] is None
    for name in ("oracle", public_id("mdl", uuid.UUID(int=404))):
        (error,) = (await edge.ask(f"{{ {CARD % name} }}", token)).json()["errors"]
        assert error["extensions"]["code"] == "NOT_FOUND"
