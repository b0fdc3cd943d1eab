"""The operator's key file beside the workers of a session, over every backend, with the real tools and real keys."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_mono.protocol.errors import ConfigError, SandboxError
from py_mono.protocol.ports import BranchMode
from py_mono.protocol.tools import ToolCall
from py_mono.sandbox.keys import KEYS
from py_mono.security.keys.manager import KeyManager
from tests.contract.branches import Place
from tests.contract.test_sandbox import until

_BACKENDS = ["off", "auto", "container"]
if os.path.exists("/usr/bin/bwrap") or "CI" in os.environ:
    _BACKENDS.append("bubblewrap")
_MASTER = {"LLM_MASTER_KEY": "b'" + "A" * 43 + "='"}
_KEY = "gsk_0123456789abcdef"


class Session(Place):
    """A place, with the keys of its operator."""

    def __init__(self, base: Path, backend: str, *, one_scratch: bool = False) -> None:
        super().__init__(base, backend=backend, one_scratch=one_scratch)
        self.file = self.workspace / KEYS
        self.keys = KeyManager(
            str(self.workspace), str(base / "state"), _MASTER, learned=lambda _: None, secrets_folder=str(base / "none")
        )

    def turn(self, command: str, mode: BranchMode = "direct") -> str:
        """What one command came to, in a transaction of its own."""
        branch = self.open(mode)
        said = self.shell(branch, command)
        self.runner.run(branch.close())
        return said

    def set_first(self) -> None:
        async def work() -> None:
            async with self.sandbox.uncovered():
                await asyncio.to_thread(self.keys.set, "groq", _KEY)

        self.runner.run(work())

    @property
    def is_marked(self) -> bool:
        """Whether other processes see that there are workers."""
        with open(self.places.sessions, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def hides(self) -> bool:
        """Whether this backend can cover a file here."""
        return str(self.runner.run(self.sandbox.lock())["layers"].get("namespaces", "off")).startswith("on")


@pytest.fixture(params=_BACKENDS)
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    with Session(tmp_path, request.param) as session:
        yield session


def test_the_first_key_is_set_between_two_turns_and_the_next_workers_cover_it(session: Session) -> None:
    assert session.turn("echo 1 > f; cat .keys.enc 2>&1 | grep -c 'No such'") == "1"
    assert session.is_marked
    with pytest.raises(ConfigError, match="another session of py-mono runs"):
        session.keys.set("groq", _KEY)
    assert not session.file.exists()
    session.set_first()
    assert session.is_marked
    assert session.sandbox.covers_keys
    said = session.turn("grep -cs py-mono-keys .keys.enc; rm -f .keys.enc; echo 2 > f")
    assert session.hides() == (said.splitlines()[0] != "1")
    if session.hides():
        assert session.keys.look("groq", ()).key == _KEY
        session.keys.set("openai", _KEY)  # in place, beside the workers
        assert session.turn("cat .keys.enc 2>/dev/null; echo read") == "read"
        assert session.keys.stored() == ("groq", "openai")
    branch = session.open("direct")
    session.shell(branch, "echo 3 > f; rm -rf g")
    assert [change.path for change in session.runner.run(branch.changes()).changes] == ["f"]
    session.runner.run(branch.discard())
    session.runner.run(branch.close())
    assert (session.workspace / "f").read_text() == "2\n"


def test_workers_that_cover_the_file_go_on_while_it_is_written(session: Session) -> None:
    session.keys.set("groq", _KEY)
    session.turn("true")
    assert session.sandbox.workers.narrow is not None
    before = session.sandbox.workers.narrow.link
    session.set_first()
    assert session.sandbox.workers.narrow.link is before
    assert not before.dead


def test_it_is_refused_while_a_turn_or_a_background_command_runs(session: Session) -> None:
    branch = session.open("direct")
    with pytest.raises(SandboxError, match="a turn runs"):
        session.set_first()
    session.call(branch, [("shell", {"command": "sleep 600", "background": True})])
    session.runner.run(branch.close())
    with pytest.raises(SandboxError, match="background commands run") as caught:
        session.set_first()
    assert "/jobs kill" in caught.value.remedy
    assert not session.file.exists()
    assert session.is_marked
    session.runner.run(session.sandbox.jobs.kill(1))
    session.set_first()
    assert session.keys.stored() == ("groq",)


def test_an_empty_file_is_written_into_only_while_no_worker_lives(session: Session) -> None:
    session.file.touch(mode=0o600)
    session.turn("true")
    with pytest.raises(ConfigError, match="another session of py-mono runs"):
        session.keys.set("groq", _KEY)
    assert session.file.read_bytes() == b""
    session.set_first()
    assert session.keys.stored() == ("groq",)
    assert session.hides() == (session.turn("grep -cs py-mono-keys .keys.enc; true") != "1")


@pytest.mark.parametrize("plant", ["touch .keys.enc", "touch k; ln k .keys.enc", "echo evil > .keys.enc", "ln -s k .keys.enc"])  # fmt: skip
def test_what_was_planted_since_the_last_call_is_not_written_into(session: Session, plant: str) -> None:
    branch = session.open("direct")
    late = f"while ! [ -e go ]; do sleep 0.01; done; {plant}"
    session.call(branch, [("shell", {"command": late, "background": True})])
    session.runner.run(branch.close())
    (session.workspace / "go").touch()
    session.runner.run(until(lambda: os.path.lexists(session.file) and not session.sandbox.jobs.running))
    assert not session.sandbox.covers_keys
    session.set_first()
    assert session.file.stat().st_nlink == 1
    assert session.keys.stored() == ("groq",)
    assert not (session.workspace / "k").exists() or (session.workspace / "k").read_bytes() == b""


def test_what_a_background_command_plants_at_the_end_goes_with_the_session(tmp_path: Path) -> None:
    with Session(tmp_path, "auto") as session:
        branch = session.open("direct")
        late = "while ! [ -e go ]; do sleep 0.01; done; touch .keys.enc; sleep 600"
        session.call(branch, [("shell", {"command": late, "background": True})])
        session.runner.run(branch.close())
        (session.workspace / "go").touch()
        session.runner.run(until(session.file.exists))
    assert not session.file.exists()


def test_a_call_that_its_worker_dies_over_plants_nothing(session: Session) -> None:
    branch = session.open("direct")

    async def die() -> None:
        call = ToolCall("1", "shell", {"command": "touch .keys.enc; sleep 600"})
        planting = asyncio.ensure_future(branch.call(call, lambda _: None))
        await until(session.file.exists)
        assert session.sandbox.workers.narrow is not None
        await session.sandbox.workers.narrow.link.end()
        with pytest.raises(SandboxError):
            await planting
        await branch.close()

    session.runner.run(die())
    assert session.turn("ls -A") == "[no output]"
    assert not session.file.exists()


def test_a_file_that_its_operator_removed_cannot_be_put_back_by_a_tool(session: Session) -> None:
    session.keys.set("groq", _KEY)
    sealed = session.file.read_bytes()
    session.turn("true")
    session.file.unlink()
    assert ".keys.enc appeared in the workspace and was removed" in session.turn("touch .keys.enc")
    assert not session.file.exists()
    (session.workspace / "copy").write_bytes(sealed)
    assert "was renamed to .keys.enc.removed-" in session.turn("mv copy .keys.enc")
    assert not session.file.exists()
    session.set_first()
    assert session.sandbox.covers_keys
    assert session.hides() == (session.turn("(echo evil > .keys.enc; cat .keys.enc) 2>/dev/null; echo on") == "on")


def test_a_failure_and_a_cancellation_leave_the_session_as_it_was(session: Session) -> None:
    session.turn("true")
    entered = asyncio.Event()

    async def fail() -> None:
        async with session.sandbox.uncovered():
            assert not session.is_marked
            raise ConfigError("the disk is full")

    async def wait() -> None:
        async with session.sandbox.uncovered():
            entered.set()
            await asyncio.sleep(600)

    async def cancel() -> None:
        waiting = asyncio.ensure_future(wait())
        await entered.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    with pytest.raises(ConfigError, match="full"):
        session.runner.run(fail())
    assert session.is_marked
    session.runner.run(cancel())
    assert session.is_marked
    assert session.turn("echo on") == "on"


def test_a_turn_that_begins_meanwhile_waits(session: Session) -> None:
    async def work() -> None:
        async with session.sandbox.uncovered():
            opening = asyncio.ensure_future(session.sandbox.open("direct"))
            asking = asyncio.ensure_future(session.sandbox.lock())
            await asyncio.sleep(0.05)
            assert not opening.done()
            assert not asking.done()
            session.keys.set("groq", _KEY)
        branch = await opening
        await asking
        said = await branch.call(
            ToolCall("1", "shell", {"command": "grep -cs py-mono-keys .keys.enc; true"}), lambda _: None
        )
        await branch.close()
        hides = str((await session.sandbox.lock())["layers"].get("namespaces", "off")).startswith("on")
        assert (said.content != "1") == hides

    session.runner.run(work())


def test_a_copy_that_lasts_is_worked_on_again_afterwards(tmp_path: Path) -> None:
    with Session(tmp_path, "auto", one_scratch=True) as session:
        assert session.turn("echo 1 > f", "scratch") == "[no output]"
        session.set_first()
        assert session.turn("cat f .keys.enc 2>&1 | head -1; ls -A", "scratch") == "1\nf"
        assert session.keys.stored() == ("groq",)


def test_sessions_side_by_side_hold_the_first_key_back_until_the_last_ends(tmp_path: Path) -> None:
    with Session(tmp_path, "auto") as one, Session(tmp_path, "auto") as other:
        one.turn("true")
        other.turn("true")
        with pytest.raises(ConfigError, match="another session of py-mono runs"):
            one.set_first()
        assert one.turn("echo on") == "on"
        other.close()
        one.set_first()
        assert one.keys.stored() == ("groq",)
        other.runner = asyncio.Runner()  # for the second end
