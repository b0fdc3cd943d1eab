"""Signals, pipes and closed descriptors, from the shell's side: everything ends in time, and nothing stays behind."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.journeys.program import Program

LIMIT_S = 20
SLEEP = '{"command": "echo > begun; sleep 301"}'

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(program: Program, tmp_path: Path) -> Iterator[Start]:
    """Starts the program with a folder of its own for temporary files; ends what is left of it."""
    begun: list[subprocess.Popen[bytes]] = []
    (tmp_path / "tmp").mkdir()

    def run(*arguments: str, ignored: int = 0, stdin: int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            program.command(*arguments),
            cwd=program.workspace,
            env=program.environment(TMPDIR=str(tmp_path / "tmp")),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=(lambda: _ignore(ignored)) if ignored else None,  # noqa: PLW1509 - one call, no lock
        )
        begun.append(process)
        return process

    yield run
    for process in begun:
        if process.poll() is None:
            process.kill()
        with contextlib.suppress(BrokenPipeError), process:
            pass  # close its pipes, and reap it


def _ignore(number: int) -> None:
    signal.signal(number, signal.SIG_IGN)


def until(seen: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not seen() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert seen()


def privates(folder: Path) -> list[Path]:
    return list((folder / "tmp").glob("py-mono-[0-9]*"))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_signal_ends_a_direct_call_and_cleans_up(
    start: Start, program: Program, tmp_path: Path, number: int, status: int
) -> None:
    process = start("tool", "shell", SLEEP)
    until((program.workspace / "begun").exists)
    assert privates(tmp_path)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, stderr) == (status, b"")
    assert not privates(tmp_path)


def ask(process: "subprocess.Popen[bytes]", line: bytes) -> dict[str, Any]:
    """One line of ``tool --session``, and its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + b"\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


def workers(folder: Path) -> list[int]:
    """The processes of the sandbox whose private folder is below ``folder``: they are told of it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if f"{folder}/tmp/py-mono-" in Path("/proc", pid, "cmdline").read_text(encoding="utf-8", errors="replace"):
                found.append(int(pid))
    return found


def test_a_worker_that_was_killed_is_replaced_and_only_one_call_fails(start: Start, tmp_path: Path) -> None:
    process = start("tool", "--session", stdin=subprocess.PIPE)
    call = b'{"tool": "list_files"}'
    assert ask(process, call)["ok"]
    killed = workers(tmp_path)
    assert killed
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    answers = [ask(process, call)["ok"] for _ in range(3)]
    assert answers == [False, True, True]
    process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0
    assert not privates(tmp_path)


def test_sigterm_ends_a_session_of_calls_that_waits_for_one(start: Start, tmp_path: Path) -> None:
    process = start("tool", "--session", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"[]\n")
    process.stdin.flush()
    assert b'"ok": false' in process.stdout.readline()
    process.terminate()
    assert process.wait(LIMIT_S) == 143
    assert not privates(tmp_path)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_wait_for_a_stdin_that_stays_open(
    start: Start, program: Program, tmp_path: Path, number: int, status: int
) -> None:
    program.script("text: ok")
    process = start("-p", "hi", stdin=subprocess.PIPE)
    until(lambda: privates(tmp_path))
    process.send_signal(number)
    assert process.wait(LIMIT_S) == status
    assert not privates(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_is_ignored_from_the_start_stays_ignored(start: Start, program: Program, number: int) -> None:
    program.script(
        'call: shell {"command": "echo > begun; while [ ! -e end ]; do sleep 0.05; done"}\n---\ntext: survived'
    )
    process = start("-p", "hi", ignored=number)
    until((program.workspace / "begun").exists)
    process.send_signal(number)
    time.sleep(0.05)
    (program.workspace / "end").touch()
    stdout, _ = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, stdout) == (0, b"survived\n")


@pytest.mark.parametrize("closed", [0, 1, 2])
@pytest.mark.parametrize("arguments", [["-p", "hi"], ["tool", "list"], ["sessions", "list"], ["--version"]])
def test_a_closed_descriptor_is_no_traceback(program: Program, closed: int, arguments: list[str]) -> None:
    program.script("text: ok")
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *program.command(*arguments)],
        cwd=program.workspace,
        env=program.environment(),
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert bool(done.stdout) == (closed != 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["tool", "list"],
        ["tool", "list", "--json"],
        ["tool", "list_files"],
        ["sessions", "list"],
        ["-p", "hi"],
        ["demo"],
        ["--version"],
        ["--version", "-p"],
        ["--help"],
        ["tool", "--help"],
    ],
)
def test_what_cannot_be_written_is_a_failure(program: Program, tmp_path: Path, arguments: list[str]) -> None:
    program.script("text: ok")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            program.command(*arguments),
            cwd=program.workspace,
            env=program.environment(TMPDIR=str(tmp_path)),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert done.stderr.endswith(b"py-mono: stdout: No space left on device\n")
    assert not [path for path in tmp_path.glob("py-mono-[0-9]*") if os.path.isdir(path)]


def test_sigterm_ends_the_demo_and_cleans_up(start: Start, tmp_path: Path) -> None:
    process = start("demo")
    until(lambda: privates(tmp_path))
    process.terminate()
    process.communicate(timeout=LIMIT_S)
    assert process.returncode == 143
    assert not privates(tmp_path)


def test_a_person_is_told_that_stdin_is_waited_for(program: Program) -> None:
    program.script("text: ok")
    child = pexpect.spawn(
        "sh",
        ["-c", 'sleep 60 | exec "$@"', "sh", *program.command("-p", "hi")],
        cwd=program.workspace,
        env={**program.environment(), "TERM": "xterm"},
        encoding="utf-8",
        timeout=LIMIT_S,
        use_poll=True,
    )
    try:
        child.expect_exact("reading stdin until it ends")
        child.sendintr()
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
