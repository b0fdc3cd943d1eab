"""``py-mono doctor``, ``/doctor``, and what is said where a session begins without a model."""

import asyncio
import contextlib
import io
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from py_mono.config import Folders, Settings, read
from py_mono.llm.registry import module_of, split
from py_mono.protocol.errors import ConfigError
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.launch import Launcher
from py_mono.ui.arguments import Arguments
from py_mono.ui.doctor.examine import examine
from py_mono.ui.doctor.findings import Case, Servers
from py_mono.ui.doctor.report import as_object, print_rows, rows, status, summary
from py_mono.ui.json_mode import print_object
from py_mono.ui.mcp import NO_LOCK, Trust
from py_mono.ui.output import Output
from py_mono.ui.signals import Signals, guarded
from py_mono.ui.terminal import Screen
from py_mono.utils.container import in_container
from py_mono.utils.lazy import load
from py_mono.utils.stdout import lost
from py_mono.utils.version import VERSION
from py_mono.wiring.choices import key_manager, provider_settings, redactor
from py_mono.wiring.leaving import leave
from py_mono.wiring.mcp import configured
from py_mono.wiring.providers import bound

if TYPE_CHECKING:
    from py_mono.llm.settings import ProviderSettings
    from py_mono.protocol.ports import Redact
    from py_mono.security.keys.manager import KeyManager

_NO_FOLDER = "/dev/null"
"""Holds no ``.env``, and nothing can be put into it."""

Problems = tuple[tuple[str, str], ...]
LockReport = Callable[[], Awaitable[Mapping[str, Any]]]


def doctor(arguments: Arguments) -> NoReturn:
    """``py-mono doctor``; it reads the settings itself, and ends the process with 0, or 1 where something does not work."""
    settings, problems = readable_settings(arguments, os.environ)
    leave(asyncio.run(guarded(lambda signals: _doctor(arguments, settings, problems, signals))))


def readable_settings(arguments: Arguments, environ: Mapping[str, str]) -> tuple[Settings, Problems]:
    """The settings, and what was wrong with them: then without the workspace, without ``.env``, or without both."""
    bare = Arguments()
    bare.command = "sessions"  # which needs no workspace
    bare.provider, bare.model, bare.network, bare.sandbox = (
        arguments.provider, arguments.model, arguments.network, arguments.sandbox,
    )  # fmt: skip
    without_file = {**environ, "PY_MONO_HOME": _NO_FOLDER}
    found: dict[str, str] = {}
    for flags, variables in ((arguments, environ), (arguments, without_file), (bare, environ), (bare, without_file)):
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # what it says of .env is a check of its own
                settings = read(flags, variables)
        except ConfigError as error:
            found[str(error)] = error.remedy
        else:
            settings.folders = Folders(environ)
            return settings, tuple(found.items())
    raise ConfigError("; ".join(found))


async def _doctor(arguments: Arguments, settings: Settings, problems: Problems, signals: Signals) -> int:
    redact = redactor(settings)
    opened: list[WorkerSandbox] = []

    async def lock() -> Mapping[str, Any]:
        launcher = Launcher(  # no tool runs in its worker, so it is no session in whose presence no key may be stored
            settings.workspace,
            backend=settings.backend,
            extra_roots=settings.extra_roots,
            network=settings.network,
            environment=settings.environment,
        )
        opened.append(WorkerSandbox(launcher))
        return await opened[0].lock()

    keys = key_manager(settings, redact) if settings.workspace else None
    case = case_of(settings, lock, os.environ, problems, keys=keys)
    try:
        if arguments.json:
            return await _print_json(case, redact)
        screen = Screen(sys.stdout, settings.environment, redact=redact)
        found = await print_rows(examine(case), screen)
        return lost(screen.failure) or found
    finally:
        with signals.ignored():
            for sandbox in opened:
                await sandbox.close()


async def _print_json(case: Case, redact: "Redact") -> int:
    found = [finding async for finding in examine(case)]
    output = Output(sys.stdout.buffer)
    print_object(output, as_object(found, version=VERSION), redact)
    return 1 if output.lost else status(found)


async def report(settings: Settings, lock: LockReport, keys: "KeyManager") -> str:
    """What ``/doctor`` shows: lines for the terminal, without colours."""
    found = [finding async for finding in examine(case_of(settings, lock, os.environ, keys=keys))]
    screen = Screen(sys.__stdout__ or sys.stdout, {**settings.environment, "NO_COLOR": "1"})
    return "".join(rows(finding, screen) for finding in found) + f"\n{summary(found)}"


def case_of(
    settings: Settings,
    lock: LockReport,
    environ: Mapping[str, str],
    problems: Problems = (),
    *,
    keys: "KeyManager | None",
) -> Case:
    """What the doctor looks at; what is wrong with the provider's settings is one more problem."""

    def stats() -> tuple[int, int, float]:
        checkpoints = load("py_mono.sandbox.checkpoints.checkpoints:Checkpoints")
        found = checkpoints(settings.folders.state, settings.workspace).stats()
        return found.bytes, found.checkpoints, found.oldest

    provider, more = _provider(settings, keys)
    fallback, wrong = _fallback(settings, keys)
    return Case(
        version=VERSION,
        provider=provider,
        problems=(*problems, *more, *wrong),
        keys=keys,
        fallback=fallback,
        workspace=settings.workspace,
        state=settings.folders.state,
        config=settings.folders.config,
        environ=environ,
        network=settings.network,
        container=in_container(),
        lock=lock,
        stats=stats,
        servers=partial(_servers, settings),
    )


def _servers(settings: Settings) -> Servers:
    trust = Trust(settings.folders.state, settings.workspace)
    found = configured(settings, trust)
    unlocked = (NO_LOCK,) if settings.backend == "off" and any(server.command for server in found.servers) else ()
    return Servers(
        used=tuple(server.name for server in found.servers if trust(server)),
        waiting=tuple(server.name for server in found.servers if not trust(server) and not trust.refused(server)),
        problems=(*found.problems, *unlocked),
    )


def _provider(settings: Settings, keys: "KeyManager | None") -> "tuple[ProviderSettings, Problems]":
    problems: list[tuple[str, str]] = []
    try:
        module_of(settings.provider)
    except ConfigError as error:
        problems.append((str(error), "export LLM_PROVIDER=ollama"))
    try:
        return provider_settings(settings, keys=keys), tuple(problems)
    except ConfigError as error:
        problems.append((str(error), "unset OLLAMA_CONTEXT_LENGTH"))
        del settings.environment["OLLAMA_CONTEXT_LENGTH"]
        return provider_settings(settings, keys=keys), tuple(problems)


def _fallback(settings: Settings, keys: "KeyManager | None") -> "tuple[tuple[ProviderSettings, ...], Problems]":
    """What the providers of the chain would be made from; what is none of them is a problem."""
    found, problems = [], []
    for spec in settings.fallback:
        try:
            found.append(provider_settings(bound(settings, *split(spec)), keys=keys))
        except ConfigError as error:
            problems.append((f"the fallback {spec!r}: {error}", error.remedy))
    return tuple(found), tuple(problems)
