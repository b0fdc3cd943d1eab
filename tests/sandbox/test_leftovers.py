"""Private folders that a killed session left."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from py_mono.sandbox.leftovers import sweep
from tests.sandbox.locking import REPOSITORY


def left(base: Path, name: str, *, age_s: float = 3600.0) -> Path:
    folder = base / name
    (folder / "home" / "deep").mkdir(parents=True)
    (folder / "home" / "file").write_text("x", encoding="utf-8")
    stamp = folder.stat().st_mtime - age_s
    os.utime(folder, (stamp, stamp))
    return folder


def test_what_nobody_claims_is_removed(tmp_path: Path) -> None:
    folder = left(tmp_path, "py-mono-12-ab")
    assert sweep(str(tmp_path)) == 1
    assert not folder.exists()


@pytest.mark.parametrize("name", ["py-mono-demo-x", "py-mono-12", "other-12-ab", "py-mono--ab"])
def test_what_is_not_ours_is_left(tmp_path: Path, name: str) -> None:
    folder = left(tmp_path, name)
    assert sweep(str(tmp_path)) == 0
    assert folder.exists()


def test_a_folder_in_use_or_just_made_is_left(tmp_path: Path) -> None:
    used, fresh = left(tmp_path, "py-mono-12-ab"), left(tmp_path, "py-mono-13-ab", age_s=0)
    descriptor = os.open(used, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert sweep(str(tmp_path)) == 0
    os.close(descriptor)
    assert sweep(str(tmp_path)) == 1
    assert fresh.exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x", encoding="utf-8")
    folder = left(tmp_path, "py-mono-12-ab")
    (folder / "home" / "out").symlink_to(precious)
    (tmp_path / "py-mono-13-ab").symlink_to(precious)
    stamp = folder.stat().st_mtime - 3600
    os.utime(folder, (stamp, stamp))
    assert sweep(str(tmp_path)) == 1
    assert (precious / "file").exists()


def test_a_running_session_claims_its_folder(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from py_mono.sandbox.launch import Launcher\n"
        "launcher = Launcher(sys.argv[1]); print(launcher.private_tmp, flush=True); sys.stdin.read()"
    )
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", code, str(workspace)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        os.utime(folder, (1, 1))
        assert sweep(str(tmp_path)) == 0
        process.kill()
    os.utime(folder, (1, 1))
    assert sweep(str(tmp_path)) == 1
