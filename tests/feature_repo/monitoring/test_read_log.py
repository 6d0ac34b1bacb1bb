"""Few of many reads are kept, each with the same chance, and written down once."""

import random
import uuid
from collections import Counter

import pytest
from sqlalchemy import select

from feature_repo.compute import micros_of
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE, fingerprint
from feature_repo.monitoring.read_log import ReadLog
from feature_repo.packing import StoredValues
from tenancy.session import Database
from tenancy.tables import FeatureRead
from tests.feature_repo.agency_rows import add_agency
from tests.feature_repo.conftest import A, account
from tests.feature_repo.ledger import at

pytestmark = pytest.mark.anyio

ADS = account(A, 1)
STORED = StoredValues(micros_of(at(30)) + 7, str(ADS.client_id), ("EUR", 0.1, 3, None))


def _log(database: Database, seed: int) -> ReadLog:
    chance = random.Random(seed)  # noqa: S311  # the same in each run
    return ReadLog(database, lambda: at(30, 13), uuid.uuid4, chance.random)


async def test_what_was_kept_is_written_down_once_and_exactly(database: Database) -> None:
    await add_agency(database, A, [ADS])
    log = _log(database, 1)
    for number in range(40):
        log.note(A, CAMPAIGN_PERFORMANCE, [ADS.campaign(f"c{number}")], [STORED])
    assert await log.flush() == 5
    assert await log.flush() == 0
    async with database.session(A) as session:
        rows = (await session.scalars(select(FeatureRead))).all()
    assert len({row.entity_id for row in rows}) == 5
    kept = {(row.view, row.fingerprint, row.as_of, tuple(row.served)) for row in rows}
    instant = at(30).replace(microsecond=7)
    view = CAMPAIGN_PERFORMANCE
    assert kept == {(view.name, fingerprint(view), instant, STORED.values)}


async def test_nothing_is_kept_of_what_was_not_served(database: Database) -> None:
    log = _log(database, 2)
    log.note(A, CAMPAIGN_PERFORMANCE, [], [])
    log.note(A, CAMPAIGN_PERFORMANCE, ["a", "b"], [None, None])
    assert await log.flush() == 0


async def test_early_and_late_reads_have_the_same_chance(database: Database) -> None:
    """2,000 times five of twenty: each is kept 500 times, give or take four deviations of 19."""
    kept: Counter[str] = Counter()
    for seed in range(2_000):
        log = _log(database, seed)
        for number in range(20):
            log.note(A, CAMPAIGN_PERFORMANCE, [str(number)], [STORED])
        [reservoir] = log._reservoirs.values()  # noqa: SLF001  # no row is written
        kept.update(entity_id for entity_id, _ in reservoir.kept)
    assert sum(kept.values()) == 10_000
    assert {abs(kept[str(number)] - 500) <= 77 for number in range(20)} == {True}
