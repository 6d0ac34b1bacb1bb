"""Brings a database to the newest schema.

    url -> version of the database == head? done : advisory lock -> Alembic, one transaction

Any number of processes may start at once: the first migrates, the others wait and find it done.
The login of the URL needs CREATEROLE and must own the database; PostgreSQL 16 or newer.

Sources: Alembic cookbook "Programmatic API use"; PostgreSQL 18 section 13.3.5 (advisory locks).
"""

from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Connection,
    NullPool,
    create_engine,  # noqa: TID251  # the schema comes before there can be sessions
    text,
)

__all__ = ["find_version", "head", "migrate"]

_LOCK_KEY: Final = 0x626F73636F  # "bosco"


@cache
def head() -> str:
    """The newest version that this release knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    return revision or ""


def migrate(url: str) -> None:
    """Bring the database at `url` to `head()`; does nothing when it is there.

    Args:
        url: SQLAlchemy URL, `postgresql+psycopg://...`, of the login that owns the database.
    """
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            if find_version(connection) == head():
                return
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def find_version(connection: Connection) -> str | None:
    """The version that the database is at; None: never migrated."""
    table = connection.scalar(text("SELECT to_regclass('public.alembic_version')::text"))
    if table is None:
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM public.alembic_version"))
    return version


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
