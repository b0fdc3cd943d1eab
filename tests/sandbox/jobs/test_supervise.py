"""The log of a background command: everything is counted, and what is kept is bounded."""

import os
import socket
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from py_mono.sandbox.jobs.supervise import ENDED, Log, whole_lines
from py_mono.sandbox.jobs.watch import read_line

FLAGS = os.O_RDWR | os.O_CREAT | os.O_TRUNC
LIMIT = 200


def log(path: Path, limit: int = LIMIT) -> Log:
    return Log(os.open(path, FLAGS, 0o600), limit)


@given(st.lists(st.binary(max_size=300) | st.text("ab\n", max_size=300).map(str.encode), max_size=30))
def test_a_log_ends_with_what_was_written_last_and_is_never_much_longer_than_its_limit(
    pieces: list[bytes],
) -> None:
    path = Path(f"/dev/shm/log-{os.getpid()}")
    path.unlink(missing_ok=True)
    kept = log(path)
    for piece in pieces:
        kept.add(piece)
        assert path.stat().st_size <= LIMIT
    whole, text = b"".join(pieces), path.read_bytes()
    assert kept.total == len(whole)
    if text != whole:
        note, _, rest = text.partition(b" earlier bytes left out]\n")
        left_out = int(note.removeprefix(b"["))
        assert whole[left_out:] == rest
    kept.close(ENDED + b"exit code 0]\n")
    assert path.read_bytes() == text + b"\n[ended: exit code 0]\n"
    path.unlink()


def test_a_log_that_a_tool_empties_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log"
    kept = log(path)
    kept.add(b"one\n" * 40)
    path.write_bytes(b"")
    kept.add(b"two\n" * 30)
    assert path.read_bytes() == b"two\n" * 30
    kept.add(b"two\n" * 30)
    assert path.read_bytes() == b"[304 earlier bytes left out]\n" + b"two\n" * 24
    assert kept.total == 400


def test_what_a_full_disk_does_not_take_is_dropped_and_counted() -> None:
    kept = Log(os.open("/dev/full", os.O_RDWR), LIMIT)
    kept.add(b"x" * 1000)
    assert kept.total == 1000
    kept.close(b"end")


def test_half_a_line_is_left_out_unless_there_is_nothing_else() -> None:
    assert whole_lines(b"alf\nwhole\n") == b"whole\n"
    assert whole_lines(b"alf only\n") == b"alf only\n"
    assert whole_lines(b"alf only") == b"alf only"
    assert whole_lines(b"") == b""


def test_two_lines_that_come_at_once_are_two_lines() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"started 5\nended 0 exited 7\nand ha")
        assert [read_line(ours), read_line(ours)] == ["started 5", "ended 0 exited 7"]
        theirs.close()
        assert read_line(ours) == "gone"
