import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from py_mono.ui.line.walk import Walk

NAMES = ("a", "b", "build", "x.py", "y.log", "keep.log", ".env")
PATTERNS = (
    "*.log", "!keep.log", "build/", "/a", "b/*", "!b/x.py", "a/**", "**/b", "**/build/x.py", "# note", "", "x.*",
    "[ab]", "[z-a]", "\\!x", "a/b/", "*.p[y]", ".env", "!/build", "y.log ", "?.py",
)  # fmt: skip


def tree(base: Path, *paths: str) -> Path:
    for path in paths:
        place = base / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            place.mkdir(exist_ok=True)
        else:
            place.write_text("")
    return base


def files(base: Path) -> list[str]:
    return sorted(path for path in Walk(str(base)).paths() if not path.endswith("/"))


def git(base: Path, *arguments: str) -> bytes:
    clean = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", *arguments], cwd=base, env=clean, check=True, capture_output=True).stdout


def as_git_sees(base: Path) -> list[str]:
    listed = git(base, "ls-files", "-coz", "--exclude-standard").decode()
    return sorted(path for path in listed.split("\0") if path)


paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join)
patterns = st.lists(st.sampled_from(PATTERNS), max_size=5).map("\n".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=st.lists(paths, min_size=1, max_size=12),
    ignores=st.dictionaries(st.sampled_from(["", "a", "b", "a/b", "build"]), patterns, max_size=3),
    exclude=patterns,
)
@example(wanted=["build/y.log"], ignores={}, exclude="*.log\n!/build")
def test_what_is_found_is_what_git_shows(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[str], ignores: dict[str, str], exclude: str
) -> None:
    base = tmp_path_factory.mktemp("repository")
    git(base, "init", "-q")
    for path in wanted:
        place = base / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("")
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
    for folder, text in ignores.items():
        if (base / folder).is_dir():
            (base / folder / ".gitignore").write_text(text)
    (base / ".git" / "info" / "exclude").write_text(exclude)
    assert files(base) == as_git_sees(base)


def test_a_workspace_inside_a_repository_obeys_the_rules_above_it(tmp_path: Path) -> None:
    git(tree(tmp_path, "sub/deep/x.py", "sub/deep/y.log", "sub/gone/z"), "init", "-q")
    (tmp_path / ".gitignore").write_text("*.log\n/sub/gone/\n")
    assert files(tmp_path / "sub") == ["deep/x.py"]


def test_a_second_look_sees_what_changed(tmp_path: Path) -> None:
    walk = Walk(str(tree(tmp_path, "old.py", "sub/one.py", "sub/two.log")))
    assert walk.paths() == ["sub/", "old.py", "sub/one.py", "sub/two.log"]
    tree(tmp_path, "sub/new.py")
    assert walk.paths() == ["sub/", "old.py", "sub/new.py", "sub/one.py", "sub/two.log"]
    (tmp_path / ".gitignore").write_text("*.log")
    assert walk.paths() == ["sub/", ".gitignore", "old.py", "sub/new.py", "sub/one.py"]
    (tmp_path / ".gitignore").write_text("*.py")
    assert walk.paths() == ["sub/", ".gitignore", "sub/two.log"]
    (tmp_path / "old.py").rename(tmp_path / "sub" / "moved.txt")
    assert walk.paths() == ["sub/", ".gitignore", "sub/moved.txt", "sub/two.log"]


def test_links_to_folders_are_names_and_are_not_followed(tmp_path: Path) -> None:
    tree(tmp_path, "real/x")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert Walk(str(tmp_path)).paths() == ["real/", "loop", "real/x"]


def test_caches_git_and_names_that_cannot_be_typed_are_left_out(tmp_path: Path) -> None:
    tree(tmp_path, ".git/config", "node_modules/m/x.js", ".github/ci.yml", "a b.py", "ü文.py", "a\nb", "e\x1b[2J")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py"))).write_text("")
    assert files(tmp_path) == [".github/ci.yml", "a b.py", "ü文.py"]


def test_a_folder_that_cannot_be_read_hides_nothing_else(tmp_path: Path) -> None:
    tree(tmp_path, "closed/x", "open/y")
    (tmp_path / "closed" / ".gitignore").mkdir()
    os.mkfifo(tmp_path / ".gitignore")  # opening one to read waits for a writer
    assert files(tmp_path) == [".gitignore", "closed/x", "open/y"]
    assert Walk(str(tmp_path / "nowhere")).paths() == []


def test_a_pattern_made_to_take_for_ever_is_passed_over(tmp_path: Path) -> None:
    tree(tmp_path, "a" * 200)
    (tmp_path / ".gitignore").write_text("*a" * 40 + "b\n")
    assert files(tmp_path) == [".gitignore", "a" * 200]
