"""Unit tests of a file and the as-of test, on the statement that serves."""

import datetime as dt
from collections.abc import Sequence

import pyarrow as pa
import pytest

from domain.ports import TenantScope
from feature_repo.compute import FeatureComputer
from feature_repo.feature import FeatureView
from feature_repo.registration.definition_file import read_definition
from feature_repo.registration.leakage import Leak, find_leaks
from feature_repo.registration.trial import sample_of_case
from feature_repo.registration.unit_tests import Difference, Outcome, run_tests
from feature_repo.statements import MOMENT
from tests.feature_repo.registration.samples import CAMPAIGN_FILE, brand

pytestmark = pytest.mark.anyio


class LateComputer(FeatureComputer):
    """Counts what became known within two hours after the instant: a leak."""

    async def asked(
        self, scope: TenantScope, view: FeatureView, pairs: Sequence[tuple[str, dt.datetime]]
    ) -> pa.Table:
        late = [(entity, when + dt.timedelta(hours=2)) for entity, when in pairs]
        table = await super().asked(scope, view, late)
        return table.drop_columns([MOMENT]).append_column(
            MOMENT, pa.array([0] * table.num_rows, pa.int64())
        )


async def test_the_tests_of_the_docs_pass() -> None:
    assert [one.differences for one in await run_tests(brand())] == [(), ()]


async def test_a_campaign_is_told_from_the_others() -> None:
    assert await run_tests(read_definition(CAMPAIGN_FILE, "v.yaml")) == [
        Outcome("Only the campaign that is asked for counts.", ())
    ]


async def test_what_differs_is_told() -> None:
    changed = brand(
        ("pulse_spend_14d: 20\n", "pulse_spend_14d: 21\n"),
        ("pulse_revenue_14d: null", "pulse_revenue_14d: 0"),
    )
    assert [one.differences for one in await run_tests(changed)] == [
        (Difference("pulse_spend_14d", 21, 20.0),),
        (Difference("pulse_revenue_14d", 0, None),),
    ]


async def test_what_becomes_known_later_changes_nothing() -> None:
    definition = brand()
    samples = [sample_of_case(definition.view, case) for case in definition.cases]
    assert await find_leaks(definition.view, samples) == []


async def test_a_leak_is_found() -> None:
    definition = brand()
    sample = sample_of_case(definition.view, definition.cases[0])
    leaks = await find_leaks(definition.view, [sample], LateComputer)
    # 10.5 and 9.5 are told again as 22 and 20; 50 as 101
    found = {leak.feature: (leak.as_of_then, leak.with_later_rows) for leak in leaks}
    assert found["pulse_spend_14d"] == (20.0, 42.0)
    assert found["pulse_revenue_14d"] == (50.0, 101.0)
    assert "pulse_ads_currency" not in found
    assert isinstance(leaks[0], Leak)
