"""Those who withdraw, for `bench consent`: a process of its own, as web processes are.

stdin: JSON (database, agencies, seconds, calls a second, people in a call) -> calls, each second
    -> stdout: a JSON line for each committed call (agency, turn, begun), then how long all took
"""

import asyncio
import datetime as dt
import secrets
import sys
import time
import uuid
from typing import Any

import orjson
from uuid_utils.compat import uuid7

from domain.ids import ClientId, ConnectionId, TenantId
from domain.privacy.identifiers import platform_id
from domain.privacy.signals.consent_mode import read_consent_mode
from gdpr.consent.desk import ConsentDesk
from gdpr.consent.words import ConsentWord
from tenancy.session import Database, DatabaseConfig
from tenancy.vault import MasterKey, Vault

__all__ = ["person"]

_DENIED = read_consent_mode({"analytics_storage": "denied"})


def person(turn: int, number: int, each: int) -> str:
    """Shop's id of a person: each withdraws once."""
    return f"p{turn * each + number}"


async def _main(told: dict[str, Any]) -> None:
    database = Database(DatabaseConfig(told["database"], pool_size=told["at_once"]))
    desk = ConsentDesk(Vault(MasterKey(bytes(32))), _now, uuid7, secrets.token_bytes)
    agencies = [tuple(map(uuid.UUID, one)) for one in told["agencies"]]

    async def withdraw(agency: tuple[uuid.UUID, ...], turn: int) -> None:
        tenant_id, client_id, shop = agency
        begun, now = time.monotonic(), _now()
        words = [
            ConsentWord(ClientId(client_id), (platform_id(one, ConnectionId(shop)),), _DENIED, now)
            for one in (person(turn, number, told["each"]) for number in range(told["each"]))
        ]
        async with database.session(TenantId(tenant_id)) as session:
            await desk.record(session, words, actor="client:bench")
        _tell({"tenant": str(tenant_id), "turn": turn, "begun": begun})

    started = time.monotonic()
    for second in range(told["seconds"]):
        await asyncio.sleep(max(0.0, started + second - time.monotonic()))
        turn, first = divmod(second * told["at_once"], len(agencies))
        those = agencies[first : first + told["at_once"]]
        await asyncio.gather(*(withdraw(one, turn) for one in those))
    _tell({"seconds": time.monotonic() - started})
    await database.close()


def _tell(line: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


if __name__ == "__main__":
    asyncio.run(_main(orjson.loads(sys.stdin.buffer.read())))
