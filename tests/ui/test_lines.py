import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_mono.ui.lines import LineReader


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)


async def all_lines(reader: LineReader) -> list[str]:
    lines = []
    while True:
        try:
            lines.append(await reader.read_line())
        except EOFError:
            return lines


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a\r\nb", ["a", "b"]),
        ("ü\n".encode(), ["ü"]),
        (b"\xff\0\n", ["\ufffd\0"]),
        (b"\n\nx\n", ["", "", "x"]),
    ],
)
async def test_a_pipe_is_read_line_by_line(pipe: tuple[int, int], data: bytes, expected: list[str]) -> None:
    reader, writer = pipe
    os.write(writer, data)
    os.close(writer)
    assert await all_lines(LineReader(reader)) == expected


async def test_a_line_without_end_comes_in_pieces(tmp_path: Path) -> None:
    file = tmp_path / "endless"
    file.write_bytes(b"x" * 2_500_000)
    descriptor = os.open(file, os.O_RDONLY)
    pieces = await all_lines(LineReader(descriptor))
    os.close(descriptor)
    assert "".join(pieces) == "x" * 2_500_000
    assert max(map(len, pieces)) < 1_100_000


async def test_everything_is_read_up_to_a_limit(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.write(writer, b"abc\ndef")
    os.close(writer)
    lines = LineReader(reader)
    assert await lines.read_all(5) == b"abc\nd"
    assert await lines.read_all(100) == b"ef"
