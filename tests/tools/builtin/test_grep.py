import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.tools.builtin import grep
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
        "latin.txt:1:caf\ufffd return",
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


@settings(deadline=None)  # the machine may be busy
@given(st.text(alphabet="ab[](){}|*+?.^$\\-&,1<>zAw:", max_size=12))
def test_a_pattern_is_refused_or_understood(pattern: str) -> None:
    try:
        shared = normalise(pattern)
    except ToolFailure:
        return
    re.compile(shared)
