import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event

import pytest

from py_mono.tools.builtin.context import Context, Finished, Started
from py_mono.tools.builtin.reads import ReadLog


class PlainCommands:
    """Commands without a lock: what these tests need and no more."""

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        timeout_s: float,
        on_output: Callable[[bytes], None],
        cancelled: Event,
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        del cancelled, environment
        try:
            done = subprocess.run(
                argv, cwd=cwd, timeout=timeout_s, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as expired:
            on_output(expired.stdout or b"")
            return Finished(137, timed_out=True)
        on_output(done.stdout)
        return Finished(done.returncode if done.returncode >= 0 else 128 - done.returncode)

    def start_background(
        self, argv: Sequence[str], *, command: str, cwd: str, folder: str, timeout_s: float, cancelled: Event
    ) -> Started:
        del command, cancelled
        path = f"{folder}/job-1.log"
        with open(path, "wb") as output:
            process = subprocess.Popen(argv, cwd=cwd, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        code = process.wait()
        if code:
            return Started(path, Path(path).read_text(), ended=f"exit code {code}", exit_code=code, reason="exited")
        self.allowed_s = timeout_s
        return Started(path, Path(path).read_text(), job=1)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def emitted() -> list[str]:
    return []


@pytest.fixture
def context(tmp_path: Path, workspace: Path, emitted: list[str]) -> Context:
    private = tmp_path.resolve() / "private"
    private.mkdir()
    return Context(
        workspace=str(workspace),
        commands=PlainCommands(),
        reads=ReadLog(),
        emit=emitted.append,
        cancelled=Event(),
        private_tmp=str(private),
    )
