"""The agencies of the night: forty tenants, three hundred connections, twelve time zones.

    seed -> Place: whose it is, which platform, how slow it is, ready at, deadline at

Ready is 03:00 in the account's time zone, the deadline 08:00 in the client's: what the product
promises. It is worked out here by hand, without the product's code.
"""

import datetime as dt
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from domain.ids import ClientId, ConnectionId, TenantId
from tests.night.sources import make_source

__all__ = ["APPS", "DATA_DAY", "LIMITS", "SOURCES", "Place", "by_tenant", "make_places"]

DATA_DAY: Final = dt.date(2026, 11, 19)
_READY: Final = dt.time(3)
_DEADLINE: Final = dt.time(8)

# Calls in an hour that each platform grants to an app; None: as many as one likes.
LIMITS: Final = {"alpha": None, "beta": 120, "gamma": 24, "delta": 20}
SOURCES: Final = {
    name: make_source(
        name, *([f"name: calls, scope: app, limit: {limit}, per: hour"] if limit else [])
    )
    for name, limit in LIMITS.items()
}
APPS: Final = {name: {"key": f"app of {name}"} for name in LIMITS}

# Where clients are, and how many of three hundred; offsets from UTC in November.
_ZONES: Final = {
    "Australia/Sydney": 15,  # +11
    "Asia/Tokyo": 15,  # +9
    "Asia/Singapore": 15,  # +8
    "Asia/Kolkata": 15,  # +5:30
    "Asia/Dubai": 15,  # +4
    "Africa/Nairobi": 15,  # +3
    "Europe/Helsinki": 40,  # +2
    "Europe/Berlin": 55,  # +1
    "Europe/London": 45,  # 0
    "America/Sao_Paulo": 20,  # -3
    "America/New_York": 30,  # -5
    "America/Los_Angeles": 20,  # -8
}
# Some accounts are kept far west of their client: little time is left between ready and deadline.
_TIGHT: Final = {"Europe/Helsinki": "Atlantic/Azores"}
_TIGHT_EVERY: Final = 4
# Platforms by weight; gamma and delta grant few calls.
_SHARES: Final = ("alpha",) * 5 + ("beta",) * 3 + ("gamma",) + ("delta",)


@dataclass(frozen=True, slots=True)
class Place:
    """One connection.

    Attributes:
        pages: Of its report.
        page_seconds: That the platform takes for each.
        ready_at: The platform's data of the day are complete.
        deadline_at: The client's morning.
    """

    tenant_id: TenantId
    client_id: ClientId
    connection_id: ConnectionId
    source: str
    account_id: str
    account_zone: str
    client_zone: str
    pages: int
    page_seconds: int
    ready_at: dt.datetime
    deadline_at: dt.datetime

    @property
    def work(self) -> dt.timedelta:
        """How long its report takes when nobody is in the way."""
        return dt.timedelta(seconds=self.pages * self.page_seconds)


def make_places(seed: int, *, count: int = 300, tenants: int = 40) -> list[Place]:
    """The same places for the same seed; a smaller count takes zones in the same shares."""
    chance = random.Random(seed)  # noqa: S311 - a test draws the same world again
    zones = [zone for zone, clients in _ZONES.items() for _ in range(clients)]
    step = len(zones) / count
    return [
        _make_place(chance, number, number % tenants, zones[int(number * step)])
        for number in range(count)
    ]


def _make_place(chance: random.Random, number: int, tenant: int, zone: str) -> Place:
    is_tight = number % _TIGHT_EVERY == 0
    account_zone = _TIGHT.get(zone, zone) if is_tight else zone
    morning = DATA_DAY + dt.timedelta(days=1)
    return Place(
        tenant_id=TenantId(uuid.UUID(int=1 << 64 | tenant)),
        client_id=ClientId(uuid.UUID(int=2 << 64 | number)),
        connection_id=ConnectionId(uuid.UUID(int=3 << 64 | number)),
        source=chance.choice(_SHARES),
        account_id=f"account-{number}",
        account_zone=account_zone,
        client_zone=zone,
        pages=chance.randint(2, 4),
        page_seconds=60 * chance.randint(2, 6),
        ready_at=_instant(morning, _READY, account_zone),
        deadline_at=_instant(morning, _DEADLINE, zone),
    )


def _instant(day: dt.date, time: dt.time, zone: str) -> dt.datetime:
    return dt.datetime.combine(day, time, ZoneInfo(zone)).astimezone(dt.UTC)


def by_tenant(places: Sequence[Place]) -> dict[TenantId, list[Place]]:
    """The places of each tenant."""
    found: dict[TenantId, list[Place]] = {}
    for place in places:
        found.setdefault(place.tenant_id, []).append(place)
    return found
