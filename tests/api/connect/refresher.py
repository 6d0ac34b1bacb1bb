"""A process of its own that wants a connection's token 22 times at once, and prints what it got.

python -m tests.api.connect.refresher DATABASE SIMULATOR TENANT CONNECTION NOW
"""

import asyncio
import datetime as dt
import sys
import uuid

import httpx
from uuid_utils.compat import uuid7

from ingestion.connector.extract import Extractor
from ingestion.connector.job import Access, Account
from ingestion.connector.source_file import load_source
from ingestion.credentials import CredentialStore
from ingestion.stored_tokens import StoredTokens, TokenKeeper
from tenancy.session import Database, DatabaseConfig
from tenancy.vault import MasterKey, Vault
from tests.api.connect.front_desk import APPS
from tests.fakes.fake_call_budget import FakeCallBudget

TIMES = 22


async def main(url: str, simulator: str, tenant: str, connection: str, now: str) -> None:
    def clock() -> dt.datetime:
        return dt.datetime.fromisoformat(now)

    database = Database(DatabaseConfig(url))
    store = CredentialStore(database, Vault(MasterKey(bytes(32))), clock, uuid7)
    source = load_source("shopify")
    token_url = f"{simulator}/shopify/shops/acme-shoes/admin/oauth/access_token"
    tokens = StoredTokens(
        TokenKeeper(store),
        uuid.UUID(tenant),  # type: ignore[arg-type]
        uuid.UUID(connection),  # type: ignore[arg-type]
        source,
        APPS["shopify"],
        token_url,
    )
    async with httpx.AsyncClient(timeout=20) as http:
        extractor = Extractor(
            http, FakeCallBudget(clock), clock, asyncio.sleep, {}, jitter=lambda: 0.5
        )
        access = Access(source, Account("acme-shoes", {}, "", ""), {}, tokens.app)
        got = await asyncio.gather(
            *(tokens.get(lambda request: extractor.ask(access, request, {})) for _ in range(TIMES))
        )
    await database.close()
    sys.stdout.write("\n".join(got))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
