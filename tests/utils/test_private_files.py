import errno
import os
import resource
import stat
import threading
from pathlib import Path

import pytest

from py_mono.utils.private_files import LARGEST, read_private, write_private


def test_it_is_for_its_owner_alone_and_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    for data in (b"first and longer", b"second"):
        write_private(str(path), data)
    assert read_private(str(path)) == b"second"
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path.parent, path)] == [0o700, 0o600]
    assert os.listdir(path.parent) == ["file"]


def test_many_who_write_at_a_time_leave_what_one_of_them_wrote_whole(tmp_path: Path) -> None:
    path, failed = str(tmp_path / "file"), list[OSError]()
    texts = [bytes([letter]) * 100_000 for letter in b"abcdefgh"]

    def write(data: bytes) -> None:
        try:
            for _ in range(5):
                write_private(path, data)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert read_private(path) in texts
    assert os.listdir(tmp_path) == ["file"]


def test_where_there_is_no_room_the_old_one_stays_and_nothing_is_left_behind(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    write_private(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="too large") as full:
            write_private(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full.value.errno == errno.EFBIG
    assert read_private(path) == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("what", ["nothing", "link", "folder", "pipe", "huge"])
def test_what_is_no_file_of_ours_holds_nothing(tmp_path: Path, what: str) -> None:
    path = tmp_path / "file"
    match what:
        case "link":
            (tmp_path / "other").write_bytes(b"x")
            path.symlink_to(tmp_path / "other")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "huge":
            path.write_bytes(b"")
            os.truncate(path, LARGEST + 1)
        case _:
            pass
    assert read_private(str(path)) == b""
