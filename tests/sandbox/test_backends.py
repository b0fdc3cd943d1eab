"""How a worker is started for each backend."""

import os
from pathlib import Path

import pytest

from py_mono.protocol.errors import SandboxError
from py_mono.sandbox import backends
from py_mono.sandbox.launch import Launcher
from py_mono.sandbox.profile import Profile


def profile(tmp_path: Path, backend: str) -> Profile:
    return Profile(
        workspace=str(tmp_path), private_tmp=str(tmp_path / "private"), readable=["/usr", "/bin", "/no/such"],
        hidden=[str(tmp_path / ".keys.enc")], backend=backend,
    )  # fmt: skip


@pytest.mark.parametrize("backend", ["auto", "container", "off"])
def test_our_own_layers_need_no_program_but_this_python(tmp_path: Path, backend: str) -> None:
    argv = backends.command(profile(tmp_path, backend), 4)
    assert argv[1:4] == ["-I", "-S", "-c"]
    assert Profile.from_json(argv[-1]).backend == backend


def test_an_unknown_backend_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no sandbox backend 'jail'") as refused:
        backends.command(profile(tmp_path, "jail"), 4)
    assert refused.value.remedy == "Choose one of auto, bubblewrap, container, off (--sandbox)."


def test_bubblewrap_that_is_not_installed_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="bwrap is not installed") as refused:
        backends.command(profile(tmp_path, "bubblewrap"), 4, bubblewrap=("/no/such/bwrap",))
    assert "apt install bubblewrap" in refused.value.remedy


def test_bubblewrap_that_cannot_become_the_owner_is_refused_with_the_remedy(tmp_path: Path) -> None:
    owned = profile(tmp_path, "bubblewrap")
    owned.uid = owned.gid = 1000
    with pytest.raises(SandboxError, match=r"cannot become the workspace's owner \(user 1000\)") as refused:
        backends.command(owned, 4, bubblewrap=("/bin/sh",))
    assert "--sandbox auto" in refused.value.remedy


def test_bubblewrap_shows_what_the_profile_shows_and_hides_the_keys(tmp_path: Path) -> None:
    (tmp_path / ".keys.enc").touch()
    program = tmp_path / "bwrap"
    program.touch(mode=0o755)
    shown = profile(tmp_path, "bubblewrap")
    shown.hidden = (*shown.hidden, "/proc/version")
    argv = backends.command(shown, 4, bubblewrap=(str(program),))
    options = " ".join(argv[: argv.index("--")])
    assert "/proc/version" not in options
    assert options.startswith(f"{program} --unshare-all --die-with-parent --as-pid-1 --info-fd 4")
    assert "--ro-bind /usr /usr" in options
    assert f"--bind {tmp_path} {tmp_path}" in options
    assert f"--ro-bind /dev/null {tmp_path}/.keys.enc" in options
    assert "/no/such" not in options
    assert "--share-net" not in options


def test_a_failed_start_leaves_no_descriptor_open(tmp_path: Path) -> None:
    launcher = Launcher(str(tmp_path), backend="jail")
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with pytest.raises(SandboxError):
            launcher.start()
    assert os.listdir("/proc/self/fd") == before
    launcher.close()


def test_the_private_folder_goes_with_all_that_is_in_it_and_nothing_else(tmp_path: Path) -> None:
    launcher = Launcher(str(tmp_path))
    private = Path(launcher.private_tmp)
    (tmp_path / "mine").touch()
    (private / "deep" / "er").mkdir(parents=True)
    (private / "deep" / "er" / "file").touch()
    (private / "closed").mkdir(mode=0)
    (private / "link").symlink_to(tmp_path)
    os.mkfifo(private / "pipe")
    launcher.close()
    launcher.close()
    assert not private.exists()
    assert (tmp_path / "mine").exists()


def test_a_folder_for_temporary_files_that_cannot_be_used_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    with pytest.raises(SandboxError, match="no private folder can be made") as refused:
        Launcher(str(tmp_path))
    assert "TMPDIR" in refused.value.remedy
