"""Tokens: issued, refreshed and checked, against one round trip to PostgreSQL.

    the product's own parts in this process -> embedded PostgreSQL
    baseline: a transaction of one agency with one SELECT, through the same pool

What a request costs without HTTP; the ratio is how many bare transactions it is worth.
"""

import datetime as dt
import itertools
import statistics
import uuid
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from api.bootstrap import open_runtime
from api.embedded.layout import make_private
from api.identity.caller import Caller
from api.oauth.app_registry import AppRegistry, AppSecret, Registration
from api.oauth.applications import Applications
from api.oauth.families import digest, find_family, store_refresh_token
from api.oauth.strict_form import Credentials, TokenForm
from api.oauth.token_requests import TokenRequests
from api.runtime import Runtime
from api.settings import load_settings
from bench.harness import Figure, figure, sample_pair
from bench.mart import BENCH_STATE
from domain.ids import TenantId
from tenancy.tables import AppGrant, Membership, Role, TokenFamily, User
from tenancy.unscoped import TenantProfile

__all__ = ["main"]

_RUNS: Final = 1_000
_NAME: Final = "one SELECT in a transaction"
_SCOPE: Final = "metrics:read"
_P99: Final = 0.99


@dataclass(frozen=True, slots=True)
class _World:
    """A running platform with an agency, an app and a person."""

    runtime: Runtime
    agency: TenantProfile
    app: AppSecret
    requests: TokenRequests

    async def select(self) -> None:
        """The baseline."""
        async with self.runtime.database.session(self.agency.tenant_id) as session:
            await session.execute(text("SELECT 1"))

    def form(self, **fields: str) -> TokenForm:
        """A request of the app."""
        credentials = Credentials(self.app.client_id, self.app.client_secret, "client_secret_basic")
        return TokenForm(fields, credentials)

    async def issue(self) -> None:
        """A token for the app itself."""
        outcome = await self.requests.answer(self.form(grant_type="client_credentials"))
        _expect(outcome.status)

    async def refreshing(self) -> Callable[[], Awaitable[None]]:
        """A run that refreshes with the token of the one before."""
        token = await self._first_refresh_token()

        async def run() -> None:
            nonlocal token
            form = self.form(grant_type="refresh_token", refresh_token=token)
            outcome = await self.requests.answer(form)
            _expect(outcome.status)
            token = outcome.body["refresh_token"]

        return run

    async def checking(self, *, recheck: bool) -> Callable[[], Awaitable[object]]:
        """A run that verifies one access token; `recheck`: PostgreSQL is asked each time."""
        ring = await self.runtime.tokens.key_ring()
        caller = Caller(
            self.agency.tenant_id, self.app.client_id, frozenset({_SCOPE}), clients=None
        )
        if not recheck:
            token = self.runtime.tokens.issue(ring, caller)
            return lambda: self.runtime.tokens.verify(token)
        tokens = iter([self.runtime.tokens.issue(ring, caller) for _ in range(_RUNS + 3)])
        return lambda: self.runtime.tokens.verify(next(tokens))

    async def _first_refresh_token(self) -> str:
        user_id, grant_id, family_id = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
        now, token = self.runtime.clock(), "first"
        registry = self.requests.applications
        async with self.runtime.database.session(self.agency.tenant_id) as session:
            app = await registry.read(session, self.app.client_id)
            if app is None:
                raise LookupError("the app is gone")
            session.add(User(id=user_id, email=f"{user_id}@bench.example", name="", created_at=now))
            await session.flush()
            session.add(Membership(id=uuid.uuid4(), user_id=user_id, role=Role.ANALYST))
            session.add(
                AppGrant(
                    id=grant_id, app_id=app.id, user_id=user_id, scopes=[_SCOPE], granted_at=now
                )
            )
            await session.flush()
            session.add(
                TokenFamily(
                    id=family_id,
                    grant_id=grant_id,
                    scopes=[_SCOPE],
                    issued_at=now,
                    expires_at=now + dt.timedelta(days=1),
                )
            )
            await session.flush()
            token = f"{token}-{digest(str(family_id)).hex()}"
            family = await find_family(session, family_id)
            if family is None:
                raise LookupError("the family is gone")
            store_refresh_token(session, family, token, now)
        return token


def _expect(status: int) -> None:
    if status != 200:  # noqa: PLR2004  # of HTTP
        raise RuntimeError(f"a token request was answered with {status}")


@asynccontextmanager
async def _world() -> AsyncIterator[_World]:
    make_private(BENCH_STATE)
    settings = load_settings(
        {
            "BOSCO_STATE_DIR": str(BENCH_STATE / "auth"),
            "BOSCO_LOG_LEVEL": "WARNING",
        }
    )
    async with open_runtime(settings) as runtime:
        agency = await _agency(runtime)
        registry = AppRegistry(runtime.database, runtime.clock, runtime.ids, runtime.random_bytes)
        registration = Registration(
            "Bench", [_SCOPE], redirect_uris=["https://bench.example/callback"]
        )
        app = await registry.register(agency.tenant_id, registration, actor="bench")
        requests = TokenRequests(
            applications=Applications(runtime.doors, runtime.database, runtime.clock),
            database=runtime.database,
            tokens=runtime.tokens,
            clock=runtime.clock,
            ids=runtime.ids,
            random_text=lambda: urlsafe_b64encode(runtime.random_bytes(32)).decode(),
        )
        yield _World(runtime, agency, app, requests)


async def _agency(runtime: Runtime) -> TenantProfile:
    if known := await runtime.doors.find_tenant("bench"):
        return known
    profile = TenantProfile(
        tenant_id=TenantId(uuid.uuid4()),
        slug="bench",
        name="Bench",
        currency="EUR",
        time_zone="UTC",
        created_at=runtime.clock(),
    )
    key = await runtime.vault.create_tenant_key(profile.tenant_id)
    await runtime.doors.create_tenant(profile, wrapped_data_key=key)
    return profile


async def main() -> Sequence[Figure]:
    """Measure; milliseconds, and how many a second one process does in a row."""
    async with _world() as world:
        runs = {
            "token issued, client credentials": world.issue,
            "token refreshed, rotation": await world.refreshing(),
            "token checked for the first time": await world.checking(recheck=True),
            "token checked again": await world.checking(recheck=False),
        }
        found = [await _measure(what, run, world.select) for what, run in runs.items()]
    return list(itertools.chain.from_iterable(found))


async def _measure(
    what: str, run: Callable[[], Awaitable[object]], select: Callable[[], Awaitable[object]]
) -> list[Figure]:
    subject, baseline = await sample_pair(run, select, runs=_RUNS)
    pairs = [(statistics.median(one), _percentile(one)) for one in (subject, baseline)]
    (median, p99), (base_median, base_p99) = pairs
    return [
        figure(f"{what}, p50 vs {_NAME}", "ms", median, base_median),
        figure(f"{what}, p99 vs {_NAME}", "ms", p99, base_p99),
        figure(f"{what}, in a row vs {_NAME}", "1/s", 1000 / median, 1000 / base_median),
    ]


def _percentile(samples: list[float]) -> float:
    return sorted(samples)[int(len(samples) * _P99)]
