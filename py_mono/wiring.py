"""The only place where everything is wired; loaded by ``main`` once the worker is on its way."""

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from py_mono.agent.agent import Agent
from py_mono.agent.guards import Limits
from py_mono.config import printable, window_cap
from py_mono.llm.prompts.render import contradicts, read_context, render
from py_mono.llm.registry import create, preload
from py_mono.llm.settings import OllamaSettings, ProviderSettings
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.events import Envelope, MessageFinished, PromptFrozen, SessionStarted
from py_mono.protocol.messages import AssistantMessage
from py_mono.protocol.ports import Branch, Provider
from py_mono.protocol.tools import ToolCall
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.launch import Launched, Launcher, temporary_base
from py_mono.sandbox.snapshots import ThreadedSnapshots
from py_mono.security.known import secrets_in
from py_mono.security.redact import Redactor
from py_mono.session.store import Session, Sessions
from py_mono.tools.capped import CappedTools
from py_mono.tools.profile import Profile, profile_of
from py_mono.tools.registry import ToolRegistry
from py_mono.ui.app import App
from py_mono.ui.lock import describe
from py_mono.ui.signals import Signals, guarded
from py_mono.utils.lazy import load
from py_mono.utils.shell import shell_path
from py_mono.utils.version import VERSION

if TYPE_CHECKING:
    from py_mono.config import Settings
    from py_mono.ui.arguments import Arguments

_SWEEP_AFTER_S = 3.0
_DEFAULTS = OllamaSettings()


def run(arguments: "Arguments", settings: "Settings", launcher: Launcher, worker: Launched) -> NoReturn:
    """The REPL, or with ``-p`` one shot; ends the process with its exit status."""
    sandbox = WorkerSandbox(launcher, worker)
    _leave(asyncio.run(guarded(lambda signals: _run(arguments, settings, sandbox, signals))))


def tool(arguments: "Arguments", settings: "Settings", launcher: Launcher, worker: Launched) -> NoReturn:
    """``py-mono tool``; ends the process with its exit status."""
    del settings
    sandbox = WorkerSandbox(launcher, worker)
    _leave(asyncio.run(guarded(lambda signals: _tool(arguments, sandbox, signals))))


def demo(arguments: "Arguments", settings: "Settings") -> NoReturn:
    """``py-mono demo``; ends the process with its exit status."""
    del arguments
    settings.workspace = load("py_mono.ui.demo:fresh_copy")()
    settings.provider, settings.script = "scripted", load("py_mono.ui.demo:SCRIPT")
    settings.extra_roots = ()
    _leave(asyncio.run(guarded(lambda signals: _demo(settings, signals))))


def sessions(arguments: "Arguments", settings: "Settings") -> NoReturn:
    """``py-mono sessions``; ends the process with its exit status."""
    _settle()
    redact = _redactor(settings)
    store = Sessions(settings.folders.state, redact=redact, notice=_Notices())
    command = load("py_mono.ui.sessions_command:run")
    _leave(command(store, arguments, settings.workspace, settings.environment))


def _settle() -> None:
    """Collect from here on, and leave alone what was loaded so far: it stays."""
    gc.freeze()
    gc.enable()


def _sweep() -> None:
    """Remove what killed sessions left, in a thread, once there is time for it."""
    asyncio.get_running_loop().run_in_executor(None, load("py_mono.sandbox.leftovers:sweep"), temporary_base())


def _leave(status: int) -> NoReturn:
    """End at once: tearing the interpreter down takes longer than a step, and there is nothing left to save."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # the reader is gone, and with it whoever could be told
            stream.flush()
    os._exit(status)


async def _run(arguments: "Arguments", settings: "Settings", sandbox: WorkerSandbox, signals: Signals) -> int:
    redact = _redactor(settings)
    notices = _Notices()
    store = Sessions(settings.folders.state, redact=redact, notice=notices)
    sweeping = asyncio.get_running_loop().call_later(_SWEEP_AFTER_S, _sweep)
    try:
        session = _session(arguments, settings, store)
        provider = create(_provider_settings(settings, _replies(arguments, settings, store)))
        app = _app(settings, sandbox, provider, session, redact=redact, signals=signals, notices=notices)
        _settle()
        if arguments.print_:
            status: int = await load("py_mono.ui.oneshot:run")(app, arguments.prompt, arguments.output_format)
        else:
            status = await load("py_mono.ui.repl:run")(app, arguments.prompt)
        with signals.ignored():
            await app.agent.close()
            session.close()
    finally:
        sweeping.cancel()  # once the loop ends there is no thread for it any more
        with signals.ignored():
            await sandbox.close()
    return status


async def _tool(arguments: "Arguments", sandbox: WorkerSandbox, signals: Signals) -> int:
    _settle()
    opened: list[Branch] = []

    async def reopen() -> ToolRegistry:
        for branch in opened:
            await branch.close()
        opened[:] = [await sandbox.open("direct")]
        return ToolRegistry(opened)

    try:
        registry = await reopen()
        if arguments.action == "list":
            listing = load("py_mono.ui.tool_command:print_list")
            status: int = listing(await opened[0].specs(), version=VERSION, as_json=arguments.json)
        elif arguments.action == "session":
            status = await load("py_mono.ui.tool_command:serve")(registry, reopen)
        else:
            status = await load("py_mono.ui.tool_command:call_one")(registry, arguments.name, arguments.tool_arguments)
    finally:
        with signals.ignored():
            await sandbox.close()
    return status


async def _demo(settings: "Settings", signals: Signals) -> int:
    _settle()
    redact = _redactor(settings)
    launcher = Launcher(settings.workspace, backend=settings.backend)
    sandbox = WorkerSandbox(launcher)
    store = Sessions(settings.folders.state, redact=redact, notice=_Notices())
    session = store.new(settings.workspace, keep=False)
    provider = create(_provider_settings(settings))
    app = _app(settings, sandbox, provider, session, redact=redact, signals=signals, notices=_Notices())

    async def run_tests() -> tuple[bool, str]:
        branch = await sandbox.open("direct")
        result = await branch.call(ToolCall("demo", "shell", {"command": "pytest"}), lambda _: None)
        await branch.close()
        return not result.is_error, result.content

    try:
        status: int = await load("py_mono.ui.demo:run")(app, run_tests)
    finally:
        with signals.ignored():
            await app.agent.close()
    return status


def _app(
    settings: "Settings",
    sandbox: WorkerSandbox,
    provider: Provider,
    session: Session,
    *,
    redact: Redactor,
    signals: Signals,
    notices: "_Notices",
) -> App:
    def compose(branch: Branch, window: int) -> ToolRegistry:
        profile = profile_of(window)
        return ToolRegistry([CappedTools(branch, profile.result_bytes)], small=profile.small)

    snapshots = ThreadedSnapshots(settings.folders.state, settings.workspace, load)
    agent = Agent(
        provider=provider,
        sandbox=sandbox,
        compose=compose,
        system=lambda window: _system_prompt(settings, profile_of(window)),
        session=SessionStarted(session.id, printable(settings.workspace), VERSION),
        limits=Limits(settings.max_steps, settings.max_tokens, settings.max_budget_usd),
        redact=redact,
        journal=session.append,
        sync=session.synced,
        wall_clock=time.time,
        monotonic=time.monotonic,
        snapshots=snapshots,
        past=_still_true(session.envelopes, settings),
        last_seq=session.next_seq - 1,
    )
    return App(
        agent=agent,
        provider=provider,
        workspace=settings.workspace,
        session=session,
        lock=lambda: describe(sandbox.lock, network=settings.network),
        version=VERSION,
        redact=redact,
        environment=settings.environment,
        history_file=os.path.join(settings.folders.state, "input_history"),
        signals=signals,
        on_shown=lambda: _once_shown(agent, snapshots, settings, notices),
    )


def _once_shown(agent: Agent, snapshots: ThreadedSnapshots, settings: "Settings", notices: "_Notices") -> None:
    """What could not be said before, and what takes so long to load that the first request should not wait for it."""
    notices.to(agent.notice)
    snapshots.tidy_later(_SWEEP_AFTER_S, lambda: agent.history.undo.needed, agent.notice)
    preload(_provider_settings(settings))


def _system_prompt(settings: "Settings", profile: Profile) -> str:
    return render(
        workspace=settings.workspace,
        network=settings.network,
        shell=os.path.basename(shell_path()),
        context=read_context(settings.workspace, profile.context_chars),
        small=profile.small,
    )


def _still_true(past: Sequence[Envelope], settings: "Settings") -> Sequence[Envelope]:
    """The past without a prompt that says the opposite of ``--network``: then it is frozen anew, else it stays."""
    prompts = [envelope.event for envelope in past if isinstance(envelope.event, PromptFrozen)]
    if prompts and contradicts(prompts[-1].system, workspace=settings.workspace, network=settings.network):
        return [envelope for envelope in past if not isinstance(envelope.event, PromptFrozen)]
    return past


def _session(arguments: "Arguments", settings: "Settings", store: Sessions) -> Session:
    keep = not arguments.no_session
    if settings.provider == "replay":
        return store.new(printable(settings.workspace), keep=keep)
    if arguments.fork:
        return store.fork(arguments.fork)
    if arguments.resume:
        return store.resume(arguments.resume)
    if arguments.continue_ or arguments.resume is not None:
        return store.latest(printable(settings.workspace))
    return store.new(printable(settings.workspace), keep=keep)


def _replies(arguments: "Arguments", settings: "Settings", store: Sessions) -> tuple[AssistantMessage, ...]:
    """What the recorded model said, for ``--provider replay -r ID``; nothing for any other provider."""
    if settings.provider != "replay":
        return ()
    if not arguments.resume:
        raise ConfigError("the provider replay plays a session, and none is named", remedy="name it with -r ID")
    facts = (envelope.event for envelope in store.read(arguments.resume))
    return tuple(fact.message for fact in facts if isinstance(fact, MessageFinished))


def _provider_settings(settings: "Settings", replies: tuple[AssistantMessage, ...] = ()) -> ProviderSettings:
    cap = window_cap(settings.environment) if settings.provider == "ollama" else None
    return ProviderSettings(
        provider=settings.provider,
        model=settings.model,
        base_url=settings.base_url,
        environment=settings.environment,
        ollama=OllamaSettings(
            window_cap=cap or _DEFAULTS.window_cap,
            keep_alive=settings.environment.get("OLLAMA_KEEP_ALIVE") or _DEFAULTS.keep_alive,
        ),
        script=settings.script,
        replies=replies,
    )


def _redactor(settings: "Settings") -> Redactor:
    return Redactor(secrets_in(settings.environment))


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
