"""`bosco gdpr requests import`: says first, files then, and files nothing twice."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from api.commands.gdpr_batch import import_requests
from api.control.protocol import Arguments, DoneEvent, LineEvent
from domain.errors import InvalidInputError
from domain.privacy.rights import IntakeChannel, RequestState
from tenancy.tables import SubjectRequest
from tests.api.identity.world import Agency, World

pytestmark = pytest.mark.anyio

GOOD = "access,2026-03-01,ada@example.com\nerasure,2026-03-02,bob@example.com\n"
HEADER = "right,received_on,email\n"


async def run(world: World, folder: Path, text: str, **changed: bool) -> tuple[list[str], int]:
    """Lines that were shown, and the exit code."""
    (folder / "asked.csv").write_text(text, encoding="utf-8")
    runtime: Any = SimpleNamespace(
        database=world.database,
        doors=world.doors,
        vault=world.vault,
        clock=world.clock,
        ids=world.ids,
        random_bytes=world.random_bytes,
    )
    given = {"tenant": "northwind", "client": "acme", "file": "asked.csv", "actor": "cli:ops"}
    arguments = Arguments({**given, "apply": False, "keep_going": False, **changed}, folder)
    events = [event async for event in import_requests(runtime, arguments)]
    lines = [event.text for event in events if isinstance(event, LineEvent)]
    return lines, next((one.exit_code for one in events if isinstance(one, DoneEvent)), 0)


async def filed(world: World, agency: Agency) -> list[SubjectRequest]:
    async with world.database.session(agency.tenant_id) as session:
        return list(await session.scalars(select(SubjectRequest).order_by(SubjectRequest.id)))


async def test_it_says_first_and_files_then_once(
    world: World, northwind: Agency, tmp_path: Path
) -> None:
    summary = ["access  1", "erasure  1"]
    assert await run(world, tmp_path, HEADER + GOOD) == (
        [*summary, "nothing was filed; file them with --apply"],
        0,
    )
    assert await filed(world, northwind) == []
    assert await run(world, tmp_path, HEADER + GOOD, apply=True) == (
        [*summary, "filed 2, known already 0"],
        0,
    )
    rows = await filed(world, northwind)
    assert [(row.channel, row.requested_by) for row in rows] == [
        (IntakeChannel.BATCH, "cli:ops")
    ] * 2
    async with world.database.session(northwind.tenant_id) as session:
        ended = await session.get_one(SubjectRequest, (northwind.tenant_id, rows[0].id))
        ended.state = RequestState.COMPLETED
    again = HEADER + GOOD + "access,2026-03-03,ada@example.com\n"
    assert await run(world, tmp_path, again, apply=True) == (
        ["access  2", "erasure  1", "filed 1, known already 2"],
        0,
    )
    assert len(await filed(world, northwind)) == 3


async def test_one_bad_line_files_nothing_unless_told(
    world: World, northwind: Agency, tmp_path: Path
) -> None:
    text = f"{HEADER}access,2026-03-01,ada\n{GOOD}"
    told = ["line 2: that is not an e-mail address", "access  1", "erasure  1"]
    mend = "nothing was filed; mend the lines above, or file the rest: --keep-going"
    assert await run(world, tmp_path, text, apply=True) == ([*told, mend], 1)
    assert await filed(world, northwind) == []
    assert await run(world, tmp_path, text, apply=True, keep_going=True) == (
        [*told, "filed 2, known already 0"],
        1,
    )
    assert len(await filed(world, northwind)) == 2


async def test_a_file_that_cannot_be_read_is_told(
    world: World, northwind: Agency, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError, match="line 1 lacks the column 'right'"):
        await run(world, tmp_path, "")
    assert await filed(world, northwind) == []
