"""How each platform fails, as its documentation tells, and which test plays it.

    DOCUMENTED (one line a fault) -> @plays(platform) -> the test is run with each of its faults

A fault that is not in this table is not played; one that is in it without a test fails the build
(`test_documented_faults.py`). `play` is what the simulator is told (`ingestion.simulator.faults`);
where it is None the test brings about the fault itself. `waits` are the seconds that the extractor
has to wait, in order: half of 2, 4, 8 ... where the platform tells nothing.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import pytest

from tests.ingestion.sources.documented_fault import DocumentedFault
from tests.ingestion.sources.documented_ga4 import GA4
from tests.ingestion.sources.documented_google_ads import GOOGLE_ADS
from tests.ingestion.sources.documented_meta import META
from tests.ingestion.sources.documented_shopify import SHOPIFY
from tests.ingestion.sources.documented_tiktok import TIKTOK

__all__ = ["DOCUMENTED", "DocumentedFault", "faults_of", "plays"]

Test = TypeVar("Test", bound=Callable[..., Any])

# Each platform's in a file of its own: `documented_<platform>.py`.
DOCUMENTED: Final = (*GA4, *GOOGLE_ADS, *META, *SHOPIFY, *TIKTOK)


def faults_of(platform: str) -> list[DocumentedFault]:
    """Every documented fault of a platform."""
    return [fault for fault in DOCUMENTED if fault.platform == platform]


def plays(platform: str) -> Callable[[Test], Test]:
    """Run a test with each fault that names it, as its argument `fault`."""

    def decorate(test: Test) -> Test:
        named = [
            pytest.param(fault, id=fault.name.replace(" ", "_"))
            for fault in faults_of(platform)
            if fault.play is not None and fault.test.endswith(f"::{test.__name__}")
        ]
        run: Test = pytest.mark.parametrize("fault", named)(test)
        return run

    return decorate
