"""The tools in the lock: worker ready, a call, ``true``, ``git status``, ``grep``."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from benchmarks.processes import NotMeasured, end_orphans, keep
from benchmarks.rows import Row, median
from benchmarks.sides import Bench, clean_environment, product_command

TRUE = "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done"
STATUS = "i=0; while [ $i -lt 10 ]; do git status --porcelain >/dev/null || exit 1; i=$((i+1)); done"
_HIDE = 'mount --bind /dev/null "$0" && exec "$@"'
PATTERN = "needle_[0-9]+"


class Session:
    """``py-mono tool --session``: one worker, many calls."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self._in, self._out = stdin, stdout

    def call(self, tool: str, **arguments: str) -> float:
        """Call a tool; how long it took, in ms.

        Raises:
            NotMeasured: The call failed.
        """
        line = json.dumps({"tool": tool, "args": arguments}).encode() + b"\n"
        started = time.perf_counter()
        self._in.write(line)
        self._in.flush()
        answer = self._out.readline()
        taken = (time.perf_counter() - started) * 1000
        if not answer or not json.loads(answer)["ok"]:
            raise NotMeasured(f"{tool} failed: {answer[:600]!r}")
        return taken


@contextmanager
def session(bench: Bench, workspace: Path, *, hidden: str | None = None) -> Iterator[Session]:
    """A tool session on a workspace, confined as by default.

    A ``hidden`` program cannot be run in it, as if it were not installed: in a mount namespace of its own ``/dev/null``
    lies over it, for the lock looks at the system's folders whatever PATH says.
    """
    command = product_command(bench, "tool", "--session", cwd=workspace)
    hide = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "-m", "sh", "-c", _HIDE, hidden] if hidden else []
    with subprocess.Popen(
        [*hide, *command.argv], cwd=command.cwd, env=command.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        keep(process.pid)
        assert process.stdin
        assert process.stdout
        yield Session(process.stdin, process.stdout)
        process.stdin.close()
        process.wait()
    end_orphans()


def _by_turns(rounds: int, product: Callable[[], float], floor: Callable[[], float]) -> tuple[float, float]:
    """Medians of both, interleaved, after one warming run of each."""
    product(), floor()
    both = [(product(), floor()) if number % 2 else (floor(), product())[::-1] for number in range(rounds)]
    return median([one for one, _ in both]), median([other for _, other in both])


def _plain(argv: list[str], workspace: Path) -> float:
    """How long a program takes outside of any lock, its output read, in ms."""
    started = time.perf_counter()
    done = subprocess.run(
        argv, cwd=workspace, env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    taken = (time.perf_counter() - started) * 1000
    if done.returncode != 0:
        raise NotMeasured(f"{argv[0]} failed: {done.stderr[-300:]!r}")
    return taken


def worker(bench: Bench) -> list[Row]:
    """From exec of a tool session to its first answer, and a call once the worker is there."""
    workspace = bench.folder("workspace")
    ready = []
    for _ in range(bench.rounds + 1):
        started = time.perf_counter()
        with session(bench, workspace) as tools:
            tools.call("shell", command="true")
            ready.append((time.perf_counter() - started) * 1000)
    with session(bench, workspace) as tools:
        product, floor = _by_turns(
            bench.rounds * 5,
            lambda: tools.call("shell", command="/bin/true"),
            lambda: _plain(["/bin/sh", "-c", "/bin/true"], workspace),
        )
    note = "the floor is `subprocess.run` of the same command"
    return [
        Row("tool session: start to first answer", "ms", median(ready[1:])),
        Row("one `shell` call", "ms", product, floor, note=note),
    ]


def lock(bench: Bench) -> list[Row]:
    """Commands inside the lock beside the same outside, many to a call and run by the same shell, so that only the commands count."""
    empty, repository = bench.folder("workspace"), _repository(bench)
    rows = []
    for name, script, count, workspace in (
        ("`true` in the lock", TRUE, 200, empty),
        ("`git status`, 2,000 files, in the lock", STATUS, 10, repository),
    ):
        with session(bench, workspace) as tools:
            product, floor = _by_turns(
                bench.rounds,
                lambda tools=tools, script=script: tools.call("shell", command=f"exec /bin/sh -c '{script}'"),  # type: ignore[misc]
                lambda script=script, workspace=workspace: _plain(["/bin/sh", "-c", script], workspace),  # type: ignore[misc]
            )
        rows.append(Row(name, "ms", product / count, floor / count, 1.2, "ratio"))
    return rows


def _repository(bench: Bench) -> Path:
    root = bench.scratch / "repository"
    if not root.exists():
        _tree(root, folders=40, files=50)
        identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
            _plain(["git", *identity, *command], root)
    return root


def _tree(root: Path, *, folders: int, files: int) -> None:
    """Text files of about 1.5 kB in folders; one in 100 holds a line that ``PATTERN`` finds."""
    words = "def value(item): return item.total * 3  # plain text that looks like code\n" * 20
    for folder in range(folders):
        path = root / f"package_{folder}"
        path.mkdir(parents=True)
        for file in range(files):
            number = folder * files + file
            text = (
                f"{words}needle_{number} = {number}\n" if number % 100 == 0 else f"{words}value_{number} = {number}\n"
            )
            (path / f"module_{file}.py").write_text(text)


def grep(bench: Bench) -> list[Row]:
    """``grep`` over 20,000 files beside ripgrep, with ripgrep within its reach and without."""
    root = bench.scratch / "many"
    if not root.exists():
        _tree(root, folders=200, files=100)
    ripgrep = shutil.which("rg")
    rows = []
    for name, limit, hidden in (
        ("`grep`, 20,000 files, with ripgrep", 1.3, None),
        ("`grep`, 20,000 files, without ripgrep", 7.0, ripgrep),
    ):
        if not ripgrep:
            rows.append(
                Row(name, "ms", None, None, limit, "ratio", "ripgrep is not installed: nothing to compare with")
            )
            continue
        argv = [ripgrep, "-n0", "--no-heading", PATTERN, "."]
        with session(bench, root, hidden=hidden) as tools:
            product, floor = _by_turns(
                bench.rounds,
                lambda tools=tools: tools.call("grep", pattern=PATTERN),  # type: ignore[misc]
                lambda argv=argv: _plain(argv, root),  # type: ignore[misc]
            )
        rows.append(Row(name, "ms", product, floor, limit, "ratio"))
    return rows
