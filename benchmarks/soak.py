"""``make soak``: one session, many turns; what grows that should not. Printed, never judged by a test.

A plain REPL is given one prompt after the other, each a turn with a command and an answer (scripted), and is looked at from
outside: open descriptors, threads and processes, memory of the whole tree (proportional set size, MB), time a turn took.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CALL, ANSWER = 'call: shell {"command": "echo turn"}\n', "text: said\n"
LOOKS = 6


def tree(root: int) -> list[int]:
    """A process and everything below it."""
    found, level = [root], [root]
    while level:
        level = [child for pid in level for child in _children(pid)]
        found += level
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text(encoding="ascii").split())
    except FileNotFoundError:
        pass
    return found


def memory_mb(pids: list[int]) -> float:
    """Proportional set size of all of them."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024


def look(process: "subprocess.Popen[str]") -> tuple[int, int, int, float]:
    """Descriptors and threads of the host, processes of the tree, its memory."""
    pids = tree(process.pid)
    threads = len(os.listdir(f"/proc/{process.pid}/task"))
    return len(os.listdir(f"/proc/{process.pid}/fd")), threads, len(pids), memory_mb(pids)


def soak(turns: int, folder: Path) -> None:
    """Run the turns and print a line now and then."""
    script = folder / "script.txt"
    script.write_text("---\n".join([CALL, ANSWER] * turns), encoding="utf-8")
    environment = {
        **os.environ,
        "PY_MONO_HOME": str(folder / "home"),
        "PY_MONO_SCRIPT": str(script),
        "LLM_PROVIDER": "scripted",
    }
    workspace = folder / "workspace"
    workspace.mkdir()
    program = Path(sys.executable).with_name("py-mono")
    print(f"{'turn':>6} {'descriptors':>12} {'threads':>8} {'processes':>10} {'memory MB':>10} {'ms a turn':>10}")
    with subprocess.Popen(
        [program], cwd=workspace, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        began, every = time.monotonic(), max(turns // LOOKS, 1)
        for turn in range(1, turns + 1):
            process.stdin.write("go on\n")
            process.stdin.flush()
            while not process.stdout.readline().startswith("done"):
                if process.poll() is not None:
                    sys.exit(f"the program ended in turn {turn} with {process.returncode}")
            if turn % every == 0:
                descriptors, threads, processes, memory = look(process)
                spent = (time.monotonic() - began) / every * 1000
                print(f"{turn:>6} {descriptors:>12} {threads:>8} {processes:>10} {memory:>10.1f} {spent:>10.1f}")
                began = time.monotonic()
        process.stdin.close()
        process.wait()


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=1500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        soak(arguments.turns, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
