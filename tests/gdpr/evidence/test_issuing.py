"""The erasure engine's deeds become certificates: real stores, real requests, real recipients."""

import asyncio
import dataclasses
import datetime as dt
import hashlib
import io
import itertools
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select

from api.audit.checkpoints import SignedCheckpoint
from api.audit.export_file import ExportWriter
from api.audit.statements import sign
from domain.audit.checkpoint import Checkpoint
from domain.audit.verify import Link
from domain.ids import RunId, TenantId, public_id
from domain.ports import Publication
from domain.privacy.canonical_json import readable_json
from domain.privacy.identifiers import Identifier, email, order, platform_id
from domain.privacy.recipients import RecipientKind
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    RequestOutcome,
    RequestState,
    Right,
)
from domain.privacy.verify_certificate import TrustedKeys, verify_certificate
from domain.time_window import DateRange
from gdpr.erasure.job import ERASE_JOB, ErasureJobs
from gdpr.erasure.plan import Plan
from gdpr.erasure.recipients import OutboxRecipients
from gdpr.erasure.watch import ErasureWatch
from gdpr.erasure.work import Run
from gdpr.evidence.desk import CertificateDesk
from gdpr.evidence.issuing import Issuing
from gdpr.evidence.keys import EvidenceKeys
from gdpr.recipients.desk import NewRecipient, RecipientDesk
from gdpr.recipients.outbox import told_recipients
from gdpr.requests.intake import Intake
from gdpr.requests.open import Requests, open_requests
from gdpr.requests.services import RequestServices
from ml.registry.gate import Verdict
from ml.registry.registry import ModelRegistry
from ml.registry.training import Share, Snapshot, Training
from tenancy.alerts import AlertKind
from tenancy.audit import iter_chain
from tenancy.exclusive import Exclusive
from tenancy.jobs import JobStatus
from tenancy.model_store import ModelStore
from tenancy.privacy.pseudonyms import open_own_key
from tenancy.privacy.subjects import observe
from tenancy.tables import Certificate, RaisedAlert, SubjectRequest
from tenancy.unscoped import Doors
from tenancy.vault import MasterKey, MasterKeyError
from tests.api.cli.test_command_line import _run
from tests.fakes.fake_jobs import FakeJobs
from tests.gdpr.erasure.twin import table_rows
from tests.gdpr.erasure.world import NOW, VAULT, Agency, Shop, World, world

__all__ = ["world"]

pytestmark = pytest.mark.anyio

SHOP = Shop(people=6, orders_each=2)
DAYS = DateRange(dt.date(2026, 10, 5), dt.date(2026, 10, 31))
ANN, BEN = "user:ann", "user:ben"
TRAIL_KEY = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True)
TRAIL_KEY.ensure_kid()


@dataclass(slots=True)
class Works:
    """Everything from the intake of a request to its certificate; jobs run when they are told."""

    world: World
    jobs: FakeJobs = field(default_factory=FakeJobs)
    seeds: Any = field(default_factory=lambda: itertools.count(1))
    erasing: ErasureJobs = field(init=False)
    requests: Requests = field(init=False)
    issuing: Issuing = field(init=False)
    watch: ErasureWatch = field(init=False)

    def __post_init__(self) -> None:
        world, doors = self.world, Doors(self.world.database)
        world.recipients = (OutboxRecipients(VAULT, world.clock, world.ids),)
        engine: Any = self.jobs
        self.erasing = ErasureJobs(world.eraser(), engine, doors, self._erase)
        self.erasing.register()
        self.requests = open_requests(
            RequestServices(world.database, VAULT, world.clock, world.ids, self.random_bytes),
            engine=engine,
            doors=doors,
            exclusive=Exclusive(world.database, "requests"),
            fulfillers={Right.ERASURE: self.erasing},
        )
        keys = EvidenceKeys(MasterKey(b"m" * 32), world.clock, self.random_bytes)
        self.issuing = Issuing(
            world.database,
            doors,
            CertificateDesk(keys, world.clock, world.ids),
            Exclusive(world.database, "certificates"),
            dt.timedelta(days=30),
        )
        settle = self.issuing.settling(self.requests.jobs.settle)
        self.watch = ErasureWatch(self.erasing, doors, settle)

    def random_bytes(self, count: int) -> bytes:
        return hashlib.shake_128(str(next(self.seeds)).encode()).digest(count)

    async def _erase(self, _: float) -> None:
        """What happens while a request waits for its run."""
        for job in list(self.jobs.jobs.values()):
            if job.name == ERASE_JOB and job.state is JobStatus.QUEUED:
                await self.jobs.workflows[ERASE_JOB](self.jobs.steps, job.arguments)
                job.state = JobStatus.SUCCEEDED

    async def receive(
        self, agency: Agency, *identifiers: Identifier, is_known: bool = True
    ) -> uuid.UUID:
        """Somebody asks through Shopify to be erased."""
        if is_known:
            async with self.world.database.session(agency.tenant_id) as session:
                people = [one for one in identifiers if one.kind.value != "order"]
                key = await open_own_key(session, VAULT)
                await observe(
                    session, VAULT, key, agency.client_id, [people], ids=self.world.ids, now=NOW
                )
        intake = Intake(
            client_id=agency.client_id,
            right=Right.ERASURE,
            channel=IntakeChannel.SHOPIFY,
            identifiers=identifiers,
            received_at=self.world.now,
            requested_by="shopify",
            identity=IdentityLevel.VOUCHED,
        )
        return (await self.requests.desk.receive(agency.tenant_id, intake)).request_id

    async def customer(self, agency: Agency, number: int) -> uuid.UUID:
        """A customer of the shop asks."""
        return await self.receive(
            agency,
            platform_id(Shop.customer(number), agency.connection_id),
            email(f"person{number}@shop.example"),
        )

    async def carry_out(self) -> None:
        """A round of the desk, and the jobs that it starts."""
        await self.requests.rounds.go_round()
        for job in list(self.jobs.jobs.values()):
            if job.name != ERASE_JOB and job.state is JobStatus.QUEUED:
                await self.jobs.workflows[job.name](self.jobs.steps, job.arguments)
                job.state = JobStatus.SUCCEEDED

    async def publish(self, agency: Agency) -> None:
        """The next sync and its features are there."""
        await self.watch.published(
            Publication(
                agency.tenant_id,
                agency.client_id,
                agency.connection_id,
                RunId(agency.run_id),
                {"orders": DAYS},
            )
        )

    async def row(self, agency: Agency, request_id: uuid.UUID) -> SubjectRequest:
        async with self.world.database.session(agency.tenant_id) as session:
            return await session.get_one(SubjectRequest, (agency.tenant_id, request_id))

    async def certificates(self, agency: Agency) -> list[Certificate]:
        async with self.world.database.session(agency.tenant_id) as session:
            query = select(Certificate).order_by(Certificate.number)
            return list(await session.scalars(query))

    async def file(self, agency: Agency, certificate: Certificate) -> bytes:
        async with self.world.database.session(agency.tenant_id) as session:
            return await self.issuing.desk.write_file(session, certificate)

    async def statement(self, agency: Agency, certificate: Certificate) -> dict[str, Any]:
        """What the independent verifier reads in it."""
        trusted = TrustedKeys(frozenset({certificate.kid}))
        verdict = verify_certificate(await self.file(agency, certificate), trusted)
        assert verdict.certificate is not None, verdict.reason
        said: dict[str, Any] = dict(verdict.certificate.statement)
        return said

    async def newest(self, agency: Agency) -> dict[str, Any]:
        return await self.statement(agency, (await self.certificates(agency))[-1])

    async def verify(
        self, agency: Agency, certificate: Certificate, folder: Path
    ) -> tuple[int, list[str]]:
        """`bosco gdpr verify` with our public keys and an export of the audit trail."""
        await asyncio.to_thread(folder.mkdir)
        (folder / "certificate.json").write_bytes(await self.file(agency, certificate))
        async with self.world.database.session(agency.tenant_id) as session:
            known = await self.issuing.desk.keys.public_keys(session)
            chain = [entry async for batch in iter_chain(session) for entry in batch]
        keys: Any = {"keys": [one.jwk for one in known]}
        (folder / "keys.json").write_bytes(readable_json(keys))
        checkpoint = Checkpoint(agency.tenant_id, Link(len(chain), chain[-1].hash), self.world.now)
        signed = SignedCheckpoint(
            checkpoint, sign(checkpoint, TRAIL_KEY), TRAIL_KEY.as_dict(private=False)
        )
        with ExportWriter(folder / "audit.jsonl") as writer:
            writer.begin("agency", signed)
            writer.write(chain)
            writer.finish(signed)
        names = [str(folder / one) for one in ("certificate.json", "keys.json", "audit.jsonl")]
        words = ("gdpr", "verify", names[0], "--keys", names[1], "--audit", names[2])
        code, text = await asyncio.to_thread(_run, *words)
        return code, [" ".join(line.split()) for line in text.splitlines()]


@pytest.fixture
def works(world: World) -> Works:
    return Works(world)


async def opened(works: Works, slug: str) -> Agency:
    """An agency whose client has a shop, and gave its data to a tool of its own."""
    agency = await works.world.agency(slug)
    await works.world.ingest_shop(agency, SHOP)
    await add_recipient(works, agency, f"Tool of {slug}")
    return agency


async def add_recipient(works: Works, agency: Agency, name: str) -> None:
    await recipient_desk(works).add(
        agency.tenant_id,
        NewRecipient(
            agency.client_id,
            RecipientKind.WEBHOOK,
            name,
            {"url": "https://tool.example/"},
            {"signing_secret": "whsec_AAAA"},
        ),
        actor=ANN,
    )


def recipient_desk(works: Works) -> RecipientDesk:
    return RecipientDesk(works.world.database, VAULT, works.world.clock, works.world.ids)


async def acknowledge(works: Works, agency: Agency, request_id: uuid.UUID) -> None:
    async with works.world.database.session(agency.tenant_id) as session:
        for told in await told_recipients(session, request_id):
            await recipient_desk(works).acknowledge(session, told.notice_id, actor=ANN)


async def held(works: Works, agency: Agency, number: int) -> Counter[tuple[str, str]]:
    """How many rows tell of a customer or their orders, by store and place; the plan not asked."""
    orders = SHOP.orders_of(frozenset({number}))

    def is_theirs(row: dict[str, Any]) -> bool:
        return row.get("order_id") in orders or row.get("customer_id") == Shop.customer(number)

    counts: Counter[tuple[str, str]] = Counter()
    for table in works.world.tables:
        found = [one for one in await table_rows(works.world, agency, table) if is_theirs(one)]
        counts["warehouse", table.qualified] += len(found)
    landing = works.world.landing.for_tenant(agency.tenant_id)
    for key in await landing.list():
        rows = pq.read_table(io.BytesIO(await landing.get(key))).to_pylist()
        counts["landing", "objects"] += sum(map(is_theirs, rows))
    return +counts


async def test_an_erasure_is_certified_from_its_run_to_its_end(
    works: Works, tmp_path: Path
) -> None:
    agency = await opened(works, "acme")
    await add_recipient(works, agency, "a.person@tool.example")  # a name that must not go out
    before = await held(works, agency, 2)
    assert before["warehouse", "facts.orders"] == SHOP.orders_each
    request_id = await works.customer(agency, 2)
    assert await works.issuing.go_round() == 0  # nothing is done yet
    assert await works.issuing.issue(agency.tenant_id, request_id) is None
    await works.carry_out()
    assert (await works.row(agency, request_id)).state is RequestState.WAITING

    assert await works.issuing.go_round() == 1
    [first] = await works.certificates(agency)
    said = await works.statement(agency, first)
    counted = {(one["store"], one["place"]): one["count"] for one in said["erased"]}
    assert counted.pop(("postgres", "subjects")) == 2  # identifiers: a customer's id, an address
    assert counted == before
    assert {one["unit"] for one in said["erased"]} == {"rows"}
    assert said["request"] == {
        "id": public_id("req", request_id),
        "right": "erasure",
        "receivedAt": "2026-11-02T09:30:00Z",
        "dueAt": said["request"]["dueAt"],
        "closedAt": None,
        "outcome": None,
        "countersignedBy": "",
    }
    assert said["plan"]["hash"] == works.erasing.eraser.plan.hash
    assert len(said["plan"]["treatments"]) == len(works.erasing.eraser.plan.treatments)
    assert said["recipients"] == [
        {
            "recipient": name,
            "answer": "waiting",
            "answeredAt": None,
            "nextTryAt": "2026-11-02T09:30:00Z",
            "receipt": "",
        }
        for name in ("Tool of acme", "webhook")
    ]
    assert said["residuals"] == [
        {
            "store": store,
            "kind": "backups",
            "endsAt": "2026-12-02T09:30:00Z",
            "note": "what is restored from one is erased again before it is used",
        }
        for store in ("postgres", "warehouse", "landing")
    ]
    assert [(one["moment"], one["found"]) for one in said["rescans"]] == [
        ("erasure", 0),
        ("ingest", None),
        ("materialisation", None),
    ]
    assert await works.issuing.go_round() == 1  # looked at, and nothing is new
    assert len(await works.certificates(agency)) == 1

    works.world.now += dt.timedelta(hours=1)
    await works.publish(agency)
    await works.issuing.go_round()
    works.world.now += dt.timedelta(hours=1)
    await acknowledge(works, agency, request_id)
    await works.issuing.go_round()
    works.world.now += dt.timedelta(hours=1)
    await works.watch.do_due()
    row = await works.row(agency, request_id)
    assert (row.state, row.outcome) == (RequestState.COMPLETED, RequestOutcome.DONE)

    all_of_it = await works.certificates(agency)
    told = [await works.statement(agency, one) for one in all_of_it]
    assert [one["certificate"]["revision"] for one in told] == [1, 2, 3, 4]
    assert [one["certificate"]["replaces"] for one in told] == [
        None,
        *(one.digest.hex() for one in all_of_it[:-1]),
    ]
    assert [[scan["found"] for scan in one["rescans"]] for one in told] == [
        [0, None, None],
        *[[0, 0, 0]] * 3,
    ]
    assert [one["recipients"][0]["answer"] for one in told] == [
        *["waiting"] * 2,
        *["acknowledged"] * 2,
    ]
    assert told[-1]["recipients"][0]["answeredAt"] == "2026-11-02T11:30:00Z"
    assert [one["request"]["outcome"] for one in told] == [None, None, None, "done"]
    assert told[-1]["request"]["closedAt"] == "2026-11-02T12:30:00Z"
    assert len({one["subject"] for one in told}) == 1
    assert [one["erased"] for one in told] == [told[0]["erased"]] * 4
    assert await works.issuing.catch_up() == 0  # the last revision is there
    data = (await works.file(agency, all_of_it[-1])).decode()
    for word in (Shop.customer(2), "person2", "shop.example", "5000000000004", "@"):
        assert word not in data
    await verified(works, agency, request_id, tmp_path)


async def verified(works: Works, agency: Agency, request_id: uuid.UUID, tmp_path: Path) -> None:
    """The last revision of four, held against the trail by the command line; and the first one."""
    all_of_it = await works.certificates(agency)
    code, lines = await works.verify(agency, all_of_it[-1], tmp_path / "last")
    assert code == 0, lines
    assert lines[-1] == "VALID"
    summary = " ".join(lines)
    for words in (
        f"request erasure {public_id('req', request_id)}, received 2026-11-02 09:30 UTC",
        "closed 2026-11-02: done",
        "told Tool of acme, webhook: acknowledged",
        "landing backups until 2026-12-02",
        "rescans after erasure 0 found · after next ingest 0 found",
        "certificate 4 of the agency, revision 4 for this request",
    ):
        assert words in summary
    code, lines = await works.verify(agency, all_of_it[0], tmp_path / "first")
    assert (code, lines[-1]) == (3, "INVALID: it was replaced: revision 4 is the newest")


def registry_of(works: Works, *agencies: Agency) -> ModelRegistry:
    async def listed() -> list[TenantId]:
        return [agency.tenant_id for agency in agencies]

    world = works.world
    return ModelRegistry(world.database, ModelStore("memory://"), listed, world.clock, world.ids)


async def serve(works: Works, registry: ModelRegistry, agency: Agency, artefact: bytes) -> None:
    """Train a model on what is known now, and let it serve a week later."""
    share = Share(agency.tenant_id, 3, 1_200, "5" * 64)
    training = Training(
        *("forecast", "c0de", "fea7", Snapshot(works.world.now, (share,)), {}, 7, {"all": {}})
    )
    good = Verdict((), -0.1, (-0.2, 0.0), None, 0.8, {})
    version = await registry.register(training, artefact, process="job:training")
    await registry.start_shadow(version.id, good, process="job:training")
    works.world.now += dt.timedelta(days=7)
    await registry.promote(version.id, good, process="job:training")


async def test_models_are_certified_until_they_are_made_anew(works: Works, tmp_path: Path) -> None:
    agency, other = await opened(works, "acme"), await opened(works, "bolt")
    registry = registry_of(works, agency, other)
    await serve(works, registry, agency, b"old")
    requests = []
    for one in (agency, other):
        requests.append(await works.customer(one, 2))
        await works.carry_out()
    erased_at = works.world.now
    works.world.now += dt.timedelta(hours=1)
    for one, request_id in zip((agency, other), requests, strict=True):
        await works.publish(one)
        await acknowledge(works, one, request_id)
    await works.watch.do_due()
    assert (await works.row(agency, requests[0])).state is RequestState.COMPLETED

    until = erased_at + dt.timedelta(days=28)
    waiting = {
        "kind": "forecast",
        "version": 1,
        "retrainBy": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        "retrainedAt": None,
    }
    [*_, last] = await works.certificates(agency)
    said = await works.statement(agency, last)
    assert said["models"] == [waiting]
    assert said["request"]["outcome"] == "done"
    code, lines = await works.verify(agency, last, tmp_path / "waiting")
    assert code == 0, lines
    assert f"models 1 to be retrained until {until:%Y-%m-%d} (forecast 1)" in lines
    [theirs] = await works.certificates(other)  # whose data no model has seen
    assert "models" not in await works.statement(other, theirs)
    assert await works.issuing.catch_up() == 0

    works.world.now = until
    await works.watch.do_due()
    async with works.world.database.session(agency.tenant_id) as session:
        alerts = (await session.scalars(select(RaisedAlert))).all()
    assert [(one.kind, one.cleared_at) for one in alerts] == [(AlertKind.MODEL_NOT_RETRAINED, None)]
    await serve(works, registry, agency, b"new")
    retrained_at = works.world.now
    works.world.now += dt.timedelta(minutes=1)
    assert await works.issuing.catch_up() == 1
    assert await works.issuing.catch_up() == 0
    [*_, before, newest] = await works.certificates(agency)
    assert (before.id, newest.revision) == (last.id, last.revision + 1)
    said = await works.statement(agency, newest)
    assert said["models"] == [waiting | {"retrainedAt": f"{retrained_at:%Y-%m-%dT%H:%M:%SZ}"}]
    code, lines = await works.verify(agency, newest, tmp_path / "retrained")
    assert code == 0, lines
    assert f"models 1 retrained on {retrained_at:%Y-%m-%d} (forecast 1)" in lines


def keyless(works: Works) -> Issuing:
    """One whose signing key does not open."""
    keys = EvidenceKeys(NoKey(b"m" * 32), works.world.clock, works.random_bytes)
    return dataclasses.replace(
        works.issuing, desk=CertificateDesk(keys, works.world.clock, works.world.ids)
    )


class NoKey(MasterKey):
    async def wrap(self, key: bytes, *, context: bytes) -> bytes:
        del key, context
        raise MasterKeyError("it does not open")


async def nothing(*_: object) -> None:
    """Settles a request that is settled."""


async def test_what_was_not_there_is_certified_as_such_with_its_countersignature(
    works: Works, tmp_path: Path
) -> None:
    agency = await opened(works, "acme")
    stranger = (
        platform_id("7999999999999", agency.connection_id),
        order("5999999999999", agency.connection_id),
    )
    request_id = await works.receive(agency, *stranger, is_known=False)
    assert (await works.row(agency, request_id)).state is RequestState.MATCHING
    decisions = works.requests.decisions
    await decisions.declare_nobody(agency.tenant_id, request_id, actor=ANN)
    assert await works.issuing.issue(agency.tenant_id, request_id) is None  # one officer said so

    await decisions.countersign(agency.tenant_id, request_id, actor=BEN)
    await keyless(works).settling(nothing)(agency.tenant_id, request_id, RequestOutcome.DONE)
    assert await works.certificates(agency) == []  # it is settled all the same
    assert await works.issuing.go_round() == 0  # the agency has no open request any more
    assert await works.issuing.catch_up() == 1
    said = await works.newest(agency)
    assert said["erased"] == []
    assert said["request"]["outcome"] == "nothing_found"
    assert said["request"]["countersignedBy"] == BEN
    assert said["request"]["closedAt"] == "2026-11-02T09:30:00Z"
    assert said["plan"] == {"hash": Plan(()).hash, "treatments": []}
    assert (said["rescans"], said["residuals"], said["recipients"]) == ([], [], [])
    last = (await works.certificates(agency))[-1]
    code, lines = await works.verify(agency, last, tmp_path / "nothing")
    assert (code, lines[-1]) == (0, "VALID")
    assert "erased nothing" in " ".join(lines)
    assert "closed 2026-11-02: nothing found (countersigned by user:ben)" in " ".join(lines)


async def test_certificates_of_one_run_tell_nothing_of_another_agency(works: Works) -> None:
    """Two shops, the same customers by the same ids, and one run for all of them."""
    first, second = await opened(works, "one"), await opened(works, "two")
    asked = {
        first: await works.world.request_all(first, frozenset({1, 2})),
        second: await works.world.request_all(second, frozenset({2})),
    }
    run = Run(works.world.ids(), {agency.tenant_id: told for agency, told in asked.items()})
    await works.erasing.eraser.run(run)
    assert await works.issuing.go_round() == 3
    operations = set()
    for agency, other in ((first, second), (second, first)):
        issued = await works.certificates(agency)
        assert [one.request_id for one in issued] == [one.request_id for one in asked[agency]]
        theirs = [str(one) for one in (other.tenant_id, other.client_id, other.connection_id)]
        for request in asked[other]:
            theirs += [str(request.request_id), public_id("req", request.request_id)]
            assert await works.issuing.issue(agency.tenant_id, request.request_id) is None
        theirs += [
            public_id("ten", other.tenant_id),
            "Tool of two" if agency is first else "Tool of one",
        ]
        for one in issued:
            said = await works.statement(agency, one)
            counted = {(e["store"], e["place"]): e["count"] for e in said["erased"]}
            assert counted["warehouse", "facts.orders"] == SHOP.orders_each
            data = (await works.file(agency, one)).decode()
            assert [word for word in theirs if word in data] == []
            operations |= {job for e in said["erased"] for job in e["operations"]}
    assert {job.partition("-0-")[0] for job in operations} == {f"erase-{run.run_id}"}
