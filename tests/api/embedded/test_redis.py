from pathlib import Path

import pytest

from api.embedded.redis import find_redis


@pytest.mark.parametrize(
    ("told", "is_used"),
    [
        ("Redis server v=6.2.0 sha=00000000:0", True),
        ("Redis server v=7.0.15 sha=00000000:0", True),
        ("Redis server v=6.0.16 sha=00000000:0", False),
        ("Redis server v=5.9.0 sha=00000000:0", False),
        ("not a version", False),
    ],
)
def test_program_on_the_path_is_used_when_new_enough(
    tmp_path: Path, told: str, *, is_used: bool
) -> None:
    program = tmp_path / "redis-server"
    program.write_text(f"#!/bin/sh\necho '{told}'\n")
    program.chmod(0o755)
    bundled = Path("/bundled/redis-server")
    assert find_redis(bundled, str(tmp_path)) == (program if is_used else bundled)


def test_bundled_program_is_used_without_one_on_the_path(tmp_path: Path) -> None:
    assert find_redis(Path("/bundled/redis-server"), str(tmp_path)) == Path("/bundled/redis-server")
