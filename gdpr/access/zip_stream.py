"""A zip archive that is written as a stream: never whole in memory, never on disk.

    begin(name) -> write(bytes) ... -> end -> drain() after each batch -> bytes to pass on

The standard library writes to something that cannot seek: sizes stand behind each file.

Source: APPNOTE.TXT 6.3.10 section 4.3.9 (data descriptors).
"""

import datetime as dt
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

__all__ = ["ZipStream"]


class _Outlet(io.RawIOBase):
    """Takes bytes, and gives them out once."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # any buffer
        self._held += data
        return len(data)

    def drain(self) -> bytes:
        data = bytes(self._held)
        self._held.clear()
        return data


class ZipStream:
    """An archive under way.

    Args:
        at: UTC instant that files carry.
    """

    def __init__(self, at: dt.datetime) -> None:
        self._outlet = _Outlet()
        self._at = (at.year, at.month, at.day, at.hour, at.minute, at.second)
        self._zip = zipfile.ZipFile(self._outlet, "w", zipfile.ZIP_DEFLATED)

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """A file in the archive; one at a time."""
        info = zipfile.ZipInfo(name, self._at)
        info.compress_type = zipfile.ZIP_DEFLATED
        with self._zip.open(info, "w", force_zip64=True) as entry:
            yield entry

    def drain(self) -> bytes:
        """What was written since the last time."""
        return self._outlet.drain()

    def close(self) -> bytes:
        """Write the directory, and give out the rest."""
        self._zip.close()
        return self._outlet.drain()
