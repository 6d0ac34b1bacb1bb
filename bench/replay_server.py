"""Answers recorded requests with recorded bytes: `python -m bench.replay_server FOLDER`.

    FOLDER/<key of the request>.http -> one socket write each; the URL is printed as a line of JSON

The simulator makes its answers while it is asked, which takes longer than reading them. Replayed,
the same bytes cost next to nothing to send.
"""

import asyncio
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Final

__all__ = ["request_key"]

_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_MISSING: Final = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


def request_key(method: str, target: str, body: bytes) -> str:
    """Names a request by all that decides its answer."""
    return hashlib.sha256(f"{method} {target}\n".encode() + body).hexdigest()


async def _serve(answers: dict[str, bytes]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                writer.close()
                return
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            method, target, _ = head.split(b" ", 2)
            key = request_key(method.decode(), target.decode(), body)
            writer.write(answers.get(key, _MISSING))
            await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{port}"}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)  # until the bench hangs up


if __name__ == "__main__":
    recorded = Path(sys.argv[1]).glob("*.http")
    asyncio.run(_serve({path.stem: path.read_bytes() for path in recorded}))
