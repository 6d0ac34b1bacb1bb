"""Lists that are asked for by place, and that can move between two pages.

length of the list, place and size of the page, fault -> rows of the page, length told
"""

from typing import NamedTuple

from ingestion.simulator.faults import Fault

__all__ = ["Bounds", "page_bounds"]


class Bounds(NamedTuple):
    """Where a page lies in the list as it really is.

    Attributes:
        begin: Its first row, from 0.
        end: The row after its last one.
        told: How many rows the platform says that the list has.
    """

    begin: int
    end: int
    told: int


def page_bounds(count: int, begin: int, size: int, fault: Fault | None) -> Bounds:
    """Find the rows of a page.

    The fault `moved_rows` has so many `rows` (1 unless told) come in before the page, after those
    before it were served; with `value`, as many go away behind it, so that the count stays.
    """
    if fault is None or fault.kind != "moved_rows":
        return Bounds(begin, min(begin + size, count), count)
    moved = fault.rows or 1
    told = count if fault.value else count + moved
    return Bounds(max(begin - moved, 0), min(begin + size, told) - moved, told)
