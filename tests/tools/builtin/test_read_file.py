import os
import socket
from pathlib import Path

import pytest

from py_mono.tools.builtin import read_file
from py_mono.tools.builtin.context import Context, ToolFailure


def read(context: Context, data: bytes, **more: int) -> str:
    Path(context.workspace, "f").write_bytes(data)
    return read_file.run(context, path="f", **more).content


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"a\nb\n", "a\nb"),
        (b"a\nb", "a\nb"),
        (b"a\r\nb\r\n", "a\nb"),
        (b"\n", ""),
        (b"", "[f is empty]"),
        (b"\xef\xbb\xbfa\n", "a\n[UTF-8 with BOM]"),
        ("\ufeffhé\n".encode("utf-16-be"), "hé\n[UTF-16]"),
        (b"caf\xe9 au lait, the best of the town", "café au lait, the best of the town\n[latin-1]"),
        (("é" * 9).encode() + b"\xff", "é" * 9 + "\ufffd\n[UTF-8 with some invalid bytes]"),
        (b"a\x0cb\n", "a\x0cb"),
    ],
)
def test_text_is_shown_as_it_stands(context: Context, data: bytes, shown: str) -> None:
    assert read(context, data) == shown


def test_a_page_says_how_to_go_on(context: Context) -> None:
    data = b"".join(b"line %d\n" % n for n in range(1, 1201))
    assert read(context, data, offset=2, limit=2) == "line 2\nline 3\n[lines 2-3 of 1,200; continue with offset=4]"
    assert read(context, data, offset=1200) == "line 1200\n[line 1200 of 1,200, the end]"
    with pytest.raises(ToolFailure, match="offset 1201 is past the end: f has 1,200 lines"):
        read(context, data, offset=1201)


def test_the_output_is_bounded_and_pages_join_to_the_whole(context: Context) -> None:
    lines = [f"{n:>60}" for n in range(2000)]
    Path(context.workspace, "f").write_text("\n".join(lines))
    seen: list[str] = []
    while len(seen) < len(lines):
        content = read_file.run(context, path="f", offset=len(seen) + 1).content
        assert len(content) < context.output_limit + 200
        page = content.split("\n")
        seen += page[:-1] if page[-1].startswith("[") else page
    assert seen == lines


def test_a_very_long_line_is_cut_with_a_notice(context: Context) -> None:
    assert read(context, b"x" * 50_000 + b"\nend\n") == (
        "x" * 2000 + "… [line of 50,001 bytes, cut]\nend\n[the rest of a cut line: grep, or shell with cut -c]"
    )


def test_a_huge_sparse_file_is_read_by_offset_without_loading_it(context: Context) -> None:
    path = Path(context.workspace, "huge")
    with path.open("wb") as file:
        file.write(b"first\nsecond\n" + b"x" * 70_000)
        file.truncate(10 * 1024**3)
    assert read_file.run(context, path="huge", offset=2, limit=1).content == (
        "second\n[line 2 of many more; continue with offset=3]"
    )


@pytest.mark.parametrize(
    ("data", "said"), [(b"\x7fELF\0\0", "ELF program"), (b"\x89PNG\r\n\0", "PNG"), (b"a\0", "2 bytes")]
)
def test_a_binary_file_is_refused_with_its_kind_and_size(context: Context, data: bytes, said: str) -> None:
    with pytest.raises(ToolFailure, match=said):
        read(context, data)


def test_what_is_no_file_is_refused_without_waiting(context: Context, workspace: Path) -> None:
    os.mkfifo(workspace / "pipe")
    (workspace / "folder").mkdir()
    here = os.open(workspace, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{here}/sock")
        for name, kind in (("pipe", "a named pipe"), ("folder", "a folder"), ("sock", "a socket")):
            with pytest.raises(ToolFailure, match=f"^{name} is {kind}"):
                read_file.run(context, path=name)
    os.close(here)


def test_names_of_any_bytes_are_read_as_they_are_listed(context: Context, workspace: Path) -> None:
    Path(os.fsdecode(os.fsencode(workspace) + b"/bad\xff\n")).write_text("found")
    assert read_file.run(context, path="bad\\xff\\x0a").content == "found"


def test_one_line_and_one_byte_are_named_in_the_singular(context: Context) -> None:
    assert read(context, b"a\nb\nc\n", limit=1) == "a\n[line 1 of 3; continue with offset=2]"
    with pytest.raises(ToolFailure, match=r"^offset 2 is past the end: f has 1 line$"):
        read(context, b"a\n", offset=2)
    with pytest.raises(ToolFailure, match="of 1 byte, not text"):
        read(context, b"\0")


@pytest.mark.parametrize("path", ["ring", "ring/x", "there", "x" * 300, "f/x"])
def test_a_path_that_cannot_be_opened_is_refused_in_words(context: Context, workspace: Path, path: str) -> None:
    (workspace / "ring").symlink_to("ring")
    (workspace / "there").symlink_to("back")
    (workspace / "back").symlink_to("there")
    (workspace / "f").write_text("a")
    with pytest.raises(ToolFailure, match=r"in a circle|file name too long|not a folder|does not exist"):
        read_file.run(context, path=path)
