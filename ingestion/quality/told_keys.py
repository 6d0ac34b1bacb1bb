"""Who has told a key: of facts that are replaced by key, which syncs brought which version.

keys of quarantined rows -> facts.<fact> -> key -> sync, version
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence

from domain.ids import ConnectionId, SyncId, TenantId
from domain.ports import QueryWarehouse, TenantScope
from domain.privacy.purposes import Purpose
from ingestion.quality.statements import CONNECTION_IDS, KEYS, STREAM, told_keys

__all__ = ["Tellers", "read_tellers"]

Tellers = Mapping[str, Sequence[tuple[SyncId, int]]]  # key -> sync and version of every telling


async def read_tellers(
    warehouse: QueryWarehouse,
    tenant_id: TenantId,
    connection_id: ConnectionId,
    stream: str,
    fact: str,
    keys: Sequence[str],
) -> Tellers:
    """Every telling of these keys in one stream of a connection; one query."""
    found: dict[str, list[tuple[SyncId, int]]] = defaultdict(list)
    if not keys:
        return found
    answer = await warehouse.run(
        TenantScope(tenant_id, purpose=Purpose.STORAGE),
        told_keys(fact),
        {CONNECTION_IDS: (str(connection_id),), STREAM: stream, KEYS: tuple(keys)},
    )
    for row in answer.to_pylist():
        sync_id = SyncId(uuid.UUID(row["sync_id"]))
        found[row["natural_key"]].append((sync_id, row["version"]))
    return found
