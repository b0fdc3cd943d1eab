"""One turn against a server: of the whole program, in a terminal of its own, or of the simplest agent there could be."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_LONGEST_S = 18.0
_PRINTED = re.compile(r'\{"name": "shell", "arguments": (\{.*?\})\}')


def turn_of_the_program(
    job: dict[str, Any],
    url: str,
    arguments: list[str],
    provider: str = "ollama",
    environment: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """What a person sees at the terminal."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "py_mono.main", "-p", "go", "--provider", provider, "--sandbox", job["mode"]]
    program = subprocess.Popen(
        [*command, "--no-session", "-C", job["workspace"], *arguments],
        stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, cwd=ROOT, start_new_session=True,
        env={**os.environ, "OLLAMA_BASE_URL": url, "NO_COLOR": "1", **environment},
    )  # fmt: skip
    os.close(slave)
    shown, end = b"", time.monotonic() + _LONGEST_S
    while time.monotonic() < end:
        if not select.select([master], [], [], 0.2)[0]:
            continue
        try:
            shown += os.read(master, 65536)
        except OSError:  # it has ended
            break
    program.kill()
    program.wait()
    os.close(master)
    return shown.decode("utf-8", "replace")


def turn_of_the_simplest(workspace: str, url: str, arguments: list[str], **_members: object) -> str:
    """Everything shown as it came, every call run wherever it stands, every redirect followed."""
    shown = []
    try:
        model = arguments[1] if arguments else _post(f"{url}/api/tags", None)[0]["models"][0]["name"]
        facts = _post(f"{url}/api/show", {"model": model})[0]
        "x".ljust(int(facts["model_info"]["llama.context_length"]))  # -(10**30) is too large an integer for it
        instructions = "".join(path.read_text() for path in Path(workspace).glob("*.md"))
        messages: list[dict[str, Any]] = [{"role": "system", "content": f"{dict(os.environ)}\n{instructions}"}]
        shown += [model, *facts["capabilities"], *_run_printed(workspace, instructions)]
        for _ in range(3):
            said = "".join(_turn(workspace, url, messages))
            shown.append(said)
    except urllib.error.HTTPError as error:
        shown.append(f"{error.code} {error.msg} {error.headers} {_said(error)}")
    except Exception as error:  # noqa: BLE001 - what the simplest agent shows of any mishap
        shown.append(f"Traceback: {type(error).__name__}: {error}")
    return "\n".join(shown)


def _said(error: urllib.error.HTTPError) -> str:
    text = error.read().decode("utf-8", "replace")
    return str(json.loads(text)["error"]) if text.startswith("{") else text


def _turn(workspace: str, url: str, messages: list[dict[str, Any]]) -> list[str]:
    shown = []
    for part in _post(f"{url}/api/chat", {"model": "x", "messages": messages}):
        message = part.get("message", {})
        shown += [message.get("thinking", "") + message.get("content", ""), part.get("error", "")]
        shown += [str(part.get("done_reason", "")), message.get("role", "")]
        for call in message.get("tool_calls", []):
            name, given = call["function"]["name"], call["function"]["arguments"]
            result = _result(workspace, name, given)
            shown += [name, *map(str, given.values()), result]
            messages.append({"role": "tool", "content": result})
            _run_printed(workspace, result)
    messages.append({"role": "assistant", "content": "".join(shown)})
    _run_printed(workspace, "".join(shown))
    return shown


def _result(workspace: str, name: str, given: dict[str, Any]) -> str:
    if name == "shell":
        return subprocess.run(
            given["command"], shell=True, cwd=workspace, capture_output=True, check=False
        ).stdout.decode()
    if name == "list_files":
        return "\n".join(os.listdir(workspace))
    path = Path(workspace, str(given.get("path"))[:200])
    return path.read_text() if path.exists() else f"there is no {path}"


def _run_printed(workspace: str, text: str) -> list[str]:
    return [_result(workspace, "shell", json.loads(found)) for found in _PRINTED.findall(text)]


def _post(url: str, body: object) -> list[Any]:
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=2) as answer:
            return [json.loads(part) for part in answer.read().splitlines()]
    except urllib.error.HTTPError as error:
        if error.code in {307, 308}:
            return _post(error.headers["Location"], body)
        raise
