"""A state folder where nothing has to move: a short path, and open to PostgreSQL's account."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bosco-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "state"
