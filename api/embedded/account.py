"""The system account that PostgreSQL runs as: it refuses to run as root.

    effective user -> None (an ordinary user: run as oneself) | Account (root: run as `nobody`)

`initdb` looks its user up by name, so the account must stand in the user database: a bare number
would not do, and `nobody` exists on every distribution.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.embedded.errors import EmbeddedServerError

__all__ = ["LET_IN_MODE", "Account", "can_reach", "let_in", "server_account"]

UNPRIVILEGED_NAME: Final = "nobody"

LET_IN_MODE: Final = 0o710  # the owner does all; the group passes through and lists nothing


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged user of this machine."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Tell which account PostgreSQL must change to.

    Returns:
        None when this process is an ordinary user; the unprivileged account when it is root.

    Raises:
        EmbeddedServerError: Root, and the machine has no user `nobody`.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_NAME)
    except KeyError:
        raise EmbeddedServerError(
            "PostgreSQL does not run as root, and this machine has no user 'nobody' to run it as",
            hint="run as an ordinary user, or set DATABASE_URL to a server of your own",
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def can_reach(account: Account, path: Path) -> bool:
    """Tell whether `account` may pass through every folder down to and including `path`.

    Reads the permission bits only; access-control lists beyond them are not considered.
    """
    resolved = path.resolve()
    folders = [resolved, *resolved.parents]
    return all(_may_pass(account, folder.stat()) for folder in folders)


def let_in(account: Account, folder: Path) -> None:
    """Let `account`, and nobody else, pass through a folder of ours.

    It opens what it knows by name and may read; it lists nothing.
    """
    os.chown(folder, -1, account.gid)
    folder.chmod(LET_IN_MODE)


def _may_pass(account: Account, folder: os.stat_result) -> bool:
    if folder.st_uid == account.uid:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == account.gid:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)
