"""Erasures as the product carries them out: its own wiring, its own job engine, every store.

an officer takes requests in, another one agrees -> round -> jobs -> one run -> searches later
-> certificate -> the independent verifier
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from api.bootstrap import open_runtime
from api.runtime import Runtime
from api.settings import load_settings
from domain.privacy.identifiers import email, platform_id
from domain.privacy.rights import IdentityLevel, IntakeChannel, RequestOutcome, RequestState, Right
from domain.privacy.verify_certificate import TrustedKeys, verify_certificate
from feature_repo.entities import CLIENT
from feature_repo.feature_views import VIEWS
from gdpr.erasure.needles import KnownWords
from gdpr.erasure.search import search_everywhere
from gdpr.requests.intake import Intake
from ingestion.publication import FOLLOW_JOB
from tenancy.jobs import JobQueue
from tenancy.redis_sweep import iter_stored
from tenancy.tables import (
    Certificate,
    ErasureRun,
    ErasureRunRequest,
    RequestEvent,
    RequestRun,
    SubjectRequest,
)
from tests.api.cli.test_command_line import _run
from tests.gdpr.erasure.generated_shop import STREAMS, Shop
from tests.gdpr.erasure.twin import Rows, ask, features_of
from tests.gdpr.erasure.world import NOW, Agency, World

pytestmark = pytest.mark.anyio

ANN, BEN = "user:ann", "user:ben"


@dataclass(slots=True)
class Product:
    """The product, opened on real servers, and a shop's data in all its stores."""

    runtime: Runtime
    world: World
    agency: Agency

    async def file(self, number: int) -> UUID:
        """A customer writes a letter: one officer takes it in, another one agrees."""
        tenant_id, agency = self.agency.tenant_id, self.agency
        intake = Intake(
            client_id=agency.client_id,
            right=Right.ERASURE,
            channel=IntakeChannel.DESK,
            identifiers=(
                platform_id(Shop.customer(number), agency.connection_id),
                email(Shop.address(number)),
            ),
            received_at=self.world.now,
            requested_by=ANN,
            identity=IdentityLevel.VOUCHED,
        )
        request_id = (await self.runtime.requests.desk.receive(tenant_id, intake)).request_id
        decisions = self.runtime.requests.decisions
        assert await decisions.approve(tenant_id, request_id, actor=BEN) is RequestState.READY
        return request_id

    async def carry_out(self, requests: Sequence[UUID]) -> None:
        """A round of the desk, and the ends of the jobs that it has queued."""
        assert await self.runtime.requests.rounds.go_round() == len(requests)
        async with self.world.database.session(self.agency.tenant_id) as session:
            runs = await session.scalars(
                select(RequestRun).where(RequestRun.request_id.in_(requests))
            )
            jobs = [one.job_id for one in runs]
        for job_id in jobs:
            job = await self.runtime.jobs.find(job_id)
            assert job is not None
            await job.result()

    async def wait(self, days: int) -> None:
        """Let time pass, and the serving process look what is due."""
        self.world.now += dt.timedelta(days=days)
        assert await self.runtime.erasure.do_due() == 1

    async def sync(self, shop: Shop) -> None:
        """The next sync tells of everybody once more; the product's own jobs follow it up."""
        await self.world.ingest_shop(self.agency, shop)
        run = {
            "tenant_id": str(self.agency.tenant_id),
            "run_id": str(self.agency.run_id),
            "connection_id": str(self.agency.connection_id),
        }
        job = await self.runtime.jobs.enqueue(
            FOLLOW_JOB, run, queue=JobQueue.FOLLOW, job_id="follow"
        )
        await job.result()

    async def row(self, request_id: UUID) -> SubjectRequest:
        async with self.world.database.session(self.agency.tenant_id) as session:
            return await session.get_one(SubjectRequest, (self.agency.tenant_id, request_id))

    async def events(self, request_id: UUID) -> list[str]:
        query = select(RequestEvent.kind).where(RequestEvent.request_id == request_id)
        async with self.world.database.session(self.agency.tenant_id) as session:
            found = await session.scalars(query.order_by(RequestEvent.at, RequestEvent.id))
            return list(found)

    async def found(self, shop: Shop, *numbers: int) -> dict[str, int]:
        """Where anything names some people or their orders."""
        agency = self.agency
        people = [platform_id(Shop.customer(n), agency.connection_id) for n in numbers]
        orders = shop.orders_of(frozenset(numbers))
        words = KnownWords.of(people, [*map(Shop.customer, numbers), *orders])
        return dict(await search_everywhere(self.world.stores, agency.tenant_id, words))

    async def answers(self) -> int:
        """How many answers are kept."""
        keys = [key async for key, _ in iter_stored(self.world.redis, self.agency.tenant_id)]
        return len([key for key in keys if ":answer:" in key])

    async def features(self) -> dict[str, object]:
        """What is served of the client."""
        view = next(one for one in VIEWS.values() if one.entity is CLIENT)
        names = [feature.name for feature in view.features]
        return dict(zip(names, await features_of(self.world, self.agency), strict=True))

    async def certificates(self, folder: Path) -> list[dict[str, Any]]:
        """What the independent verifier reads in each certificate, the oldest first."""
        await self.runtime.issuing.go_round()
        said = []
        async with self.world.database.session(self.agency.tenant_id) as session:
            for row in await session.scalars(select(Certificate).order_by(Certificate.number)):
                path = folder / f"{row.number}.json"
                data = await self.runtime.certificates.write_file(session, row)
                await asyncio.to_thread(path.write_bytes, data)
                words = ("gdpr", "verify", str(path), "--key", row.kid)
                code, text = await asyncio.to_thread(_run, *words)
                assert code == 0, text
                verdict = verify_certificate(data, TrustedKeys(frozenset({row.kid})))
                assert verdict.certificate is not None
                said.append(dict(verdict.certificate.statement))
        return said


@pytest.fixture
async def product(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Product]:
    key = tmp_path / "master.key"
    key.write_bytes(b"m" * 32)
    key.chmod(0o600)
    settings = load_settings(
        {
            "BOSCO_STATE_DIR": str(tmp_path / "state"),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "BOSCO_MASTER_KEY_FILE": str(key),
        }
    )
    made: list[World] = []

    async def soon(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.5))  # the engine takes its own time

    async with open_runtime(
        settings, clock=lambda: made[0].now if made else NOW, sleep=soon
    ) as runtime:
        world = World(
            database=runtime.database,
            redis=runtime.redis,
            warehouse=runtime.erasure.jobs.eraser.stores.warehouse,
            landing=runtime.loader.store,
        )
        made.append(world)
        yield Product(runtime, world, await world.agency("shop"))


async def test_an_erasure_from_the_letter_to_the_last_certificate(
    product: Product, tmp_path: Path
) -> None:
    world, agency, shop = product.world, product.agency, Shop(people=4, orders_each=2)
    await world.ingest_shop(agency, shop)
    await product.runtime.features.refresh.refresh_client(agency.tenant_id, agency.client_id)
    sums = await ask(world, agency, "1")
    assert await product.answers() == 1
    before = await product.found(shop, 2)
    assert before["landing objects"] == len(STREAMS)
    assert before["warehouse facts.orders.customer_id"] == 2
    assert before["warehouse marts.customers.customer_id"] == 1
    features = await product.features()
    assert (features["new_customers_28d"], features["orders_28d"]) == (4, 12)

    request_id = await product.file(2)
    await product.carry_out([request_id])

    assert (await product.row(request_id)).state is RequestState.WAITING
    assert await product.found(shop, 2) == {}
    assert await product.answers() == 0
    assert await product.features() == {**features, "new_customers_28d": 3}
    [first] = await product.certificates(tmp_path)
    assert first["request"]["closedAt"] is None
    erased = {one["place"]: one["count"] for one in first["erased"] if one["store"] == "warehouse"}
    assert (erased["marts.customers"], erased["marts.orders"]) == (1, 2)
    assert [(one["moment"], one["found"]) for one in first["rescans"]] == [
        ("erasure", 0),
        ("ingest", None),
        ("materialisation", None),
    ]

    await product.sync(shop)  # the platform still tells of the person

    assert await product.found(shop, 2) == {}
    closed = await product.row(request_id)
    assert (closed.state, closed.outcome) == (RequestState.COMPLETED, RequestOutcome.DONE)
    *_, last = await product.certificates(tmp_path)
    assert last["request"]["outcome"] == "done"
    assert last["request"]["closedAt"] == "2026-11-02T09:30:00Z"
    assert [one["found"] for one in last["rescans"]] == [0, 0, 0]
    assert revenue(await ask(world, agency, "2")) == revenue(sums)


def revenue(rows: Rows) -> dict[str, Any]:
    return {row["country"]: row["revenue"] for row in rows if row["revenue"] is not None}


@pytest.mark.slow
async def test_where_no_sync_comes_an_erasure_ends_some_days_later(
    product: Product, tmp_path: Path
) -> None:
    shop = Shop(people=2, orders_each=1)
    await product.world.ingest_shop(product.agency, shop)
    request_id = await product.file(1)
    await product.carry_out([request_id])
    assert (await product.row(request_id)).state is RequestState.WAITING
    await product.wait(days=3)
    assert (await product.row(request_id)).state is RequestState.COMPLETED
    *_, last = await product.certificates(tmp_path)
    assert last["request"]["closedAt"] == "2026-11-05T09:30:00Z"
    assert [one["found"] for one in last["rescans"]] == [0, 0, 0]


async def test_all_who_ask_together_are_erased_in_one_run(product: Product) -> None:
    shop = Shop(people=20, orders_each=1)
    await product.world.ingest_shop(product.agency, shop)
    requests = [await product.file(number) for number in range(20)]
    await product.carry_out(requests)
    async with product.world.database.session(product.agency.tenant_id) as session:
        runs = (await session.scalars(select(ErasureRun.id))).all()
        joined = (
            await session.execute(select(ErasureRunRequest.run_id, ErasureRunRequest.request_id))
        ).all()
    assert len(runs) == 1
    assert sorted(joined) == sorted((runs[0], request_id) for request_id in requests)
    for request_id in requests:
        assert (await product.row(request_id)).state is RequestState.WAITING
        events = await product.events(request_id)
        assert events.count("started") == events.count("carried_out") == 1
    assert await product.found(shop, *range(20)) == {}
