"""The real program as a subprocess, with a script for a model and folders of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent / "py-mono"


class Played:
    """What a run of the program came to."""

    def __init__(self, done: "subprocess.CompletedProcess[bytes]", workspace: Path) -> None:
        self.status = done.returncode
        self.stdout = done.stdout.decode()
        self.stderr = done.stderr.decode()
        self.workspace = workspace

    @property
    def envelopes(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events without what differs from run to run: times, digests, ids, folders; deltas joined."""
        found: list[dict[str, Any]] = []
        for envelope in self.envelopes:
            event = _steady(envelope["event"], str(self.workspace))
            last = found[-1] if found else {}
            if event["type"].endswith("_delta") and last.get("type") == event["type"]:
                last["text"] += event["text"]
            elif event["type"] != "tool_output":
                found.append(event)
        return found

    @property
    def result(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.stdout)
        return loaded


def _steady(event: dict[str, Any], workspace: str) -> dict[str, Any]:
    text = json.dumps(event, ensure_ascii=False).replace(workspace, "<workspace>")
    steady: dict[str, Any] = json.loads(text)
    for name in ("request_digest", "session_id", "version"):
        if name in steady:
            steady[name] = f"<{name}>"
    if "duration_ms" in steady:
        steady["duration_ms"] = 0
    if steady["type"] == "prompt_frozen":
        steady["system"] = "<system>"
        steady["tools"] = [tool["name"] for tool in steady["tools"]]
    return steady


class Program:
    """A place to run the program in: a workspace and a home of its own."""

    def __init__(self, base: Path) -> None:
        self.workspace = base / "project"
        self.workspace.mkdir()
        self.home = base / "home"
        self.more: dict[str, str] = {}
        self._script = base / "script.txt"

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def environment(self, **more: str) -> dict[str, str]:
        passed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **passed,
            "PY_MONO_HOME": str(self.home),
            "PY_MONO_SCRIPT": str(self._script),
            "LLM_PROVIDER": "scripted",
            **self.more,
            **more,
        }

    def script(self, text: str) -> None:
        self._script.write_text(text, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        return [str(BIN), *arguments]

    def run(self, *arguments: str, script: str = "text: ok", stdin: bytes = b"", **environment: str) -> Played:
        self.script(script)
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.workspace,
            env=self.environment(**environment),
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Played(done, self.workspace)
