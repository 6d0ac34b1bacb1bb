"""Time that passes only while everybody waits for it.

    sleep(seconds) here, or over a unix socket in another process -> sleepers
        -> all asleep, and nothing runs for real -> the clock jumps to the next wake-up -> wake

What takes real time (a query, a load, the take-over of a dead worker's jobs) takes no virtual time.
The present is read from shared memory, so that every process sees the jump before it wakes. A
sleeper whose process dies, or whose task is cancelled, is forgotten.
"""

import asyncio
import datetime as dt
import itertools
import mmap
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

__all__ = ["IsQuiet", "TimeClient", "VirtualTime", "join_time", "serve_time"]

T = TypeVar("T")

# Whether nothing runs for real, given how many sleep under each name.
IsQuiet = Callable[[Mapping[str, int]], Awaitable[bool]]

_PRESENT: Final = struct.Struct("<q")  # microseconds since the epoch
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_LOOK_AGAIN_SECONDS: Final = 0.005  # of real time, while something runs for real
_PATIENCE_SECONDS: Final = 60.0  # of real time, in which something has to happen


class StuckError(AssertionError):
    """Nothing has happened for a minute of real time; tells who sleeps."""


@dataclass(frozen=True, slots=True)
class _Sleeper:
    wakes_at: int  # microseconds since the epoch
    name: str
    wake: Callable[[], None]


@dataclass(slots=True)
class VirtualTime:
    """The time server.

    Attributes:
        is_quiet: Asked before every jump.
        grain_seconds: Wake-ups are put off to a multiple of it, so that many fall together.
        jumps: So far.
    """

    present: mmap.mmap
    is_quiet: IsQuiet
    grain_seconds: float = 0.001
    jumps: int = 0
    _sleepers: dict[int, _Sleeper] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _changes: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def clock(self) -> dt.datetime:
        """The present UTC instant."""
        return _EPOCH + _read(self.present) * _MICROSECOND

    def sleeper(self, name: str) -> Callable[[float], Coroutine[Any, Any, None]]:
        """A `sleep` whose sleepers are counted under `name`."""

        async def sleep(seconds: float) -> None:
            if seconds <= 0:
                await asyncio.sleep(0)
                return
            woken = asyncio.Event()
            number = self.put_to_sleep(name, seconds, woken.set)
            try:
                await woken.wait()
            finally:
                self.forget(number)

        return sleep

    def put_to_sleep(self, name: str, seconds: float, wake: Callable[[], None]) -> int:
        """Call `wake` when so many seconds have passed.

        Returns:
            A number for `forget`.
        """
        grain = round(self.grain_seconds * 1e6)
        wakes_at = -(-(_read(self.present) + round(seconds * 1e6)) // grain) * grain
        number = next(self._numbers)
        self._sleepers[number] = _Sleeper(wakes_at, name, wake)
        self._note_change()
        return number

    def forget(self, number: int) -> None:
        """Do not wake it any more."""
        self._sleepers.pop(number, None)
        self._note_change()

    def _note_change(self) -> None:
        self._changes += 1
        self._changed.set()

    async def pass_while(self, work: Coroutine[Any, Any, T]) -> T:
        """Let time pass until the work is done.

        Raises:
            StuckError: Something has run for real for a minute, and nobody went to sleep.
        """
        working, passing = asyncio.create_task(work), asyncio.create_task(self._pass())
        try:
            await asyncio.wait({working, passing}, return_when=asyncio.FIRST_COMPLETED)
            if passing.done():
                await passing
            return await working
        finally:
            working.cancel()
            passing.cancel()
            await asyncio.gather(working, passing, return_exceptions=True)

    async def _pass(self) -> None:
        loop = asyncio.get_running_loop()
        last_change, changed_at = self._changes, loop.time()
        while True:
            seen = self._changes
            if seen != last_change:
                last_change, changed_at = seen, loop.time()
            if loop.time() - changed_at > _PATIENCE_SECONDS:
                raise StuckError(f"asleep at {self.clock()}: {dict(self.asleep())}")
            if self._sleepers and await self.is_quiet(self.asleep()) and seen == self._changes:
                self._jump()
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                    await self._changed.wait()

    def asleep(self) -> Counter[str]:
        """How many sleep, by name."""
        return Counter(sleeper.name for sleeper in self._sleepers.values())

    def _jump(self) -> None:
        now = min(sleeper.wakes_at for sleeper in self._sleepers.values())
        _write(self.present, now)
        self.jumps += 1
        self._changes += 1
        due = [number for number, one in self._sleepers.items() if one.wakes_at <= now]
        for number in due:
            self._sleepers.pop(number).wake()


@asynccontextmanager
async def serve_time(
    folder: Path, start: dt.datetime, is_quiet: IsQuiet, *, grain_seconds: float = 0.001
) -> AsyncIterator[VirtualTime]:
    """Serve time to this process and, at `folder`, to others; it does not pass by itself yet."""
    (folder / "present").write_bytes(_PRESENT.pack((start - _EPOCH) // _MICROSECOND))
    with _present(folder, mmap.ACCESS_WRITE) as present:
        time = VirtualTime(present, is_quiet, grain_seconds)

        serving: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(_serve_process(time, reader, writer))
            serving.add(task)
            task.add_done_callback(serving.discard)

        server = await asyncio.start_unix_server(serve, str(folder / "time.sock"))
        try:
            yield time
        finally:
            server.close()
            for task in list(serving):
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)


async def _serve_process(
    time: VirtualTime, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """`<id> <seconds>` puts to sleep, `<id>` alone forgets; a line `<id>` back wakes."""
    numbers: dict[bytes, int] = {}

    def wake(sleep_id: bytes) -> None:
        numbers.pop(sleep_id, None)
        writer.write(sleep_id + b"\n")

    try:
        while line := await reader.readline():
            sleep_id, *seconds = line.split()
            if seconds:
                numbers[sleep_id] = time.put_to_sleep(
                    "job", float(seconds[0]), partial(wake, sleep_id)
                )
            elif sleep_id in numbers:
                time.forget(numbers.pop(sleep_id))
    except ConnectionError:
        pass  # killed: as if it had said goodbye
    finally:
        for number in numbers.values():
            time.forget(number)
        writer.close()


class TimeClient:
    """Virtual time in a process that does not serve it."""

    def __init__(self, present: mmap.mmap, writer: asyncio.StreamWriter) -> None:
        self._present = present
        self._writer = writer
        self._woken: dict[bytes, asyncio.Event] = {}
        self._numbers = itertools.count()

    def clock(self) -> dt.datetime:
        """The present UTC instant."""
        return _EPOCH + _read(self._present) * _MICROSECOND

    async def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have passed; counted under `job`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleep_id = str(next(self._numbers)).encode()
        woken = self._woken[sleep_id] = asyncio.Event()
        self._writer.write(b"%s %r\n" % (sleep_id, seconds))
        try:
            await woken.wait()
        except asyncio.CancelledError:
            self._writer.write(sleep_id + b"\n")
            raise
        finally:
            del self._woken[sleep_id]

    async def listen(self, reader: asyncio.StreamReader) -> None:
        """Wake who is called, until the server ends."""
        while line := await reader.readline():
            woken = self._woken.get(line.strip())
            if woken is not None:
                woken.set()


@asynccontextmanager
async def join_time(folder: Path) -> AsyncIterator[TimeClient]:
    """Take part in the time that is served at `folder`."""
    reader, writer = await asyncio.open_unix_connection(str(folder / "time.sock"))
    with _present(folder, mmap.ACCESS_READ) as present:
        client = TimeClient(present, writer)
        listening = asyncio.create_task(client.listen(reader))
        try:
            yield client
        finally:
            listening.cancel()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@contextmanager
def _present(folder: Path, access: int) -> Iterator[mmap.mmap]:
    with (folder / "present").open("r+b") as file, mmap.mmap(file.fileno(), 0, access=access) as m:
        yield m


def _read(present: mmap.mmap) -> int:
    microseconds: int = _PRESENT.unpack_from(present)[0]
    return microseconds


def _write(present: mmap.mmap, microseconds: int) -> None:
    _PRESENT.pack_into(present, 0, microseconds)
