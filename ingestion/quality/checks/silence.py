"""Nothing at all where something happens every day: visits to a site, orders of a busy shop.

last days that are over -> no rows, though every day of four weeks had enough

An advertiser may stop all campaigns; nobody stops visits. So this is asked of visits and orders
only.
"""

import datetime as dt
import statistics
from collections.abc import Iterator
from typing import Final

from ingestion.quality.evidence import StreamRecord
from ingestion.quality.finding import Check, Finding, told_amount, told_name
from tenancy.tables import IncidentSeverity

__all__ = ["SILENCE", "find_silence"]

SILENCE: Final = Check(
    "silence",
    "Nothing has come in where something always does",
    "check that the site's tag or the shop's connection still works",
)

# Fact -> what is counted a day. At twenty a day, a day without any comes once in a million years.
_COUNTED: Final = {"web_daily": "sessions", "web_property_daily": "sessions", "orders": "rows"}
ENOUGH_A_DAY: Final = 20
USUAL_DAYS: Final = 28
_DAY: Final = dt.timedelta(days=1)


def find_silence(record: StreamRecord) -> Iterator[Finding]:
    """Look at the last day that is over, when it was published now."""
    counted = _COUNTED.get(record.fact.name)
    last = record.yesterday if record.replaced is None else record.replaced.end
    if counted is None or last in record.days:
        return
    heard = max((day for day in record.days if day < last), default=None)
    if heard is None:
        return
    before = [heard - n * _DAY for n in range(USUAL_DAYS)]
    amounts = [record.days[day].amount(counted) for day in before if day in record.days]
    if len(amounts) == USUAL_DAYS and min(amounts) > 0:
        usual = statistics.median(amounts)
        if usual >= ENOUGH_A_DAY:
            what = {"rows": told_name(record.fact.name)}.get(counted, told_name(counted))
            yield Finding(
                SILENCE,
                IncidentSeverity.WARNING,
                f"there are no {what} after {heard}, up to {last};"
                f" usually there are {told_amount(usual)} a day",
            )
