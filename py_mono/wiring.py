"""The only place where everything is wired; loaded by ``main`` once the worker is on its way."""

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from py_mono.agent.agent import Agent
from py_mono.agent.guards import Limits
from py_mono.llm.prompts.render import read_context, render
from py_mono.llm.registry import create
from py_mono.llm.settings import OllamaSettings, ProviderSettings
from py_mono.protocol.events import SessionStarted
from py_mono.protocol.ports import Branch, Provider
from py_mono.protocol.tools import ToolCall
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.launch import Launched, Launcher
from py_mono.security.known import secrets_in
from py_mono.security.redact import Redactor
from py_mono.session.store import Session, Sessions
from py_mono.tools.registry import ToolRegistry
from py_mono.ui.app import App
from py_mono.utils.lazy import load
from py_mono.utils.version import VERSION

if TYPE_CHECKING:
    from py_mono.config import Settings
    from py_mono.ui.arguments import Arguments

_BASH = "/bin/bash"
_DEFAULTS = OllamaSettings()


def run(arguments: "Arguments", settings: "Settings", launcher: Launcher, worker: Launched) -> NoReturn:
    """The REPL, or with ``-p`` one shot; ends the process with its exit status."""
    _leave(asyncio.run(_run(arguments, settings, WorkerSandbox(launcher, worker))))


def tool(arguments: "Arguments", settings: "Settings", launcher: Launcher, worker: Launched) -> NoReturn:
    """``py-mono tool``; ends the process with its exit status."""
    del settings
    _leave(asyncio.run(_tool(arguments, WorkerSandbox(launcher, worker))))


def demo(arguments: "Arguments", settings: "Settings") -> NoReturn:
    """``py-mono demo``; ends the process with its exit status."""
    del arguments
    settings.workspace = load("py_mono.ui.demo:fresh_copy")()
    settings.provider, settings.script = "scripted", load("py_mono.ui.demo:SCRIPT")
    settings.extra_roots = ()
    launcher = Launcher(settings.workspace, backend=settings.backend)
    _leave(asyncio.run(_demo(settings, WorkerSandbox(launcher, launcher.start()))))


def sessions(arguments: "Arguments", settings: "Settings") -> int:
    """``py-mono sessions``."""
    _settle()
    redact = _redactor(settings)
    store = Sessions(Path(settings.folders.state), redact=redact, notice=_complain)
    status: int = load("py_mono.ui.sessions_command:run")(
        store, arguments.action, arguments.name, settings.environment, redact
    )
    return status


def _settle() -> None:
    """Collect from here on, and leave alone what was loaded so far: it stays."""
    gc.freeze()
    gc.enable()


def _leave(status: int) -> NoReturn:
    """End at once: tearing the interpreter down takes longer than a step, and there is nothing left to save."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # the reader is gone, and with it whoever could be told
            stream.flush()
    os._exit(status)


async def _run(arguments: "Arguments", settings: "Settings", sandbox: WorkerSandbox) -> int:
    redact = _redactor(settings)
    notices = _Notices()
    store = Sessions(Path(settings.folders.state), redact=redact, notice=notices)
    try:
        session = _session(arguments, settings, store)
        provider = create(_provider_settings(settings))
        app = _app(settings, sandbox, provider, session, redact)
        _settle()
        notices.to(app.agent.notice)
        if arguments.print_:
            piped = b"" if sys.stdin.isatty() else _read_stdin()
            prompt = load("py_mono.ui.piped:combine")(arguments.prompt, piped)
            status: int = await load("py_mono.ui.oneshot:run")(app, prompt, arguments.output_format)
        else:
            status = await load("py_mono.ui.repl:run")(app, arguments.prompt)
        await app.agent.close()
        session.close()
    finally:
        await sandbox.close()
    return status


async def _tool(arguments: "Arguments", sandbox: WorkerSandbox) -> int:
    _settle()
    try:
        branch = await sandbox.open("direct")
        registry = ToolRegistry([branch])
        if arguments.action == "list":
            listing = load("py_mono.ui.tool_command:print_list")
            status: int = listing(await branch.specs(), version=VERSION, as_json=arguments.json)
        elif arguments.action == "session":
            status = await load("py_mono.ui.tool_command:serve")(registry)
        else:
            status = await load("py_mono.ui.tool_command:call_one")(registry, arguments.name, arguments.tool_arguments)
    finally:
        await sandbox.close()
    return status


async def _demo(settings: "Settings", sandbox: WorkerSandbox) -> int:
    _settle()
    redact = _redactor(settings)
    store = Sessions(Path(settings.folders.state), redact=redact, notice=_complain)
    session = store.new(settings.workspace, keep=False)
    app = _app(settings, sandbox, create(_provider_settings(settings)), session, redact)

    async def run_tests() -> tuple[bool, str]:
        branch = await sandbox.open("direct")
        result = await branch.call(ToolCall("demo", "shell", {"command": "pytest"}), lambda _: None)
        await branch.close()
        return not result.is_error, result.content

    try:
        status: int = await load("py_mono.ui.demo:run")(app, run_tests)
    finally:
        await app.agent.close()
    return status


def _app(settings: "Settings", sandbox: WorkerSandbox, provider: Provider, session: Session, redact: Redactor) -> App:
    def compose(branch: Branch) -> ToolRegistry:
        return ToolRegistry([branch])

    agent = Agent(
        provider=provider,
        sandbox=sandbox,
        compose=compose,
        system=lambda: _system_prompt(settings),
        session=SessionStarted(session.id, _printable(settings.workspace), VERSION),
        limits=Limits(settings.max_steps, settings.max_tokens, settings.max_budget_usd),
        redact=redact,
        journal=session.append,
        sync=session.synced,
        wall_clock=time.time,
        monotonic=time.monotonic,
        past=session.envelopes,
        last_seq=session.next_seq - 1,
    )
    return App(
        agent=agent,
        provider=provider,
        workspace=settings.workspace,
        session_id=session.id if session.kept else "",
        sandbox_summary=settings.backend,
        version=VERSION,
        redact=redact,
        environment=settings.environment,
        history_file=os.path.join(settings.folders.state, "input_history"),
    )


def _system_prompt(settings: "Settings") -> str:
    return render(
        workspace=settings.workspace,
        network=settings.network,
        shell="bash" if os.path.exists(_BASH) else "sh",
        context=read_context(settings.workspace),
    )


def _session(arguments: "Arguments", settings: "Settings", store: Sessions) -> Session:
    if arguments.resume:
        return store.resume(arguments.resume)
    if arguments.continue_ or arguments.resume is not None:
        return store.latest(_printable(settings.workspace))
    return store.new(_printable(settings.workspace), keep=not arguments.no_session)


def _provider_settings(settings: "Settings") -> ProviderSettings:
    return ProviderSettings(
        provider=settings.provider,
        model=settings.model,
        base_url=settings.base_url,
        environment=settings.environment,
        ollama=OllamaSettings(
            window_cap=settings.window_cap or _DEFAULTS.window_cap,
            keep_alive=settings.keep_alive or _DEFAULTS.keep_alive,
        ),
        script=settings.script,
    )


def _redactor(settings: "Settings") -> Redactor:
    return Redactor(secrets_in(settings.environment))


def _printable(path: str) -> str:
    """A path as text: names that are not UTF-8 have no place in a journal."""
    return os.fsencode(path).decode("utf-8", "replace")


def _read_stdin() -> bytes:
    limit: int = load("py_mono.ui.piped:STDIN_LIMIT")
    return sys.stdin.buffer.read(limit + 1)


def _complain(text: str) -> None:
    sys.stderr.write(f"py-mono: {text}\n")


class _Notices:
    """Sentences for the person that come before there is an agent to say them."""

    def __init__(self) -> None:
        self._say: Callable[[str], None] | None = None
        self._waiting: list[str] = []

    def __call__(self, text: str) -> None:
        if self._say is None:
            self._waiting.append(text)
        else:
            self._say(text)

    def to(self, say: Callable[[str], None]) -> None:
        self._say = say
        for text in self._waiting:
            say(text)
