"""A table of the warehouse without the people of a run: counted, then changed in one go.

    targets -> rows counted by request -> journal -> one operation for all agencies -> journal

BigQuery runs two mutating statements on a table at once and queues twenty more: so there is one
per table and run, never one per request.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence

from domain.ids import TenantId
from gdpr.erasure.erasable import Erasable
from gdpr.erasure.journal import Journal, StepRecord
from gdpr.erasure.statements import RUN, anonymise, count_rows, delete_rows
from gdpr.erasure.work import Run, Stores

__all__ = ["change_table", "count_table"]


async def change_table(
    stores: Stores,
    run: Run,
    erasable: Erasable,
    journal: Journal,
    number: int,
    todo: Mapping[TenantId, StepRecord],
) -> Sequence[str]:
    """Take the people out of a table. Holds the loader's lock.

    Args:
        stores: With the table.
        run: Whom.
        erasable: Which table.
        journal: Keeps the counts before anything changes.
        number: Of the step.
        todo: Agencies whose step is not done, and what is known of it.

    Returns:
        Ids of the operations.
    """
    operation = f"erase-{run.run_id}-{run.round}-{erasable.table.qualified}"
    changes = anonymise(erasable) if erasable.table.outlives_person else delete_rows(erasable)
    async with stores.loading():
        if any(record.counts is None for record in todo.values()):
            counted = await count_table(stores, run, erasable)
            for tenant_id, record in todo.items():
                if record.counts is None:
                    await journal.count(run.run_id, number, tenant_id, counted[tenant_id])
        parameters = {RUN: str(run.run_id)}
        await stores.warehouse.execute(operation, changes, parameters, run.tenants)
    return (operation,)


async def count_table(
    stores: Stores, run: Run, erasable: Erasable
) -> Mapping[TenantId, Mapping[str, int]]:
    """How many rows of a table are those of the run's people: by agency, by request."""
    rows = await stores.warehouse.run_for(run.tenants, count_rows(erasable), {RUN: str(run.run_id)})
    counts: defaultdict[TenantId, dict[str, int]] = defaultdict(dict)
    for row in rows.to_pylist():
        counts[TenantId(uuid.UUID(row["tenant_id"]))][row["request_id"]] = row["row_count"]
    return counts
