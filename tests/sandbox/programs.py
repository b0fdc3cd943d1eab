"""Starts programs in locks of their own, as a session does."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from py_mono.sandbox.profile import LAYERS
from py_mono.sandbox.program import Programs
from py_mono.security.keys.places import KeyPlaces

WITHOUT_NAMESPACES = tuple(layer for layer in LAYERS if layer != "namespaces")
KINDS: dict[str, dict[str, Any]] = {
    "auto": {},
    "bubblewrap": {"backend": "bubblewrap"},
    "without namespaces": {"layers": WITHOUT_NAMESPACES},
    "off": {"backend": "off"},
}
LOCKS = ("auto", "bubblewrap", "without namespaces")


class Session:
    """A workspace and its programs."""

    def __init__(self, base: Path, kind: str = "auto", environment: Mapping[str, str] | None = None) -> None:
        self.base = base
        self.workspace, self.state = base / "w", base / "state"
        self.workspace.mkdir(exist_ok=True)
        self.places = KeyPlaces(str(self.workspace), str(self.state))
        self.programs = Programs(
            workspace=str(self.workspace),
            state_folder=str(self.state),
            sessions=self.places.sessions,
            environment={"PATH": os.environ["PATH"], "HOME": str(base / "home"), **(environment or {})},
            **KINDS[kind],
        )

    def start(
        self, *argv: str, name: str = "one", env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start one; its stdin, stdout and stderr are pipes."""
        command, environment = self.programs.command(name, argv, env or {}, **options)
        return subprocess.Popen(
            command,
            env={"LOGNAME": "somebody", "HOME": "/nowhere", **environment},  # who starts it adds of its own
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *argv: str, given: str = "", **options: Any) -> tuple[int, str, str]:
        """Run one to its end: status, stdout, stderr."""
        with self.start(*argv, **options) as started:
            said, errors = started.communicate(given, timeout=60)
        return started.returncode, said, errors

    def sh(self, script: str, **options: Any) -> str:
        """What a script says, errors included."""
        status, said, errors = self.run("sh", "-c", script, **options)
        return said + errors + (f"[{status}]" if status else "")

    def python(self, source: str, *arguments: str, **options: Any) -> str:
        """The same of a Python program."""
        status, said, errors = self.run(sys.executable, "-I", "-c", source, *arguments, **options)
        return said + errors + (f"[{status}]" if status else "")

    def end(self) -> None:
        """As for a first key."""

        async def end() -> None:
            async with self.programs.ended():
                pass

        asyncio.run(end())


def words(lines: Sequence[str]) -> list[str]:
    """Each line, stripped, sorted."""
    return sorted(line.strip() for line in lines)
