"""The copy of a person's data: all of theirs, nothing of others, once, and gone in time."""

import asyncio
import csv
import datetime as dt
import io
import json
import uuid
import zipfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from domain.errors import NotFoundError
from domain.facts import CUSTOMERS, FACTS, ORDER_LINES, ORDERS, REFUNDS
from domain.facts.fact import ColumnType, Fact
from domain.facts.tables import marts_table
from domain.ids import RunId, SyncId
from domain.privacy.identifiers import Identifier, order, platform_id
from domain.privacy.rights import IdentityLevel, RequestOutcome, RequestState, Right
from gdpr.access.control_rows import ControlRows, blot
from gdpr.access.exports import Exports
from gdpr.access.fulfil import ExportFulfiller
from gdpr.access.warehouse_rows import WarehouseRows
from tenancy.audited_tenants import AuditedTenants
from tenancy.landing_store import LandingStore
from tenancy.tables import (
    AuditEntry,
    PersonExport,
    QuarantinedRow,
    QuarantineState,
    RunState,
    SubjectRequest,
    Sync,
    SyncRun,
    SyncState,
)
from tenancy.warehouse.open import open_warehouse
from tenancy.warehouse.port import Warehouse
from tests.gdpr.requests.office import ACME, ADA, OTHER, SHOP, Office, office
from tests.tenancy.warehouse.samples import parquet

__all__ = ["office"]

pytestmark = pytest.mark.anyio

ADA_ID, BEN_ID = "191167", "200001"
DAY = dt.date(2026, 1, 5)
FILLED: Mapping[ColumnType, Any] = {
    ColumnType.STRING: "",
    ColumnType.INT64: 1,
    ColumnType.NUMERIC: Decimal("19.90"),
    ColumnType.FLOAT64: 1.0,
    ColumnType.BOOL: True,
    ColumnType.DATE: DAY,
    ColumnType.TIMESTAMP: dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC),
    ColumnType.JSON: "{}",
}


class DirectSteps:
    """Runs steps at once, and keeps their results as JSON."""

    def __init__(self) -> None:
        self.results: dict[str, str] = {}

    async def run(self, name: str, step: Any) -> Any:
        result = await step()
        self.results[name] = json.dumps(result)
        return result


@dataclass(slots=True)
class Shop:
    """An agency whose client has two customers, and what makes exports."""

    office: Office
    warehouse: Warehouse
    store: LandingStore
    ada: uuid.UUID

    @property
    def exports(self) -> Exports:
        one = self.office
        return Exports(
            one.database, self.store, one.services.vault, one.clock, one.ids, one.random_bytes
        )

    async def request(
        self,
        right: Right,
        *identifiers: Identifier,
        identity: IdentityLevel = IdentityLevel.REACHED,
    ) -> uuid.UUID:
        received = await self.office.receive(self.office.intake(right, *identifiers))
        async with self.office.database.session(self.office.tenant_id) as session:
            row = await session.get_one(
                SubjectRequest, (self.office.tenant_id, received.request_id)
            )
            row.subject_id, row.state, row.identity = self.ada, RequestState.RUNNING, identity
        return received.request_id

    async def fulfil(self, request_id: uuid.UUID, *, page_rows: int = 1_000) -> Any:
        one = self.office
        fulfiller = ExportFulfiller(
            one.database,
            self.store,
            one.services.vault,
            (ControlRows(one.database), WarehouseRows(self.warehouse, page_rows)),
            one.clock,
            one.ids,
            one.random_bytes,
            part_bytes=2_000,
        )
        return await fulfiller.fulfil(DirectSteps(), one.tenant_id, request_id)

    async def link(self, request_id: uuid.UUID) -> str:
        async with self.office.database.session(self.office.tenant_id) as session:
            made = await self.exports.make_link(session, request_id, actor="user:ann")
        return made.token

    async def download(self, token: str) -> zipfile.ZipFile | None:
        taken = await self.exports.take(token)
        if taken is None:
            return None
        data = b"".join([part async for part in taken.content])
        assert len(data) == taken.size_bytes
        return zipfile.ZipFile(io.BytesIO(data))

    async def actions(self) -> list[str]:
        async with self.office.database.session(self.office.tenant_id) as session:
            entries = await session.scalars(select(AuditEntry).order_by(AuditEntry.sequence))
            return [f"{one.actor} {one.action}" for one in entries if "export" in one.action]


@pytest.fixture
async def shop(office: Office) -> AsyncIterator[Shop]:
    warehouse = open_warehouse("duckdb://")
    await warehouse.ensure_tables([marts_table(fact) for fact in FACTS.values()])
    ada = await office.know(ADA, platform_id(ADA_ID, SHOP))
    yield Shop(office, warehouse, LandingStore("memory://"), ada)
    await warehouse.close()


async def _load(shop: Shop, fact: Fact, *rows: Mapping[str, Any], tenant: Any = None) -> None:
    tenant_id = tenant or shop.office.tenant_id
    full = []
    for number, row in enumerate(rows):
        base = {column.name: FILLED[column.type] for column in fact.all_columns}
        base |= {"tenant_id": str(tenant_id), "client_id": str(ACME), "connection_id": str(SHOP)}
        full.append(base | {"stream": "orders", "natural_key": f"{number:05}"} | dict(row))
    await shop.warehouse.load(
        str(shop.office.ids()),
        marts_table(fact),
        [parquet(full, marts_table(fact))],
        AuditedTenants(frozenset({tenant_id}), "test"),
    )


async def _fill(shop: Shop) -> None:
    mine, theirs = {"customer_id": ADA_ID}, {"customer_id": BEN_ID}
    await _load(shop, CUSTOMERS, mine | {"country": "DE"}, theirs | {"country": "FR"})
    await _load(
        shop,
        ORDERS,
        mine | {"order_id": "o1"},
        theirs | {"order_id": "o2"},
        mine | {"order_id": "o3"},
        {"customer_id": None, "order_id": "o4"},
    )
    await _load(shop, ORDER_LINES, *({"order_id": f"o{n}"} for n in (1, 1, 2, 3, 4)))
    await _load(shop, REFUNDS, {"order_id": "o3"}, {"order_id": "o2"})
    # The same ids at another agency are other people's.
    await _load(shop, ORDERS, mine | {"order_id": "x1"}, tenant=OTHER)


def _lines(archive: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.read(f"{name}.jsonl").splitlines()]


async def test_a_copy_holds_all_of_the_person_and_nothing_of_others(shop: Shop) -> None:
    await _fill(shop)
    request_id = await shop.request(Right.ACCESS)
    fulfilled = await shop.fulfil(request_id)
    assert fulfilled.outcome is RequestOutcome.DONE
    assert fulfilled.counts == {
        "identifiers": 2,
        "requests": 1,
        "rows_that_did_not_fit": 0,
        "orders": 2,
        "order_lines": 3,
        "refunds": 1,
        "customers": 1,
    }
    archive = await shop.download(await shop.link(request_id))
    assert archive is not None
    assert archive.testzip() is None
    assert [(one["kind"], one["value"]) for one in _lines(archive, "identifiers")] == [
        ("email", "ada@northwind.example"),
        ("platform", ADA_ID),
    ]
    assert [one["order_id"] for one in _lines(archive, "orders")] == ["o1", "o3"]
    assert [one["order_id"] for one in _lines(archive, "order_lines")] == ["o1", "o1", "o3"]
    assert [one["order_id"] for one in _lines(archive, "refunds")] == ["o3"]
    assert [one["country"] for one in _lines(archive, "customers")] == ["DE"]
    (first, _) = _lines(archive, "orders")
    assert (first["revenue"], first["ordered_at"], first["reporting_date"]) == (
        "19.9",
        "2026-01-05T09:00:00+00:00",
        "2026-01-05",
    )
    assert not {"tenant_id", "client_id", "sync_id", "version"} & set(first)
    everything = b"".join(archive.read(name) for name in archive.namelist())
    for other in (BEN_ID, "o2", "o4", "x1", "FR", "user:"):
        assert f'"{other}"'.encode() not in everything, other


async def test_each_file_is_as_its_schema_says(shop: Shop) -> None:
    await _fill(shop)
    request_id = await shop.request(Right.ACCESS)
    await shop.fulfil(request_id)
    archive = await shop.download(await shop.link(request_id))
    assert archive is not None
    kinds = {"string": str, "integer": int, "number": float, "boolean": bool, "object": dict}
    for name in ("identifiers", "requests", "orders", "order_lines", "refunds", "customers"):
        schema = json.loads(archive.read(f"{name}.schema.json"))
        assert schema["additionalProperties"] is False
        for row in _lines(archive, name):
            assert list(row) == schema["required"] == list(schema["properties"])
            for column, value in row.items():
                kind, null = schema["properties"][column]["type"]
                assert null == "null"
                assert value is None or isinstance(value, kinds[kind]), (name, column, value)


async def test_the_page_tells_what_article_15_asks_for(shop: Shop) -> None:
    await _fill(shop)
    request_id = await shop.request(Right.ACCESS)
    await shop.fulfil(request_id)
    archive = await shop.download(await shop.link(request_id))
    assert archive is not None
    page = archive.read("README.html").decode()
    for told in (
        "<h1>Your data at Acme</h1>",
        "(access to your data, article 15)",
        "Measure what the client&#x27;s shop sells and which marketing led to it.",  # (a)
        "user.behavior.purchase_history",  # (b)
        "people of the client whom the agency lets in",  # (c)
        "1,095 days from the day that it tells of",  # (d)
        "erasure (17), restriction (18)",  # (e)
        "You may complain to a supervisory authority",  # (f)
        "the shop&#x27;s platform, from where it is read by its interface",  # (g)
        "No decision about you is made by a machine alone",  # (h)
        "outside the European Economic Area",  # (2)
    ):
        assert told in page, told


async def test_a_copy_to_take_along_holds_what_was_given_also_as_csv(shop: Shop) -> None:
    await _fill(shop)
    request_id = await shop.request(Right.PORTABILITY)
    await shop.fulfil(request_id)
    archive = await shop.download(await shop.link(request_id))
    assert archive is not None
    assert sorted(name for name in archive.namelist() if name.endswith(".csv")) == [
        "customers.csv",
        "identifiers.csv",
        "order_lines.csv",
        "orders.csv",
    ]
    assert not [name for name in archive.namelist() if name.startswith(("refunds", "requests"))]
    rows = list(csv.DictReader(io.StringIO(archive.read("orders.csv").decode())))
    assert [(row["order_id"], row["revenue"]) for row in rows] == [("o1", "19.9"), ("o3", "19.9")]


async def test_pages_of_any_size_give_the_same(shop: Shop) -> None:
    await _load(shop, ORDERS, *({"customer_id": ADA_ID, "order_id": f"o{n:03}"} for n in range(23)))
    await _load(shop, ORDER_LINES, *({"order_id": f"o{n % 23:03}"} for n in range(60)))
    found = []
    for page_rows in (1, 5, 23, 1_000):
        request_id = await shop.request(Right.ACCESS)
        fulfilled = await shop.fulfil(request_id, page_rows=page_rows)
        archive = await shop.download(await shop.link(request_id))
        assert archive is not None
        lines = sorted(archive.read("order_lines.jsonl").splitlines())
        found.append((fulfilled.counts["orders"], lines, archive.read("orders.jsonl")))
    assert found[0][0] == 23
    assert len(found[0][1]) == 60
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize(
    ("identity", "orders", "lines"),
    [(IdentityLevel.VOUCHED, 3, 4), (IdentityLevel.REACHED, 2, 3)],
)
async def test_orders_that_are_named_count_if_somebody_vouches_for_them(
    shop: Shop, identity: IdentityLevel, orders: int, lines: int
) -> None:
    """Shopify names orders without a customer; a stranger can name anybody's."""
    await _fill(shop)
    request_id = await shop.request(Right.ACCESS, ADA, order("o4", SHOP), identity=identity)
    fulfilled = await shop.fulfil(request_id)
    assert (fulfilled.counts["orders"], fulfilled.counts["order_lines"]) == (orders, lines)


async def _quarantine(shop: Shop, raw: dict[str, Any]) -> None:
    one = shop.office
    run_id, sync_id = RunId(one.ids()), SyncId(one.ids())
    async with one.database.session(one.tenant_id) as session:
        session.add(
            SyncRun(id=run_id, requested_by="cli:ann", state=RunState.SUCCEEDED, started_at=one.now)
        )
        await session.flush()
        session.add(
            Sync(
                id=sync_id,
                run_id=run_id,
                client_id=ACME,
                connection_id=SHOP,
                source="shopify",
                stream="orders",
                fact="orders",
                api_version="2026-01",
                version=one.ids().int,
                known_at=one.now,
                state=SyncState.LANDED,
                quarantined=1,
            )
        )
        await session.flush()
        session.add(
            QuarantinedRow(
                id=one.ids(),
                sync_id=sync_id,
                connection_id=SHOP,
                source="shopify",
                stream="orders",
                row_number=1,
                reason="type",
                message="no number",
                raw=raw,
                state=QuarantineState.OPEN,
                created_at=one.now,
            )
        )


async def test_rows_that_did_not_fit_are_found_by_whole_words_and_blotted(shop: Shop) -> None:
    gid = f"gid://shopify/Customer/{ADA_ID}"
    await _quarantine(shop, {"customer": {"id": gid}, "note": "for ben@northwind.example"})
    await _quarantine(shop, {"email": " ADA@northwind.example", "total": "x"})
    await _quarantine(shop, {"customer": {"id": f"9{ADA_ID}"}})  # another number
    await _quarantine(shop, {"product": {"id": ADA_ID}})  # no person's
    await _quarantine(shop, {"note": "ask ada@northwind.example about it"})  # somebody else's row
    request_id = await shop.request(Right.ACCESS)
    fulfilled = await shop.fulfil(request_id)
    assert fulfilled.counts["rows_that_did_not_fit"] == 2
    archive = await shop.download(await shop.link(request_id))
    assert archive is not None
    assert [one["row"] for one in _lines(archive, "rows_that_did_not_fit")] == [
        {"customer": {"id": gid}, "note": "for [somebody else]"},
        {"email": " ADA@northwind.example", "total": "x"},
    ]


def test_addresses_of_others_are_blotted_out() -> None:
    own = frozenset({"ada@northwind.example"})
    told = {"a": ["Ada@Northwind.example, ben@x.example"], "ben@x.example": 7}
    assert blot(told, own) == {
        "a": ["Ada@Northwind.example, [somebody else]"],
        "[somebody else]": 7,
    }


async def test_nothing_found_is_said(shop: Shop) -> None:
    async with shop.office.database.session(shop.office.tenant_id) as session:
        from tenancy.privacy.subjects import shred  # noqa: PLC0415

        await shred(session, shop.ada, shop.office.now)
    fulfilled = await shop.fulfil(await shop.request(Right.ACCESS))
    assert fulfilled.outcome is RequestOutcome.NOTHING_FOUND
    assert fulfilled.counts["requests"] == 1


async def test_of_many_who_open_a_link_at_once_one_gets_it(shop: Shop) -> None:
    request_id = await shop.request(Right.ACCESS)
    await shop.fulfil(request_id)
    token = await shop.link(request_id)
    looked = await shop.exports.look(token)
    assert looked is not None
    assert looked.controller == "Acme"
    taken = await asyncio.gather(*(shop.download(token) for _ in range(12)))
    assert len([one for one in taken if one is not None]) == 1
    assert await shop.exports.look(token) is None
    assert await shop.actions() == [
        "job:export person_export.made",
        "user:ann person_export.link_made",
        "person person_export.downloaded",
    ]


async def test_a_new_link_ends_the_old_one(shop: Shop) -> None:
    request_id = await shop.request(Right.ACCESS)
    await shop.fulfil(request_id)
    old, new = await shop.link(request_id), await shop.link(request_id)
    assert await shop.download(old) is None
    assert await shop.download(new) is not None


async def test_a_link_ends_after_a_week_and_the_export_after_a_month(shop: Shop) -> None:
    request_id = await shop.request(Right.ACCESS)
    await shop.fulfil(request_id)
    token = await shop.link(request_id)
    shop.office.wait(days=7)
    assert await shop.exports.look(token) is None
    assert await shop.download(token) is None
    shop.office.wait(days=22)
    token = await shop.link(request_id)
    assert await shop.exports.purge(shop.office.tenant_id) == 0
    shop.office.wait(days=1)
    assert await shop.download(token) is None
    assert await shop.exports.purge(shop.office.tenant_id) == 1
    assert await shop.exports.purge(shop.office.tenant_id) == 0
    assert await shop.store.for_tenant(shop.office.tenant_id).list() == []
    with pytest.raises(NotFoundError, match="there is no export for this request"):
        await shop.link(request_id)


async def test_an_erasure_revokes_what_was_made(shop: Shop) -> None:
    request_id = await shop.request(Right.ACCESS)
    await shop.fulfil(request_id)
    token = await shop.link(request_id)
    async with shop.office.database.session(shop.office.tenant_id) as session:
        assert await shop.exports.revoke(session, shop.ada, actor="job:erase") == 1
        assert await shop.exports.revoke(session, shop.ada, actor="job:erase") == 0
    assert await shop.download(token) is None
    async with shop.office.database.session(shop.office.tenant_id) as session:
        assert (await session.scalars(select(PersonExport.sealed_key))).one() is None
    assert await shop.exports.purge(shop.office.tenant_id) == 1


async def test_done_again_after_a_crash_it_is_one_export(shop: Shop) -> None:
    await _fill(shop)
    request_id = await shop.request(Right.ACCESS)
    await shop.fulfil(request_id)
    first = await shop.link(request_id)
    again = await shop.fulfil(request_id)
    assert again.counts["orders"] == 2
    assert await shop.download(first) is None
    assert await shop.download(await shop.link(request_id)) is not None


@pytest.mark.parametrize("token", ["", "x", "A" * 63, "A" * 64, "\u00e9" * 64, "=" * 64])
async def test_what_was_never_a_link_opens_nothing(shop: Shop, token: str) -> None:
    assert await shop.exports.look(token) is None
    assert await shop.exports.take(token) is None


async def test_another_agency_has_no_export(shop: Shop) -> None:
    request_id = await shop.request(Right.ACCESS)
    await shop.fulfil(request_id)
    with pytest.raises(NotFoundError):
        async with shop.office.database.session(OTHER) as session:
            await shop.exports.make_link(session, request_id, actor="user:eve")
