"""Somebody who is not read is erased like anybody else, and leaves the list of those, too.

suppressed -> privacy.suppressed names them -> erased: the key is forgotten -> the writer's next
round takes them out -> a search finds nothing; while a hold keeps something of them they stay there
"""

import pytest

from domain.facts.tables import SUPPRESSED
from domain.privacy.purposes import SUPPRESSIBLE, SuppressionCause
from gdpr.erasure.rescan import buried_words
from gdpr.erasure.search import search_everywhere
from gdpr.erasure.work import Run
from tenancy.exclusive import Exclusive
from tenancy.privacy.suppression_writer import SuppressionWriter
from tenancy.privacy.suppressions import suppress
from tenancy.unscoped import Doors
from tests.gdpr.erasure.twin import table_rows
from tests.gdpr.erasure.world import VAULT, Agency, Shop, World, world

__all__ = ["world"]

pytestmark = pytest.mark.anyio

SHOP = Shop(people=4)
ORDERS = frozenset({"user.behavior.purchase_history"})


def writer_of(world: World) -> SuppressionWriter:
    async def nothing(*_: object) -> None:
        """Features are others' matter."""

    return SuppressionWriter(
        database=world.database,
        unwritten=Doors(world.database).agencies_with_unwritten_suppressions,
        unfollowed=Doors(world.database).agencies_with_unfollowed_suppressions,
        warehouse=world.warehouse,
        vault=VAULT,
        redis=world.redis,
        exclusive=Exclusive(world.database, "suppressions"),
        follow=nothing,
        clock=world.clock,
        ids=world.ids,
    )


async def buried(world: World, agency: Agency) -> dict[str, int]:
    words = await buried_words(world.stores, agency.tenant_id)
    return dict(await search_everywhere(world.stores, agency.tenant_id, words))


async def test_who_is_not_read_is_erased_and_leaves_that_list(world: World) -> None:
    agency = await world.agency("one")
    await world.ingest_shop(agency, SHOP)
    (request,) = await world.request_all(agency, frozenset({2}))
    assert request.subject_id is not None
    async with world.database.session(agency.tenant_id) as session:
        await suppress(
            session,
            request.subject_id,
            SUPPRESSIBLE,
            SuppressionCause.OBJECTION,
            world.now,
            origin="an objection",
            ids=world.ids,
        )
    writer = writer_of(world)
    await writer.write_due()
    listed = await table_rows(world, agency, SUPPRESSED)
    assert {row["value"] for row in listed} == {Shop.customer(2)}

    in_part = Run(world.ids(), {agency.tenant_id: (request,)}, held=ORDERS)
    await world.eraser().run(in_part)
    await writer.write_due()
    assert await table_rows(world, agency, SUPPRESSED) == listed  # what is held is not read
    assert await buried(world, agency) == {}

    await world.eraser().run(world.run(agency, (request,)))
    left = await buried(world, agency)
    assert list(left) == [f"warehouse {SUPPRESSED.qualified}.value"]  # until the writer comes
    await writer.write_due()
    assert await table_rows(world, agency, SUPPRESSED) == []
    assert await buried(world, agency) == {}
