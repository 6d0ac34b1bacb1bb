"""Pages of a list of rows, found by cursors.

    rows + `limit` + `after` -> {"data": [...], "paging": {"cursors": {...}, "next": url}}

Source: developers.facebook.com/docs/graph-api/results (2026-11): the last page has cursors too, but
no `next`.
"""

import base64
from typing import Any, Final

from ingestion.simulator.contract import PAGE_DIVISOR
from ingestion.simulator.faults import Fault
from ingestion.simulator.meta_ads.call import Call
from ingestion.simulator.meta_ads.failures import invalid_parameter
from ingestion.simulator.meta_ads.query import whole_number

__all__ = ["page_of"]

_LEFT_OUT: Final = "campaign_id"  # by the fault `missing_field`, unless it says otherwise


def page_of(call: Call, rows: list[dict[str, Any]], usual_size: int) -> dict[str, Any]:
    """Cut out the page that a call asks for.

    Args:
        call: Names the page, and what is wrong with it.
        rows: All of them.
        usual_size: Of a call that names none.

    Raises:
        MetaRefusalError: `limit` or `after` make no sense.
    """
    size = whole_number("limit", call.values.get("limit", str(usual_size)))
    size = max(size // call.request.scope.get(PAGE_DIVISOR, 1), 1)
    begin = _position(call.values.get("after", ""))
    end = min(begin + size, len(rows))
    shown = rows[max(begin - size, 0) if call.plays("duplicate_page") else begin : end]
    if not shown:
        return {"data": []}
    if call.fault and call.plays("missing_field"):
        shown = _without(shown, call.fault)
    paging: dict[str, Any] = {"cursors": {"before": _cursor(begin), "after": _cursor(end)}}
    if end < len(rows):
        paging["next"] = str(call.request.url.include_query_params(after=_cursor(end)))
    return {"data": shown, "paging": paging}


def _without(rows: list[dict[str, Any]], fault: Fault) -> list[dict[str, Any]]:
    """The rows, the first of them without a field."""
    count = len(rows) if fault.rows is None else fault.rows
    name = fault.field or _LEFT_OUT
    altered = [{key: row[key] for key in row if key != name} for row in rows[:count]]
    return altered + rows[count:]


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode()


def _position(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor)) if cursor else 0
    except ValueError as error:
        raise invalid_parameter("Invalid cursor") from error
