import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.tools.builtin import edit_file, grep, read_file
from py_mono.tools.builtin.context import Context, Output, ToolFailure
from py_mono.tools.builtin.pattern import normalise

RIPGREP = shutil.which("rg")
ENGINES = [
    pytest.param(None, id="python"),
    pytest.param(RIPGREP, id="ripgrep", marks=pytest.mark.skipif(RIPGREP is None, reason="ripgrep is not installed")),
]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str | None:
    program: str | None = request.param
    return program


def search(
    context: Context, engine: str | None, pattern: str, *, path: str = ".", glob: str | None = None, fold: bool = False
) -> Output:
    return grep.search(context, engine, pattern=pattern, path=path, glob=glob, case_insensitive=fold)


@pytest.fixture(autouse=True)
def tree(workspace: Path) -> None:
    files = {
        "src/b.py": b"import os\n\ndef f(a):\n    return a{1}\n",
        "src/a.py": b"x = 1\r\nreturn\r\n",
        "src/deep/c.txt": "Grüße return\n".encode(),
        "u16.txt": "\ufeffline\nreturn ü\n".encode("utf-16-le"),
        "bom.txt": b"\xef\xbb\xbfreturn first\n",
        "latin.txt": b"caf\xe9 return\n",
        "bin": b"return\0\n",
        "late": b"return\n" + b"x\n" * 60_000 + b"\0\n",
        "ignored.log": b"return\n",
        ".hidden": b"return\n",
        ".git/config": b"return\n",
        ".keys.enc": b"return\n",
        ".gitignore": b"*.log\n",
        "last": b"no newline return",
        "long": b"a" * 5000 + b"needle" + b"b" * 5000 + b"\n",
        "empty": b"",
        "blank": b"\n\n",
    }
    for path, data in files.items():
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).write_bytes(data)
    os.mkfifo(workspace / "pipe")
    (workspace / "loop").symlink_to(".")


def test_matches_come_sorted_with_path_line_and_text(context: Context, engine: str | None) -> None:
    output = search(context, engine, "return")
    assert output.content.split("\n") == [
        ".hidden:1:return",
        "bom.txt:1:return first",
        "last:1:no newline return",
        "latin.txt:1:café return",
        "src/a.py:2:return",
        "src/b.py:4:    return a{1}",
        "src/deep/c.txt:1:Grüße return",
        "u16.txt:2:return ü",
    ]
    assert output.details == {"matches": 8, "files": 8, "truncated": False}


@pytest.mark.parametrize(
    ("pattern", "more", "lines"),
    [
        ("^return$", {}, [".hidden:1:return", "src/a.py:2:return"]),
        ("RETURN A", {"fold": True}, ["src/b.py:4:    return a{1}"]),
        ("a{1}", {"path": "src/b.py"}, ["src/b.py:3:def f(a):", "src/b.py:4:    return a{1}"]),
        ("f(a", {}, None),
        (r"f\(a", {}, ["src/b.py:3:def f(a):"]),
        ("a{", {}, ["src/b.py:4:    return a{1}"]),
        ("^$", {"glob": "*.py"}, ["src/b.py:2:"]),
        ("^$", {"glob": "blank"}, ["blank:1:", "blank:2:"]),
        (r"\bx\s*=", {}, ["src/a.py:1:x = 1"]),
        (r"\s", {"glob": "src/a.py"}, ["src/a.py:1:x = 1"]),
        (r"[^x]+", {"glob": "a.py"}, ["src/a.py:1:x = 1", "src/a.py:2:return"]),
        ("return", {"glob": "*.{py,txt}", "path": "src"}, ["src/a.py:2:return", "src/b.py:4:    return a{1}", "src/deep/c.txt:1:Grüße return"]),
        ("return", {"glob": "src/*.py"}, ["src/a.py:2:return", "src/b.py:4:    return a{1}"]),
        ("return", {"glob": "*.log"}, ["[no matches]"]),
        ("return", {"path": "ignored.log"}, ["ignored.log:1:return"]),
        ("Gr\\w+e", {}, ["src/deep/c.txt:1:Grüße return"]),
        ("[[:upper:]]r", {}, ["src/deep/c.txt:1:Grüße return"]),
        ("^return", {"glob": "bom.txt"}, ["bom.txt:1:return first"]),
        ("-e", {}, ["[no matches]"]),
        (r"a\|b", {}, [r"[no matches; \| stands for the character |, and | alone for a choice]"]),
    ],
)  # fmt: skip
def test_both_engines_give_the_same_answer(
    context: Context, engine: str | None, pattern: str, more: dict[str, str], lines: list[str] | None
) -> None:
    if lines is None:
        with pytest.raises(ToolFailure, match=r"not a valid regular expression.*For the plain text give f\\\(a"):
            search(context, engine, pattern, **more)  # type: ignore[arg-type]  # strings, and one bool
    else:
        assert search(context, engine, pattern, **more).content.split("\n") == lines  # type: ignore[arg-type]  # same


def test_a_long_line_is_cut_round_its_match(context: Context, engine: str | None) -> None:
    content = search(context, engine, "needle").content
    assert "needle" in content
    assert len(content) < 400
    assert content.startswith("long:1:…a")
    assert content.endswith("b…")


def test_many_matches_are_bounded_and_counted(context: Context, engine: str | None, workspace: Path) -> None:
    for number in range(30):
        (workspace / f"many-{number:02}").write_text("hit\n" * 200)
    lines = search(context, engine, "^hit$").content.split("\n")
    assert lines[0] == "many-00:1:hit"
    assert lines[-1] == f"[{len(lines) - 1:,} of 6,000 matches in 30 files; narrow path, glob or pattern]"
    assert len(lines) > 500


def test_a_search_through_a_large_file_finds_its_end(context: Context, engine: str | None, workspace: Path) -> None:
    with (workspace / "big").open("wb") as file:
        for _ in range(40):
            file.write(b"some line of text\n" * 60_000)
        file.write(b"zebra")
    assert search(context, engine, "zebra", path="big").content == "big:2400001:zebra"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("", "empty"), ("a\nb", "line end"), (r"(?=a)", "lookahead"), (r"(a)\1", "refers back"), ("[a", "valid"),
     (r"\n", "line by line"), ("*a", "valid"), ("a**", "valid"), (r"\q", "valid"), ("\\", "valid"), ("\ud800", "surrogate"),
     ("(?P<n>a)(?P=n)", "back reference"), ("a" * 5000, "4,000")],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(context: Context, engine: str | None, pattern: str, said: str) -> None:
    with pytest.raises(ToolFailure, match=said):
        search(context, engine, pattern)


def test_paths_that_cannot_be_searched_are_refused(context: Context, engine: str | None) -> None:
    for path, said in (
        ("nowhere", "does not exist"),
        ("bin", "binary"),
        ("pipe", "a named pipe"),
        (".keys.enc", "keys"),
    ):
        with pytest.raises(ToolFailure, match=said):
            search(context, engine, "a", path=path)


PLACES = (".gitignore", "src/.gitignore", "src/deep/.gitignore", ".git/info/exclude", ".ignore", ".rgignore")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["pipe", "endless", "large", "folder", "gone", "circle"])
def test_an_ignore_file_that_never_ends_does_not_hold_the_search_up(
    context: Context, engine: str | None, workspace: Path, place: str, kind: str
) -> None:
    path = workspace / place
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "large":
        path.write_text("*.none\n" * 200_000)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"endless": "/dev/zero", "gone": "nowhere", "circle": path.name}[kind])
    found = search(context, engine, "^return$", glob="src/**").content
    assert found == "src/a.py:2:return"
    found = search(context, engine, "Gr.+ return", path="src/deep").content
    assert found == "src/deep/c.txt:1:Grüße return"
    assert search(context, engine, "no newline", path="last").content == "last:1:no newline return"


def test_a_pipe_that_someone_writes_to_is_no_ignore_file(context: Context, engine: str | None, workspace: Path) -> None:
    (workspace / ".gitignore").unlink()
    os.mkfifo(workspace / ".gitignore")
    writer = os.open(workspace / ".gitignore", os.O_RDWR | os.O_NONBLOCK)
    assert search(context, engine, "no newline").content == "last:1:no newline return"
    os.write(writer, b"last\n")
    assert search(context, engine, "no newline").content == "last:1:no newline return"
    os.close(writer)


def test_a_link_to_an_ignore_file_of_ordinary_size_counts(
    context: Context, engine: str | None, workspace: Path
) -> None:
    (workspace / "src/.gitignore").symlink_to("../rules")
    (workspace / "rules").write_text("a.py\n")
    assert search(context, engine, "^return$", glob="src/**").content == "[no matches]"


def test_a_ripgrep_that_takes_long_or_is_killed_is_not_the_last_word(context: Context, workspace: Path) -> None:
    program = workspace / "rg"
    for script, found in (("kill -9 $$", "last:1:no newline return"), ("sleep 1; exit 1", "[no matches]")):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        assert search(context, str(program), "no newline").content == found


def test_what_grep_shows_of_a_latin_1_file_can_be_edited(context: Context, engine: str | None, workspace: Path) -> None:
    line = search(context, engine, "caf", path="latin.txt").content.removeprefix("latin.txt:1:")
    assert read_file.run(context, path="latin.txt").content == f"{line}\n[latin-1]"
    edit_file.run(context, path="latin.txt", old_content=line, new_content="thé")
    assert (workspace / "latin.txt").read_bytes() == b"th\xe9\n"


def test_a_long_latin_1_line_is_cut_round_its_match_too(context: Context, engine: str | None, workspace: Path) -> None:
    (workspace / "latin.txt").write_bytes(b"plain words " * 200 + b"caf\xe9 needle\xe9 th\xe9" + b" plain words" * 200)
    content = search(context, engine, "needle", path="latin.txt").content
    assert content.startswith("latin.txt:1:…")
    assert content.endswith("…")
    assert "café needleé thé" in content
    assert len(content) < 400


def test_bytes_in_a_utf_8_file_that_are_none_are_shown_as_read_file_shows_them(
    context: Context, engine: str | None, workspace: Path
) -> None:
    (workspace / "mixed").write_bytes("ééééééééé\n".encode() + b"odd \xff\n")
    assert search(context, engine, "odd", path="mixed").content == "mixed:2:odd \ufffd"


def test_links_in_a_circle_are_refused_in_words(context: Context, engine: str | None, workspace: Path) -> None:
    (workspace / "ring").symlink_to("ring")
    for path in ("ring", "ring/x"):
        with pytest.raises(ToolFailure, match=f"^{path} leads through symbolic links that go round in a circle"):
            search(context, engine, "a", path=path)


def test_a_match_at_the_very_end_of_a_file_without_newline_is_shown_whole(
    context: Context, engine: str | None, workspace: Path
) -> None:
    for name, text in (("end", "return it"), ("colon", "12:abc"), ("digits", "9" * 5000)):
        (workspace / name).write_text(text)
    found = [search(context, engine, "$", path=name).content for name in ("end", "colon")]
    assert found == ["end:1:return it", "colon:1:12:abc"]
    assert search(context, engine, "$", path="digits").details["matches"] == 1


def test_one_match_and_one_file_are_named_in_the_singular(
    context: Context, engine: str | None, workspace: Path
) -> None:
    (workspace / "only").write_text("hit\n" * 9_000)
    last = search(context, engine, "^hit$", path="only").content.split("\n")[-1]
    assert last.endswith(" of 9,000 matches in 1 file; narrow path, glob or pattern]")


@settings(deadline=None)  # the machine may be busy
@given(st.text(alphabet="ab[](){}|*+?.^$\\-&,1<>zAw:", max_size=12))
def test_a_pattern_is_refused_or_understood(pattern: str) -> None:
    try:
        shared = normalise(pattern)
    except ToolFailure:
        return
    re.compile(shared)
