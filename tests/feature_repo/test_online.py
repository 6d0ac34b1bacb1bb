"""Storing and serving: the age, the client, what is erased and what is not."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import NotFoundError
from domain.ids import ClientId, TenantId
from domain.ports import TenantScope
from feature_repo.catalogue import PLATFORM, Catalogues, none_registered
from feature_repo.entities import CAMPAIGN
from feature_repo.feature import FeatureView
from feature_repo.feature_services import SERVICES
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE, CLIENT_PERFORMANCE, VIEWS
from feature_repo.online import OnlineFeatures
from feature_repo.packing import Packing, StoredValues
from feature_repo.read import FeatureReader
from tenancy.feature_values import TenantFeatures, encode_id
from tenancy.redis_server import RedisServer, RedisUnavailableError
from tests.feature_repo.conftest import A, B, MovableClock
from tests.feature_repo.ledger import at
from tests.feature_repo.samples import feature_table

VIEW = CAMPAIGN_PERFORMANCE
CLIENT, OTHER_CLIENT = ClientId(uuid.UUID(int=11)), ClientId(uuid.UUID(int=12))
UNCONNECTED = RedisServer("unix:///nowhere")
# Ids that look like keys, patterns or each other.
NASTY = [
    "c:1",
    "c:*",
    "c:?",
    "[a-z]",
    "c",
    "",
    "c:1:",
    "c\x001",
    "ä:1",
    "t:x",
    "=e",
    "=h",
    "c" * 300,
]


def values(
    view: FeatureView, ids: Iterable[str], moment: dt.datetime, client: ClientId = CLIENT
) -> pa.Table:
    """Entities; the first money feature tells them apart."""
    spend = {"spend_7d"} & set(view.feature_names)
    entities = {one: dict.fromkeys(spend, 1.0 + n) for n, one in enumerate(ids)}
    return feature_table(view, client, moment, entities)


async def _spend(online: OnlineFeatures, tenant: TenantId, ids: list[str]) -> list[Any]:
    place = VIEW.feature_names.index("spend_7d")
    found = await online.read(TenantScope(tenant), VIEW, ids)
    return [None if one is None else one.values[place] for one in found]


@pytest.mark.anyio
async def test_rows_come_in_the_order_asked(online: OnlineFeatures) -> None:
    assert await online.write(A, VIEW, values(VIEW, NASTY, at(30))) == len(NASTY)
    asked = [*reversed(NASTY), "unknown"]
    expected = [*reversed([1.0 + n for n in range(len(NASTY))]), None]
    assert await _spend(online, A, asked) == expected
    assert await online.read(TenantScope(A), VIEW, []) == []


@pytest.mark.anyio
async def test_another_agency_finds_nothing_under_any_id(
    online: OnlineFeatures, redis_server: RedisServer
) -> None:
    await online.write(A, VIEW, values(VIEW, NASTY, at(30)))
    keys = [key.decode() async for key in redis_server.commands.scan_iter("*")]
    crafted = [f"{A}:{one}" for one in NASTY] + keys + [key.partition(":")[2] for key in keys]
    assert await _spend(online, B, NASTY + crafted) == [None] * (len(NASTY) + len(crafted))
    assert all(key.startswith(f"t:{A}:feature:campaign_performance:") for key in keys)
    assert await online.erase_entities(B, PLATFORM, CAMPAIGN, NASTY + crafted) == 0
    assert len([key async for key in redis_server.commands.scan_iter("*")]) == len(NASTY)


@pytest.mark.anyio
async def test_agencies_with_like_ids_stay_apart(online: OnlineFeatures) -> None:
    """Ids that end alike, begin alike, or differ in one bit."""
    alike = [
        TenantId(uuid.UUID(int=number)) for number in (1, 0x11, 0x111, 1 << 127, (1 << 127) | 1)
    ]
    for number, tenant in enumerate(alike):
        await online.write(tenant, VIEW, values(VIEW, ["c"], at(30)))
        await online.write(tenant, VIEW, values(VIEW, [*["x"] * number, f"own{number}"], at(30)))
    assert await online.erase_entities(alike[0], PLATFORM, CAMPAIGN, ["c", "own0"]) == 2
    assert await _spend(online, alike[0], ["c"]) == [None]
    for tenant in alike[1:]:
        assert await _spend(online, tenant, ["c"]) == [1.0]


@pytest.mark.anyio
async def test_erasing_one_entity_leaves_the_others_as_they_were(
    online: OnlineFeatures, redis_server: RedisServer
) -> None:
    for tenant in (A, B):
        await online.write(tenant, VIEW, values(VIEW, NASTY, at(30)))
        await online.write(tenant, CLIENT_PERFORMANCE, values(CLIENT_PERFORMANCE, NASTY, at(30)))

    async def everything() -> dict[bytes, Any]:
        keys = [key async for key in redis_server.commands.scan_iter("*")]
        return {key: await redis_server.commands.dump(key) for key in keys}

    before = await everything()
    assert await online.erase_entities(A, PLATFORM, CAMPAIGN, ["c:*"]) == 1
    after = await everything()
    [gone] = TenantFeatures(redis_server, A).keys("campaign_performance", ["c:*"])
    assert before.keys() - after.keys() == {gone.encode()}
    assert {key: before[key] for key in after} == after


@pytest.mark.anyio
async def test_values_past_their_age_are_not_served(
    online: OnlineFeatures, clock: MovableClock, redis_server: RedisServer
) -> None:
    await online.write(A, VIEW, values(VIEW, ["c"], at(30)))
    clock.now = at(33)
    assert await _spend(online, A, ["c"]) == [1.0]  # three days to the second
    clock.now = at(33, 13)
    assert await _spend(online, A, ["c"]) == [None]
    [key] = TenantFeatures(redis_server, A).keys("campaign_performance", ["c"])
    assert 0 < await redis_server.commands.ttl(key) <= VIEW.ttl_seconds


@pytest.mark.anyio
async def test_a_limited_scope_sees_its_clients_entities(online: OnlineFeatures) -> None:
    await online.write(A, VIEW, values(VIEW, ["c1"], at(30), CLIENT))
    await online.write(A, VIEW, values(VIEW, ["c2"], at(30), OTHER_CLIENT))
    scope = TenantScope(A, frozenset({OTHER_CLIENT}))
    found = await online.read(scope, VIEW, ["c1", "c2", "c3"])
    assert [row is None for row in found] == [True, False, True]
    assert await online.read(TenantScope(A, frozenset()), VIEW, ["c1"]) == [None]


@pytest.mark.anyio
async def test_entities_that_are_gone_are_forgotten(online: OnlineFeatures) -> None:
    assert await online.replace(A, VIEW, "o", values(VIEW, ["o:2", "o:1"], at(30))) == 2
    await online.replace(A, VIEW, "other", values(VIEW, ["other:1"], at(30)))
    assert await online.list_entities(A, VIEW, ["o"]) == ["o:1", "o:2"]
    await online.replace(A, VIEW, "o", values(VIEW, ["o:2", "o:3"], at(31)))
    assert await _spend(online, A, ["o:1", "o:2", "o:3", "other:1"]) == [None, 1.0, 2.0, 1.0]
    assert await online.list_entities(A, VIEW, ["o"]) == ["o:2", "o:3"]
    await online.replace(A, VIEW, "o", values(VIEW, [], at(32)))
    assert await online.list_entities(A, VIEW, ["o", "other"]) == ["other:1"]


@pytest.mark.anyio
async def test_what_is_gone_from_one_view_stays_in_another(online: OnlineFeatures) -> None:
    other = replace(CLIENT_PERFORMANCE, entity=CAMPAIGN)
    await online.replace(A, VIEW, "o", values(VIEW, ["o:1"], at(30)))
    await online.replace(A, other, "o", values(CLIENT_PERFORMANCE, ["o:1"], at(30)))
    await online.replace(A, other, "o", values(CLIENT_PERFORMANCE, [], at(30)))
    assert await _spend(online, A, ["o:1"]) == [1.0]
    assert await online.list_entities(A, VIEW, ["o"]) == ["o:1"]


@pytest.mark.anyio
async def test_lists_are_of_one_agency_and_owner(online: OnlineFeatures) -> None:
    owners = ["o", "*", "o:1", "", "ö"]
    for number, owner in enumerate(owners):
        ids = [f"{owner}:{n}" for n in range(number)]
        await online.replace(A, VIEW, owner, values(VIEW, ids, at(30)))
    everything = ["*:0", "o:1:0", "o:1:1", ":0", ":1", ":2", "ö:0", "ö:1", "ö:2", "ö:3"]
    assert await online.list_entities(A, VIEW, owners) == everything
    assert await online.list_entities(B, VIEW, owners) == []
    assert await online.list_entities(A, CLIENT_PERFORMANCE, owners) == []
    assert await online.list_entities(A, VIEW, []) == []
    pages = [
        await online.list_entities(A, VIEW, owners, offset=offset, limit=3)
        for offset in range(0, 12, 3)
    ]
    assert pages == [everything[0:3], everything[3:6], everything[6:9], everything[9:]]


@pytest.mark.anyio
async def test_an_erased_entity_is_in_no_list(online: OnlineFeatures) -> None:
    ids = [f"o:{one}" for one in NASTY]
    for tenant in (A, B):
        await online.replace(tenant, VIEW, "o", values(VIEW, ids, at(30)))
    assert await online.erase_entities(A, PLATFORM, CAMPAIGN, ["o:c:*", "o:unknown"]) == 1
    assert sorted(await online.list_entities(A, VIEW, ["o"])) == sorted(set(ids) - {"o:c:*"})
    assert sorted(await online.list_entities(B, VIEW, ["o"])) == sorted(ids)


@pytest.mark.anyio
async def test_the_reader_tells_the_instant_and_the_client(online: OnlineFeatures) -> None:
    await online.write(A, VIEW, values(VIEW, ["c"], at(30)))
    reader = FeatureReader(online, Catalogues(none_registered, lambda: at(30)))
    [row, unknown] = await reader.read(TenantScope(A), "campaign_pacing_v1", ["c", "d"])
    assert unknown is None
    assert row is not None
    assert (row.entity_id, row.as_of, row.client_id) == ("c", at(30), str(CLIENT))
    assert list(row.values) == list(SERVICES["campaign_pacing_v1"].features)
    assert (row.values["spend_7d"], row.values["currency"]) == (1.0, None)
    table = await reader.read_table(TenantScope(A), "campaign_pacing_v1", ["d", "c"])
    assert table.column("spend_7d").to_pylist() == [None, 1.0]
    assert table.column("as_of").to_pylist() == [None, at(30)]
    assert table.schema.field("days_since_spend").type == pa.int64()


@pytest.mark.anyio
async def test_an_unknown_set_is_told_with_what_there_is(online: OnlineFeatures) -> None:
    reader = FeatureReader(online, Catalogues(none_registered, lambda: at(30)))
    with pytest.raises(NotFoundError) as told:
        await reader.read(TenantScope(A), "weather", ["c"])
    assert told.value.message == "there is no feature view or service 'weather'"
    assert told.value.hint == f"there are {', '.join(dict.fromkeys((*VIEWS, *SERVICES)))}"


@pytest.mark.anyio
async def test_a_lost_redis_is_told(dead_redis: RedisServer, clock: MovableClock) -> None:
    with pytest.raises(RedisUnavailableError):
        await OnlineFeatures(dead_redis, clock).read(TenantScope(A), VIEW, ["c"])


def test_values_of_other_definitions_are_not_served() -> None:
    packing = Packing(VIEW)
    stored = StoredValues(5, "client", [None] * len(VIEW.features))
    other = Packing(CLIENT_PERFORMANCE)
    assert packing.unpack(packing.pack(stored), 5) == stored
    assert packing.unpack(packing.pack(stored), 6) is None
    assert packing.unpack(other.pack(stored), 5) is None
    assert packing.unpack(None, 5) is None


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.none()


@given(st.lists(numbers, min_size=len(VIEW.features), max_size=len(VIEW.features)))
def test_numbers_come_back_to_the_last_bit(given_values: list[float | None]) -> None:
    packing = Packing(VIEWS[VIEW.name])
    stored = packing.unpack(packing.pack(StoredValues(0, "c", given_values)), 0)
    assert stored is not None
    assert list(map(repr, stored.values)) == list(map(repr, given_values))


texts = st.text() | st.sampled_from(NASTY)


@given(texts, texts)
def test_different_ids_have_different_keys(one: str, other: str) -> None:
    assert (encode_id(one) == encode_id(other)) == (one == other)


@given(texts, st.uuids(), st.sampled_from(list(VIEWS)))
def test_every_key_is_the_tenants_view_and_one_plain_part(
    entity_id: str, tenant: uuid.UUID, view: str
) -> None:
    [key] = TenantFeatures(UNCONNECTED, TenantId(tenant)).keys(view, [entity_id])
    assert key.split(":")[:4] == ["t", str(tenant), "feature", view]
    assert len(key.split(":")) == 5
    assert not set(key) & set("*?[]\\")


def test_ids_are_readable_where_they_can_be() -> None:
    assert encode_id("0194a000-x:12.3_4") == "0194a000-x=3A12.3_4"
    assert encode_id("") == "=e"
    assert encode_id("ä" * 100).startswith("=h")
