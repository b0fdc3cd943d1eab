"""What is kept, the workspace, the machine: each check in a place made for it."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from py_mono.protocol.errors import SandboxError
from py_mono.ui.doctor import workspace
from py_mono.ui.doctor.findings import Finding, size
from py_mono.ui.doctor.kept import checkpoints, dotenv, folders
from py_mono.ui.doctor.machine import describe_terminal, disk, free_bytes, settings
from py_mono.ui.doctor.workspace import git, lock, owner, uv
from tests.ui.doctor.cases import case, lock_of

ROOT = os.geteuid() == 0


def program(folder: Path, name: str, says: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{says}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "mode", "verdict", "detail", "remedy"),
    [
        ("A=1\n# a comment\n\nexport B='2'\n", 0o600, "ok", "2 variables", ""),
        ("A=1\n", 0o644, "warning", "1 variable; others can read it (mode 644)", "chmod 600 "),
        ("A=1\n", 0o640, "warning", "1 variable; others can read it (mode 640)", "chmod 600 "),
        ("", 0o644, "ok", "0 variables", ""),
        (
            "A=1\nwhat is this\nB=2\n",
            0o600,
            "fault",
            "line 2 cannot be understood, and is passed over",
            "${EDITOR:-vi} +2 ",
        ),
        ("A=\udcff\n", 0o600, "ok", "1 variable", ""),
    ],
)
def test_the_file_of_variables(tmp_path: Path, text: str, *, mode: int, verdict: Any, detail: str, remedy: str) -> None:
    path = tmp_path / ".env"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    path.chmod(mode)
    found = dotenv(case(config=str(tmp_path)))
    assert found == Finding(".env", verdict, f"{path}: {detail}", f"{remedy}{path}" if remedy else "")


def test_a_folder_in_the_place_of_the_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert dotenv(case(config=str(tmp_path))).verdict == "fault"


def test_the_folder_of_sessions(tmp_path: Path) -> None:
    state = tmp_path / "state"
    missing = folders(case(state=str(state)))
    state.mkdir()
    (state / "sessions").mkdir(mode=0o700)
    closed = folders(case(state=str(state), config="/c"))
    (state / "sessions").chmod(0o755)
    open_ = folders(case(state=str(state)))
    (tmp_path / "file").touch()
    no_folder = folders(case(state=str(tmp_path / "file")))
    below = folders(case(state=str(tmp_path / "file" / "state")))
    assert missing == Finding("folders", "ok", f"{state} will be made when it is needed")
    assert closed == Finding("folders", "ok", f"{state}; settings in /c")
    assert open_ == Finding("folders", "warning", f"others can read sessions in {state}", f"chmod -R go= {state}")
    assert (no_folder.verdict, no_folder.remedy) == ("fault", f"mv {tmp_path}/file {tmp_path}/file.old")
    assert (below.verdict, below.remedy) == ("fault", "export PY_MONO_HOME=/a/folder/of/yours")


async def test_the_checkpoints_by_number_size_and_age(tmp_path: Path) -> None:
    assert await checkpoints(case(state=str(tmp_path), workspace="/w")) == Finding("checkpoints", "ok", "none yet")
    for name in ("one", "two"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        (tmp_path / "checkpoints" / name / "pack").write_bytes(b"x" * 2000)
    old = time.time() - 3.5 * 86_400
    found = await checkpoints(case(state=str(tmp_path), workspace="/w", stats=lambda: (2000, 7, old)))
    detail = "7 checkpoints, 2.0 kB, the oldest of 3 days ago; of all workspaces 4.0 kB"
    assert found == Finding("checkpoints", "ok", detail)


async def test_a_store_that_is_damaged_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()

    def stats() -> tuple[int, int, float]:
        raise SandboxError("The checkpoints are damaged.", remedy="Move them away.")

    found = await checkpoints(case(state=str(tmp_path), workspace="/w", stats=stats))
    assert found == Finding("checkpoints", "fault", "The checkpoints are damaged. Move them away.")


@pytest.mark.parametrize(
    ("said", "verdict", "detail"),
    [
        ({"layers": {"namespaces": "on", "landlock": "on"}, "open": []}, "ok", "namespaces, Landlock; no network"),
        (
            {"layers": {"namespaces": "off: denied", "landlock": "on"}, "open": ["Tools see processes."]},
            "warning",
            "WITHOUT namespaces (denied); with Landlock; no network Tools see processes.",
        ),
        (
            {"layers": {"namespaces": "on without pids (denied)", "landlock": "on"}, "open": ["Tools see processes."]},
            "ok",
            "namespaces without pids, Landlock; no network Tools see processes.",
        ),
        ({"layers": {"namespaces": "off: chosen"}, "open": ["All."]}, "warning", "NO LOCK: --sandbox off All."),
        (SandboxError("no lock", remedy="Mend it."), "fault", "NO TOOLS: no lock Mend it."),
        (
            {"layers": {"namespaces": "on", "landlock": "off: old"}, "open": ["Mounts alone."]},
            "warning",
            (
                "WITHOUT Landlock (old); with namespaces; no network Mounts alone. "
                "Landlock needs Linux 5.13, and its name in the list of /sys/kernel/security/lsm."
            ),
        ),
    ],
    ids=["whole", "a layer less", "a part less", "none", "no tools", "another layer less"],
)
async def test_the_lock_and_what_it_leaves_open(said: Any, verdict: str, detail: str) -> None:
    found = await lock(case(workspace="/w", lock=lock_of(said)))
    assert (found.verdict, found.detail, bool(found.remedy)) == (verdict, detail, verdict != "ok")


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder of ours that everybody can look into; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1\n",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("kernel/unprivileged_userns_clone", "0\n", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0\n", "sudo sysctl -w user.max_user_namespaces=15000"),
        ("user/max_user_namespaces", "127000\n", "sudo apt install bubblewrap && py-mono --sandbox bubblewrap"),
    ],
)
async def test_what_forbids_namespaces_is_what_is_to_be_changed(
    tmp_path: Path, name: str, value: str, remedy: str
) -> None:
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(value, encoding="ascii")
    without = lock_of({"layers": {"namespaces": "off: denied", "landlock": "on"}, "open": ["Open."]})
    assert (await lock(case(workspace="/w", lock=without), kernel=str(tmp_path))).remedy == remedy


@pytest.mark.parametrize(
    ("current", "remedy"),
    [
        (None, "docker run --security-opt seccomp=docker/seccomp.json …"),
        ("unconfined\n", "docker run --security-opt seccomp=docker/seccomp.json …"),
        ("docker-default (enforce)\n", "docker run --security-opt apparmor=unconfined …"),
    ],
    ids=["no AppArmor", "unconfined", "Docker's profile"],
)
def test_in_a_container_it_is_the_engine_that_forbids_them(public: Path, current: str | None, remedy: str) -> None:
    if current is not None:
        (public / "self" / "attr").mkdir(parents=True)
        (public / "self" / "attr" / "current").write_text(current, encoding="ascii")
    inside = f"workspace._unlocking(case(container=True), {str(public / 'sys')!r})"
    if ROOT:
        assert as_somebody(inside, public) == remedy
        assert workspace._unlocking(case(container=True), "/x") == 'docker compose run --user "$(id -u):$(id -g)" …'
    else:
        assert workspace._unlocking(case(container=True), str(public / "sys")) == remedy


def as_somebody(code: str, folder: Path) -> str:
    """What the code prints when it is run as user 1234."""
    probe = (
        "import os, sys; sys.path.insert(0, sys.argv[2])\n"
        "from tests.ui.doctor.cases import case\nfrom py_mono.ui.doctor import kept, workspace\n"
        f"os.setgid(1234); os.setuid(1234)\nfolder = sys.argv[1]\nprint(({code}))"
    )
    here = str(Path(__file__).resolve().parents[3])
    done = subprocess.run([sys.executable, "-c", probe, str(folder), here], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(not ROOT, reason="only root may become another user")
def test_a_workspace_of_root_is_a_fault_for_anybody_else(public: Path) -> None:
    said = as_somebody("(f := workspace.owner(case(workspace=folder))).verdict, f.remedy", public)
    assert said == str(("fault", f"sudo chown -R 1234:1234 {public}"))
    inside = as_somebody("workspace.owner(case(workspace=folder, container=True)).remedy", public)
    assert inside == f"sudo chown -R 1234:1234 {public}"


@pytest.mark.skipif(not ROOT, reason="only root may become another user")
def test_files_of_root_in_ones_own_workspace_are_a_warning(public: Path) -> None:
    own = public / "own"
    (own / "built").mkdir(parents=True)
    os.chown(own, 1234, 1234)
    said = as_somebody(
        "(f := workspace.owner(case(workspace=folder))).verdict, f.detail.split('; ')[-1], f.remedy", own
    )
    assert said == str(
        ("warning", f"{own}/built is another user's, and may not be written", f"sudo chown -R 1234:1234 {own}")
    )


@pytest.mark.skipif(not ROOT, reason="only root may become another user")
def test_a_folder_of_sessions_that_belongs_to_root_is_a_fault(public: Path) -> None:
    said = as_somebody("(f := kept.folders(case(state=folder))).verdict, f.remedy", public)
    assert said == str(("fault", f"sudo chown -R 1234:1234 {public}"))


def test_a_workspace_of_ones_own_is_fine(tmp_path: Path) -> None:
    assert owner(case(workspace=str(tmp_path))).verdict == "ok"
    assert owner(case()).verdict == "not_checked"


async def test_git_is_looked_for_and_never_asked_about_the_workspace(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    (workspace / "inner").mkdir(parents=True)
    found = program(tmp_path / "bin", "git", f'echo "git version 9 in $PWD with $# words"; echo ran >> {tmp_path}/ran')
    path = {"PATH": str(found.parent)}
    none = await git(case(path, workspace=str(workspace / "inner")))
    (workspace / ".git").mkdir()
    some = await git(case(path, workspace=str(workspace / "inner")))
    assert none.detail.startswith("git version 9 in / with 1 words; the workspace is no repository")
    assert some.detail == "git version 9 in / with 1 words; the workspace is a repository"
    missing = await git(case({"PATH": str(tmp_path)}, workspace=str(workspace)))
    assert (missing.verdict, missing.remedy) == ("warning", "sudo apt install git")


async def test_a_program_that_a_model_may_have_written_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    planted = program(tmp_path / "w" / ".venv" / "bin", "git", f"echo ran > {mark}")
    found = await git(case({"PATH": str(planted.parent)}, workspace=str(tmp_path / "w")))
    link = tmp_path / "bin" / "git"
    link.parent.mkdir()
    link.symlink_to(planted)
    linked = await git(case({"PATH": str(link.parent)}, workspace=str(tmp_path / "w")))
    assert found.detail.startswith(f"{planted} lies in the workspace, and was not run")
    assert linked.detail.startswith(f"{link} lies in the workspace, and was not run")
    assert not mark.exists()


async def test_a_program_that_hangs_or_does_not_start_is_said(tmp_path: Path) -> None:
    hanging = program(tmp_path / "a", "git", "exec sleep 30")
    broken = tmp_path / "b" / "git"
    broken.parent.mkdir()
    broken.write_bytes(b"\x00\x01")
    broken.chmod(0o755)
    assert (await git(case({"PATH": str(hanging.parent)}))).detail == f"{hanging} does not run (TimeoutExpired)"
    assert (await git(case({"PATH": str(broken.parent)}))).detail == f"{broken} does not run (OSError)"


async def test_uv_is_of_use_where_tools_see_it(tmp_path: Path) -> None:
    found = program(tmp_path / "bin", "uv", "echo uv 1.2.3")
    said = await uv(case({"PATH": str(found.parent)}, workspace="/w"))
    assert said == Finding(
        "uv",
        "warning",
        f"uv 1.2.3, {found}: the tools do not see that folder",
        f"sudo install {found} /usr/local/bin/uv",
    )
    assert (await uv(case({"PATH": "/nonexistent"}))).verdict == "ok"


@pytest.mark.parametrize(
    ("environment", "tty", "encoding", "verdict", "remedy"),
    [
        ({"TERM": "xterm"}, True, "utf-8", "ok", ""),
        ({"TERM": "dumb"}, True, "utf-8", "warning", "export TERM=xterm-256color"),
        ({}, True, "utf-8", "warning", "export TERM=xterm-256color"),
        ({}, False, "UTF8", "ok", ""),
        ({"TERM": "xterm"}, True, "ascii", "warning", "export LANG=C.UTF-8"),
        ({}, False, "latin-1", "warning", "export LANG=C.UTF-8"),
    ],
)
def test_terminals(environment: dict[str, str], *, tty: bool, encoding: str, verdict: str, remedy: str) -> None:
    found = describe_terminal(environment, tty=tty, encoding=encoding)
    assert (found.verdict, found.remedy) == (verdict, remedy)


def test_room_is_that_of_the_nearest_folder_there_is(tmp_path: Path) -> None:
    assert abs(free_bytes(str(tmp_path / "a" / "b")) - free_bytes(str(tmp_path))) < 1 << 30
    found = disk(case(state=str(tmp_path / "none"), workspace=str(tmp_path)))
    assert [part.partition(":")[0] for part in found.detail.split(", ")] == [
        "sessions and checkpoints",
        "workspace",
        "temporary files",
    ]


def test_a_full_disk_is_a_fault() -> None:
    found = disk(case(state="/proc", workspace=""))  # which has no room at all
    assert (found.verdict, found.remedy) == ("fault", "export PY_MONO_HOME=/a/folder/with/room")


def test_problems_of_the_settings_are_faults() -> None:
    found = settings(case(problems=(("one", ""), ("two", "mend two"), ("three", "unset THREE"))))
    assert found == Finding("settings", "fault", "one; two: mend two; three", "unset THREE")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_345, "12 kB"),
        (3.4e9, "3.4 GB"),
        (2e12, "2.0 TB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_sizes(number: float, said: str) -> None:
    assert size(number) == said
