"""Where the embedded servers keep data, sockets and logs.

    state folder + account -> plan_layout -> Layout -> prepare (folders made, owners checked)

Everything lies in the state folder unless that cannot work:

- A socket's path may have 107 bytes. A deep checkout gets a short folder under `/tmp`.
- PostgreSQL started by root runs as `nobody`, which must reach its data, its socket and its own
  programs. A checkout under a closed folder (`/root`) gets a private folder under `/var/tmp`, and a
  link in the state folder points to it.

Both are named after the user and the state folder, so two checkouts never meet.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.embedded.account import LET_IN_MODE, Account, can_reach, let_in
from api.embedded.errors import EmbeddedServerError

__all__ = ["Layout", "make_private", "plan_layout", "prepare", "socket_folder"]

POSTGRES_FOLDER: Final = "postgres-18"  # data of one major release is unreadable to the next

# Files that only a state folder, or its folder of logs, holds.
MARKS: Final = frozenset({"owner.lock", "servers.lock", "bosco.log"})

# Shared by all users, therefore only ever used for folders that `make_private` has checked.
SHORT_BASE: Final = Path("/tmp")  # noqa: S108
REACHABLE_BASE: Final = Path("/var/tmp")  # noqa: S108

# sockaddr_un.sun_path has 108 bytes on Linux and 104 on macOS, the closing zero included.
LONGEST_SOCKET_PATH: Final = 103
LONGEST_SOCKET_NAME: Final = "pg/.s.PGSQL.5432.lock"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one set of embedded servers.

    Attributes:
        state: The state folder; locks, logs and Redis' snapshot lie here.
        run: Sockets of ours; closed to other users.
        postgres_home: Parent of PostgreSQL's data: the state folder, or one its account reaches.
        postgres_sockets: Holds PostgreSQL's socket alone; it may belong to another account.
        postgres_programs: The folder with `bin`, `lib` and `share`.
        account: Who runs PostgreSQL; None: the present user.
    """

    state: Path
    run: Path
    postgres_home: Path
    postgres_sockets: Path
    postgres_programs: Path
    account: Account | None

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data folder; made by `initdb`, not by `prepare`."""
        return self.postgres_home / POSTGRES_FOLDER

    @property
    def redis_socket(self) -> Path:
        """Redis' socket."""
        return self.run / "redis.sock"

    @property
    def redis_data(self) -> Path:
        """The folder of Redis' snapshot."""
        return self.state / "redis"

    @property
    def logs(self) -> Path:
        """One log file a server."""
        return self.state / "logs"


def socket_folder(state: Path) -> Path:
    """Tell where the sockets of a state folder lie; the same for every process of a user."""
    folder = state / "run"
    if len(os.fsencode(folder / LONGEST_SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
        return folder
    return _own_folder(SHORT_BASE, state)


def plan_layout(
    state: Path,
    programs: Path,
    account: Account | None,
    *,
    reachable_base: Path = REACHABLE_BASE,
) -> Layout:
    """Decide where everything goes. Reads permission bits; changes nothing.

    Args:
        state: The absolute state folder; need not exist.
        programs: The installed folder with PostgreSQL's `bin`, `lib` and `share`.
        account: Who runs PostgreSQL; None: the present user.
        reachable_base: Where to put what the account cannot reach in its own place.
    """
    run = socket_folder(state)
    home, sockets = state, run / "pg"
    if account is not None:
        if not can_reach(account, _first_existing(state.parent)):
            home = _own_folder(reachable_base, state)
            sockets = home / "pg"
        if not can_reach(account, programs / "bin"):
            programs = _copied_programs(reachable_base, programs)
    return Layout(state, run, home, sockets, programs, account)


def prepare(layout: Layout, installed_programs: Path) -> None:
    """Make the folders, closed to other users, and give PostgreSQL's account what is its own.

    Args:
        layout: The plan.
        installed_programs: Copied once when the account cannot reach them where they are.

    Raises:
        EmbeddedServerError: A folder is somebody else's, or something else stands in its place.
    """
    make_private(layout.state)
    for folder in (layout.run, layout.redis_data, layout.logs):
        make_private(folder)
    if layout.postgres_home != layout.state:
        _move_outside(layout)
    if layout.account is None:
        make_private(layout.postgres_sockets)
        return
    for folder in (layout.state, layout.postgres_home, layout.postgres_sockets.parent):
        let_in(layout.account, folder)
    layout.postgres_sockets.mkdir(mode=0o700, exist_ok=True)
    os.chown(layout.postgres_sockets, layout.account.uid, layout.account.gid)
    if layout.postgres_programs != installed_programs:
        _copy_programs(installed_programs, layout.postgres_programs, layout.account)


def make_private(folder: Path) -> None:
    """Make a folder that only the present user can list, or check that an existing one is such.

    An existing folder is closed to others only when it is empty or Bosco's own.

    Raises:
        EmbeddedServerError: It belongs to another user, is open to others with foreign files in it,
            is not a folder, or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _close_to_others(folder)
    except OSError as error:
        raise EmbeddedServerError(
            f"{folder} cannot be made a folder of this user: {error.strerror}",
            hint="set BOSCO_STATE_DIR to a folder that you may write; it is made when absent",
        ) from error


def _close_to_others(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise EmbeddedServerError(
            f"{folder} is not a folder of the user who runs this (uid {os.geteuid()})",
            hint="remove it, or set BOSCO_STATE_DIR to a folder of your own",
        )
    if stat.S_IMODE(found.st_mode) & ~LET_IN_MODE:
        names = {path.name for path in folder.iterdir()}
        if names and names.isdisjoint(MARKS):
            # It may be a home, or a folder of the system, that others have to enter.
            raise EmbeddedServerError(
                f"{folder} is open to other users and holds files that are not Bosco's",
                hint="set BOSCO_STATE_DIR to a folder of its own; it is made when absent",
            )
        folder.chmod(0o700)


def _own_folder(base: Path, owner: Path, version: str = "") -> Path:
    key = hashlib.sha256(os.fsencode(owner) + version.encode()).hexdigest()[:16]
    return base / f"bosco-{os.geteuid()}-{key}"


def _copied_programs(base: Path, installed: Path) -> Path:
    """Tell where the reachable copy lies: another folder for another build of the programs."""
    build = (installed / "bin" / "postgres").stat()
    version = f"{build.st_size}:{build.st_mtime_ns}"
    return _own_folder(base, installed, version) / installed.parent.name / installed.name


def _first_existing(folder: Path) -> Path:
    return next(found for found in (folder, *folder.parents) if found.exists())


def _move_outside(layout: Layout) -> None:
    """Link the state folder to the data outside.

    Data without a link is an orphan and removed: who deletes the state folder to start afresh means
    the database too.
    """
    link = layout.state / POSTGRES_FOLDER
    if link.is_symlink() and link.readlink() != layout.postgres_data:
        raise EmbeddedServerError(
            f"{layout.state} was moved or copied: its database lies in {link.readlink()}",
            hint=f"move that folder to {layout.postgres_data} and remove {link}, "
            f"or only remove {link} to start with an empty database",
        )
    if link.is_dir() and not link.is_symlink():
        raise EmbeddedServerError(
            f"{link} cannot be reached by the account that PostgreSQL runs as",
            hint="move the checkout back to where it was, or remove that folder to start afresh",
        )
    if not link.is_symlink():
        shutil.rmtree(layout.postgres_home, ignore_errors=True)
        link.symlink_to(layout.postgres_data)
    make_private(layout.postgres_home)
    _log.info("PostgreSQL's data lies in %s, where its account can enter", layout.postgres_data)


def _copy_programs(installed: Path, copy: Path, account: Account) -> None:
    """Copy `<packages>/<wheel>/<programs>`, and the libraries that lie beside the wheel."""
    wheel, home = installed.parent, copy.parent.parent
    make_private(home)
    let_in(account, home)
    # State folders of one checkout share the copy, and may start at the same time.
    with (home / "copy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if copy.exists():
            return
        libraries = wheel.with_name(f"{wheel.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, home / libraries.name, symlinks=True, dirs_exist_ok=True)
        unfinished = copy.with_name(f"{copy.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(installed, unfinished, symlinks=True)
        for folder in (home / libraries.name, copy.parent):
            _let_all_read(folder)
        unfinished.rename(copy)
    _log.info("PostgreSQL's programs were copied to %s, where its account can enter", copy)


def _let_all_read(folder: Path) -> None:
    """Undo the strict umask of whoever installed the programs; `folder` lies in a closed one."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))
