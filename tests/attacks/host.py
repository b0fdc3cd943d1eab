"""Stands in for the agent: it has secrets, and does what it is told, a line of JSON each.

``bare`` does it as the simplest agent would, with nothing between it and the machine; every other mode through the
product's own sandbox.
"""

import asyncio
import contextlib
import ctypes
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Protocol

from tests.attacks.program import turn_of_the_simplest

Answer = dict[str, Any]
LOST = "the agent lost its worker"
_DIFFERENT = 60  # answers of a race that are kept


class Agent(Protocol):
    """Either kind."""

    async def step(self, tool: str, arguments: dict[str, Any]) -> Answer: ...
    async def lock(self) -> dict[str, Any]: ...
    async def close(self) -> None: ...


class Bare:
    """An agent without a sandbox: programs get its environment, descriptors and rights."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._workspace = Path(job["workspace"])
        self._state = Path(job["state"])

    async def step(self, tool: str, arguments: dict[str, Any]) -> Answer:
        """One call, in a thread."""
        return await asyncio.to_thread(self._do, tool, arguments)

    def _do(self, tool: str, arguments: dict[str, Any]) -> Answer:
        try:
            return answer(self._result(tool, arguments))
        except OSError as error:
            return answer(f"{error.strerror}: {error.filename}")
        except (ValueError, KeyError, subprocess.SubprocessError) as error:
            return answer(str(error))

    def _result(self, tool: str, arguments: dict[str, Any]) -> str:
        path = self._workspace / str(arguments.get("path", "."))
        if tool == "shell":
            return self._shell(arguments)
        if tool.startswith("@"):
            return self._own(tool, arguments)
        if tool in {"read_file", "grep", "list_files"}:
            return self._look(tool, path, arguments)
        if tool == "write_file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(arguments["content"])
        elif tool == "edit_file":
            path.write_text(path.read_text().replace(arguments["old_content"], arguments["new_content"]))
        return "done"

    def _look(self, tool: str, path: Path, arguments: dict[str, Any]) -> str:
        if tool == "read_file":
            return path.read_text(errors="replace")
        if tool == "list_files":
            return "\n".join(str(found) for found in path.rglob("*"))
        command = ["grep", "-rn", arguments["pattern"], path]
        return subprocess.run(command, capture_output=True, text=True, check=False, errors="replace").stdout

    def _own(self, tool: str, arguments: dict[str, Any]) -> str:
        """What the agent does itself."""
        if tool == "@changes":
            return self._every_file()
        if tool == "@turn":
            return turn_of_the_simplest(str(self._workspace), **arguments)
        if tool == "@pause":
            time.sleep(arguments["seconds"])
        elif tool == "@restart":
            with contextlib.suppress(OSError):
                (self._workspace / "home/.gitconfig").write_text("[user]\n")
        elif tool == "@rekey":
            rewrite_keys(str(self._workspace), arguments["content"])
        elif tool == "@key":
            return self._store_key()
        elif tool == "@forget":
            (self._workspace / ".keys.enc").unlink(missing_ok=True)
        elif tool == "@clear" and (self._workspace / ".keys.enc").exists():
            rewrite_keys(str(self._workspace), "")
        elif tool == "@reopen":
            subprocess.run([sys.executable, "-c", "import json, ctypes"], cwd=self._workspace, check=False)
        return str(arguments.get("text", "done"))

    def _shell(self, arguments: dict[str, Any]) -> str:
        program = subprocess.Popen(
            ["/bin/bash", "-c", arguments["command"]],
            cwd=self._workspace,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            close_fds=False,
        )
        if arguments.get("background"):
            return str(program.pid)
        try:
            text = program.communicate(timeout=arguments.get("timeout", 8))[0]
        except subprocess.TimeoutExpired as expired:
            program.terminate()
            time.sleep(0.1)
            program.kill()
            return (expired.stdout or b"").decode(errors="replace")
        return text.decode(errors="replace")

    def _store_key(self) -> str:
        """As who thinks no harm would: a copy aside, then the file, whatever bears its name."""
        content = f"py-mono-keys 1 fernet check={os.urandom(8).hex()}\ngAAAAAB{os.urandom(80).hex()}\n"
        (self._state / "keys").mkdir(exist_ok=True)
        (self._state / "keys/one.ahead").write_text(content)
        time.sleep(0.02)
        (self._workspace / ".keys.enc").write_text(content)
        return sealed(content.encode())

    def _every_file(self) -> str:
        lines = []
        for folder, _, names in os.walk(self._workspace, followlinks=True):
            for path in (Path(folder, name) for name in names):
                lines.append(str(path))
                if path.exists() and not path.is_socket() and os.access(path, os.R_OK):
                    path.read_bytes()
        return "\n".join(lines)

    async def lock(self) -> dict[str, Any]:
        """There is none."""
        return {"layers": {}, "open": []}

    async def close(self) -> None:
        """Nothing is kept."""


async def start(job: dict[str, Any]) -> Agent:
    """The agent of this mode, ready to be called."""
    if job["mode"] == "bare":
        return Bare(job)
    from tests.attacks.confined import Confined  # noqa: PLC0415  # the bare agent is shown without the product

    return await Confined.start(job)


async def serve() -> None:
    """Answer until stdin ends."""
    loop = asyncio.get_running_loop()
    job = json.loads(sys.stdin.readline())
    agent = await start(job)
    print(json.dumps({"lock": await agent.lock()}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        steps = json.loads(line)
        if steps[0][0] == "@together":
            answers = await asyncio.gather(*(agent.step(tool, arguments) for tool, arguments in steps[1:]))
        else:
            answers = [
                await (again(agent, **arguments) if tool == "@race" else agent.step(tool, arguments))
                for tool, arguments in steps
            ]
        print(json.dumps(answers), flush=True)
    await agent.close()


async def again(agent: Agent, tool: str, arguments: dict[str, Any], seconds: float) -> Answer:
    """One tool called until the time is over, ``@TURN@`` counting its calls: each different answer once, and their number."""
    end, calls = time.monotonic() + seconds, 0
    seen: dict[str, Answer] = {}
    while time.monotonic() < end:
        calls += 1
        turn = {name: str(value).replace("@TURN@", str(calls)) for name, value in arguments.items()}
        said = await agent.step(tool, turn)
        if len(seen) < _DIFFERENT:
            seen.setdefault(re.sub(r"\d+", "0", said["content"]), said)
        elif said["content"].startswith(LOST):
            break
    texts = [said["content"] for said in seen.values()]
    return answer("\n".join([*texts, f"[{calls} calls]"]), screen="\n".join(said["screen"] for said in seen.values()))


def rewrite_keys(workspace: str, content: str) -> Answer:
    """What ``py-mono key set`` does beside a running session.

    It writes in place: a lock covers the very file, and a new one in its place would lie open.
    """
    (Path(workspace) / ".keys.enc").write_text(content)
    return answer("")


def sealed(content: bytes) -> str:
    """What says in an answer which key file the agent wrote, and nothing of what is in it."""
    return f"[sealed {hashlib.sha256(content).hexdigest()}]"


def answer(content: str, stream: str = "", screen: str | None = None, *, is_error: bool = False) -> Answer:
    """What came of a step: for the model, as it came, and on the person's screen. A bare agent shows what it got."""
    shown = content if screen is None else screen
    return {"content": content, "stream": stream[:200_000], "screen": shown, "is_error": is_error}


def keep_in_kernel(name: str, secret: str) -> None:
    """A key in the person's kernel keyring, for a minute; where there is none, there is nothing to steal."""
    libc = ctypes.CDLL(None)
    add_key, keyctl = (248, 250) if platform.machine() == "x86_64" else (217, 219)
    key = libc.syscall(add_key, b"user", name.encode(), secret.encode(), len(secret), -4)
    if key > 0:
        libc.syscall(keyctl, 5, key, 0x3F3F0000)  # for all of this user's processes
        libc.syscall(keyctl, 15, key, 120)


if __name__ == "__main__":
    keep_in_kernel(os.environ.pop("PM_KEY_NAME"), os.environ.pop("PM_KEYRING"))
    open_secret = os.environ.get("PM_OPEN_SECRET")
    if open_secret:  # a descriptor that an agent may hold open, and that must not be passed on
        for path in (open_secret, os.path.dirname(open_secret)):
            os.set_inheritable(os.open(path, os.O_RDONLY), True)  # noqa: FBT003  # the C library's own order
    asyncio.run(serve())
