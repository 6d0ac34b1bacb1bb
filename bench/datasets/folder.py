"""Where the public data sets lie: read from there, never copied into the project.

BOSCO_DATASETS -> folder -> file -> frame
"""

import os
from pathlib import Path

import pandas as pd

__all__ = ["MISSING", "find_folder", "read_csv"]

MISSING = "BOSCO_DATASETS names no folder with the public data sets: they are left out"


def find_folder() -> Path | None:
    """The folder that the environment names, if it is there."""
    named = os.environ.get("BOSCO_DATASETS")
    folder = Path(named) if named else None
    return folder if folder is not None and folder.is_dir() else None


def read_csv(folder: Path, name: str, dates: str | None = None) -> pd.DataFrame:
    """One file; with `dates`, sorted by that column, as dates."""
    frame = pd.read_csv(folder / name)
    if dates is None:
        return frame
    return frame.assign(**{dates: pd.to_datetime(frame[dates])}).sort_values(dates)
