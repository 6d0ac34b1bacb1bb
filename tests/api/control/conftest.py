"""A state folder with a short path, and settings that name it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.settings import Settings, load_settings


@pytest.fixture
def settings() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="bosco-test-") as folder:
        yield load_settings({"BOSCO_STATE_DIR": str(Path(folder) / "state")})
