"""Sessions are made, found, gone on with, forked and listed."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from py_mono.protocol.codec import decode_envelope, encode, is_fact
from py_mono.protocol.errors import SessionError
from py_mono.protocol.events import Envelope, Notice, SessionStarted, TurnFinished, TurnStarted
from py_mono.protocol.history import History
from py_mono.protocol.messages import UserMessage
from py_mono.security.redact import Redactor
from py_mono.session.journal import read
from py_mono.session.summary import Summary
from tests.session.facts import SECRET, Notices, conversation, public_folder, saved, store, write

ROOT = Path(__file__).parents[2]


def age(path: Path, seconds: int) -> None:
    """Make a journal look as if it had been written so long ago."""
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(SessionError) as raised:
        act()
    return str(raised.value)


def test_a_new_session_makes_its_file_with_its_first_fact_and_leaves_signals_out(tmp_path: Path) -> None:
    session = store(tmp_path).new("/w")
    session.append(Envelope(1, 1.5, Notice("hello")))
    assert list(tmp_path.iterdir()) == []
    facts = conversation(str)
    write(session, facts)
    session.close()
    assert [fact.seq for fact in read(session.path)] == [fact.seq for fact in facts if is_fact(fact.event)]
    assert (session.id, session.next_seq, session.envelopes, session.workspace) == (
        Path(session.path).stem,
        1,
        (),
        "/w",
    )


async def test_a_session_that_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    session = store(tmp_path).new("/w", keep=False)
    write(session, conversation(str))
    await session.synced()
    session.close()
    assert (session.kept, os.listdir(tmp_path)) == (False, [])


def test_a_resumed_session_goes_on_where_it_was(tmp_path: Path) -> None:
    first = saved(tmp_path)
    again = store(tmp_path).resume(first.id[:11])
    assert again.envelopes == tuple(read(first.path))
    assert (again.id, again.workspace, again.next_seq) == (first.id, "/w", again.envelopes[-1].seq + 1)
    more = Envelope(again.next_seq, 1.5, TurnStarted(3, UserMessage("more")))
    again.append(more)
    again.close()
    assert tuple(read(first.path)) == (*again.envelopes, more)


def test_the_conversation_folded_from_the_journal_is_the_live_one_redacted(tmp_path: Path) -> None:
    redact, live, kept = Redactor([SECRET]), History(), History()
    session = saved(tmp_path)
    for envelope in conversation(redact, session=session.id):
        live.apply(envelope.event)
    for envelope in read(session.path):
        kept.apply(envelope.event)
    assert [encode(message).decode() for message in kept.messages] == [
        redact(encode(message).decode()) for message in live.messages
    ]
    assert (kept.prompt, kept.session, kept.turns) == (live.prompt, live.session, live.turns)
    assert SECRET not in "".join(str(message) for message in kept.messages)


def test_a_session_cut_at_any_byte_resumes_whole(tmp_path: Path) -> None:
    session = saved(tmp_path)
    whole = Path(session.path).read_bytes()
    first_line = whole.index(b"\n")
    for cut in range(first_line, len(whole), 7):
        Path(session.path).write_bytes(whole[:cut])
        resumed = store(tmp_path).resume(session.id)
        resumed.close()
        history = History()
        for envelope in resumed.envelopes:
            history.apply(envelope.event)
        assert history.open_calls() == ()
        assert tuple(read(session.path)) == resumed.envelopes
        again = store(tmp_path).resume(session.id)
        again.close()
        assert again.envelopes == resumed.envelopes
        assert again.next_seq == resumed.next_seq == resumed.envelopes[-1].seq + 1


def test_healing_is_numbered_after_facts_of_newer_versions(tmp_path: Path) -> None:
    session = saved(tmp_path)
    with Path(session.path).open("ab") as file:
        file.write(encode(Envelope(30, 1.5, TurnStarted(3, UserMessage("x")))) + b"\n")
        file.write(b'{"seq":31,"at":1.5,"event":{"type":"dreamt","of":"sheep"}}\n')
    resumed = store(tmp_path).resume(session.id)
    resumed.close()
    assert resumed.envelopes[-1].seq == 32
    assert isinstance(resumed.envelopes[-1].event, TurnFinished)
    assert resumed.next_seq == 33


def test_continue_takes_the_session_of_this_workspace_used_last(tmp_path: Path) -> None:
    here, link = tmp_path / "here", tmp_path / "link"
    here.mkdir()
    link.symlink_to(here)
    old, newer, elsewhere = (saved(tmp_path, str(place)) for place in (here, here, tmp_path))
    age(Path(newer.path), 100)
    age(Path(old.path), 50)
    age(Path(elsewhere.path), 10)
    latest = store(tmp_path).latest(str(link))
    latest.close()
    assert latest.id == old.id
    assert refused(lambda: store(tmp_path).latest("/nowhere")) == "There is no session of /nowhere yet."


def test_an_id_must_be_known_and_unique(tmp_path: Path) -> None:
    assert refused(lambda: store(tmp_path).resume("x")) == "There is no session 'x'."
    first, second = saved(tmp_path), saved(tmp_path)
    assert store(tmp_path).find(first.id) == first.id
    message = refused(lambda: store(tmp_path).resume(first.id[:2]))
    assert message.startswith(f"2 sessions begin with {first.id[:2]!r}")
    assert first.id in message
    assert second.id in message
    for _ in range(4):
        saved(tmp_path)
    assert refused(lambda: store(tmp_path).resume("")).endswith(", …")
    for odd in ("", "../../etc/passwd", "a/b", "\0", "*"):
        assert "session" in refused(lambda odd=odd: store(tmp_path).resume(odd))  # type: ignore[misc]  # no type for odd


def test_a_session_in_use_is_refused_and_can_be_read_and_forked(tmp_path: Path) -> None:
    session = saved(tmp_path)
    open_one = store(tmp_path).resume(session.id)
    assert f"in use by another process (pid {os.getpid()})" in refused(lambda: store(tmp_path).resume(session.id))
    assert len(list(store(tmp_path).read(session.id))) == len(open_one.envelopes)
    store(tmp_path).fork(session.id).close()
    open_one.close()


def test_a_fork_has_its_parents_facts_up_to_a_point(tmp_path: Path) -> None:
    parent = saved(tmp_path)
    facts = list(read(parent.path))
    for at in (*(fact.seq for fact in facts), None):
        fork = store(tmp_path).fork(parent.id, at)
        fork.close()
        kept = [fact for fact in facts if at is None or fact.seq <= at]
        start = Envelope(1, facts[0].at, SessionStarted(fork.id, "/w", "0.1.0", parent.id))
        assert list(fork.envelopes[: len(kept)]) == [start, *kept[1:]]
        assert tuple(read(fork.path)) == fork.envelopes
        assert fork.next_seq == fork.envelopes[-1].seq + 1
    assert tuple(read(parent.path)) == tuple(facts)
    assert "nothing to go on with" in refused(lambda: store(tmp_path).fork(parent.id, 0))


def test_a_damaged_session_is_refused_but_can_be_forked_before_the_damage(tmp_path: Path) -> None:
    session = saved(tmp_path)
    lines = Path(session.path).read_bytes().splitlines(keepends=True)
    Path(session.path).write_bytes(b"".join([*lines[:3], b"damage\n", *lines[4:]]))
    assert "is damaged in line 4" in refused(lambda: store(tmp_path).resume(session.id))
    assert "is damaged in line 4" in refused(lambda: store(tmp_path).resume(session.id))  # and not locked by the first
    fork = store(tmp_path).fork(session.id, 3)
    fork.close()
    assert len(fork.envelopes) == 4
    age(Path(session.path), 10)
    assert [each.id for each in store(tmp_path).list()] == [fork.id, session.id]


def test_an_empty_journal_is_no_session(tmp_path: Path) -> None:
    session = saved(tmp_path)
    Path(session.path).write_bytes(Path(session.path).read_bytes()[:20])
    assert store(tmp_path).list() == []
    assert "nothing to go on with" in refused(lambda: store(tmp_path).resume(session.id))


def test_the_list_tells_of_each_session_the_last_used_first(tmp_path: Path) -> None:
    assert store(tmp_path).list() == []
    first, second = saved(tmp_path, "/a"), saved(tmp_path, "/b")
    age(Path(second.path), 60)
    (tmp_path / "sessions" / "notes.txt").write_text("not a session")
    (tmp_path / "sessions" / "folder.jsonl").mkdir()
    (tmp_path / "sessions" / "dangling.jsonl").symlink_to("nowhere")
    os.mkfifo(tmp_path / "sessions" / "pipe.jsonl")
    facts = list(read(first.path))
    expected = Summary(
        id=first.id,
        started=facts[0].at,
        used=facts[-1].at,
        workspace="/a",
        prompt="do it with [redacted:known], ü",
        turns=2,
        model="m1",
        parent="",
    )
    found = store(tmp_path).list()
    assert found[0] == expected
    assert [each.workspace for each in found] == ["/a", "/b"]


def test_a_long_last_turn_does_not_hide_how_many_there_were(tmp_path: Path) -> None:
    session = saved(tmp_path)
    steered = next(line for line in Path(session.path).read_bytes().splitlines() if b"message_steered" in line)
    long = steered.replace(b"faster", b"x" * 200_000)
    with Path(session.path).open("ab") as file:
        file.write(encode(Envelope(40, 1.5, TurnStarted(3, UserMessage('"turn_started"')))) + b"\n" + long + b"\n")
    assert decode_envelope(long)
    assert store(tmp_path).list()[0].turns == 3


UNWRITABLE = """
import asyncio, os, sys
from pathlib import Path
from tests.session.facts import Notices, conversation, store, write
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(1000)
    os.setuid(1000)
async def main():
    notices = Notices()
    sessions = store(Path(sys.argv[1]), notices)
    new = sessions.new("/w")
    write(new, conversation(str))
    await new.synced()
    assert not new.kept
    assert len(notices) == 1, notices
    old = sessions.resume(sys.argv[2])
    write(old, conversation(str))
    assert not old.kept
    assert len(old.envelopes) == int(sys.argv[3])
    assert len(notices) == 2, notices
    assert "Permission denied" in notices[0] and "Permission denied" in notices[1], notices
asyncio.run(main())
"""


def test_a_state_folder_that_cannot_be_written_is_said_once_and_the_session_goes_on() -> None:
    with public_folder() as folder:
        session = saved(folder)
        Path(session.path).chmod(0o444)
        Path(session.path).parent.chmod(0o555)
        count = str(len(list(read(session.path))))
        subprocess.run([sys.executable, "-c", UNWRITABLE, folder, session.id, count], cwd=ROOT, check=True)
        Path(session.path).parent.chmod(0o755)


@pytest.mark.parametrize("name", ["file", "file/below", "x" * 300])
async def test_an_impossible_state_folder_is_said_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    notices = Notices()
    session = store(tmp_path / name, notices).new("/w")
    write(session, conversation(str))
    await session.synced()
    session.close()
    assert len(notices) == 1
    assert "is not saved, because" in notices[0]


async def test_sessions_opened_at_the_same_moment_go_to_one_only(tmp_path: Path) -> None:
    session = saved(tmp_path)
    results = await asyncio.gather(
        *(asyncio.to_thread(store(tmp_path).resume, session.id) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(result, SessionError) for result in results) == 7
    for result in results:
        if not isinstance(result, BaseException):
            result.close()
