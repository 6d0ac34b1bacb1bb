"""Where the public data sets lie: read from there, never copied into the project.

BOSCO_TEST_DATASETS, else a folder beside the checkout -> file -> frame
"""

import os
from pathlib import Path

import pandas as pd

__all__ = ["MISSING", "find_folder", "read_csv"]

MISSING = "no public data sets (BOSCO_TEST_DATASETS): they are left out"

_CHECKOUT = Path(__file__).resolve().parents[2]


def find_folder() -> Path | None:
    """The folder that the environment names, else the usual one; None: it is not there."""
    usual = _CHECKOUT.parent / "shared" / "datasets"
    folder = Path(os.environ.get("BOSCO_TEST_DATASETS") or usual)
    return folder if folder.is_dir() else None


def read_csv(folder: Path, name: str, dates: str | None = None) -> pd.DataFrame:
    """One file; with `dates`, sorted by that column, as dates."""
    frame = pd.read_csv(folder / name)
    if dates is None:
        return frame
    return frame.assign(**{dates: pd.to_datetime(frame[dates])}).sort_values(dates)
