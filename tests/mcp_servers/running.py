"""A server as a process of its own, at a free port, until the block ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.lower().endswith("_proxy") and name not in {"HOST", "PORT", "ALLOWED_HOSTS", "LOG_LEVEL"}
}


def command(name: str) -> list[str]:
    return [sys.executable, "-m", f"mcp_servers.{name}.server"]


@dataclass
class Running:
    process: subprocess.Popen[str]
    start: dict[str, Any]
    """Its first line."""

    @property
    def url(self) -> str:
        return str(self.start["url"])

    @property
    def health(self) -> str:
        return self.url.removesuffix("/mcp") + "/health"

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its status, and what it said beyond its first line."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said


@contextmanager
def running(name: str, environ: Mapping[str, str] | None = None) -> Iterator[Running]:
    given = {**CLEAN, "PORT": "0", **(environ or {})}
    with subprocess.Popen(command(name), cwd=ROOT, env=given, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            yield Running(process, json.loads(process.stderr.readline()))
        finally:
            process.kill()


def refused_start(name: str, environ: Mapping[str, str]) -> str:
    """Why it does not start, with these settings."""
    given = {**CLEAN, "PORT": "0", **environ}
    done = subprocess.run(command(name), cwd=ROOT, env=given, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    said = json.loads(line)
    assert (said["event"], said["server"]) == ("error", name)
    return str(said["message"])
