import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.git import keep_out
from tests.security.keys.safe import Safe, told

_CLEAN = {
    "PATH": os.environ["PATH"], "HOME": "/nowhere", "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
}  # fmt: skip


def git(folder: Path, *words: str) -> str:
    words = ("-c", "protocol.file.allow=always", *words)
    return subprocess.run(["git", *words], cwd=folder, env=_CLEAN, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def safe(tmp_path: Path) -> Safe:
    return Safe(tmp_path)


def seen_by_git(workspace: Path) -> bool:
    return ".keys.enc" in git(workspace, "ls-files", "--others", "--exclude-standard", "--", ".keys.enc")


def test_the_first_key_is_never_seen_by_git(safe: Safe) -> None:
    git(safe.workspace, "init")
    safe.open().set("groq", "gsk_one")
    assert not seen_by_git(safe.workspace)
    git(safe.workspace, "add", "-A")
    assert git(safe.workspace, "ls-files") == ""
    exclude = safe.workspace / ".git/info/exclude"
    before = exclude.read_text()
    assert before.endswith("\n.keys.enc\n")
    safe.open().set("openai", "sk-two")
    assert exclude.read_text() == before


@pytest.mark.parametrize("line", [".keys.enc", "/.keys.enc", ".keys.enc  "])
def test_who_ignores_it_already_is_left_alone(safe: Safe, line: str) -> None:
    git(safe.workspace, "init")
    (safe.workspace / ".gitignore").write_text(f"x\n{line}\ny")
    before = (safe.workspace / ".git/info/exclude").read_bytes()
    safe.open().set("groq", "gsk_one")
    assert (safe.workspace / ".git/info/exclude").read_bytes() == before
    assert not seen_by_git(safe.workspace)


@pytest.mark.parametrize("there", [None, b"", b"*.o", b"*.o\n"])
def test_the_line_goes_to_what_is_there(safe: Safe, there: bytes | None) -> None:
    git(safe.workspace, "init", "--template=")
    exclude = safe.workspace / ".git/info/exclude"
    if there is not None:
        exclude.parent.mkdir()
        exclude.write_bytes(there)
    keep_out(str(safe.workspace))
    keep_out(str(safe.workspace))
    assert exclude.read_bytes() == (b"*.o\n" if there and b"o" in there else b"") + b".keys.enc\n"


def test_the_repository_of_a_parent_counts(safe: Safe) -> None:
    git(safe.base, "init")
    (safe.workspace / ".git").mkdir()  # an empty folder is no repository
    safe.open().set("groq", "gsk_one")
    assert not seen_by_git(safe.workspace)
    git(safe.base, "add", "-f", "w/.keys.enc")
    with pytest.raises(ConfigError, match="is tracked by git in"):
        safe.open().set("groq", "gsk_two")


def test_a_worktree_has_its_own_index_and_shares_what_is_ignored(safe: Safe) -> None:
    main = safe.base / "main"
    main.mkdir()
    git(main, "init")
    git(main, "commit", "--allow-empty", "-m", "x")
    safe.workspace.rmdir()
    git(main, "worktree", "add", str(safe.workspace))
    assert (safe.workspace / ".git").is_file()
    safe.open().set("groq", "gsk_one")
    assert not seen_by_git(safe.workspace)
    git(safe.workspace, "add", "-f", ".keys.enc")
    with pytest.raises(ConfigError, match="is tracked by git in"):
        safe.open().set("groq", "gsk_two")


def test_a_submodule_counts_for_itself(safe: Safe) -> None:
    for name in ("inner", "outer"):
        (safe.base / name).mkdir()
        git(safe.base / name, "init")
        git(safe.base / name, "commit", "--allow-empty", "-m", "x")
    git(safe.base / "outer", "submodule", "add", str(safe.base / "inner"), "sub")
    sub = safe.base / "outer/sub"
    assert (sub / ".git").is_file()
    keep_out(str(sub))
    (sub / ".keys.enc").touch()
    assert not seen_by_git(sub)
    git(sub, "add", "-f", ".keys.enc")
    with pytest.raises(ConfigError, match="is tracked by git in"):
        keep_out(str(sub))


@pytest.mark.parametrize("version", ["2", "3", "4"])
@pytest.mark.parametrize("digests", ["sha1", "sha256"])
@pytest.mark.parametrize("inside", [".", "sub", "a/b" + "/long" * 30])
def test_a_tracked_file_is_refused_until_it_is_untracked(safe: Safe, version: str, digests: str, inside: str) -> None:
    git(safe.base, "init", f"--object-format={digests}")
    git(safe.base, "config", "index.version", version)
    workspace = safe.base / inside
    workspace.mkdir(parents=True, exist_ok=True)
    for name in (".keys.abc", ".keys.enc", ".keys.enc.old", ".keys.encx", "x.keys.enc", *map(str, range(300))):
        (workspace / name).write_text(name)
    (safe.base / ("a" + "/longer" * 30)).mkdir(parents=True)
    (safe.base / ("a" + "/longer" * 30) / "x").write_text("x")
    git(safe.base, "add", "-A")
    if version == "3":  # it is written only where something needs it
        git(workspace, "reset", ".keys.enc")
        git(workspace, "add", "-N", ".keys.enc")
    assert (safe.base / ".git/index").read_bytes()[7] == int(version)
    with pytest.raises(ConfigError, match=r"\.keys\.enc is tracked by git in") as caught:
        keep_out(str(workspace))
    command, _, _ = caught.value.remedy.partition(",")
    git(safe.base, *command.split()[1:], "-f")
    keep_out(str(workspace))
    assert not seen_by_git(workspace)
    assert ".keys.enc.old" in git(workspace, "ls-files")


def test_a_tracked_file_keeps_its_keys(safe: Safe) -> None:
    safe.open().set("groq", "gsk_one")
    git(safe.workspace, "init")
    git(safe.workspace, "add", ".keys.enc")
    before = safe.content
    for act in (lambda: safe.open().set("groq", "gsk_two"), safe.open().rotate, lambda: safe.open().remove("groq")):
        with pytest.raises(ConfigError, match="tracked by git") as caught:
            act()
        assert "rm --cached .keys.enc" in told(caught.value)
    assert safe.content == before
    assert safe.open().look("groq", ()).key == "gsk_one"


def planted_link(info: Path, target: Path) -> None:
    (info / "exclude").unlink()
    (info / "exclude").symlink_to(target)


def planted_hard_link(info: Path, target: Path) -> None:
    (info / "exclude").unlink()
    os.link(target, info / "exclude")


def planted_pipe(info: Path, _: Path) -> None:
    (info / "exclude").unlink()
    os.mkfifo(info / "exclude")


def planted_folder(info: Path, target: Path) -> None:
    (info / "exclude").rename(target.parent / "exclude")
    info.rmdir()
    info.symlink_to(target.parent)


@pytest.mark.parametrize("plant", [planted_link, planted_hard_link, planted_pipe, planted_folder])
def test_what_a_tool_planted_there_is_not_written_through(safe: Safe, plant) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a function
    git(safe.workspace, "init")
    target = safe.base / "target"
    target.write_text("as it was")
    plant(safe.workspace / ".git/info", target)
    with pytest.raises(ConfigError, match=r"git cannot be told to leave \.keys\.enc alone") as caught:
        safe.open().set("groq", "gsk_one")
    assert f"add the line .keys.enc to {safe.workspace}/.gitignore" in told(caught.value)
    assert target.read_text() == "as it was"
    assert b"keys.enc" not in b"".join(path.read_bytes() for path in safe.base.glob("exclude"))
    assert safe.content is None
    (safe.workspace / ".gitignore").write_text(".keys.enc\n")
    safe.open().set("groq", "gsk_one")
    assert target.read_text() == "as it was"


@pytest.mark.parametrize(
    "dotgit", [b"", b"gitdir: ", b"gitdir: ../nowhere", b"gitdir: a\0b", b"gitdir: \xff", b"\xff" * 9000]
)
def test_a_git_file_that_leads_nowhere_is_no_repository(safe: Safe, dotgit: bytes) -> None:
    (safe.workspace / ".git").write_bytes(dotgit)
    safe.open().set("groq", "gsk_one")
    assert safe.open().stored() == ("groq",)


@pytest.mark.parametrize("commondir", [b"a\0b", b"\xff", b"../../..", b""])
def test_a_repository_that_leads_nowhere_is_none(safe: Safe, commondir: bytes) -> None:
    git(safe.workspace, "init")
    (safe.workspace / ".git/commondir").write_bytes(commondir)
    safe.open().set("groq", "gsk_one")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), version=st.sampled_from([0, 2, 3, 4, 9]), count=st.integers(0, 2**32 - 1))
def test_an_index_of_any_bytes_is_borne(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, version: int, count: int
) -> None:
    workspace = tmp_path_factory.mktemp("index")
    git(workspace, "init")
    index = b"DIRC" + version.to_bytes(4, "big") + count.to_bytes(4, "big") + data
    (workspace / ".git/index").write_bytes(index)
    keep_out(str(workspace))


def test_an_index_without_end_is_not_read_to_its_end(safe: Safe) -> None:
    git(safe.workspace, "init")
    index = safe.workspace / ".git/index"
    index.write_bytes(b"DIRC\0\0\0\2")
    os.truncate(index, 1 << 33)
    keep_out(str(safe.workspace))


def test_without_a_repository_nothing_is_written(safe: Safe) -> None:
    safe.open().set("groq", "gsk_one")
    assert os.listdir(safe.workspace) == [".keys.enc"]
