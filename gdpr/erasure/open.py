"""Erasure, wired.

stores, jobs -> open_erasure -> runs, and what carries requests out
"""

from collections.abc import Awaitable, Callable

from gdpr.erasure.job import ErasureJobs
from gdpr.erasure.journal import Journal
from gdpr.erasure.places import PLACES
from gdpr.erasure.plan import build_plan
from gdpr.erasure.run import Eraser
from gdpr.erasure.work import Stores
from tenancy.jobs import JobEngine
from tenancy.unscoped import Doors

__all__ = ["open_erasure"]


def open_erasure(
    stores: Stores, jobs: JobEngine, doors: Doors, sleep: Callable[[float], Awaitable[None]]
) -> ErasureJobs:
    """Wire erasure, and make its job known; before the engine starts.

    Args:
        stores: Where people may be.
        jobs: Carries runs out.
        doors: Tell which agencies have something to do.
        sleep: Awaits so many seconds.
    """
    plan = build_plan(stores.erasables, PLACES)
    journal = Journal(stores.database, stores.clock, jobs.executor_id)
    eraser = Eraser(stores, plan, journal, PLACES)
    erasure = ErasureJobs(eraser, jobs, doors, sleep)
    erasure.register()
    return erasure
