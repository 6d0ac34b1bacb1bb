"""The product with fifty features of each campaign online: `python -m bench.features_server STATE`.

open_runtime + serve_http -> one line of JSON: url, app, Redis, ids -> runs until its input ends
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Final

from bench.wide_view import WIDE, declare_wide_view, wide_table

declare_wide_view()  # before the gateway makes its types

from api.bootstrap import open_runtime  # noqa: E402
from api.commands.apps import apps_of  # noqa: E402
from api.http import serve_http  # noqa: E402
from api.identity.caller import Scope  # noqa: E402
from api.oauth.app_registry import Registration  # noqa: E402
from api.settings import load_settings  # noqa: E402
from bench.agencies import create_agency  # noqa: E402
from feature_repo.online import OnlineFeatures  # noqa: E402
from ingestion.connector.source_file import load_source  # noqa: E402

_ENTITIES: Final = 1_000
_APP: Final = "Bench"
_CALLS_PER_MINUTE: Final = 1_000_000_000  # what is measured is the gateway, not its patience


async def _serve(state: Path) -> None:
    settings = load_settings(
        {"BOSCO_STATE_DIR": str(state), "BOSCO_HTTP_PORT": "0", "BOSCO_LOG_LEVEL": "WARNING"}
    )
    async with open_runtime(settings) as runtime:
        stream = load_source("google_ads").streams["campaign_day"]
        agency = await create_agency(runtime, "bench", stream)
        ids = [f"{agency.connection_id}:{number}" for number in range(_ENTITIES)]
        table = wide_table(ids, agency.client_id, runtime.clock())
        online = OnlineFeatures(runtime.redis, runtime.clock)
        await online.replace(agency.tenant_id, WIDE, str(agency.connection_id), table)
        app = await apps_of(runtime).register(
            agency.tenant_id,
            Registration(_APP, [Scope.METRICS_READ.value], calls_per_minute=_CALLS_PER_MINUTE),
            actor=_APP,
        )
        async with serve_http(runtime, port=0) as url:
            hello = {
                "url": url,
                "app": (app.client_id, app.client_secret),
                "redis_url": runtime.urls.redis_url,
                "tenant_id": str(agency.tenant_id),
                "client_id": str(agency.client_id),
                "ids": ids,
            }
            sys.stdout.write(json.dumps(hello) + "\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
