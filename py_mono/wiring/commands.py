"""The commands that need more than their own arguments."""

import asyncio
import gc
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from py_mono.protocol.errors import PyMonoError
from py_mono.protocol.tools import ToolCall
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.launch import Launched, Launcher, temporary_base
from py_mono.sandbox.snapshots import ThreadedSnapshots
from py_mono.security.keys.places import KeyPlaces
from py_mono.session.store import Sessions
from py_mono.session.where import workspace_of
from py_mono.tools.late import Late
from py_mono.tools.registry import ToolRegistry
from py_mono.ui.signals import Signals, guarded
from py_mono.utils.lazy import load
from py_mono.utils.version import VERSION
from py_mono.wiring.assembly import make_app
from py_mono.wiring.choices import Notices, choose_session, key_manager, recorded_replies, redactor, servers_of
from py_mono.wiring.first_start import FirstLook
from py_mono.wiring.leaving import leave
from py_mono.wiring.providers import MadeProviders, first_provider

if TYPE_CHECKING:
    from py_mono.config import Settings
    from py_mono.protocol.ports import Branch
    from py_mono.ui.arguments import Arguments

_SWEEP_AFTER_S = 3.0
_PATIENCE_S = 30.0
"""So long the operator's own call of a tool that nobody has yet waits for servers that were never seen."""


def run(arguments: "Arguments", settings: "Settings", launcher: Launcher, worker: Launched) -> NoReturn:
    """The REPL, or with ``-p`` one shot; ends the process with its exit status."""
    sandbox = WorkerSandbox(launcher, worker, _snapshots(settings), one_scratch=settings.dry_run)
    leave(asyncio.run(guarded(lambda signals: _run(arguments, settings, sandbox, signals))))


def tool(arguments: "Arguments", settings: "Settings", launcher: Launcher, worker: Launched) -> NoReturn:
    """``py-mono tool``; ends the process with its exit status."""
    sandbox = WorkerSandbox(launcher, worker)
    leave(asyncio.run(guarded(lambda signals: _tool(arguments, settings, sandbox, signals))))


def demo(arguments: "Arguments", settings: "Settings") -> NoReturn:
    """``py-mono demo``; ends the process with its exit status."""
    del arguments
    settings.workspace = load("py_mono.ui.demo:fresh_copy")()
    settings.provider, settings.script = "scripted", load("py_mono.ui.demo:SCRIPT")
    settings.extra_roots = settings.fallback = ()
    leave(asyncio.run(guarded(lambda signals: _demo(settings, signals))))


def sessions(arguments: "Arguments", settings: "Settings") -> NoReturn:
    """``py-mono sessions``; ends the process with its exit status."""
    _settle()
    redact = redactor(settings)
    store = Sessions(settings.folders.state, redact=redact, notice=Notices())
    command = load("py_mono.ui.sessions_command:run")
    if arguments.action in {"show", "export"}:
        with suppress(PyMonoError):  # what cannot be found or opened now hides nothing
            settings.workspace = workspace_of(settings.folders.state, arguments.name)
            key_manager(settings, redact).stored()
    leave(command(store, arguments, settings.workspace, settings.environment, redact))


def key(arguments: "Arguments", settings: "Settings") -> NoReturn:
    """``py-mono key``; ends the process with its exit status."""
    _settle()
    redact = redactor(settings)
    leave(load("py_mono.ui.key_command:run")(key_manager(settings, redact), arguments, settings.environment, redact))


def _snapshots(settings: "Settings") -> ThreadedSnapshots:
    return ThreadedSnapshots(settings.folders.state, settings.workspace, load, settings.checkpoints)


def _settle() -> None:
    """Collect from here on, and leave alone what was loaded so far: it stays."""
    gc.freeze()
    gc.enable()


def _sweep(state_folder: str) -> None:
    """Remove what killed sessions left, in a thread, once there is time for it."""
    sweep, copies = load("py_mono.sandbox.leftovers:sweep"), os.path.join(state_folder, "scratch")
    asyncio.get_running_loop().run_in_executor(None, lambda: (sweep(temporary_base()), sweep(copies)))


async def _run(arguments: "Arguments", settings: "Settings", sandbox: WorkerSandbox, signals: Signals) -> int:
    redact = redactor(settings)
    notices = Notices()
    store = Sessions(settings.folders.state, redact=redact, notice=notices)
    sweeping = asyncio.get_running_loop().call_later(_SWEEP_AFTER_S, _sweep, settings.folders.state)
    try:
        session = choose_session(arguments, settings, store)
        keys = key_manager(settings, redact)
        providers = MadeProviders(settings, keys, recorded_replies(arguments, settings, store))
        provider = first_provider(
            providers, settings, session.envelopes, said=bool(arguments.provider or arguments.model), notice=notices
        )
        mcp = servers_of(settings, redact, notices, at_terminal=not arguments.print_ and sys.stdin.isatty())
        app = make_app(
            settings, sandbox, provider, session, mcp=mcp, one_shot=arguments.print_,
            providers=providers, redact=redact, keys=keys, signals=signals, notices=notices,
        )  # fmt: skip
        _settle()
        if arguments.print_:
            status: int = await load("py_mono.ui.oneshot:run")(app, arguments.prompt, arguments.output_format)
        else:
            app.on_shown = FirstLook(app, settings).on_shown
            status = await load("py_mono.ui.repl:run")(app, arguments.prompt)
        with signals.ignored():
            await app.providers.close()
            await app.agent.close()
            if mcp is not None:
                await mcp.close()
            session.close()
    finally:
        sweeping.cancel()  # once the loop ends there is no thread for it any more
        with signals.ignored():
            await sandbox.close()
    return status


async def _tool(arguments: "Arguments", settings: "Settings", sandbox: WorkerSandbox, signals: Signals) -> int:
    _settle()
    opened: list[Branch] = []
    mcp = servers_of(settings, redactor(settings), _on_stderr, at_terminal=False)
    late = Late(mcp.hub, lambda: mcp.hub.settle(_PATIENCE_S), 0, 0) if mcp is not None else None

    async def reopen() -> ToolRegistry:
        for branch in opened:
            await branch.close()
        opened[:] = [await sandbox.open("direct")]
        return ToolRegistry(opened, late=late)

    try:
        registry = await reopen()
        specs = list(await opened[0].specs())
        if mcp is not None and arguments.action == "list":
            mcp.hub.recall()
            specs += await mcp.hub.specs()
        elif mcp is not None and arguments.name not in {spec.name for spec in specs}:
            mcp.hub.start()
        if arguments.action == "list":
            listing = load("py_mono.ui.tool_command:print_list")
            status: int = listing(specs, version=VERSION, as_json=arguments.json)
        elif arguments.action == "session":
            status = await load("py_mono.ui.tool_command:serve")(registry, reopen)
        else:
            status = await load("py_mono.ui.tool_command:call_one")(registry, arguments.name, arguments.tool_arguments)
    finally:
        with signals.ignored():
            if mcp is not None:
                await mcp.close()
            await sandbox.close()
    return status


def _on_stderr(text: str) -> None:
    sys.stderr.write(f"py-mono: {text}\n")


async def _demo(settings: "Settings", signals: Signals) -> int:
    _settle()
    redact = redactor(settings)
    sessions = KeyPlaces(settings.workspace, settings.folders.state).sessions
    launcher = Launcher(settings.workspace, backend=settings.backend, sessions=sessions)
    sandbox = WorkerSandbox(launcher, snapshots=_snapshots(settings))
    store = Sessions(settings.folders.state, redact=redact, notice=Notices())
    session = store.new(settings.workspace, keep=False)
    keys = key_manager(settings, redact)
    providers = MadeProviders(settings, keys)
    app = make_app(
        settings, sandbox, providers.create(settings.provider, settings.model), session,
        providers=providers, redact=redact, keys=keys, signals=signals, notices=Notices(),
    )  # fmt: skip

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
