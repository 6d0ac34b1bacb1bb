"""One way in which a platform fails, and those that all platforms share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["BACKOFF", "MOVED", "DocumentedFault", "on_the_way"]

BACKOFF: Final = (1.0, 2.0)
MOVED: Final = "seatunnel.apache.org, TikTokAds: the remote report is no immutable snapshot"


@dataclass(frozen=True, slots=True)
class DocumentedFault:
    """One way in which a platform fails.

    Attributes:
        platform: Name of the source.
        name: Of the fault, unique at the platform.
        documented: Where the platform, or who met it, tells of it.
        test: File below `tests/ingestion` and function.
        play: What the simulator is told; None: the test does more than that.
        waits: Of the extractor.
    """

    platform: str
    name: str
    documented: str
    test: str
    play: Mapping[str, Any] | None = None
    waits: tuple[float, ...] = ()


def on_the_way(test: str, platform: str, operation: str) -> list[DocumentedFault]:
    """What happens between any platform and us."""
    cut = {"kind": "cut_connection", "times": 2, "cut_after_bytes": 3_000}
    faults: list[tuple[str, str, dict[str, Any], tuple[float, ...]]] = [
        ("body that is cut off", "RFC 9112 section 8", cut, BACKOFF),
        ("JSON that ends early", "RFC 8259", {"kind": "malformed_json", "times": 2}, BACKOFF),
        ("slow answer", "RFC 9110 section 15.6.5", {"kind": "slow", "seconds": 0.01}, ()),
    ]
    return [
        DocumentedFault(platform, name, place, test, {**play, "operation": operation}, waits)
        for name, place, play, waits in faults
    ]
