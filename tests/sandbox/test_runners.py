"""Who runs the commands: runners that are killed, starved, asked for side by side and asked to stop at any moment."""

import asyncio
import functools
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from py_mono.protocol.errors import WorkerDied
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.sandbox import kernel
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.launch import Launcher

if TYPE_CHECKING:
    from py_mono.protocol.ports import Branch

ROOT = Path(__file__).resolve().parents[2]
SUPERVISOR = "its supervisor was killed"


def children(pid: int) -> list[int]:
    """The pids of a process's children, oldest first."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sorted(int(child) for thread in threads for child in (thread / "children").read_text().split())


class Worker:
    """A worker without a lock, so that its processes can be reached as anybody's."""

    def __init__(self, workspace: Path) -> None:
        self.sandbox = WorkerSandbox(Launcher(str(workspace), backend="off"))
        self.branch: Branch
        self.output: list[str] = []

    async def open(self) -> None:
        self.branch = await self.sandbox.open("direct")
        await self.branch.specs()
        await until(lambda: len(children(self.init)) == 2)

    @property
    def init(self) -> int:
        assert self.sandbox.workers.narrow is not None
        return self.sandbox.workers.narrow.link._launched.pid

    @property
    def server(self) -> int:
        return children(self.init)[0]

    @property
    def runners(self) -> list[int]:
        return children(self.init)[1:]

    async def shell(self, command: str, **arguments: object) -> ToolResult:
        call = ToolCall("call-1", "shell", {"command": command, **arguments})
        return await self.branch.call(call, self.output.append)

    async def heard(self, text: str) -> None:
        await until(lambda: text in "".join(self.output))


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something another process does; the test's own time limit is the end of it."""
    while not holds():
        await asyncio.sleep(0.005)


def stopped(pid: int) -> bool:
    """Whether each of its threads is."""
    states = [stat.read_text().rsplit(") ", 1)[1][0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) == {"T"}


def gone(pid: int) -> bool:
    return not os.path.exists(f"/proc/{pid}")


def all_gone(pids: list[int]) -> bool:
    return all(map(gone, pids))


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Worker]:
    kernel.prctl("subreaper", kernel.PR_SET_CHILD_SUBREAPER, 1)
    made = Worker(tmp_path)
    try:
        await made.open()
        yield made
    finally:
        await made.sandbox.close()
        kernel.prctl("subreaper", kernel.PR_SET_CHILD_SUBREAPER, 0)


async def test_an_idle_runner_that_is_killed_is_replaced(worker: Worker) -> None:
    for _ in range(5):
        (old,) = worker.runners
        os.kill(old, signal.SIGKILL)
        await until(functools.partial(gone, old))  # before that it may still take a request
        assert (await worker.shell("echo on")).content == "on"
        assert len(worker.runners) == 1


async def test_a_busy_runner_that_is_killed_takes_its_command_along_and_is_replaced(worker: Worker) -> None:
    for _ in range(20):
        worker.output.clear()
        call = asyncio.create_task(worker.shell("sleep 60 & setsid sleep 60 & echo $$; sleep 60"))
        await worker.heard("\n")
        (runner,) = worker.runners
        started = children(runner)
        os.kill(runner, signal.SIGKILL)
        result = await call
        assert SUPERVISOR in result.content
        assert result.is_error
        await until(functools.partial(all_gone, started))
    assert (await worker.shell("echo on")).content == "on"
    assert len(worker.runners) == 1


async def test_a_runner_that_is_killed_with_its_background_command_is_missed_by_nobody(worker: Worker) -> None:
    await worker.shell("echo first")
    (keeper,) = worker.runners
    await worker.shell("sleep 60", background=True)
    (command,) = children(keeper)
    assert (await worker.shell("echo on")).content == "on"
    os.kill(keeper, signal.SIGKILL)
    await until(lambda: gone(command))
    assert [(await worker.shell(f"echo {number}")).content for number in range(3)] == ["0", "1", "2"]
    assert len(worker.runners) == 1


async def test_a_background_command_that_kills_its_supervisor_at_once_holds_up_nobody(worker: Worker) -> None:
    for number in range(20):
        with suppress(AssertionError):
            started = await worker.shell("kill -9 $PPID", background=True)
            assert not started.is_error, "the runner was killed before it could say that it had started it"
        assert (await worker.shell(f"echo {number}", timeout=10)).content == str(number)


async def test_a_runner_that_cannot_take_what_it_is_sent_is_replaced(worker: Worker) -> None:
    await worker.shell("echo first")
    (starved,) = worker.runners
    resource.prlimit(starved, resource.RLIMIT_NOFILE, (1, 1))
    assert SUPERVISOR in (await worker.shell("echo lost")).content
    assert (await worker.shell("echo on", timeout=10)).content == "on"
    await until(lambda: gone(starved))
    assert len(worker.runners) == 1


async def test_a_command_too_long_for_one_message_is_run_whole(worker: Worker) -> None:
    long = "x" * 100_000
    assert (await worker.shell(f"printf {long} | wc -c")).content == "100000"
    assert (await worker.shell("echo on")).content == "on"


async def outcome(call: "asyncio.Task[ToolResult]") -> list[ToolResult]:
    """What is known of a call, cancelled or not."""
    try:
        return [await call]
    except asyncio.CancelledError as cancelled:
        return list(cancelled.args)


@pytest.mark.parametrize("rounds", [*range(8), 20, 50, 100])
async def test_a_command_that_is_cancelled_at_any_moment_ends_with_all_it_started(worker: Worker, rounds: int) -> None:
    """The rounds are those of the event loop: before anything is sent, while it starts, when it runs, as it ends."""
    for command in ("sleep 60 & setsid sleep 60; sleep 60", "true"):
        call = asyncio.create_task(worker.shell(command))
        for _ in range(rounds):
            await asyncio.sleep(0 if rounds < 20 else 0.0005)
        call.cancel()
        known = await outcome(call)
        assert [result.call_id for result in known] == (["call-1"] if rounds else [])  # nothing where it never began
        assert [child for runner in worker.runners for child in children(runner)] == []
        assert (await worker.shell("echo on", timeout=10)).content == "on"
    assert len(worker.runners) == 1


async def test_cancelling_again_and_again_loses_neither_the_result_nor_the_workers_end(worker: Worker) -> None:
    init, server = worker.init, worker.server
    call = asyncio.create_task(worker.shell("echo on; sleep 60"))
    await worker.heard("on")
    for pid in (server, init):  # it answers nobody, and takes a while to end
        os.kill(pid, signal.SIGSTOP)
        await until(functools.partial(stopped, pid))
    for _ in range(4):
        call.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError) as caught:
        await call
    assert caught.value.args[0].content.startswith("cancelled by the user")
    with pytest.raises(WorkerDied):
        await worker.shell("true")
    await worker.branch.close()
    await worker.open()
    assert gone(init)
    os.kill(server, signal.SIGCONT)
    await asyncio.to_thread(os.waitpid, server, 0)  # it ends by itself: without init there is nothing to do
    assert (await worker.shell("echo again")).content == "again"


async def test_five_hundred_commands_leave_no_process_descriptor_or_thread(worker: Worker) -> None:
    def held() -> list[tuple[int, ...]]:
        pids = (worker.init, *children(worker.init))
        return [(pid, *(len(os.listdir(f"/proc/{pid}/{what}")) for what in ("fd", "task"))) for pid in pids]

    for _ in range(10):
        await worker.shell("true")
    await asyncio.sleep(0.1)  # what the last call used is let go after its result
    before = held()
    for number in range(500):
        result = await worker.shell(f"echo {number}" if number % 10 else f"sleep 60 & echo {number}")
        assert result.content == str(number)
    await until(lambda: held() == before)


SIDE_BY_SIDE = """
import os, random, socket, sys, threading, time
from py_mono.sandbox import processes
from py_mono.sandbox.commands import WorkerCommands
from py_mono.sandbox.init import Init

def caller(commands, number, wrong):
    chance = random.Random(number)
    for round in range(12):
        said, cancelled = [], threading.Event()
        if chance.random() < 0.4:
            def cancel(cancelled=cancelled):
                cancelled.set()
                commands.cancel(cancelled)
            timer = threading.Timer(chance.random() * 0.02, cancel)
            timer.start()
            script = "sleep 60 & sleep 60"
        else:
            script = f"sleep 0.00{chance.randrange(9)}; echo {number}.{round}"
        done = commands.run(["/bin/sh", "-c", script, "x" * chance.choice((1, 50_000))], cwd="/", timeout_s=30,
                            on_output=said.append, cancelled=cancelled)
        if not cancelled.is_set() and (done.exit_code, said) != (0, [f"{number}.{round}\\n".encode()]):
            wrong.append((number, round, done.exit_code, said))
        if cancelled.is_set() and not (done.cancelled and done.exit_code and not done.timed_out):
            wrong.append((number, round, "not cancelled"))

requests, requests_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
sweeps, sweeps_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
processes.become_subreaper()
server = os.fork()
if server == 0:
    requests_end.close()
    sweeps_end.close()
    commands, wrong = WorkerCommands(requests, sweeps, {"PATH": "/usr/bin:/bin"}), []
    threads = [threading.Thread(target=caller, args=(commands, number, wrong)) for number in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    with open(f"/proc/{os.getppid()}/task/{os.getppid()}/children") as file:
        runners = [pid for pid in file.read().split() if int(pid) != os.getpid()]
    left = []
    for pid in runners:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                left += file.read().split()
    print(wrong, left, len(runners) <= 8, len(os.listdir("/proc/self/fd")) < 10, flush=True)
    os._exit(0)
requests.close()
sweeps.close()
Init(requests_end, sweeps_end, server, lambda: None).serve()
"""


def test_commands_side_by_side_have_a_runner_each_and_cancelling_one_ends_no_other() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIDE_BY_SIDE], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[] [] True True\n", "")
