"""The contract of ``Sandbox`` and ``Branch``, over every backend, with the real tools."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from py_mono.protocol.errors import SandboxError, WorkerDied
from py_mono.protocol.ports import Branch, Changes
from py_mono.protocol.tools import Change, ToolCall, ToolResult
from py_mono.sandbox import kernel
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.launch import Launcher
from py_mono.sandbox.link import Link

_BACKENDS = ["off", "auto", "container"]
if os.path.exists("/usr/bin/bwrap") or "CI" in os.environ:  # CI has it; elsewhere it may truly not be there
    _BACKENDS.append("bubblewrap")

SURVIVORS = {
    "background": "sleep {mark} & echo on",
    "a session of its own": "setsid sleep {mark} & echo on",
    "forked twice": "(setsid sh -c 'sleep {mark} & sleep {mark}' &) ; echo on",
    "holding the output": "sleep {mark} 2>&1 & echo on",
    "deaf to TERM": "sh -c \"trap '' TERM HUP INT; sleep {mark}\" & echo on",
    "forking for ever": "sh -c 'while :; do setsid sleep {mark} & sleep 0.01; done' >/dev/null 2>&1 & echo on; sleep 0.1",
    "each fork living a moment": "python3 -c 'import os\nwhile os.fork() == 0: pass' {mark} & echo on; sleep 0.1",
    "stopped": "sleep {mark} & kill -STOP $!; echo on",
}


class Box:
    """A sandbox, an open branch of it, and its workspace."""

    def __init__(self, backend: str, workspace: Path) -> None:
        self.workspace = workspace
        self.launcher = Launcher(str(workspace), backend=backend)
        self.sandbox = WorkerSandbox(self.launcher)
        self.branch: Branch
        self.output: list[str] = []

    async def open(self) -> "Box":
        self.branch = await self.sandbox.open("direct")
        await self.branch.specs()
        await until(lambda: bool(self.worker._processes._report))
        return self

    async def call(self, tool: str, **arguments: Any) -> ToolResult:
        return await self.branch.call(ToolCall("call-1", tool, arguments), self.output.append)

    async def shell(self, command: str, **arguments: Any) -> ToolResult:
        return await self.call("shell", command=command, **arguments)

    @property
    def worker(self) -> Link:
        assert self.sandbox.workers.narrow is not None
        return self.sandbox.workers.narrow.link

    @property
    def init(self) -> int:
        """The pid of the worker's first process."""
        report = self.worker._processes._report.decode()
        return int("".join(filter(str.isdigit, report.split(",")[0])))


@pytest.fixture(autouse=True)
def _adopting() -> Iterator[None]:
    """As the program does: what a worker leaves comes to the host."""
    kernel.prctl("subreaper", kernel.PR_SET_CHILD_SUBREAPER, 1)
    yield
    kernel.prctl("subreaper", kernel.PR_SET_CHILD_SUBREAPER, 0)


@pytest.fixture(params=_BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def box(backend: str, tmp_path: Path) -> AsyncIterator[Box]:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    box = Box(backend, workspace)
    try:
        yield await box.open()
    finally:
        await box.sandbox.close()


def processes(mark: str) -> list[str]:
    """The command lines, on the whole machine, that have ``mark`` as an argument; zombies have none."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if mark.encode() in line.split(b"\0"):
            found.append(line.decode())
    return found


def children(parent: int | str = "self") -> list[int]:
    """The pids of a process's children, zombies included, oldest first."""
    threads = Path(f"/proc/{parent}/task").iterdir()
    return sorted(int(pid) for thread in threads for pid in (thread / "children").read_text().split())


def open_files() -> set[tuple[str, str]]:
    """The descriptors of this process, each with what it leads to."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # that of the listing itself
            found.add((descriptor, os.readlink(f"/proc/self/fd/{descriptor}")))
    return found


def peak_kib(init: int) -> int:
    """The most memory that any process of the worker ever had."""
    lines = [line for pid in (init, *children(init)) for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return max(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def exists(path: str | bytes) -> bool:
    return os.path.exists(path)


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something another process does; the test's own time limit is the end of it."""
    while not holds():
        await asyncio.sleep(0.01)


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """A number of seconds that no other process sleeps for."""
    return f"9{abs(hash(str(tmp_path))) % 10**7}.{os.getpid()}"


async def test_it_says_which_tools_it_has_and_what_its_lock_holds(box: Box, backend: str) -> None:
    specs = await box.branch.specs()
    assert [spec.name for spec in specs] == ["list_files", "read_file", "write_file", "edit_file", "grep", "shell"]
    assert [spec.effect for spec in specs] == ["read", "read", "write", "write", "read", "write"]
    lock = await box.sandbox.lock()
    in_force = {name for name, state in lock["layers"].items() if state.startswith("on")}
    assert bool(in_force) == (backend != "off")
    assert bool(lock["open"]) or backend != "off"


async def test_a_call_is_answered_with_its_own_id_and_name(box: Box) -> None:
    (box.workspace / "note").write_text("hello\n")
    result = await box.call("read_file", path="note")
    assert (result.call_id, result.name, result.is_error) == ("call-1", "read_file", False)
    assert "hello" in result.content


async def test_an_exit_code_is_reported(box: Box) -> None:
    result = await box.shell("echo out; echo err >&2; exit 3")
    assert result == ToolResult(
        "call-1", "shell", "out\nerr\n[exit code 3]", is_error=True,
        details={"exit_code": 3, "timed_out": False, "truncated": False},
    )  # fmt: skip


async def test_output_comes_while_the_command_runs(box: Box) -> None:
    call = asyncio.create_task(box.shell("echo first; while [ ! -e go ]; do sleep 0.01; done; echo last"))
    await until(lambda: "first" in "".join(box.output))
    assert not call.done()
    (box.workspace / "go").touch()
    await call
    assert "".join(box.output) == "first\nlast\n"


async def test_an_unknown_tool_and_malformed_or_wrong_arguments_are_results(box: Box) -> None:
    unknown = await box.call("fly")
    malformed = await box.branch.call(ToolCall("a", "shell", {}, malformed="{"), box.output.append)
    missing = await box.call("shell")
    strange = await box.call("read_file", path="x", speed=3)
    wrong_type = await box.call("read_file", path=3)
    assert all(result.is_error for result in (unknown, malformed, missing, strange, wrong_type))
    assert "there is no tool 'fly'" in unknown.content
    assert "'command' is missing" in missing.content
    assert "'speed'" in strange.content
    assert "Traceback" not in wrong_type.content
    assert not (await box.shell("true")).is_error


async def test_surrogates_huge_arguments_and_zero_bytes_harm_nobody(box: Box) -> None:
    results = [
        await box.shell("echo '\ud800'"),
        await box.shell("a\0b"),
        await box.shell("true " + "x" * 3_000_000),
        await box.call("read_file", path="a\0b"),
        await box.call("read_file", path="\udcff"),
    ]
    assert not (await box.shell("true")).is_error
    assert [result.is_error for result in results[1:]] == [True] * 4


async def test_calls_that_read_run_side_by_side_with_one_that_writes(box: Box) -> None:
    (box.workspace / "note").write_text("hello\n")
    slow = asyncio.create_task(box.shell("echo on; while [ ! -e go ]; do sleep 0.01; done"))
    await until(lambda: bool(box.output))
    results = await asyncio.gather(*(box.call("read_file", path="note") for _ in range(20)))
    assert not slow.done()
    assert not any(result.is_error for result in results)
    (box.workspace / "go").touch()
    await slow


async def test_calls_that_write_run_one_at_a_time_in_order(box: Box) -> None:
    await asyncio.gather(
        *(box.shell(f"test ! -e busy && touch busy && echo {number} >> log; rm busy") for number in range(10))
    )
    assert (box.workspace / "log").read_text().split() == [str(number) for number in range(10)]


async def test_a_program_that_is_not_there_is_told(box: Box) -> None:
    assert "[exit code 127]" in (await box.shell("no-such-program")).content


async def test_a_workspace_that_goes_away_is_told_and_one_that_came_back_is_used(box: Box) -> None:
    box.workspace.rmdir()
    gone = await box.shell("touch x")
    box.workspace.mkdir()
    replaced = await box.shell("touch x")
    assert [gone.is_error, replaced.is_error] == [True, True]
    assert "was removed or replaced" in gone.content
    await box.branch.close()
    await box.open()
    assert not (await box.shell("touch x")).is_error
    assert [path.name for path in box.workspace.iterdir()] == ["x"]


@pytest.mark.parametrize("way", SURVIVORS)
async def test_nothing_of_a_command_outlives_its_call(box: Box, way: str, mark: str) -> None:
    result = await box.shell(SURVIVORS[way].replace("{mark}", mark))
    assert "on" in result.content
    assert processes(mark) == []


async def test_a_command_ends_at_its_time_limit_with_all_it_started(box: Box, mark: str) -> None:
    result = await box.shell(
        f"trap '' TERM; setsid sleep {mark} & (trap '' TERM; sleep {mark}) & echo on; sleep {mark}; sleep {mark}",
        timeout=0.3,
    )
    assert result.is_error
    assert result.details["timed_out"]
    assert result.content.startswith("on")
    assert processes(mark) == []


async def test_a_command_is_asked_to_end_before_it_is_killed(box: Box) -> None:
    result = await box.shell("trap 'echo tidied; exit 0' TERM; echo on; while :; do sleep 0.01; done", timeout=0.3)
    assert "tidied" in result.content


async def test_cancelling_ends_the_command_and_the_worker_lives_on(box: Box, mark: str) -> None:
    init = box.init
    call = asyncio.create_task(box.shell(f"setsid sleep {mark} & echo on; sleep {mark}"))
    await until(lambda: "on" in "".join(box.output))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert processes(mark) == []
    assert not (await box.shell("true")).is_error
    assert box.init == init


async def test_a_cancellation_carries_what_is_known_of_the_call(box: Box) -> None:
    call = asyncio.create_task(box.shell("touch .keys.enc; echo seen; sleep 60"))
    await until(lambda: "seen" in "".join(box.output))
    call.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await call
    known = caught.value.args[0]
    assert isinstance(known, ToolResult)
    assert known.content.splitlines()[:2] == ["seen", "[cancelled]"]
    assert not (box.workspace / ".keys.enc").exists()


async def test_cancelling_a_call_that_waits_in_line_does_not_run_it(box: Box) -> None:
    first = asyncio.create_task(box.shell("echo on; while [ ! -e go ]; do sleep 0.01; done"))
    second = asyncio.create_task(box.shell("touch never"))
    await until(lambda: bool(box.output))
    second.cancel()
    (box.workspace / "go").touch()
    with pytest.raises(asyncio.CancelledError) as caught:
        await second
    assert caught.value.args[0].content.startswith("not run")
    await first
    assert not (box.workspace / "never").exists()


async def test_a_neighbour_lives_on_when_a_command_ends(box: Box, mark: str) -> None:
    started = await box.shell(f"sleep {mark}", background=True)
    assert not started.is_error
    await box.shell("sleep 60 & setsid sleep 61 & true")
    await box.shell("sleep 60", timeout=0.1)
    assert len(processes(mark)) >= 1


async def test_a_background_command_lives_across_calls_and_turns_and_ends_with_the_sandbox(box: Box, mark: str) -> None:
    result = await box.shell(f"echo served; (setsid sleep {mark} &) ; sleep {mark}", background=True)
    await box.branch.close()
    await box.open()
    shown = await box.shell(f"while ! grep -q served {result.details['output']}; do sleep 0.01; done; echo seen")
    assert "seen" in shown.content
    await until(lambda: len(processes(mark)) >= 2)
    await box.sandbox.close()
    assert processes(mark) == []


async def test_a_background_command_is_waited_for_and_ended_from_another(box: Box, mark: str) -> None:
    await box.shell(f"echo up; sleep {mark}", background=True)
    assert (await box.shell("job")).content == f"job 1 runs: echo up; sleep {mark}"
    killed = await box.shell("(sleep 0.2; job kill 1 >/dev/null) & job wait 1; echo and $?")
    assert killed.content.startswith("up\n\n[ended: stopped, exit code 143 after")
    assert killed.content.endswith("and 143")
    assert processes(mark) == []


async def test_a_background_daemon_lives_on_when_its_starter_has_ended(box: Box, mark: str) -> None:
    await box.shell(f"(setsid sleep {mark} >/dev/null &) ; exit 0", background=True)
    await until(lambda: len(processes(mark)) == 1)
    await box.shell("sleep 0.1")
    assert len(processes(mark)) == 1


async def test_a_flood_of_output_is_read_in_bounded_memory(box: Box) -> None:
    result = await box.shell("yes $(printf %2000d 1) | head -c 80000000; echo the end", timeout=50)
    assert result.content.endswith("the end")  # all of it was read
    assert len(result.content) < 40_000
    assert sum(map(len, box.output)) < 20_000_000  # a flood is shown in part: its end, some thirty times a second
    assert peak_kib(box.init) < 60_000


async def test_binary_output_is_text_in_the_result(box: Box) -> None:
    result = await box.shell("head -c 100000 /dev/urandom; echo; echo end")
    assert result.content.endswith("end")
    assert result.content.encode()


async def test_a_tool_that_prints_cannot_reach_the_wire(box: Box) -> None:
    result = await box.shell("for fd in $(ls /proc/self/fd); do echo garbage >&$fd; done 2>/dev/null; ls /proc/self/fd")
    assert set(result.content.split()) - {"garbage"} <= {"0", "1", "2", "3"}
    assert not (await box.shell("true")).is_error


async def call_on(box: Box) -> None:
    while True:
        await box.shell("true")


async def test_a_worker_killed_in_a_call_is_reported_and_the_next_transaction_has_a_new_one(
    box: Box, mark: str
) -> None:
    call = asyncio.create_task(box.shell(f"setsid sleep {mark} & echo on; sleep {mark}"))
    await until(lambda: "on" in "".join(box.output))
    old = box.init
    os.kill(old, signal.SIGKILL)
    (ended,) = await asyncio.gather(call, return_exceptions=True)
    # Without a pid namespace the runner may notice first, and the command's end comes before the worker's.
    assert isinstance(ended, WorkerDied) or (not isinstance(ended, BaseException) and ended.is_error)
    with pytest.raises(WorkerDied):
        await call_on(box)
    await box.branch.close()
    await box.open()
    assert (await box.shell("echo again")).content == "again"
    assert box.init != old
    await until(lambda: processes(mark) == [])


async def test_no_descriptor_and_no_child_is_left(backend: str, tmp_path: Path) -> None:
    files, processes = open_files(), children()
    for _ in range(3):
        box = await Box(backend, tmp_path).open()
        for _ in range(5):
            await box.shell("echo x; sleep 9 &")
        first = await box.shell("ls /proc/self/fd | wc -l")
        await box.branch.close()
        await box.sandbox.close()
        await box.sandbox.close()
        assert not exists(box.launcher.private_tmp)
        assert first.content == "4"
    assert (open_files() - files, children()) == (set(), processes)  # what an earlier test left may go meanwhile


async def test_the_worker_keeps_no_descriptor_of_a_finished_call(box: Box) -> None:
    await box.shell("true")
    server = children(box.init)[0]
    open_files = [len(os.listdir(f"/proc/{pid}/fd")) for pid in (server, box.init)]
    for _ in range(20):
        await box.shell("sleep 9 & true")
        await box.call("read_file", path="none")
    assert [len(os.listdir(f"/proc/{pid}/fd")) for pid in (server, box.init)] == open_files


async def test_a_sandbox_that_was_never_used_ends_too(backend: str, tmp_path: Path) -> None:
    before = children()
    launcher = Launcher(str(tmp_path), backend=backend)
    sandbox = WorkerSandbox(launcher, launcher.start())
    await sandbox.close()
    assert children() == before
    assert not exists(launcher.private_tmp)


async def test_a_sandbox_that_is_ended_at_any_moment_of_its_start_leaves_no_child(backend: str, tmp_path: Path) -> None:
    before = children()
    for moment in range(24):
        launcher = Launcher(str(tmp_path), backend=backend)
        sandbox = WorkerSandbox(launcher, launcher.start())
        await asyncio.sleep(moment * 0.002)
        await sandbox.close()
        assert children() == before, moment


async def test_changes_are_what_the_calls_did_the_shell_included(box: Box) -> None:
    for name in ("kept", "edited", "gone", "same-size"):
        (box.workspace / name).write_text("aa\n")
    (box.workspace / "old").mkdir()
    (box.workspace / "old" / "inner").write_text("x")
    await box.branch.close()
    await box.open()
    await box.shell(
        "printf bb >> edited; rm gone; touch -r kept s; printf 'bb\\n' > same-size; touch -r s same-size; rm s"
    )
    await box.shell("mkdir -p new/deep empty; echo 1 > new/deep/file; ln -s / link; mkfifo pipe; rm -r old")
    await box.call("write_file", path="written", content="hi\n")
    assert await box.branch.changes() == Changes(
        (
            Change("edited", "modified"), Change("empty", "added"), Change("gone", "deleted"), Change("link", "added"),
            Change("new/deep/file", "added"), Change("old/inner", "deleted"), Change("pipe", "added"),
            Change("same-size", "modified"), Change("written", "added"),
        )
    )  # fmt: skip


async def test_reading_changes_nothing_and_a_new_transaction_starts_afresh(box: Box) -> None:
    await box.call("list_files")
    assert await box.branch.changes() == Changes(())
    await box.shell("touch a")
    await box.branch.close()
    await box.open()
    assert await box.branch.changes() == Changes(())


async def test_what_somebody_else_changes_once_it_was_said_is_told_of_too(box: Box) -> None:
    await box.branch.touch()
    (box.workspace / "theirs").touch()
    await box.shell("touch own")
    assert await box.branch.changes() == Changes((Change("own", "added"), Change("theirs", "added")))


async def test_a_planted_key_file_is_taken_away_and_a_folder_too(box: Box) -> None:
    planted = await box.shell("echo bad > .keys.enc")
    assert ".keys.enc appeared in the workspace and was renamed to .keys.enc.removed-" in planted.content
    empty = await box.shell("touch .keys.enc")
    assert ".keys.enc appeared in the workspace and was removed" in empty.content
    folder = await box.shell("mkdir .keys.enc; touch .keys.enc/x")
    assert "was renamed" in folder.content
    assert not (box.workspace / ".keys.enc").exists()


async def test_one_transaction_at_a_time(box: Box) -> None:
    with pytest.raises(SandboxError, match="open already"):
        await box.sandbox.open("direct")
    with pytest.raises(SandboxError, match="no transaction mode"):
        await box.sandbox.open("other")  # type: ignore[arg-type] # what a caller without types may say


async def test_the_environment_is_clean(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    box = await Box(backend, tmp_path).open()
    try:
        everything = await box.shell("env; cat /proc/1/environ /proc/$PPID/environ 2>/dev/null | tr '\\0' '\\n'; true")
        home = await box.shell("cd && pwd && touch x && mktemp")
    finally:
        await box.sandbox.close()
    assert "sk-secret" not in everything.content.replace("\n", "")
    assert home.content.splitlines()[0] == f"{box.launcher.private_tmp}/home"
    assert not home.is_error


@pytest.mark.parametrize(
    "name", [b"plain", b"two words", b"-dash", b"q'uo\"te", b"\xff\xfe", "ünï".encode(), b"new\nline"]
)
async def test_a_workspace_may_have_any_name(backend: str, tmp_path: Path, name: bytes) -> None:
    folder = os.path.join(os.fsencode(tmp_path), name)
    os.mkdir(folder)
    box = await Box(backend, Path(os.fsdecode(folder))).open()
    try:
        assert not (await box.shell("echo x > file; mkdir $'\\xff'; echo y > $'\\xff/z'")).is_error
        assert (await box.branch.changes()).changes == (Change("file", "added"), Change("\ufffd/z", "added"))
    finally:
        await box.sandbox.close()
    assert exists(os.path.join(folder, b"\xff/z"))


async def test_a_workspace_behind_a_link_is_the_folder_it_points_at(backend: str, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    box = await Box(backend, tmp_path / "link").open()
    try:
        assert (await box.shell("pwd; touch x")).content == str(tmp_path / "real")
    finally:
        await box.sandbox.close()
    assert (tmp_path / "real" / "x").exists()


def test_a_workspace_that_is_missing_or_a_file_is_refused(backend: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("missing", "file"):
        with pytest.raises(SandboxError, match="cannot be used") as refused:
            Launcher(str(tmp_path / name), backend=backend)
        assert refused.value.remedy
    assert not list(tmp_path.glob("py-mono-*"))


async def test_closing_takes_moments_with_a_tree_of_stubborn_processes(box: Box, mark: str) -> None:
    await box.shell(f"trap '' TERM; for i in 1 2 3 4 5; do setsid sleep {mark} & done; sleep {mark}", background=True)
    await until(lambda: len(processes(mark)) >= 6)
    start = time.monotonic()
    await box.sandbox.close()
    assert processes(mark) == []
    assert time.monotonic() - start < 5, "it waited for something that would not come"
