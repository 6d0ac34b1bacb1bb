import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import anyio
import psutil
import psycopg
import pytest
import redis

from api.embedded.account import server_account
from api.embedded.errors import EmbeddedServerError
from api.embedded.layout import socket_folder
from api.embedded.servers import EmbeddedServers, ServerUrls, launch_servers
from api.settings import load_settings
from tests.api.embedded.processes import family, owner_process, read_line, survivors

FOREIGN_URLS = {
    "DATABASE_URL": "postgresql://user@db.example/bosco",
    "REDIS_URL": "redis://cache.example:6379/0",
}


def run_sql(database_url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def read_note(state_dir: Path) -> str:
    """Start the servers once more and read what `write_note` wrote."""
    servers = launch_servers(state_dir)
    try:
        [(text,)] = run_sql(servers.wait_ready()["database_url"], "SELECT text FROM note")
    finally:
        servers.stop()
    return str(text)


def write_note(database_url: str) -> None:
    run_sql(database_url, "CREATE TABLE note AS SELECT 'kept' AS text")


def test_starts_both_and_leaves_no_process(state_dir: Path) -> None:
    servers = launch_servers(state_dir)
    urls = servers.wait_ready()
    processes = family(servers.supervisor_pid)
    assert urls == {
        "database_url": f"postgresql+psycopg://bosco_root@/bosco?host={state_dir}/run/pg",
        "redis_url": f"unix://{state_dir}/run/redis.sock",
    }
    assert run_sql(
        urls["database_url"],
        "SELECT current_user::text, current_database()::text, current_setting('fsync'), "
        "current_setting('listen_addresses'), current_setting('TimeZone')",
    ) == [("bosco_root", "bosco", "on", "", "UTC")]
    assert {process.name() for process in processes[1:]} == {"postgres", "redis-server"}
    servers.stop()
    assert survivors(processes) == []


def test_killed_owner_takes_the_servers_along_and_loses_nothing(state_dir: Path) -> None:
    with owner_process(state_dir) as owner:
        supervisor = int(read_line(owner)["supervisor"])
        write_note(read_line(owner)["database_url"])
        processes = family(supervisor)
        owner.kill()
        assert survivors(processes) == []
    assert read_note(state_dir) == "kept"


def test_killed_supervisor_takes_the_servers_along_and_loses_nothing(state_dir: Path) -> None:
    servers = launch_servers(state_dir)
    write_note(servers.wait_ready()["database_url"])
    processes = family(servers.supervisor_pid)
    processes[0].kill()
    servers.stop()
    assert survivors(processes) == []
    assert read_note(state_dir) == "kept"


def test_killed_postgres_takes_redis_along_and_loses_nothing(state_dir: Path) -> None:
    servers = launch_servers(state_dir)
    write_note(servers.wait_ready()["database_url"])
    processes = family(servers.supervisor_pid)
    postmaster = next(
        p for p in processes if p.name() == "postgres" and p.ppid() == processes[0].pid
    )
    postmaster.kill()
    assert survivors(processes) == []
    servers.stop()
    assert read_note(state_dir) == "kept"


def test_start_at_once_after_a_kill_waits_for_the_dying_servers(state_dir: Path) -> None:
    servers = launch_servers(state_dir)
    write_note(servers.wait_ready()["database_url"])
    psutil.Process(servers.supervisor_pid).kill()
    assert read_note(state_dir) == "kept"
    servers.stop()


def test_lock_is_held_as_long_as_a_server_of_a_killed_supervisor_lives(state_dir: Path) -> None:
    servers = launch_servers(state_dir)
    servers.wait_ready()
    supervisor, *others = family(servers.supervisor_pid)
    slow = [process for process in others if process.name() == "postgres"]
    for process in slow:
        process.suspend()
    supervisor.kill()
    servers.stop()
    assert survivors([process for process in others if process not in slow]) == []
    with (state_dir / "servers.lock").open() as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for process in slow:
            process.resume()
        assert survivors(slow) == []
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_kill_in_the_middle_of_initdb_does_not_block_the_next_start(state_dir: Path) -> None:
    unfinished = state_dir / "postgres-18.new" / "PG_VERSION"
    with owner_process(state_dir) as owner:
        processes = family(int(read_line(owner)["supervisor"]))
        deadline = time.monotonic() + 30
        while not unfinished.exists() and time.monotonic() < deadline:
            pass
        assert unfinished.exists()
        processes = family(processes[0].pid)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):  # initdb's own children come and go
                process.kill()
        owner.kill()
        assert survivors(processes) == []
    assert not (state_dir / "postgres-18").exists()
    servers = launch_servers(state_dir)
    servers.wait_ready()
    servers.stop()
    assert not unfinished.exists()


def test_stale_files_do_not_block(state_dir: Path) -> None:
    servers = launch_servers(state_dir)
    write_note(servers.wait_ready()["database_url"])
    servers.stop()
    # The number in it belongs to a live process of PostgreSQL's own user.
    sleeper = subprocess.Popen(["/bin/sleep", "600"], user="nobody" if os.geteuid() == 0 else None)
    (state_dir / "postgres-18" / "postmaster.pid").write_text(f"{sleeper.pid}\n")
    (state_dir / "run" / "pg" / ".s.PGSQL.5432.lock").write_text(f"{sleeper.pid}\n")
    for path in (state_dir / "run/pg/.s.PGSQL.5432", state_dir / "run/redis.sock"):
        with socket.socket(socket.AF_UNIX) as left_over:
            left_over.bind(str(path))
    (state_dir / "servers.lock").write_text(f"{sleeper.pid}\n")
    try:
        assert read_note(state_dir) == "kept"
    finally:
        sleeper.kill()
        sleeper.wait()


def test_two_state_folders_run_side_by_side(state_dir: Path) -> None:
    first, second = launch_servers(state_dir), launch_servers(state_dir.with_name("other"))
    url, other_url = first.wait_ready()["database_url"], second.wait_ready()["database_url"]
    write_note(url)
    assert run_sql(other_url, "SELECT to_regclass('note')") == [(None,)]
    second.stop()
    assert run_sql(url, "SELECT text FROM note") == [("kept",)]
    first.stop()


@pytest.mark.slow
def test_second_set_of_the_same_folder_is_refused(state_dir: Path) -> None:
    first = launch_servers(state_dir)
    url = first.wait_ready()["database_url"]
    second = launch_servers(state_dir)
    with pytest.raises(EmbeddedServerError) as refusal:
        second.wait_ready()
    assert refusal.value.message == (
        f"the embedded servers did not start: the servers of {state_dir} are in use, "
        f"started by process {first.supervisor_pid}"
    )
    second.stop()
    assert run_sql(url, "SELECT 1") == [(1,)]
    first.stop()


def test_redis_keeps_its_keys_over_a_normal_end(state_dir: Path) -> None:
    servers = launch_servers(state_dir, postgres=False)
    with redis.from_url(servers.wait_ready()["redis_url"]) as client:
        client.set("calls", 7)
    servers.stop()
    servers = launch_servers(state_dir, postgres=False)
    with redis.from_url(servers.wait_ready()["redis_url"]) as client:
        assert client.get("calls") == b"7"
    servers.stop()


def test_unreadable_snapshot_of_redis_is_set_aside(state_dir: Path) -> None:
    state_dir.mkdir(mode=0o700)
    (state_dir / "redis").mkdir(mode=0o700)
    (state_dir / "redis" / "dump.rdb").write_bytes(b"REDIS9999 from the future")
    servers = launch_servers(state_dir, postgres=False)
    with redis.from_url(servers.wait_ready()["redis_url"]) as client:
        assert client.dbsize() == 0
    servers.stop()
    kept = (state_dir / "redis" / "dump.rdb.unreadable").read_bytes()
    assert kept == b"REDIS9999 from the future"


def test_deep_state_folder_has_its_sockets_elsewhere(state_dir: Path) -> None:
    deep = state_dir / ("d" * 60) / ("e" * 60)
    servers = launch_servers(deep)
    try:
        write_note(servers.wait_ready()["database_url"])
        assert socket_folder(deep).parent == Path("/tmp")  # noqa: S108
        assert socket_folder(deep).stat().st_mode & 0o067 == 0
    finally:
        servers.stop()
        shutil.rmtree(socket_folder(deep))
    # The sockets' folder is made anew when /tmp was swept.
    try:
        assert read_note(deep) == "kept"
    finally:
        shutil.rmtree(socket_folder(deep))


def test_failure_tells_what_postgres_said(state_dir: Path) -> None:
    data = state_dir / "postgres-18"
    data.mkdir(parents=True, mode=0o700)
    state_dir.chmod(0o700)
    servers = launch_servers(state_dir)
    with pytest.raises(EmbeddedServerError) as failure:
        servers.wait_ready()
    servers.stop()
    assert failure.value.message.startswith(
        "the embedded servers did not start: PostgreSQL ended while starting: "
    )
    assert failure.value.hint == (
        f"the logs are in {state_dir}/logs; "
        "DATABASE_URL and REDIS_URL name servers of your own instead"
    )


@pytest.mark.anyio
async def test_given_urls_start_nothing(state_dir: Path) -> None:
    settings = load_settings(FOREIGN_URLS | {"BOSCO_STATE_DIR": str(state_dir)})
    async with EmbeddedServers(settings) as urls:
        assert urls == ServerUrls(
            "postgresql+psycopg://user@db.example/bosco", "redis://cache.example:6379/0"
        )
    assert not await anyio.Path(state_dir).exists()


@pytest.mark.anyio
async def test_a_given_url_leaves_the_other_server_to_us(state_dir: Path) -> None:
    given = {"DATABASE_URL": FOREIGN_URLS["DATABASE_URL"], "BOSCO_STATE_DIR": str(state_dir)}
    before = set(psutil.Process().children(recursive=True))
    async with EmbeddedServers(load_settings(given)) as urls:
        assert urls == ServerUrls(
            "postgresql+psycopg://user@db.example/bosco", f"unix://{state_dir}/run/redis.sock"
        )
        started = set(psutil.Process().children(recursive=True)) - before
        (supervisor,) = {one for one in started if one.ppid() == os.getpid()}
        # Redis forks itself for a moment, to write its file.
        assert [one.name() for one in supervisor.children()] == ["redis-server"]
    assert survivors(list(started)) == []


@pytest.mark.anyio
async def test_cancelled_start_leaves_no_process(state_dir: Path) -> None:
    settings = load_settings({"BOSCO_STATE_DIR": str(state_dir)})
    before = set(psutil.Process().children(recursive=True))
    with anyio.move_on_after(0.05) as scope:
        async with EmbeddedServers(settings):
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert survivors(list(set(psutil.Process().children(recursive=True)) - before)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_another_user_who_reaches_the_socket_is_refused(state_dir: Path) -> None:
    servers = launch_servers(state_dir)
    account = server_account()
    assert account is not None
    sockets = servers.wait_ready()["database_url"].partition("host=")[2]
    # Wherever the account reaches them: the folder of the programs that run.
    psql = Path(psutil.Process(servers.supervisor_pid).children()[0].exe()).with_name("psql")
    attempt = subprocess.run(  # noqa: S603  # a program of ours
        [psql, "--host", sockets, "--username", "bosco_root", "bosco", "--command", "SELECT 1"],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        capture_output=True,
        check=False,
        text=True,
    )
    servers.stop()
    assert attempt.stdout == ""
    assert 'Peer authentication failed for user "bosco_root"' in attempt.stderr
