"""Where the public data sets lie, and how a test puts down a file."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def datasets() -> Path:
    """The folder of public data sets; elsewhere when BOSCO_TEST_DATASETS says so."""
    folder = Path(os.environ.get("BOSCO_TEST_DATASETS") or CHECKOUT.parent / "shared" / "datasets")
    if not folder.is_dir():
        pytest.skip(f"no public data sets at {folder} (BOSCO_TEST_DATASETS)")
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Writes `data.csv`."""

    def to_file(content: str | bytes) -> Path:
        path = tmp_path / "data.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to_file
