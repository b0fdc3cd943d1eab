import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.tools.builtin.walk import entries

NAMES = ("a", "b", "ab", "a.c", ".h")
PATHS = [*NAMES, *(f"a/{name}" for name in ("b", "ab", "a.c")), "b/a", "b/ab", "ab/b/a", "ab/b/a.c"]
PIECES = st.sampled_from(
    ["a", "b", "*", "**", "?", "/", "!", "[ab]", "[!a]", ".c", "\\", " ", "#", "[", "a.c", "**/", "/**"]
)
# git cuts the literal front off before it looks at "**", so that "a**/b" means "a" and "**/b"; gitignore(5) and ripgrep
# take such stars for plain ones, and so do we.
PATTERN = st.lists(PIECES, min_size=1, max_size=5).map("".join).filter(lambda glob: not re.search(r"[^/*!]\*\*", glob))


def make_tree(root: Path) -> None:
    for path in ("a/b", "a/ab", "a/a.c", "b/a", "b/ab", "ab/b/a", "ab/b/a.c", "a.c", ".h"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")


def git(root: Path, *arguments: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": str(root),
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    done = subprocess.run(["git", *arguments], cwd=root, env=environment, capture_output=True, check=True)
    return done.stdout.decode()


def kept_by_us(root: Path) -> set[str]:
    base = len(str(root)) + 1
    found = entries(str(root), depth=9, hidden_file="")
    return {path[base:] for path, entry in found if entry.is_file(follow_symlinks=False)}


def kept_by_git(root: Path) -> set[str]:
    return set(filter(None, git(root, "ls-files", "-z", "--others", "--exclude-standard").split("\0")))


@settings(max_examples=60, deadline=None)
@given(st.lists(PATTERN, min_size=1, max_size=4), st.lists(PATTERN, max_size=2))
def test_the_same_files_are_left_out_as_by_git(patterns: list[str], nested: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(os.path.realpath(folder))
        git(root, "init", "-q", "--template=")
        make_tree(root)
        (root / ".gitignore").write_text("\n".join(patterns))
        if nested:
            (root / "ab/.gitignore").write_text("\n".join(nested))
        assert kept_by_us(root) == kept_by_git(root)


@pytest.mark.parametrize(
    "patterns",
    [
        ["*.c", "!a.c"], ["/a"], ["a/"], ["a/**"], ["**/b"], ["a/**/b"], ["!*", "a"], ["#a", "\\#a"], ["a\\ "], ["a  "],
        ["[[:alpha:]]"], ["[a-b]"], ["[]a]"], ["*/"], ["/*", "!/ab"], ["/*", "!/ab", "/ab/*", "!/ab/b"], ["b/"], ["ab/b"],
        ["\r"], ["a\r"], [""], ["/"], ["\\a"], ["\ufeffa"], ["**"], ["a**"], ["**a"],
    ],
)  # fmt: skip
def test_known_forms_mean_what_they_mean_to_git(tmp_path: Path, patterns: list[str]) -> None:
    root = tmp_path.resolve()
    git(root, "init", "-q", "--template=")
    make_tree(root)
    (root / ".gitignore").write_text("\n".join(patterns))
    assert kept_by_us(root) == kept_by_git(root)


def test_the_repository_s_own_exclude_file_counts(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    git(root, "init", "-q")
    make_tree(root)
    (root / ".git/info/exclude").write_text("a\n")
    assert kept_by_us(root) == kept_by_git(root) != set()


def test_rules_from_above_hold_in_a_folder_below(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    git(root, "init", "-q", "--template=")
    make_tree(root)
    (root / ".gitignore").write_text("ab/b/a.c\n")
    assert kept_by_us(root / "ab/b") == {"a"}
