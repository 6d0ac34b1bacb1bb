"""Starting with something broken: each part is named, with what to do, and nothing secret."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from api.bootstrap import CannotStartError, open_runtime
from api.commands.tenants import create_tenant
from api.embedded.errors import EmbeddedServerError
from api.settings import WrongSettingsError, load_provider_apps, load_settings

pytestmark = pytest.mark.anyio

LOOK = "check DATABASE_URL, that the server runs, and that the login owns the database"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A state folder that the account of PostgreSQL may enter."""
    with tempfile.TemporaryDirectory(prefix="bosco-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


async def _start(**environment: str) -> CannotStartError:
    with pytest.raises(CannotStartError) as caught:
        async with open_runtime(load_settings(environment)):
            pass
    assert caught.value.code == "CANNOT_START"
    return caught.value


async def test_a_database_that_is_away_is_named(folder: Path, redis_url: str) -> None:
    error = await _start(
        BOSCO_STATE_DIR=str(folder / "state"),
        DATABASE_URL="postgresql://bosco:s3cret@127.0.0.1:1/bosco",
        REDIS_URL=redis_url,
    )
    assert error.message.startswith("PostgreSQL cannot be used: (psycopg.OperationalError) ")
    assert "port 1 failed" in error.message
    assert error.hint == LOOK
    assert "s3cret" not in str(error)
    assert "s3cret" not in (folder / "state/logs/bosco.log").read_text(encoding="utf-8")


async def test_a_warehouse_that_is_no_database_is_named(
    folder: Path, database_url: str, redis_url: str
) -> None:
    (folder / "notes.txt").write_text("no database", encoding="utf-8")
    error = await _start(
        BOSCO_STATE_DIR=str(folder / "state"),
        DATABASE_URL=database_url,
        REDIS_URL=redis_url,
        WAREHOUSE_URL=f"duckdb://{folder}/notes.txt",
    )
    assert error.message.startswith("the warehouse cannot be used: ")
    assert "notes.txt" in error.message
    assert error.hint == ("check WAREHOUSE_URL and, for BigQuery, the credentials of this machine")


async def test_a_warehouse_of_another_shape_is_named(
    folder: Path, database_url: str, redis_url: str
) -> None:
    with duckdb.connect(str(folder / "w.duckdb")) as connection:
        connection.execute("CREATE SCHEMA facts")
        connection.execute("CREATE TABLE facts.syncs (tenant_id VARCHAR, version VARCHAR)")
    error = await _start(
        BOSCO_STATE_DIR=str(folder / "state"),
        DATABASE_URL=database_url,
        REDIS_URL=redis_url,
        WAREHOUSE_URL=f"duckdb://{folder}/w.duckdb",
    )
    assert error.message == (
        "the warehouse cannot be used: facts.syncs.version is VARCHAR, declared BIGINT"
    )
    assert error.hint == "a column never changes its type: add a new one"


async def test_a_landing_store_that_cannot_be_made_is_named(
    folder: Path, database_url: str, redis_url: str
) -> None:
    (folder / "file").write_text("", encoding="utf-8")
    error = await _start(
        BOSCO_STATE_DIR=str(folder / "state"),
        DATABASE_URL=database_url,
        REDIS_URL=redis_url,
        BOSCO_LANDING_URL=f"file://{folder}/file/landing",
    )
    assert error.message.startswith("the landing store cannot be used: ")
    assert error.hint == "check BOSCO_LANDING_URL, and that this user may write there"


async def test_a_state_folder_that_is_a_file_is_named(
    folder: Path, database_url: str, redis_url: str
) -> None:
    state = folder / "state"
    given = {"BOSCO_STATE_DIR": str(state), "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    state.write_text("", encoding="utf-8")
    with pytest.raises(EmbeddedServerError, match="cannot be made a folder of this user"):
        async with open_runtime(load_settings(given)):
            pass
    state.unlink()
    state.mkdir()
    (state / "logs").write_text("", encoding="utf-8")
    state.chmod(0o700)
    error = await _start(**given)
    assert error.message == f"the log in {state} cannot be written: File exists"
    assert error.hint == (
        "make the folder writable, or set BOSCO_STATE_DIR to one that you may write"
    )


async def test_the_state_folder_is_closed_from_the_start(
    folder: Path, database_url: str, redis_url: str
) -> None:
    state = folder / "state"
    await _start(
        BOSCO_STATE_DIR=str(state),
        DATABASE_URL=database_url,
        REDIS_URL=redis_url,
        BOSCO_LANDING_URL="file:///dev/null/landing",
    )
    assert state.stat().st_mode & 0o777 == 0o700


async def test_a_mistyped_key_file_is_refused_once_there_are_agencies(
    folder: Path, database_url: str, redis_url: str
) -> None:
    given = {
        "BOSCO_STATE_DIR": str(folder / "state"),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
    }
    async with open_runtime(load_settings(given)) as runtime:
        await create_tenant(
            runtime, slug="north", name="North", currency="EUR", time_zone="Europe/Berlin"
        )
    mistyped = folder / "mistyped.key"
    with pytest.raises(WrongSettingsError) as caught:
        async with open_runtime(load_settings({**given, "BOSCO_MASTER_KEY_FILE": str(mistyped)})):
            pass
    assert caught.value.message == (
        f"BOSCO_MASTER_KEY_FILE is '{mistyped}': there is no such file, and the database has "
        "agencies whose keys only that file opens"
    )
    assert not mistyped.exists()
    async with open_runtime(load_settings(given)) as runtime:
        assert [tenant.slug for tenant in await runtime.doors.list_tenants()] == ["north"]


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        (None, 0o600, "it cannot be read as JSON ([Errno 2] No such file or directory: "),
        (b"{s3cret", 0o600, "it cannot be read as JSON (Expecting property name"),
        (b"\xff\xfe", 0o600, "it cannot be read as JSON ('utf-8' codec can't decode"),
        (b'{"google_ads": "s3cret"}', 0o600, "it is not an object from source to names and"),
        (b'{"google_ads": {"a": 1}}', 0o600, "it is not an object from source to names and"),
        (b"[]", 0o600, "it is not an object from source to names and"),
        (b"{}", 0o640, "other users may open it (mode 0640)"),
    ],
)
def test_wrong_files_of_provider_apps_are_told(
    tmp_path: Path, content: bytes | None, mode: int, problem: str
) -> None:
    file = tmp_path / "apps.json"
    if content is not None:
        file.write_bytes(content)
        file.chmod(mode)
    settings = load_settings({"BOSCO_PROVIDER_APPS_FILE": str(file)})
    with pytest.raises(WrongSettingsError) as caught:
        load_provider_apps(settings)
    assert caught.value.message.startswith(f"BOSCO_PROVIDER_APPS_FILE is '{file}': {problem}")
    assert "s3cret" not in str(caught.value)


def test_provider_apps_are_read(tmp_path: Path) -> None:
    file = tmp_path / "apps.json"
    file.write_text('{"google_ads": {"client_id": "ours"}}', encoding="utf-8")
    file.chmod(0o600)
    settings = load_settings({"BOSCO_PROVIDER_APPS_FILE": str(file)})
    assert load_provider_apps(settings) == {"google_ads": {"client_id": "ours"}}
    assert load_provider_apps(load_settings({})) == {}
