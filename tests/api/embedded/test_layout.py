import os
from pathlib import Path

import pytest

from api.embedded.account import Account, can_reach, let_in, server_account
from api.embedded.errors import EmbeddedServerError
from api.embedded.layout import Layout, make_private, plan_layout, prepare, socket_folder

STRANGER = Account("stranger", 54_321, 54_321)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def fake_programs(folder: Path) -> Path:
    programs = folder / "packages" / "wheel" / "pginstall18"
    (programs / "bin").mkdir(parents=True)
    (folder / "packages" / "wheel.libs").mkdir()
    (folder / "packages" / "wheel.libs" / "libpq.so").write_text("libpq")
    (programs / "bin" / "postgres").write_text("postgres")
    (programs / "bin" / "postgres").chmod(0o700)
    (programs / "bin").chmod(0o700)
    return programs


def test_everything_lies_in_a_short_state_folder(state_dir: Path) -> None:
    programs = fake_programs(state_dir.parent)
    assert plan_layout(state_dir, programs, None) == Layout(
        state=state_dir,
        run=state_dir / "run",
        postgres_home=state_dir,
        postgres_sockets=state_dir / "run" / "pg",
        postgres_programs=programs,
        account=None,
    )


@pytest.mark.parametrize(("length", "is_inside"), [(77, True), (78, False)])
def test_socket_paths_never_exceed_what_the_system_allows(length: int, *, is_inside: bool) -> None:
    state = Path("/" + "s" * (length - 1))
    folder = socket_folder(state)
    assert (folder == state / "run") is is_inside
    assert len(str(folder / "pg/.s.PGSQL.5432.lock")) <= 103


def test_two_deep_state_folders_have_two_socket_folders() -> None:
    one, other = Path("/" + "s" * 200), Path("/" + "s" * 199 + "t")
    assert socket_folder(one) != socket_folder(other)
    assert socket_folder(one).parent == Path("/tmp")  # noqa: S108
    assert socket_folder(one).name.startswith(f"bosco-{os.geteuid()}-")


def test_unreachable_state_and_programs_move_to_a_reachable_place(state_dir: Path) -> None:
    closed = state_dir.parent
    closed.chmod(0o700)
    layout = plan_layout(state_dir, fake_programs(closed), STRANGER)
    assert layout.run == state_dir / "run"
    for moved in (layout.postgres_home, layout.postgres_programs.parent.parent):
        assert moved.parent == Path("/var/tmp")  # noqa: S108
    assert layout.postgres_sockets == layout.postgres_home / "pg"
    assert layout.postgres_programs.parts[-2:] == ("wheel", "pginstall18")


def test_reaching_counts_every_folder_on_the_way(state_dir: Path) -> None:
    state_dir.mkdir(mode=0o755)
    state_dir.parent.chmod(0o755)
    assert can_reach(STRANGER, state_dir)
    state_dir.parent.chmod(0o700)
    assert not can_reach(STRANGER, state_dir)
    assert can_reach(Account("self", os.geteuid(), os.getegid()), state_dir)


def test_foreign_or_false_folders_are_refused(state_dir: Path) -> None:
    target = state_dir.parent / "target"
    target.mkdir()
    state_dir.symlink_to(target)
    with pytest.raises(EmbeddedServerError) as refusal:
        make_private(state_dir)
    assert refusal.value.message == (
        f"{state_dir} is not a folder of the user who runs this (uid {os.geteuid()})"
    )
    assert refusal.value.hint == "remove it, or set BOSCO_STATE_DIR to a folder of your own"


def test_a_file_in_the_place_of_the_folder_is_told(state_dir: Path) -> None:
    state_dir.write_text("", encoding="utf-8")
    for folder, reason in ((state_dir, "File exists"), (state_dir / "run", "Not a directory")):
        with pytest.raises(EmbeddedServerError) as refusal:
            make_private(folder)
        assert refusal.value.message == (f"{folder} cannot be made a folder of this user: {reason}")
        assert refusal.value.hint == (
            "set BOSCO_STATE_DIR to a folder that you may write; it is made when absent"
        )


def test_open_folder_is_closed(state_dir: Path) -> None:
    state_dir.mkdir(mode=0o777)
    make_private(state_dir)
    assert state_dir.stat().st_mode & 0o777 == 0o700


def test_an_own_folder_that_was_opened_is_closed_again(state_dir: Path) -> None:
    make_private(state_dir)
    (state_dir / "owner.lock").touch()
    state_dir.chmod(0o755)
    make_private(state_dir)
    assert state_dir.stat().st_mode & 0o777 == 0o700


def test_a_folder_of_others_is_left_as_it_is(state_dir: Path) -> None:
    state_dir.mkdir()
    (state_dir / "letters.txt").touch()
    state_dir.chmod(0o755)
    with pytest.raises(EmbeddedServerError) as caught:
        make_private(state_dir)
    assert caught.value.message == (
        f"{state_dir} is open to other users and holds files that are not Bosco's"
    )
    assert caught.value.hint == "set BOSCO_STATE_DIR to a folder of its own; it is made when absent"
    assert state_dir.stat().st_mode & 0o777 == 0o755


def test_an_open_folder_of_our_log_is_closed(state_dir: Path) -> None:
    logs = state_dir / "logs"
    logs.mkdir(mode=0o755, parents=True)
    (logs / "bosco.log").write_text("", encoding="utf-8")
    make_private(logs)
    assert logs.stat().st_mode & 0o777 == 0o700


@needs_root
def test_passage_for_the_servers_account_stays_open(state_dir: Path) -> None:
    account = server_account()
    assert account is not None
    state_dir.mkdir()
    let_in(account, state_dir)
    make_private(state_dir)
    found = state_dir.stat()
    assert (found.st_mode & 0o777, found.st_uid, found.st_gid) == (0o710, 0, account.gid)


@needs_root
def test_unreachable_checkout_gets_a_linked_data_folder(state_dir: Path) -> None:
    state_dir.parent.chmod(0o700)
    outside = state_dir.parent / "var-tmp"
    outside.mkdir()
    account = server_account()
    programs = fake_programs(state_dir.parent)
    layout = plan_layout(state_dir, programs, account, reachable_base=outside)
    prepare(layout, programs)
    assert layout.postgres_home.parent == outside
    assert (state_dir / "postgres-18").readlink() == layout.postgres_data
    copied = layout.postgres_programs
    assert copied.parent.parent.parent == outside
    assert (copied / "bin" / "postgres").read_text() == "postgres"
    assert (copied / "../../wheel.libs/libpq.so").read_text() == "libpq"
    assert account is not None
    for path in (copied.parent, copied / "bin", copied / "bin" / "postgres"):
        assert path.stat().st_mode & 0o777 == 0o755
    assert layout.postgres_sockets.stat().st_uid == account.uid

    # Data whose link is gone belongs to a state folder that was deleted.
    layout.postgres_data.mkdir()
    prepare(layout, programs)
    assert layout.postgres_data.exists()
    (state_dir / "postgres-18").unlink()
    prepare(layout, programs)
    assert not layout.postgres_data.exists()


@needs_root
def test_moved_state_folder_is_told_where_its_data_lies(state_dir: Path) -> None:
    state_dir.parent.chmod(0o700)
    outside = state_dir.parent / "var-tmp"
    outside.mkdir()
    programs = fake_programs(state_dir.parent)
    layout = plan_layout(state_dir, programs, server_account(), reachable_base=outside)
    prepare(layout, programs)
    moved = state_dir.rename(state_dir.with_name("moved"))
    new_layout = plan_layout(moved, programs, server_account(), reachable_base=outside)
    with pytest.raises(EmbeddedServerError) as refusal:
        prepare(new_layout, programs)
    link = moved / "postgres-18"
    assert refusal.value.message == (
        f"{moved} was moved or copied: its database lies in {layout.postgres_data}"
    )
    assert refusal.value.hint == (
        f"move that folder to {new_layout.postgres_data} and remove {link}, "
        f"or only remove {link} to start with an empty database"
    )
