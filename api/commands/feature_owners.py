"""Clients and accounts whose features a command is about, by the names that people know."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.commands.lookup import list_connections
from api.runtime import Runtime
from domain.ids import ClientId, TenantId

__all__ = ["FeatureOwners", "load_feature_owners", "show_instant"]


@dataclass(frozen=True, slots=True)
class FeatureOwners:
    """Names by id.

    Attributes:
        clients: Short names, in order.
        accounts: Source and account of each connection.
    """

    clients: Mapping[ClientId, str]
    accounts: Mapping[uuid.UUID, str]


async def load_feature_owners(
    runtime: Runtime, tenant_id: TenantId, arguments: Mapping[str, Any]
) -> FeatureOwners:
    """Those of an agency that have an account, or of its client `client` when one is given.

    Raises:
        NotFoundError: There is no such client.
    """
    pairs = await list_connections(runtime, tenant_id, {"client": arguments.get("client")})
    return FeatureOwners(
        clients={client.id: client.slug for _, client in pairs},
        accounts={account.id: f"{account.source} {account.account_id}" for account, _ in pairs},
    )


def show_instant(instant: dt.datetime) -> str:
    """`2026-03-15 09:30:00 UTC`, cut to the second."""
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
