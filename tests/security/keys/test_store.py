import contextlib
import errno
import fcntl
import multiprocessing
import os
import shutil
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.places import KeyPlaces
from py_mono.security.keys.store import Store
from tests.security.keys.faults import failing
from tests.security.keys.safe import FERNET, Safe, told


@pytest.fixture
def safe(tmp_path: Path) -> Safe:
    return Safe(tmp_path)


def put(safe: Safe, kind: str) -> None:
    match kind:
        case "a link":
            (safe.base / "elsewhere").write_bytes(b"py-mono-keys 1 fernet")
            safe.file.symlink_to(safe.base / "elsewhere")
        case "a dangling link":
            safe.file.symlink_to("nowhere")
        case "a folder":
            safe.file.mkdir()
        case "a pipe":
            os.mkfifo(safe.file)
        case "a socket":
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
                server.bind(os.path.relpath(safe.file))
        case _:
            os.mknod(safe.file, stat.S_IFCHR | 0o600, os.makedev(1, 3))


@pytest.mark.parametrize("kind", ["a link", "a dangling link", "a folder", "a pipe", "a socket", "a device"])
def test_what_is_no_regular_file_is_neither_waited_for_nor_followed(
    safe: Safe, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(safe.workspace)  # the path of a socket may be too long otherwise
    try:
        put(safe, kind)
    except PermissionError:
        pytest.skip("devices are made by root alone")
    before = os.lstat(safe.file)
    for act in (safe.open().stored, safe.open().rotate, lambda: safe.open().set("groq", "gsk_one")):
        with pytest.raises(
            ConfigError, match=f"is {kind.replace('dangling ', '')}, and keys are stored in a regular"
        ) as caught:
            act()
        told(caught.value)
    assert os.lstat(safe.file).st_ino == before.st_ino
    assert safe.open({"G": "from-environment"}).look("groq", ["G"]).key == "from-environment"
    if kind == "a link":
        assert (safe.base / "elsewhere").read_bytes() == b"py-mono-keys 1 fernet"


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o620, 0o604])
def test_a_mode_that_lets_others_in_is_taken_back(safe: Safe, mode: int) -> None:
    safe.open().set("groq", "gsk_one")
    safe.file.chmod(mode)
    assert safe.open().stored() == ("groq",)
    assert stat.S_IMODE(safe.file.stat().st_mode) == 0o600
    safe.file.chmod(mode)
    safe.open().set("groq", "gsk_two")
    assert stat.S_IMODE(safe.file.stat().st_mode) == 0o600


def test_the_mode_of_what_is_not_ours_is_left_alone(safe: Safe) -> None:
    safe.file.write_bytes(b"somebody's")
    safe.file.chmod(0o644)
    with pytest.raises(ConfigError):
        safe.open().stored()
    assert stat.S_IMODE(safe.file.stat().st_mode) == 0o644


def test_a_file_system_without_modes_is_no_hindrance(safe: Safe) -> None:
    before = os.fchmod
    fail = failing(errno.EPERM)
    os.fchmod = lambda *_: fail()
    try:
        safe.open().set("groq", "gsk_one")
        safe.file.chmod(0o777)
        safe.open().set("openai", "sk-two")
        assert safe.open().stored() == ("groq", "openai")
    finally:
        os.fchmod = before


def test_what_has_a_second_name_is_read_and_not_written(safe: Safe) -> None:
    safe.open().set("groq", "gsk_one")
    os.link(safe.file, safe.base / "second")
    assert safe.open().stored() == ("groq",)
    with pytest.raises(ConfigError, match="has a second name") as caught:
        safe.open().set("groq", "gsk_two")
    os.system(caught.value.remedy)  # what it says to do mends it
    safe.open().set("groq", "gsk_two")
    assert safe.open().look("groq", ()).key == "gsk_two"


@pytest.fixture
def shared() -> Iterator[Safe]:
    """A workspace that other users can reach, with keys."""
    base = Path(tempfile.mkdtemp())
    base.chmod(0o755)
    safe = Safe(base)
    safe.open().set("groq", "gsk_one")
    yield safe
    shutil.rmtree(base)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_users_file_is_read_where_it_can_be_and_not_written(shared: Safe) -> None:
    assert as_user(shared, "stored") == "cannot be read: Permission denied"
    shared.file.chmod(0o666)
    assert as_user(shared, "stored") == "groq"
    assert as_user(shared, "set") == "belongs to user 0, and you are user 1000"
    os.chown(shared.file, 1000, 1000)
    assert as_user(shared, "set") == "done"
    shared.open().set("openai", "sk-two")  # root may, and it stays the user's own
    assert (shared.file.stat().st_uid, stat.S_IMODE(shared.file.stat().st_mode)) == (1000, 0o600)
    assert as_user(shared, "stored") == "groq openai"


def as_user(safe: Safe, act: str) -> str:
    """What comes of it where another user does it, with a state folder of theirs."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(1000)
        os.setuid(1000)
        with tempfile.TemporaryDirectory() as state:
            keys = Safe.open(safe)
            keys._state = state
            try:
                if act == "set":
                    keys.set("groq", "gsk_two")
                said = "done" if act == "set" else " ".join(keys.stored())
            except ConfigError as error:
                said = str(error).removeprefix(f"{safe.file} ")
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading, encoding="utf-8") as pipe:
        return pipe.read()


def test_a_first_key_waits_for_no_session_and_makes_no_file_beside_one(safe: Safe) -> None:
    sessions = Path(safe.places.sessions)
    sessions.parent.mkdir(parents=True)
    with sessions.open("wb") as session:
        fcntl.flock(session, fcntl.LOCK_SH)
        with pytest.raises(ConfigError, match="another session of py-mono runs in this workspace") as caught:
            safe.open().set("groq", "gsk_one")
        assert "/key" in told(caught.value)
        assert safe.content is None
        assert not Path(safe.places.ahead).exists()
        assert not safe.open().exists()
        safe.file.touch()  # as a tool may
        with pytest.raises(ConfigError, match="another session of py-mono runs in this workspace"):
            safe.open().set("groq", "gsk_one")
        assert safe.content == b""
        assert not safe.open().exists()
    safe.open().set("groq", "gsk_one")
    with sessions.open("wb") as session:  # what is there is covered by every session
        fcntl.flock(session, fcntl.LOCK_SH)
        safe.open().set("groq", "gsk_two")
        safe.open().rotate()
        safe.open().remove("groq")


def test_while_the_file_is_made_no_session_can_begin(safe: Safe) -> None:
    held: list[bool] = []
    before = os.open

    def looking(path: str, flags: int, *rest: int) -> int:
        if path == str(safe.file) and flags & os.O_CREAT:
            with open(safe.places.sessions, "rb") as session, pytest.raises(BlockingIOError):
                fcntl.flock(session, fcntl.LOCK_SH | fcntl.LOCK_NB)
            held.append(True)
        return before(path, flags, *rest)

    os.open = looking  # type: ignore[assignment]
    try:
        safe.open().set("groq", "gsk_one")
    finally:
        os.open = before
    assert held == [True]


def store_many(workspace: str, state: str, name: str) -> None:
    safe = Safe(Path(workspace).parent)
    assert str(safe.base / "state") == state
    for number in range(12):
        safe.open().set(f"{name}{number}", f"key-of-{name}-{number}")


def test_processes_that_store_different_keys_lose_none(safe: Safe) -> None:
    context = multiprocessing.get_context("spawn")
    safe.open().set("first", "key-first")
    work = [
        context.Process(target=store_many, args=(str(safe.workspace), str(safe.base / "state"), name)) for name in "abc"
    ]
    for process in work:
        process.start()
    for process in work:
        process.join()
        assert process.exitcode == 0
    wanted = {f"{name}{number}": f"key-of-{name}-{number}" for name in "abc" for number in range(12)}
    assert {name: safe.open().look(name, ()).key for name in safe.open().stored()} == {**wanted, "first": "key-first"}


def test_who_reads_while_others_write_never_sees_half(safe: Safe) -> None:
    store = Store(safe.places)
    store.change(lambda _: b"a" * 5000)
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.005):
            for data in (b"b" * 20_000, b"a" * 5000):
                Store(safe.places).change(lambda _, data=data: data)  # type: ignore[misc]

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(60):
            assert Store(safe.places).read() in {b"b" * 20_000, b"a" * 5000}
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("act", ["read", "change"])
def test_who_keeps_the_keys_for_ever_is_not_waited_for_for_ever(safe: Safe, act: str) -> None:
    store = Store(safe.places, wait_s=0.05)
    store.change(lambda _: b"data")
    with open(safe.places.lock, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match=r"another process has been busy with .* for 0\.05 s") as caught:
            store.read() if act == "read" else store.change(lambda _: b"more")
        told(caught.value)
    assert store.read() == b"data"


def test_keys_are_read_where_nothing_can_be_kept(safe: Safe) -> None:
    safe.open().set("groq", "gsk_one")
    blocked = safe.base / "blocked"
    blocked.write_text("a file, where a folder would be")
    keys = safe.open()
    keys._state = str(blocked)
    assert keys.stored() == ("groq",)
    with pytest.raises(ConfigError, match=r"blocked.*cannot be written: Not a directory"):
        keys.set("groq", "gsk_two")
    assert safe.open().look("groq", ()).key == "gsk_one"


def test_keys_are_read_where_nothing_can_be_locked(safe: Safe, monkeypatch: pytest.MonkeyPatch) -> None:
    safe.open().set("groq", "gsk_one")
    fail = failing(errno.ENOLCK)
    monkeypatch.setattr(fcntl, "flock", lambda *_: fail())
    assert safe.open().stored() == ("groq",)
    before = safe.content
    with pytest.raises(ConfigError, match="cannot be written: No locks available") as caught:
        safe.open().set("groq", "gsk_two")
    told(caught.value)
    assert safe.content == before


def test_a_file_that_was_removed_is_gone_also_where_a_write_was_cut_off(safe: Safe) -> None:
    safe.open().set("groq", "gsk_one")
    Path(safe.places.ahead).write_bytes(safe.file.read_bytes())
    safe.file.unlink()
    assert safe.open().stored() == ()
    safe.open().set("openai", "sk-two")
    assert safe.open().stored() == ("openai",)
    assert not Path(safe.places.ahead).exists()


def test_a_workspace_that_is_gone_is_told(safe: Safe) -> None:
    safe.workspace.rmdir()
    assert safe.open().stored() == ()
    with pytest.raises(ConfigError, match=r"\.keys\.enc cannot be written: No such file or directory") as caught:
        safe.open().set("groq", "gsk_one")
    told(caught.value)


def test_one_workspace_has_the_same_places_by_whatever_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    one, two = (KeyPlaces(str(tmp_path / name), "/s") for name in ("real", "link/../link"))
    assert (one.file, one.lock, one.sessions, one.ahead) == (two.file, two.lock, two.sessions, two.ahead)
    assert one.file == str(tmp_path / "real/.keys.enc")
    assert len({one.lock, one.sessions, one.ahead, KeyPlaces(str(tmp_path), "/s").lock}) == 4


def test_the_master_key_is_not_in_the_state_folder(safe: Safe) -> None:
    safe.open().set("groq", "gsk_one")
    for path in Path(safe.places.folder).iterdir():
        assert FERNET.encode() not in path.read_bytes()
