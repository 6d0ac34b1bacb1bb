"""One running platform for the modules that ask for it."""

from tests.e2e.conftest import open_folder, platform

__all__ = ["open_folder", "platform"]
