"""One of several token servers over one database: `python -m ... DATABASE_URL`.

Prints its port; ends when its standard input does.
"""

import asyncio
import datetime as dt
import secrets
import socket
import sys
import uuid

import uvicorn
from starlette.applications import Starlette

from api.oauth.access_tokens import AccessTokens
from api.oauth.applications import Applications
from api.oauth.endpoint import OAuthServices, oauth_routes
from api.oauth.revocation import Revocations
from api.oauth.signing_keys import KeyStore
from tenancy.session import Database, DatabaseConfig
from tenancy.unscoped import Doors
from tenancy.vault import MasterKey
from tests.api.graphql.edge import ISSUER


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


async def serve(database_url: str) -> None:
    database = Database(DatabaseConfig(database_url, pool_size=10, overflow=0, wait_seconds=60))
    keys = KeyStore(database, MasterKey(bytes(32)), now)
    tokens = AccessTokens(
        keys, Revocations(database, now), issuer=ISSUER, clock=now, ids=uuid.uuid4
    )
    services = OAuthServices(
        applications=Applications(Doors(database), database, now),
        database=database,
        tokens=tokens,
        issuer=ISSUER,
        clock=now,
        ids=uuid.uuid4,
        random_bytes=secrets.token_bytes,
    )
    app = Starlette(routes=oauth_routes(services))
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="error",
            access_log=False,
            lifespan="off",
            timeout_keep_alive=3_600,  # else a client may send into a connection that just closed
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving
    await database.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
