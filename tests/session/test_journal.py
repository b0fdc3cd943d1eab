"""The journal holds what was written, whatever happens to the process, the file or the disk."""

import asyncio
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from py_mono.protocol.codec import encode, is_fact
from py_mono.protocol.errors import SessionError
from py_mono.protocol.events import Envelope, ToolFinished, TurnStarted
from py_mono.protocol.messages import UserMessage
from py_mono.protocol.tools import ToolResult
from py_mono.security.redact import Redactor
from py_mono.session.journal import Journal, read, read_numbered
from tests.session.facts import SECRET, Notices, conversation, public_folder

redact = Redactor([SECRET])
ROOT = Path(__file__).parents[2]
FACTS = [envelope for envelope in conversation(redact) if is_fact(envelope.event)]
WRITER = """
import itertools, sys
from pathlib import Path
from py_mono.protocol.events import Envelope, ToolFinished
from py_mono.protocol.tools import ToolResult
from py_mono.session.journal import Journal
journal = Journal(Path(sys.argv[1]), redact=str, notice=print)
if Path(sys.argv[1]).exists():
    journal.reopen()
for seq in itertools.count(int(sys.argv[2])):
    journal.append(Envelope(seq, 1.5, ToolFinished(ToolResult("a", "shell", "x" * (seq * 37 % 5000)), 1)))
    print(seq, flush=True)
"""


def journal(path: Path, notices: Notices | None = None) -> Journal:
    return Journal(path, redact=redact, notice=Notices() if notices is None else notices)


def written(path: Path, facts: list[Envelope]) -> Path:
    one = journal(path)
    for fact in facts:
        one.append(fact)
    one.close()
    return path


def numbered(seq: int) -> Envelope:
    return Envelope(seq, 1.5, TurnStarted(seq, UserMessage("x" * 1000)))


def test_a_journal_holds_one_redacted_fact_a_line(tmp_path: Path) -> None:
    path = written(tmp_path / "sessions" / "a.jsonl", FACTS)
    lines = path.read_text().splitlines()
    assert lines == [redact(encode(fact).decode()) for fact in FACTS]
    assert encode(SECRET)[1:-1].decode() not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_was_written_is_read(tmp_path: Path) -> None:
    plain = [numbered(seq) for seq in range(1, 10)]
    assert list(read(written(tmp_path / "a", plain))) == plain


def test_no_file_is_made_before_the_first_fact(tmp_path: Path) -> None:
    journal(tmp_path / "a").close()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_cut_at_any_byte_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole", FACTS).read_bytes()
    facts, ends = list(read(tmp_path / "whole")), [at for at, byte in enumerate(whole) if byte == 10]
    path = tmp_path / "cut"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        complete = sum(end <= cut for end in ends)  # a line that lacks no more than its end counts
        assert list(read(path)) == facts[:complete]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 5000), garbage=st.sampled_from([b"", b"\0" * 50, b'{"seq":', b"\xff\xfe"]))
def test_a_journal_cut_anywhere_goes_on_with_whole_lines(tmp_path: Path, cut: int, garbage: bytes) -> None:
    path = tmp_path / "a"
    path.unlink(missing_ok=True)
    whole = written(path, FACTS).read_bytes()
    cut %= len(whole) + 1
    path.write_bytes(whole[:cut] + garbage)
    before = list(read(path))
    again = journal(path)
    again.reopen()
    again.append(numbered(99))
    again.close()
    assert list(read(path)) == [*before, numbered(99)]
    assert path.read_bytes().endswith(encode(numbered(99)) + b"\n")


def test_facts_of_newer_versions_are_passed_over_but_counted(tmp_path: Path) -> None:
    path = tmp_path / "a"
    newer = b'{"seq":2,"at":1.5,"event":{"type":"soul_uploaded","to":"cloud"},"new":1}\n'
    path.write_bytes(encode(numbered(1)) + b"\n" + newer + encode(numbered(3)) + b"\n" + newer.replace(b"2", b"4", 1))
    assert list(read(path)) == [numbered(1), numbered(3)]
    assert [seq for seq, _ in read_numbered(path)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "damage",
    [b"{nonsense", b"", b"\0\0\0", b"\xff", b"[]", b'{"seq":2}', b'{"seq":2,"at":1,"event":{"type":"turn_started"}}'],
)
def test_a_damaged_line_is_an_error_that_names_file_and_line(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(encode(numbered(1)) + b"\n" + damage + b"\n" + encode(numbered(3)) + b"\n")
    with pytest.raises(SessionError, match=rf"{path} is damaged in line 2") as raised:
        list(read(path))
    assert "head -n 1" in raised.value.remedy


def test_a_missing_journal_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="cannot be read: No such file"):
        list(read(tmp_path / "a"))
    with pytest.raises(SessionError, match="cannot be opened: No such file"):
        journal(tmp_path / "a").reopen()
    with pytest.raises(SessionError, match="directory"):
        journal(tmp_path).reopen()


@pytest.mark.timeout(120)  # fifty processes
def test_no_fact_that_was_appended_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    path, expected, dice = tmp_path / "a", 1, random.Random(7)
    for _ in range(50):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, path, str(expected)], stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        assert child.stdout
        said = [child.stdout.readline() for _ in range(dice.randrange(1, 60))]
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
        last_said = max(int(line) for line in said if line.endswith("\n"))
        numbers = [fact.seq for fact in read(path)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) in {last_said, last_said + 1}
        expected = len(numbers) + 1


async def test_synced_waits_for_everything_so_far(tmp_path: Path) -> None:
    one = journal(tmp_path / "a")
    await one.synced()
    for seq in range(1, 200):
        one.append(numbered(seq))
        if seq % 20 == 0:
            await asyncio.gather(one.synced(), one.synced())
            assert one._syncer is not None
            assert one._syncer._synced >= seq
    one.close()
    await one.synced()


async def test_waiting_for_a_sync_can_be_cancelled(tmp_path: Path) -> None:
    one = journal(tmp_path / "a")
    one.append(numbered(1))
    waiting = asyncio.create_task(one.synced())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    one.append(numbered(2))
    await one.synced()
    one.close()
    assert len(list(read(tmp_path / "a"))) == 2


async def test_a_journal_deleted_while_open_says_so(tmp_path: Path) -> None:
    notices = Notices()
    one = journal(tmp_path / "a", notices)
    one.append(numbered(1))
    await one.synced()
    (tmp_path / "a").unlink()
    one.append(numbered(2))
    await one.synced()
    assert not one.writing
    assert len(notices) == 1
    assert "it was deleted" in notices[0]


def test_when_writing_fails_half_way_the_half_line_is_taken_back(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from tests.session.test_journal import Notices, journal, numbered
notices = Notices()
one = journal(Path(sys.argv[1]), notices)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
for seq in range(1, 20):
    one.append(numbered(seq))
assert not one.writing
assert len(notices) == 1, notices
assert "File too large" in notices[0]
one.close()
"""
    path = tmp_path / "a"
    subprocess.run([sys.executable, "-c", script, path], cwd=ROOT, check=True)
    assert list(read(path)) == [numbered(seq) for seq in range(1, 5)]
    assert path.read_bytes() == b"".join(encode(numbered(seq)) + b"\n" for seq in range(1, 5))
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 5000


FULL_DISK = """
import asyncio, os, sys
from pathlib import Path
from tests.session.test_journal import Notices, journal, numbered
async def main():
    notices, folder = Notices(), Path(sys.argv[1])
    one = journal(folder / "a", notices)
    for seq in range(1, 500):
        one.append(numbered(seq))
    await one.synced()
    assert len(notices) == 1, notices
    assert "No space left on device" in notices[0]
    one.close()
    data = (folder / "a").read_bytes()
    assert data.endswith(b"\\n")
    Path(sys.argv[2]).write_bytes(data)
    other = journal(folder / "b" / "c", notices)
    other.append(numbered(1))
    assert not other.writing
    assert len(notices) == 2
asyncio.run(main())
"""


def test_a_full_disk_ends_the_journal_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    mount = 'mount -t tmpfs -o size=64k tmpfs "$1" && shift && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", mount, "sh", str(tmp_path / "disk")]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        command[1:1] = ["--user", "--map-root-user"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here, as root or in a user namespace")
    subprocess.run(
        [*command, sys.executable, "-c", FULL_DISK, tmp_path / "disk", tmp_path / "copy"], cwd=ROOT, check=True
    )
    facts = list(read(tmp_path / "copy"))
    assert facts == [numbered(seq) for seq in range(1, len(facts) + 1)]
    assert len(facts) > 20


def test_two_processes_never_write_one_journal(tmp_path: Path) -> None:
    path = tmp_path / "abc.jsonl"
    child = subprocess.Popen([sys.executable, "-c", WRITER, path, "1"], stdout=subprocess.PIPE, cwd=ROOT, text=True)
    try:
        assert child.stdout
        child.stdout.readline()
        with pytest.raises(SessionError, match=rf"abc is in use by another process \(pid {child.pid}\)") as raised:
            journal(path).reopen()
        assert "--fork abc" in raised.value.remedy
    finally:
        child.kill()
        child.communicate()
    again = journal(path)
    again.reopen()
    again.close()


def test_a_lock_does_not_outlive_its_journal(tmp_path: Path) -> None:
    path = written(tmp_path / "a", FACTS)
    first = journal(path)
    first.reopen()
    with pytest.raises(SessionError, match=f"pid {os.getpid()}"):
        journal(path).reopen()
    first.close()
    first.close()
    second = journal(path)
    second.reopen()
    second.close()


def test_text_that_cannot_be_encoded_is_kept_without_what_cannot(tmp_path: Path) -> None:
    notices = Notices()
    one = journal(tmp_path / "a", notices)
    one.append(Envelope(1, 1.5, ToolFinished(ToolResult("a", "b", "x\ud800y"), 1)))
    one.close()
    assert not notices
    assert list(read(tmp_path / "a")) == [Envelope(1, 1.5, ToolFinished(ToolResult("a", "b", "x\ufffdy"), 1))]


AS_NOBODY = """
import os, sys
from pathlib import Path
from tests.session.facts import Notices
from tests.session.test_journal import journal, numbered
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
notices, folder = Notices(), Path(sys.argv[1])
new = journal(folder / "sessions" / "new", notices)
new.append(numbered(1))
new.append(numbered(2))
old = journal(folder / "old", notices)
old.reopen()
old.append(numbered(3))
assert not new.writing and not old.writing
assert len(notices) == 2, notices
assert all("Permission denied" in notice for notice in notices)
"""


def test_a_folder_that_cannot_be_written_is_a_notice_and_no_more() -> None:
    with public_folder() as folder:
        written(folder / "old", FACTS).chmod(0o444)
        folder.chmod(0o555)
        subprocess.run([sys.executable, "-c", AS_NOBODY, folder], cwd=ROOT, check=True)
        folder.chmod(0o755)
        assert [path.name for path in folder.iterdir()] == ["old"]
