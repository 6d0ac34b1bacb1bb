"""Planted faults are found by the check that is made for them; real life is left alone.

All of them go through landing, loading, the gate and the follow-up, side by side.
"""

import pytest

from ingestion.quality.catalogue import AFTER_PUBLICATION, BEFORE_PUBLICATION
from tenancy.tables import SyncState
from tests.ingestion.quality.controls import CONTROLS
from tests.ingestion.quality.faults import FAULTS
from tests.ingestion.quality.stage import Played

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", FAULTS)
async def test_fault_is_found(played: dict[str, Played], name: str) -> None:
    assert played[name].incidents == FAULTS[name].found


@pytest.mark.parametrize("name", FAULTS)
async def test_grave_faults_hold_the_sync_and_others_do_not(
    played: dict[str, Played], name: str
) -> None:
    held = SyncState.HELD in played[name].states.values()
    assert held == ("critical" in FAULTS[name].found.values())


@pytest.mark.parametrize("name", CONTROLS)
async def test_nothing_is_found(played: dict[str, Played], name: str) -> None:
    assert played[name].messages == {}
    assert set(played[name].states.values()) == {SyncState.PUBLISHED}


async def test_each_check_has_found_something() -> None:
    checks = {check.name for check in (*BEFORE_PUBLICATION, *AFTER_PUBLICATION)}
    assert {name for fault in FAULTS.values() for name in fault.found} == checks


MESSAGES = {
    "euros read as cents": (
        "on 2026-03-13, 2026-03-14, 2026-03-15 and 4 more:"
        " spend per 1,000 impressions is 0.0200, usually it is 2"
    ),
    "orders in cents": "revenue per row is 5,314, usually it is 60",
    "clicks and impressions swapped": (
        "on 2026-03-13, 2026-03-14, 2026-03-15 and 4 more: 240,900 clicks for 4,818 impressions"
    ),
    "negative cost": (
        "on 2026-03-13, 2026-03-14, 2026-03-15 and 4 more: spend is negative in 1 of 24 rows"
    ),
    "two rows changed while read": (
        "2 of 168 keys have several rows with different amounts; one row of each would count"
    ),
    "the last page of a report not read": (
        "on 2026-03-13: rows add up to 796 sessions, the platform's total is 1,189,"
        " and 6 more days differ;"
        " on 2026-03-13: rows add up to 1,800 page views, the platform's total is 2,687,"
        " and 6 more days differ"
    ),
    "a day that was there is gone": (
        "on 2026-03-15: 0 rows and 0 spend would replace 24 rows and 289"
    ),
    "days of another time zone": (
        "24 of 168 rows are of 2026-03-20, outside 2026-03-13 to 2026-03-19: they do not count"
    ),
    "a dimension not sent any more": "device has no value in 210 rows",
    "a quarter does not fit": "56 of 224 rows are in quarantine",
    "a new word": "unknown value device: 'VR' is read as other",
    "a new day missing between others": (
        "there is nothing for 2026-03-16, though the days around have rows and the 28 days before"
        " were whole"
    ),
    "the tag fell off the site": (
        "there are no sessions after 2026-03-18, up to 2026-03-19; usually there are 1,187 a day"
    ),
    "a new day cut to a fifth": "2026-03-19 has 5 rows, its weekday usually 24",
    "one report behind the others": "the last day is 2026-03-10, 9 days behind",
}


@pytest.mark.parametrize("name", MESSAGES)
async def test_messages_tell_days_and_figures(played: dict[str, Played], name: str) -> None:
    (check,) = FAULTS[name].found
    assert played[name].messages[check] == MESSAGES[name]
