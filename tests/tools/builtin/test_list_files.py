import os
from pathlib import Path

import pytest

from py_mono.tools.builtin import list_files
from py_mono.tools.builtin.context import Context, ToolFailure


def fill(workspace: Path) -> None:
    for path in ("src/deep/er/x.py", "src/main.py", ".env", ".git/config", ".keys.enc", "build/out.o", "README.md"):
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).write_text("x")
    (workspace / ".gitignore").write_text("build/\n")
    (workspace / "link").symlink_to("src")


def test_a_folder_is_listed_in_order_without_what_is_ignored(context: Context, workspace: Path) -> None:
    fill(workspace)
    assert list_files.run(context).content == ".env\n.gitignore\nREADME.md\nlink -> src\nsrc/"


def test_recursion_stops_at_its_depth(context: Context, workspace: Path) -> None:
    fill(workspace)
    two = list_files.run(context, path="src", recursive=True)
    assert two.content == "src/deep/\nsrc/deep/er/\nsrc/main.py"
    three = list_files.run(context, path="src", recursive=True, max_depth=3)
    assert three.content == "src/deep/\nsrc/deep/er/\nsrc/deep/er/x.py\nsrc/main.py"
    assert list_files.run(context, path="src", max_depth=5).content == "src/deep/\nsrc/main.py"


def test_a_folder_named_itself_is_listed_though_ignored(context: Context, workspace: Path) -> None:
    fill(workspace)
    assert list_files.run(context, path="build").content == "build/out.o"


def test_names_of_any_bytes_are_listed_on_one_line(context: Context, workspace: Path) -> None:
    Path(os.fsdecode(os.fsencode(workspace) + b"/bad\xff\nname")).write_text("")
    assert list_files.run(context).content == "bad\\xff\\x0aname"


def test_a_large_folder_is_bounded_and_counted(context: Context, workspace: Path) -> None:
    for number in range(3000):
        (workspace / f"file-{number:04}").touch()
    output = list_files.run(context)
    lines = output.content.split("\n")
    assert lines[-1] == f"[{3000 - len(lines) + 1:,} more of 3,000; list a folder below, or use grep]"
    assert len(output.content) < context.output_limit + 100
    assert output.details == {"entries": 3000, "truncated": True}
    context.cancelled.set()
    with pytest.raises(ToolFailure, match="cancelled"):
        list_files.run(context)


def test_an_empty_folder_says_so(context: Context) -> None:
    assert list_files.run(context).content == "[. is empty, or all of it is ignored]"


def test_a_file_or_nothing_is_refused(context: Context, workspace: Path) -> None:
    (workspace / "f").write_text("")
    with pytest.raises(ToolFailure, match="f is not a folder"):
        list_files.run(context, path="f")
    with pytest.raises(ToolFailure, match=r"^nothing does not exist; list_files on \. "):
        list_files.run(context, path="nothing")


def test_links_in_a_circle_are_refused_in_words_and_listed_as_links(context: Context, workspace: Path) -> None:
    (workspace / "ring").symlink_to("ring")
    assert list_files.run(context).content == "ring -> ring"
    for path in ("ring", "ring/x"):
        with pytest.raises(ToolFailure, match=f"^{path} leads through symbolic links that go round in a circle"):
            list_files.run(context, path=path)


def test_an_ignore_file_that_never_ends_hides_nothing(context: Context, workspace: Path) -> None:
    (workspace / "a").mkdir()
    os.mkfifo(workspace / ".gitignore")
    (workspace / "a/.gitignore").symlink_to("/dev/zero")
    (workspace / "a/b").write_text("")
    assert list_files.run(context, recursive=True).content == ".gitignore\na/\na/.gitignore -> /dev/zero\na/b"
