"""Background commands of a real worker in its lock: whatever they do, each is told of once, bounded, and ended."""

import asyncio
import itertools
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.jobs import JobEnded, JobStarted
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.jobs.host import _MOST
from py_mono.sandbox.jobs.supervise import LOG_LIMIT
from py_mono.sandbox.jobs.watch import LIMIT
from py_mono.sandbox.launch import Launcher
from tests.sandbox.locking import ORDINARY_USER, USERS

if TYPE_CHECKING:
    from py_mono.protocol.ports import Branch

_marks = itertools.count(1)


def processes(mark: str) -> list[int]:
    """Every process on the machine that bears a mark in its command line."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark.encode() in words:
            found.append(int(name))
    return found


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[1])


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something another process does; the test's own time limit is the end of it."""
    while not holds():
        await asyncio.sleep(0.005)


class Rig:
    """A sandbox, and what it tells of its background commands."""

    def __init__(self, workspace: Path) -> None:
        self.sandbox = WorkerSandbox(Launcher(str(workspace)))
        self.told: list[JobStarted | JobEnded] = []
        self._calls = itertools.count(1)
        self.branch: Branch

    async def open(self, last: int = 0) -> "Rig":
        self.sandbox.jobs.watch(last, self.told.append)
        self.branch = await self.sandbox.open("direct")
        await self.branch.specs()
        return self

    async def shell(self, command: str, **arguments: object) -> ToolResult:
        call = ToolCall(f"call-{next(self._calls)}", "shell", {"command": command, **arguments})
        return await self.branch.call(call, lambda _: None)

    async def start(self, command: str, **arguments: object) -> int:
        result = await self.shell(command, background=True, **arguments)
        number: int = result.details["job"]
        return number

    async def ended(self, job: int) -> JobEnded:
        def known() -> list[JobEnded]:
            return [event for event in self.told if isinstance(event, JobEnded) and event.job == job]

        await until(lambda: bool(known()))
        (event,) = known()
        return event


@pytest.fixture(params=USERS, ids=lambda user: "root" if user == 0 else f"user-{user}")
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    if request.param == ORDINARY_USER and os.geteuid() == 0:  # the worker takes the owner's ids
        os.chown(workspace, ORDINARY_USER, ORDINARY_USER)
    rig = Rig(workspace)
    try:
        yield await rig.open()
    finally:
        await rig.sandbox.close()


@pytest.fixture
def mark() -> str:
    return f"{os.getpid()}.{next(_marks):04}"


async def test_what_it_says_first_is_the_result_and_what_it_says_last_is_told(rig: Rig) -> None:
    result = await rig.shell("echo up; until [ -e go ]; do sleep 0.01; done; echo down; exit 4", background=True)
    assert (result.is_error, result.content.split("\n")[0]) == (False, "up")
    await rig.shell("touch go")
    event = await rig.ended(1)
    assert event == JobEnded(1, "exited", 4, event.seconds, len("up\ndown\n"), "up\ndown")
    command = "echo up; until [ -e go ]; do sleep 0.01; done; echo down; exit 4"
    assert rig.told == [JobStarted(1, command, result.details["output"]), event]


async def test_the_command_job_lists_shows_waits_and_ends(rig: Rig, mark: str) -> None:
    await rig.start(f"echo one; sleep {mark}")
    await rig.start("echo two; until [ -e go ]; do sleep 0.01; done; exit 7")
    assert (await rig.shell("job")).content == (
        f"job 1 runs: echo one; sleep {mark}\njob 2 runs: echo two; until [ -e go ]; do sleep 0.01; done; exit 7"
    )
    assert (await rig.shell("job 1")).content == "one\n[job 1 runs on]"
    waited = await rig.shell("touch go; job wait 2; echo and $?")
    assert re.sub(r"after \d+ s", "", waited.content) == "two\n\n[ended: exit code 7 ]\nand 7"
    killed = await rig.shell("job kill 1")
    assert "[ended: stopped, exit code 143 after" in killed.content
    assert processes(mark) == []
    assert (await rig.ended(1)).reason == "stopped"
    assert (await rig.shell("job 9")).content == "job: there is no job 9; there are: 1, 2\n[exit code 1]"
    assert "usage: job" in (await rig.shell("job destroy 1")).content


async def test_one_that_ends_in_its_first_moment_is_a_result_and_its_number_goes_to_the_next(rig: Rig) -> None:
    result = await rig.shell("no-such-program", background=True)
    assert result.is_error
    assert result.content.endswith("no-such-program: command not found\n[ended at once: exit code 127]")
    assert await rig.start("sleep 60") == 1
    assert (await rig.shell("job")).content == "job 1 runs: sleep 60"


@pytest.mark.parametrize("command", [
    "(setsid sleep {mark} &); exec >/dev/null 2>&1",
    "setsid -f sleep {mark}; setsid -f sh -c 'sleep {mark} & sleep {mark}'; sleep {mark}",
    "trap '' TERM HUP INT; sleep {mark}; sleep {mark}",
    "sleep {mark} >/dev/null 2>&1 <&- & kill -STOP $$",
    "exec 1>&- 2>&-; sleep {mark}",
    "for n in 1 2 3 4 5; do sleep {mark} & done; wait",
])  # fmt: skip
async def test_nothing_of_one_that_is_ended_is_left_whatever_it_did_to_hide(rig: Rig, mark: str, command: str) -> None:
    job = await rig.start(f"echo; {command.format(mark=mark)}")
    await until(lambda: len(processes(mark)) >= 1)
    await rig.sandbox.jobs.kill(job)
    assert processes(mark) == []
    assert (await rig.ended(job)).reason == "stopped"
    with pytest.raises(SandboxError, match="does not run"):
        await rig.sandbox.jobs.kill(job)


async def test_one_lives_as_long_as_anything_it_started(rig: Rig, mark: str) -> None:
    job = await rig.start(f"(setsid sleep {mark} &); exit 5")
    await rig.shell("sleep 0.2")
    assert len(rig.told) == 1
    assert len(processes(mark)) == 1
    await rig.sandbox.jobs.kill(job)
    assert processes(mark) == []
    assert (await rig.ended(job)).status == 5


async def test_a_time_limit_ends_it(rig: Rig, mark: str) -> None:
    job = await rig.start(f"echo on; sleep {mark}", timeout=0.5)
    event = await rig.ended(job)
    assert (event.reason, event.status, event.tail) == ("timed_out", 143, "on")
    assert processes(mark) == []


async def test_a_flood_is_kept_short_and_tools_go_on(rig: Rig) -> None:
    job = await rig.start("yes 0123456789")
    log = rig.told[0].output if isinstance(rig.told[0], JobStarted) else ""
    size = int((await rig.shell(f"sleep 1; stat -c %s {log}")).content)
    assert size < LOG_LIMIT + 70_000  # one piece more than that, before it is shortened
    assert (await rig.shell(f"head -n 1 {log}")).content.endswith("earlier bytes left out]")
    await rig.sandbox.jobs.kill(job)
    event = await rig.ended(job)
    assert event.output_bytes > LOG_LIMIT
    assert event.tail == "\n".join(["0123456789"] * 8)


async def test_bytes_that_are_no_text_and_escapes_are_harmless_in_what_is_told(rig: Rig) -> None:
    command = r"printf '\033]0;title\007\xff\xfe \033[31mrot\033[0m gr\xc3\xbc\xc3\x9fe \0 |\n'; sleep 0.2; head -c 1000 /dev/zero"
    job = await rig.start(command)
    event = await rig.ended(job)
    assert event.tail == "\ufffd\ufffd rot grüße  |"
    assert event.output_bytes == 38 + 1000


async def test_a_line_without_end_is_told_in_part(rig: Rig) -> None:
    event = await rig.ended(await rig.start("echo; sleep 0.2; head -c 3000000 /dev/zero | tr '\\0' x"))
    assert event.tail == "x" * 800


async def test_what_the_tools_do_to_its_files_harms_nobody(rig: Rig, mark: str) -> None:
    job = await rig.start(f"echo mine; sleep {mark}")
    (started,) = rig.told
    assert isinstance(started, JobStarted)
    log = started.output
    await rig.shell(f"rm {log} {log[:-4]}.door; ln -s /etc/passwd {log}; mkfifo {log[:-4]}.door")
    assert await rig.sandbox.jobs.show(job) == "mine\n"
    await rig.sandbox.jobs.kill(job)
    assert (await rig.ended(job)).tail == "mine"
    await rig.shell(
        f"mkdir -p {log[:-5]}3.door/full; echo kept > {log[:-5]}2.log; ln -s /etc {log[:-5]}4.door; touch {log[:-5]}3.command"
    )
    assert await rig.start(f"echo yours; sleep {mark}") == 3  # a number whose log is somebody's is passed over
    assert await rig.start(f"echo theirs; sleep {mark}") == 4
    assert (await rig.shell("job 3")).content == "yours\n[job 3 runs on]"


async def test_there_is_a_limit_and_the_refusal_names_those_that_run(rig: Rig) -> None:
    assert LIMIT < _MOST
    await asyncio.gather(*(rig.start("echo; sleep 60") for _ in range(LIMIT)))
    refused = await rig.shell("echo; sleep 60", background=True)
    assert refused.is_error
    assert refused.content.startswith(f"{LIMIT} background commands run already: job 1 (echo; sleep 60), job 2 (")
    assert refused.content.endswith("end one first: job kill N")
    await rig.sandbox.jobs.kill(7)
    assert await rig.start("echo; sleep 60") == LIMIT + 1


async def test_one_whose_supervisor_is_killed_is_lost_and_ended(tmp_path: Path, mark: str) -> None:
    """Killed from outside: the lock keeps the tools from it."""
    rig = await Rig(tmp_path).open()
    try:
        job = await rig.start(f"echo; sleep {mark} & wait")
        shell = parent(processes(mark)[0])
        os.kill(parent(shell), 9)
        event = await rig.ended(job)
        assert (event.reason, event.status) == ("lost", 137)
        await until(lambda: processes(mark) == [])
        assert (await rig.shell("echo still here")).content == "still here"
    finally:
        await rig.sandbox.close()


async def test_when_the_worker_dies_they_are_lost_and_the_next_worker_counts_on(rig: Rig, mark: str) -> None:
    job = await rig.start(f"echo; sleep {mark}")
    narrow = rig.sandbox.workers.narrow
    assert narrow is not None
    await narrow.link.end()
    event = await rig.ended(job)
    assert (event.reason, processes(mark)) == ("lost", [])
    await rig.branch.close()
    rig.branch = await rig.sandbox.open("direct")
    assert await rig.start("echo; sleep 60") == 2
    with pytest.raises(SandboxError, match="not kept"):
        await rig.sandbox.jobs.show(1)


async def test_numbers_go_on_where_a_session_goes_on(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).open(last=41)
    try:
        assert await rig.start("echo; sleep 60") == 42
    finally:
        await rig.sandbox.close()


async def test_what_ends_after_leave_ends_with_the_session(rig: Rig, mark: str) -> None:
    job = await rig.start(f"trap '' TERM; echo; setsid sleep {mark}")
    rig.sandbox.jobs.leave()
    await rig.sandbox.close()
    assert processes(mark) == []
    assert (await rig.ended(job)).reason == "session_ended"


async def test_a_cancelled_call_leaves_what_it_started(rig: Rig, mark: str) -> None:
    calling = asyncio.ensure_future(rig.shell(f"sleep {mark}", background=True))
    await until(lambda: len(processes(mark)) >= 1)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await calling
    assert "job 1 runs in the background" in caught.value.args[0].content
    assert len(processes(mark)) >= 1
    progress = await rig.sandbox.jobs.progress()
    assert (list(progress), progress[1].output_bytes) == ([1], 0)
