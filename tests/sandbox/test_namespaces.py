import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_mono.sandbox import namespaces
from tests.sandbox.locking import USERS, Arena, arena_for


@pytest.fixture(params=USERS)
def arena(request: pytest.FixtureRequest) -> Iterator[Arena]:
    with arena_for(request.param) as made:
        yield made


def shell(arena: Arena, script: str, **profile: object) -> list[str]:
    """The lines a script prints in namespaces alone: nothing else may be what holds."""
    result = arena.run(arena.profile(["namespaces"], **profile), "/bin/sh", "-c", script)  # type: ignore[arg-type]
    assert result["report"]["layers"]["namespaces"] == "on", result
    assert result["stderr"] == ""
    output: list[str] = result["output"]
    return output


def test_only_what_the_profile_lists_exists(arena: Arena) -> None:
    script = f"ls /home /root /run /mnt /srv {arena.outside} /etc/shadow /etc/ssh 2>/dev/null; ls /dev"
    devices = "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero"
    lines = shell(arena, script)
    assert lines[-13:] == devices.split()
    assert "shadow" not in lines


def test_no_other_process_exists_and_the_parameters_of_the_kernel_are_read_only(arena: Arena) -> None:
    script = (
        "ls /proc | grep -c '^[0-9]'; test -w /proc/sys/kernel/core_pattern || echo closed; test -w /usr || echo closed"
    )
    count, *closed = shell(arena, script)
    assert int(count) <= 5
    assert closed == ["closed", "closed"]


def test_terminals_and_shared_memory_are_its_own(arena: Arena) -> None:
    name = f"/dev/shm/{arena.base.name}"
    Path(name).write_text("")
    try:
        assert shell(arena, f"test -e {name} || echo gone; ls /dev/pts") == ["gone", "ptmx"]
    finally:
        Path(name).unlink()


def test_a_server_of_its_own_is_reached_on_its_own_loopback(arena: Arena) -> None:
    code = "import socket; s = socket.create_server((chr(49)+'27.0.0.1', 0)); c = socket.create_connection(s.getsockname()); print(c.send(b'x'))"
    assert shell(arena, f'{arena.python()} -I -c "{code}"') == ["1"]


def test_further_folders_are_written_and_readable_ones_are_read(arena: Arena) -> None:
    more = arena.base / "more"
    more.mkdir()
    os.chown(more, arena.user, arena.user)
    script = f"echo x > {more}/made && cat {arena.outside}/secret; echo; test -w {arena.outside}/secret || echo closed"
    lines = shell(arena, script, extra_roots=[str(more)], readable=[str(arena.outside)])
    assert lines == ["secret", "closed"]
    assert (more / "made").read_text() == "x\n"


def test_a_readable_path_that_is_a_link_leads_where_it_led(arena: Arena) -> None:
    (arena.base / "link").symlink_to("outside")
    assert shell(arena, f"cat {arena.base}/link/secret; echo", readable=[str(arena.base / "link")]) == ["secret"]


def test_where_there_are_no_keys_none_are_planted(arena: Arena) -> None:
    (arena.workspace / ".keys.enc").unlink()
    assert shell(arena, "test -e .keys.enc || echo none") == ["none"]
    assert not (arena.workspace / ".keys.enc").exists()


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_odd_things_in_place_of_the_keys_do_no_harm(arena: Arena, kind: str) -> None:
    keys = arena.workspace / ".keys.enc"
    keys.unlink()
    if kind == "link":
        keys.symlink_to(arena.outside / "secret")
    elif kind == "folder":
        keys.mkdir()
    else:
        os.mkfifo(keys)
    assert shell(arena, "echo on") == ["on"]


def test_names_that_are_not_utf8_work(arena: Arena) -> None:
    odd = os.fsdecode(os.fsencode(arena.base) + b"/odd\xff name")
    os.mkdir(odd)
    os.chown(odd, arena.user, arena.user)
    profile = arena.profile(["namespaces"], extra_roots=[odd])
    result = arena.run(profile, "/bin/sh", "-c", f"cd {arena.base}/odd* && echo x > made && echo yes")
    assert result["output"] == ["yes"], result
    assert os.path.exists(f"{odd}/made")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("options", ["rw", "ro"])
def test_a_mount_within_the_workspace_keeps_its_own_flags(options: str) -> None:
    with arena_for(0) as arena:
        inner = arena.workspace / "inner"
        inner.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(inner)], check=True)
        try:
            expected = "yes" if options == "rw" else "no"
            assert shell(arena, "touch inner/x 2>/dev/null && echo yes || echo no") == [expected]
        finally:
            subprocess.run(["umount", str(inner)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders there")
@pytest.mark.parametrize("place", ["/run", "/root", "/var/tmp", "/opt"])
def test_a_workspace_may_lie_anywhere(place: str) -> None:
    with arena_for(0) as arena:
        workspace = Path(place) / arena.base.name
        arena.workspace.rename(workspace) if os.stat(place).st_dev == os.stat("/tmp").st_dev else workspace.mkdir()
        arena.workspace = workspace
        try:
            assert shell(arena, "echo x > made && pwd") == [str(workspace)]
            assert (workspace / "made").exists()
        finally:
            subprocess.run(["rm", "-rf", str(workspace)], check=True)


def test_the_private_folder_itself_may_be_the_workspaces_neighbour_in_tmp(arena: Arena) -> None:
    script = f"echo x > $TMPDIR/a; echo y > {arena.private}/b; ls /tmp; ls {arena.private} | grep -c ."
    lines = shell(arena, script)
    assert {"a", "b", "home", arena.base.name} <= {*lines}
    assert (arena.private / "a").read_text() == "x\n"


@pytest.mark.parametrize("release", [("6.18.44-x", True), ("6.14", True), ("6.13.9", False), ("5.15.0-generic", False)])
def test_the_number_of_pids_is_only_set_where_it_is_the_namespaces_own(release: tuple[str, bool]) -> None:
    assert namespaces.limits_pids(release[0]) == release[1]
