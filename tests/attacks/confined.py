"""The agent with the product's own sandbox between it and the machine, and its own screen."""

import asyncio
import contextlib
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from py_mono.protocol.changes import ChangesStaged
from py_mono.protocol.errors import ConfigError, SandboxError
from py_mono.protocol.events import Envelope, Event, TextDelta, ToolFinished, ToolOutput, ToolStarted
from py_mono.protocol.tools import ToolCall
from py_mono.sandbox import kernel, seccomp
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.keys import KEYS
from py_mono.sandbox.launch import Launcher
from py_mono.sandbox.profile import Limits, Profile
from py_mono.security.keys.manager import KeyManager
from py_mono.security.keys.places import KeyPlaces
from py_mono.ui.render import Renderer
from py_mono.ui.terminal import Screen
from tests.attacks.host import LOST, Answer, answer, rewrite_keys, sealed
from tests.attacks.program import turn_of_the_program

if TYPE_CHECKING:
    from py_mono.protocol.ports import Branch

_MIB = 1 << 20
LIMITS = {"memory_bytes": 512 * _MIB, "processes": 512, "open_files": 1024, "file_bytes": 500 * _MIB}
"""Low, so that the attacks on resources need not hurt the machine to prove their point."""
_OWN = re.compile(r"\r\x1b\[2K|\x1b\[[012]m")
"""What the screen itself writes without colours: to take its status line away; faint, bold, and no longer so."""


class Confined:
    """Answers each step with what the sandbox's own tools say, streamed pieces included."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._keys = Path(job["workspace"], KEYS)
        self._calls = 0

    @classmethod
    async def start(cls, job: dict[str, Any]) -> "Confined":
        """Open a sandbox for the job's workspace."""
        if job["mode"] == "container":
            refuse_namespaces()
        agent = cls(job)
        await agent._open()
        return agent

    def _adjust(self, profile: Profile) -> Profile:
        profile.limits = Limits(**self._job.get("limits", LIMITS))
        if "layers" in self._job:
            profile.layers = tuple(self._job["layers"])
        return profile

    async def _open(self) -> None:
        places = KeyPlaces(self._job["workspace"], self._job["state"])
        launcher = Launcher(
            self._job["workspace"], backend=self._job["mode"], adjust=self._adjust, sessions=places.sessions
        )
        self._sandbox = WorkerSandbox(launcher)
        self._branch: Branch = await self._sandbox.open("direct")
        await self._branch.specs()

    async def _restart(self) -> None:
        """What the agent does when a worker died: the next turn starts another, in the same private folder."""
        assert self._sandbox.workers.narrow is not None
        await self._sandbox.workers.narrow.link.end()
        await self._branch.close()
        self._branch = await self._sandbox.open("direct")
        await self._branch.specs()

    async def lock(self) -> dict[str, Any]:
        """What the worker says of its lock."""
        return await self._sandbox.lock()

    async def step(self, tool: str, arguments: dict[str, Any]) -> Answer:
        """One call, or what the agent does itself."""
        if tool == "@clear":  # it does so after each call
            tool, arguments = "shell", {"command": "true"}
        if tool == "@close":
            await self._sandbox.close()
        elif tool == "@reopen":
            await self._sandbox.close()
            await self._open()
        elif tool == "@restart":
            await self._restart()
        elif tool == "@pause":
            await asyncio.sleep(arguments["seconds"])
        elif tool == "@rekey":
            return rewrite_keys(self._job["workspace"], arguments["content"])
        elif tool in {"@key", "@forget"}:
            return answer(await (self._store_key(**arguments) if tool == "@key" else self._forget_keys()))
        elif tool in {"@say", "@changes", "@turn"}:
            return await self._show(tool, arguments)
        else:
            try:
                return await self._call(tool, arguments)
            except SandboxError as error:
                return answer(f"{LOST}: {error}")
        return answer("")

    async def _store_key(self, name: str) -> str:
        """What ``/key`` does between two turns; where background commands are in its way, a person ends them first."""
        await self._branch.close()
        try:
            try:
                await self._set(name)
            except SandboxError:
                for job in await self._sandbox.jobs.progress():
                    with contextlib.suppress(SandboxError):
                        await self._sandbox.jobs.kill(job)
                await self._set(name)
            said = sealed(await asyncio.to_thread(self._keys.read_bytes))
        except (SandboxError, ConfigError) as error:
            said = f"no key was stored: {error}"
        self._branch = await self._sandbox.open("direct")
        await self._branch.specs()
        return said

    async def _forget_keys(self) -> str:
        """What a person may do at any moment."""
        await asyncio.to_thread(self._keys.unlink, missing_ok=True)
        return ""

    async def _set(self, name: str) -> None:
        environment = {"LLM_MASTER_KEY": "A" * 43 + "="}
        manager = KeyManager(
            self._job["workspace"], self._job["state"], environment, learned=lambda _: None, secrets_folder="/nowhere"
        )
        async with self._sandbox.uncovered():
            await asyncio.to_thread(manager.set, name, f"gsk_{os.urandom(16).hex()}")

    async def _show(self, tool: str, arguments: dict[str, Any]) -> Answer:
        """What a person gets to see of what is not a call."""
        if tool == "@turn":
            screen = await asyncio.to_thread(turn_of_the_program, self._job, **arguments)
            return answer(screen, screen=screen)
        if tool == "@say":
            return answer(arguments["text"], screen=shown(TextDelta(arguments["text"])))
        changes = await self._branch.changes()
        text = "\n".join(f"{change.kind} {change.path}" for change in changes.changes) + changes.note
        return answer(text, screen=shown(ChangesStaged(changes.changes, note=changes.note)))

    async def _call(self, tool: str, arguments: dict[str, Any]) -> Answer:
        self._calls += 1
        pieces: list[str] = []
        call = ToolCall(f"call-{self._calls}", tool, arguments)
        result = await self._branch.call(call, pieces.append)
        events: list[Event] = [
            ToolStarted(call),
            *(ToolOutput(call.id, piece) for piece in pieces),
            ToolFinished(result, 1),
        ]
        return answer(result.content, "".join(pieces), shown(*events), is_error=result.is_error)

    async def close(self) -> None:
        """End everything."""
        await self._sandbox.close()


def refuse_namespaces() -> None:
    """Be where namespaces cannot be had, as in a container that lets nobody make any: this process, and all it starts."""
    column = 0 if seccomp.architecture() == seccomp.X86_64 else 1
    number = seccomp.ALWAYS["unshare"][column]
    kernel.prctl("no_new_privs", kernel.PR_SET_NO_NEW_PRIVS, 1)
    load, equal, give, refused, allowed = 0x20, 0x15, 0x06, 0x00050001, 0x7FFF0000
    seccomp.install([(load, 0, 0, 0), (equal, 0, 1, number or 0), (give, 0, 0, refused), (give, 0, 0, allowed)])


def shown(*events: Event) -> str:
    """What a person at a terminal gets to see of events."""
    stream = io.StringIO()
    renderer = Renderer(Screen(stream, {"TERM": "xterm", "NO_COLOR": "1"}, terminal=True, columns=100))
    for number, event in enumerate(events):
        renderer(Envelope(number, 0.0, event))
    renderer.text.end(0.0)
    return _OWN.sub("", stream.getvalue())
