import asyncio
import hashlib
import logging
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from api.control.front_door import RuntimeOwnedError, own_runtime, run_command
from api.control.ownership import Owner, try_own
from api.control.protocol import (
    Accepted,
    DoneEvent,
    ErrorEvent,
    Event,
    Invocation,
    JsonEvent,
    LineEvent,
    ProgressEvent,
    TableEvent,
    encode,
)
from api.control.same_settings import digests_of
from api.control.server import control_socket
from api.embedded.errors import EmbeddedServerError
from api.embedded.layout import make_private
from api.settings import Settings, load_settings
from tests.api.control.host import NOW, World

pytestmark = pytest.mark.anyio

SHOW = Invocation("show", {"client": "acme"}, "/home/ann")
CHECKOUT = Path(__file__).resolve().parents[3]


async def collect(settings: Settings, world: World, invocation: Invocation) -> list[Event]:
    return [event async for event in run_command(settings, world.host(), invocation)]


def call(name: str) -> Invocation:
    return Invocation(name, {"client": "acme"}, "/")


async def test_runs_here_when_nobody_owns(settings: Settings) -> None:
    world = World("here")
    events = await collect(settings, world, SHOW)
    assert events[1] == LineEvent("ran on here")
    assert events[-1] == DoneEvent(0)
    assert [runtime.is_open for runtime in world.runtimes] == [False]
    assert not control_socket(settings.state_dir).exists()
    ownership = try_own(settings.state_dir, Owner(1, "next", NOW))
    assert ownership is not None
    with ownership:
        pass


async def test_hands_over_to_the_owner(settings: Settings) -> None:
    owner, client = World("owner"), World("client")
    async with own_runtime(settings, owner.host()):
        events = await collect(settings, client, SHOW)
    assert events == [
        ProgressEvent("sync", "orders", completed=1, total=30),
        LineEvent("ran on owner"),
        TableEvent("spend", ("day", "amount"), (("2026-11-23", "1.50"),)),
        JsonEvent({"arguments": {"client": "acme"}}),
        LineEvent("/home/ann/report.csv"),
        DoneEvent(0),
    ]
    assert client.runtimes == []
    assert [runtime.is_open for runtime in owner.runtimes] == [False]


async def test_a_command_of_a_client_hands_over_too(settings: Settings) -> None:
    first, second = World("first"), World("second")
    running = asyncio.ensure_future(collect(settings, first, call("wait")))
    await first.begun.wait()
    assert (await collect(settings, second, SHOW))[1] == LineEvent("ran on first")
    first.may_end.set()
    assert await running == [LineEvent("begun"), LineEvent("open: True"), DoneEvent(0)]


@pytest.mark.parametrize("is_handed_over", [True, False])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "fail",
            [
                LineEvent("looking"),
                ErrorEvent("INVALID_INPUT", "client 'acme' is unknown", "bosco clients"),
                DoneEvent(1),
            ],
        ),
        (
            "break",
            [
                LineEvent("dividing"),
                ErrorEvent("INTERNAL", "an internal error stopped the command; trace id trace-1"),
                DoneEvent(70),
            ],
        ),
        ("exit", [DoneEvent(3)]),
        (
            "shew",
            [
                ErrorEvent("UNKNOWN_COMMAND", "there is no command 'shew'", "did you mean 'show'?"),
                DoneEvent(1),
            ],
        ),
        (
            "zzz",
            [
                ErrorEvent(
                    "UNKNOWN_COMMAND",
                    "there is no command 'zzz'",
                    "there are break, exit, fail, show, unsendable, wait",
                ),
                DoneEvent(1),
            ],
        ),
    ],
)
async def test_failures_are_events_wherever_it_runs(
    settings: Settings, name: str, expected: Sequence[Event], *, is_handed_over: bool
) -> None:
    if is_handed_over:
        async with own_runtime(settings, World("owner").host()):
            events = await collect(settings, World("client"), call(name))
    else:
        events = await collect(settings, World("here"), call(name))
    assert events == expected


async def test_the_log_has_what_an_internal_error_hides(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        await collect(settings, World("here"), call("break"))
    assert "trace id trace-1" in caplog.text
    assert "a secret detail" in caplog.text


async def test_an_event_that_cannot_be_sent_is_told(settings: Settings) -> None:
    async with own_runtime(settings, World("owner").host()):
        error, done = await collect(settings, World("client"), call("unsendable"))
    assert isinstance(error, ErrorEvent)
    assert error.code == "INTERNAL"
    assert error.message.startswith("an event could not be sent: ")
    assert done == DoneEvent(70)


async def test_client_that_goes_away_cancels_its_command(settings: Settings) -> None:
    owner = World("owner")
    async with own_runtime(settings, owner.host()):
        async with aclosing(run_command(settings, World("c").host(), call("wait"))) as events:
            assert await anext(events) == LineEvent("begun")
            await owner.begun.wait()
        await asyncio.wait_for(owner.ended.wait(), 10)
        assert owner.runtimes[0].is_open
        # The owner serves on.
        assert (await collect(settings, World("c"), SHOW))[-1] == DoneEvent(0)


async def test_client_that_hangs_up_is_told_nothing_more(settings: Settings) -> None:
    owner = World("owner")
    async with own_runtime(settings, owner.host()):
        reader, writer = await asyncio.open_unix_connection(control_socket(settings.state_dir))
        writer.write(encode(call("wait")))
        await owner.begun.wait()
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answer == encode(Accepted(os.getpid())) + encode(LineEvent("begun"))


async def test_cancelled_client_cancels_its_command(settings: Settings) -> None:
    owner = World("owner")
    async with own_runtime(settings, owner.host()):
        client = asyncio.ensure_future(collect(settings, World("c"), call("wait")))
        await owner.begun.wait()
        client.cancel()
        await asyncio.wait_for(owner.ended.wait(), 10)
    assert client.cancelled()


async def test_cancelled_local_command_closes_the_runtime(settings: Settings) -> None:
    world = World("here")
    running = asyncio.ensure_future(collect(settings, world, call("wait")))
    await world.begun.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert world.ended.is_set()
    assert [runtime.is_open for runtime in world.runtimes] == [False]


async def test_waits_for_an_owner_that_does_not_listen(settings: Settings) -> None:
    ownership = try_own(settings.state_dir, Owner(4242, "bosco sync", NOW))
    assert ownership is not None
    world = World("here")
    async with aclosing(run_command(settings, world.host(), SHOW)) as events:
        assert await anext(events) == ProgressEvent(
            "owner", "waiting for process 4242 (bosco sync, since 2026-11-24 08:00:00 UTC)"
        )
        with ownership:
            pass
        assert [event async for event in events][-1] == DoneEvent(0)
    assert len(world.runtimes) == 1


async def test_second_owner_is_refused(settings: Settings) -> None:
    async with own_runtime(settings, World("serve").host()):
        with pytest.raises(RuntimeOwnedError) as refusal:
            async with own_runtime(settings, World("other").host()):
                pytest.fail("two owners")
    assert refusal.value.message == (
        f"{settings.state_dir} is in use by process {os.getpid()} "
        "(bosco serve, since 2026-11-24 08:00:00 UTC)"
    )


async def test_owner_that_ends_normally_lets_others_finish(settings: Settings) -> None:
    owner = World("owner")
    async with own_runtime(settings, owner.host()):
        client = asyncio.ensure_future(collect(settings, World("c"), call("wait")))
        await owner.begun.wait()
        asyncio.get_running_loop().call_soon(owner.may_end.set)
    assert await client == [LineEvent("begun"), LineEvent("open: True"), DoneEvent(0)]


async def test_owner_that_is_stopped_tells_its_clients(settings: Settings) -> None:
    owner = World("owner")

    async def serve_until_interrupted() -> None:
        async with own_runtime(settings, owner.host()):
            await owner.begun.wait()
            raise InterruptedError

    serving = asyncio.ensure_future(serve_until_interrupted())
    client = asyncio.ensure_future(collect(settings, World("c"), call("wait")))
    with pytest.raises(InterruptedError):
        await serving
    assert await client == [
        LineEvent("begun"),
        ErrorEvent(
            "OWNER_STOPPED",
            f"the owner of the runtime (process {os.getpid()}) was stopped",
            "run it again; the command may have done a part of its work",
        ),
        DoneEvent(75),
    ]


async def test_owner_lost_after_it_began_is_an_error(settings: Settings) -> None:
    def begin(writer: asyncio.StreamWriter) -> None:
        writer.write(encode(Accepted(4242)) + encode(LineEvent("begun")) + b'{"kind": "li')

    world = World("c")
    async with listening(settings, begin):
        events = await collect(settings, world, SHOW)
    assert events == [
        LineEvent("begun"),
        ErrorEvent(
            "OWNER_LOST",
            "the owner of the runtime (process 4242) ended before the command did",
            "run it again; the command may have done a part of its work",
        ),
        DoneEvent(1),
    ]
    assert world.runtimes == []


async def test_owner_lost_before_it_began_is_replaced(settings: Settings) -> None:
    async with listening(settings, lambda _writer: None):
        events = await collect(settings, World("here"), SHOW)
    assert events[1] == LineEvent("ran on here")


async def test_killed_owner_is_replaced(settings: Settings) -> None:
    command = [sys.executable, "-m", "tests.api.control.owner_process", str(settings.state_dir)]
    owner = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert await owner.stdout.readline() == b"ready\n"
    world = World("here")
    assert (await collect(settings, world, SHOW))[1] == LineEvent("ran on serve")
    owner.kill()
    await owner.wait()
    assert control_socket(settings.state_dir).exists()
    assert (await collect(settings, world, SHOW))[1] == LineEvent("ran on here")


async def test_half_written_owner_file_does_not_block(settings: Settings) -> None:
    make_private(settings.state_dir)
    (settings.state_dir / "owner.lock").write_text('{"pid": 1, "comm')
    assert (await collect(settings, World("here"), SHOW))[-1] == DoneEvent(0)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"DATABASE_URL": "postgresql://ann:s3cret@db/other"}, "DATABASE_URL"),
        ({"REDIS_URL": "redis://cache"}, "REDIS_URL"),
        ({"WAREHOUSE_URL": "duckdb:///data/other.duckdb"}, "WAREHOUSE_URL"),
        ({"BOSCO_LANDING_URL": "gs://bucket/landing"}, "BOSCO_LANDING_URL"),
        (
            {"BOSCO_MASTER_KEY_FILE": "/etc/bosco/other.key", "REDIS_URL": "redis://cache"},
            "REDIS_URL, BOSCO_MASTER_KEY_FILE",
        ),
    ],
)
@pytest.mark.parametrize("is_owner_given", [True, False])
async def test_an_owner_with_other_settings_refuses(
    settings: Settings, given: dict[str, str], names: str, *, is_owner_given: bool
) -> None:
    other = load_settings({"BOSCO_STATE_DIR": str(settings.state_dir), **given})
    owners, callers = (other, settings) if is_owner_given else (settings, other)
    owner, client = World("owner"), World("client")
    async with own_runtime(owners, owner.host()):
        refused = await collect(callers, client, call("fail"))
        run = await collect(owners, client, SHOW)
    assert refused == [
        ErrorEvent(
            "OTHER_SETTINGS",
            f"the owner of the runtime (process {os.getpid()}) has another value of {names}",
            f"stop that process, or give this command the owner's {names}: unset what it does "
            "not set",
        ),
        DoneEvent(1),
    ]
    assert run[1] == LineEvent("ran on owner")
    assert client.runtimes == []


async def test_settings_that_move_no_data_may_differ(settings: Settings) -> None:
    other = load_settings(
        {
            "BOSCO_STATE_DIR": str(settings.state_dir),
            "WAREHOUSE_URL": settings.warehouse_url,
            "BOSCO_HTTP_PORT": "1",
            "BOSCO_LOG_LEVEL": "DEBUG",
        }
    )
    async with own_runtime(settings, World("owner").host()):
        assert (await collect(other, World("client"), SHOW))[-1] == DoneEvent(0)


async def test_no_value_of_a_setting_travels(settings: Settings) -> None:
    other = load_settings(
        {
            "BOSCO_STATE_DIR": str(settings.state_dir),
            "DATABASE_URL": "postgresql://ann:s3cret@db/bosco",
        }
    )
    assert digests_of(other) == {
        "DATABASE_URL": hashlib.sha256(b"postgresql+psycopg://ann:s3cret@db/bosco").hexdigest()[
            :16
        ],
        "REDIS_URL": "e3b0c44298fc1c14",
        "WAREHOUSE_URL": hashlib.sha256(settings.warehouse_url.encode()).hexdigest()[:16],
        "BOSCO_LANDING_URL": hashlib.sha256(settings.landing_url.encode()).hexdigest()[:16],
        "BOSCO_MASTER_KEY_FILE": hashlib.sha256(bytes(settings.master_key_file)).hexdigest()[:16],
    }


async def test_a_state_folder_that_is_a_file_is_told(settings: Settings) -> None:
    settings.state_dir.write_text("", encoding="utf-8")
    world = World("here")
    assert await collect(settings, world, SHOW) == [
        ErrorEvent(
            "EMBEDDED_SERVER_FAILED",
            f"{settings.state_dir} cannot be made a folder of this user: File exists",
            "set BOSCO_STATE_DIR to a folder that you may write; it is made when absent",
        ),
        DoneEvent(1),
    ]
    with pytest.raises(EmbeddedServerError, match="cannot be made a folder"):
        async with own_runtime(settings, world.host()):
            pytest.fail("owned a file")
    assert world.runtimes == []


async def test_a_lock_that_cannot_be_written_is_told(settings: Settings) -> None:
    lock = settings.state_dir / "owner.lock"
    lock.mkdir(parents=True)
    error, done = await collect(settings, World("here"), SHOW)
    assert error == ErrorEvent(
        "EMBEDDED_SERVER_FAILED",
        f"{lock} cannot be written: Is a directory",
        "make the folder writable, or set BOSCO_STATE_DIR to one that you may write",
    )
    assert done == DoneEvent(1)


async def test_only_the_owners_user_can_connect(settings: Settings) -> None:
    async with own_runtime(settings, World("owner").host()):
        mode = control_socket(settings.state_dir).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize("line", [b"hello\n", b'{"name": "show"}\n', b'{"name": "sh'])
async def test_words_that_are_no_invocation_are_refused(settings: Settings, line: bytes) -> None:
    async with own_runtime(settings, World("owner").host()):
        reader, writer = await asyncio.open_unix_connection(control_socket(settings.state_dir))
        writer.write(line)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(
        b'{"kind":"error","code":"CONTROL_PROTOCOL","message":"the client sent no invocation: '
    )
    assert answer.endswith(b'{"kind":"done","exit_code":75}\n')


async def test_cloud_runtimes_have_no_owner(settings: Settings) -> None:
    settings = load_settings(
        {
            "BOSCO_STATE_DIR": str(settings.state_dir),
            "DATABASE_URL": "postgresql://db/bosco",
            "REDIS_URL": "redis://cache",
            "WAREHOUSE_URL": "bigquery://project/bosco",
        }
    )
    world = World("worker")
    async with own_runtime(settings, world.host()), own_runtime(settings, world.host()):
        events = await collect(settings, World("command"), SHOW)
    assert events[1] == LineEvent("ran on command")
    assert len(world.runtimes) == 2
    assert not settings.state_dir.exists()


@asynccontextmanager
async def listening(
    settings: Settings, answer: Callable[[asyncio.StreamWriter], None]
) -> AsyncIterator[None]:
    """Stand in for an owner that is about to die: answer one client, then close the socket."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        path.unlink()
        answer(writer)
        writer.close()

    path = control_socket(settings.state_dir)
    make_private(settings.state_dir)
    make_private(path.parent)
    async with await asyncio.start_unix_server(serve, path):
        yield
