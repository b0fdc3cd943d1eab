"""Who writes at the same time: within one tick of the clock, while a checkpoint is taken, and from other processes."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from py_mono.protocol.errors import SandboxError
from py_mono.sandbox.checkpoints.checkpoints import Checkpoints
from py_mono.sandbox.checkpoints.settings import CheckpointSettings
from tests.sandbox.checkpoints.trees import place


def opened(folder: str, limits: CheckpointSettings | None = None) -> tuple[Checkpoints, Path]:
    workspace = Path(folder, "w")
    workspace.mkdir(exist_ok=True)
    return Checkpoints(os.path.join(folder, "state"), str(workspace), limits), workspace


def rewrite(file: Path, text: str) -> None:
    """Other bytes, as many, and the time of before: only the ctime tells."""
    seen = file.stat()
    with file.open("r+") as stream:
        stream.write(text)
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def other_bytes_of_the_same_length_and_time(folder: str) -> None:
    checkpoints, workspace = opened(folder)
    file = workspace / "f"
    file.write_text("0000")
    os.utime(file, ns=(1, 1))
    for number in range(5):
        rewrite(file, f"{number:04}")
        taken = checkpoints.take()
        rewrite(file, "xxxx")  # in the tick in which the checkpoint was taken, were it not for the wait in ``take``
        after = checkpoints.take()
        assert [change.path for change in checkpoints.changes(taken.id, after.id).changes] == ["f"]
        checkpoints.restore(taken.id)
        assert (file.read_text(), file.stat().st_mtime_ns) == (f"{number:04}", 1)


def written_while_a_checkpoint_is_taken(folder: str) -> None:
    checkpoints, workspace = opened(folder)
    files = [workspace / f"f{number}" for number in range(20)]
    for file in files:
        file.write_text("----")
    written = 0

    def write() -> bool:
        """Asked before each file is read, so that each is written before and after that, in one tick."""
        nonlocal written
        written += 1
        for file in files:
            rewrite(file, f"{written:04}")
        return False

    for _ in range(4):
        for file in files:
            rewrite(file, "////")
        checkpoints.take(write)
        last = checkpoints.take()
        for file in files:
            file.unlink()
        checkpoints.restore(last.id)
        assert {file.read_text() for file in files} == {f"{written:04}"}
    assert written > 60


@pytest.mark.parametrize("scene", [other_bytes_of_the_same_length_and_time, written_while_a_checkpoint_is_taken])
def test_no_write_is_missed(scene: Callable[[str], None]) -> None:
    with place() as folder:
        scene(folder)


@pytest.mark.parametrize("scene", [other_bytes_of_the_same_length_and_time, written_while_a_checkpoint_is_taken])
def test_no_write_is_missed_where_times_move_in_ticks(scene: Callable[[str], None], tmp_path: Path) -> None:
    work = f"from {__name__} import {scene.__name__} as scene; scene({str(tmp_path)!r})"
    root = str(Path(__file__).parents[3])
    # Since Linux 6.13 most file systems number the changes within a tick; the one in memory alone does not.
    command = 'mount -t ramfs none "$1" 2>/dev/null || exit 77; exec "$2" -c "$3"'
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            command,
            "sh",
            str(tmp_path),
            sys.executable,
            work,
        ],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": root},
        text=True,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stderr


AGE_S = 0.4
WORK_S = 1.2


class Hammer:
    """A process that writes, takes, restores and prunes at random until it is killed, or the time is over.

    It writes down each checkpoint that it was given, with the time before it was taken, and whatever went wrong.
    """

    def __init__(self, folder: str, seed: int, until: float) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self._until = until
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._work()
            except BaseException as error:  # noqa: BLE001 - a forked process ends here, and nowhere else
                self._note("wrong", repr(error))
            finally:
                os._exit(0)

    def _work(self) -> None:
        checkpoints, workspace = opened(self._folder, CheckpointSettings(max_age_s=AGE_S))
        while time.time() < self._until:
            self._change(workspace)
            try:
                self._use(checkpoints)
            except SandboxError as error:
                if "There is no checkpoint" not in str(error):  # it was pruned
                    raise

    def _change(self, workspace: Path) -> None:
        path = workspace / self._random.choice("abc") / str(self._random.randrange(6))
        try:
            path.parent.mkdir(exist_ok=True)
            if self._random.random() < 0.3:
                path.unlink()
            else:
                path.write_bytes(self._random.randbytes(self._random.randrange(3000)))
        except FileNotFoundError:
            pass  # the other one was quicker

    def _use(self, checkpoints: Checkpoints) -> None:
        before = time.time()
        choice = self._random.random()
        if choice < 0.1:
            checkpoints.prune()
        elif choice < 0.4 and (known := returned(self._folder)):
            restored = checkpoints.restore(self._random.choice(list(known)[:8]))
            self._note("taken", f"{restored.before} {before}")
            self._note("taken", f"{restored.after} {before}")
        else:
            self._note("taken", f"{checkpoints.take().id} {before}")

    def _note(self, name: str, line: str) -> None:
        descriptor = os.open(os.path.join(self._folder, name), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{line}\n".encode())
        os.close(descriptor)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def over(self) -> bool:
        """Whether it ended, in time."""
        for _ in range(1000):
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return True
            time.sleep(0.01)
        self.kill()
        return False


def returned(folder: str) -> dict[str, float]:
    """The checkpoints that somebody was given, and when each was asked for at first."""
    log = Path(folder, "taken")
    words = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return {name: float(at) for name, at in reversed(words)}


def hammered(folder: str, chance: random.Random) -> int:
    """Lets two processes work and die, and gives how many checkpoints were too young to be pruned, and were whole."""
    opened(folder)
    until = time.time() + WORK_S
    hammers = [Hammer(folder, chance.randrange(100), until) for _ in range(2)]
    while time.time() < until - 0.2:
        time.sleep(chance.uniform(0.01, 0.1))
        victim = chance.randrange(2)
        hammers[victim].kill()
        hammers[victim] = Hammer(folder, chance.randrange(100, 1000), until)
    assert [hammer.over() for hammer in hammers] == [True, True]
    assert not Path(folder, "wrong").exists(), Path(folder, "wrong").read_text()
    young = [name for name, at in returned(folder).items() if at > time.time() - AGE_S]
    checkpoints, workspace = opened(folder)
    checkpoints.heal()
    for name in young:
        assert checkpoints.restore(name).conflicts == ()
        assert checkpoints.changes(name, checkpoints.take().id).changes == ()
    assert not [path for path in os.listdir(workspace) if path.startswith(".py-mono")]
    return len(young)


def test_two_processes_and_sudden_deaths_lose_no_checkpoint_and_block_nobody() -> None:
    chance = random.Random(4)
    seen = 0
    for _ in range(20):
        with place() as folder:
            seen += hammered(folder, chance)
        if seen > 5:  # on a busy machine all of one round may be too old by the time they are looked at
            break
    assert seen > 5
