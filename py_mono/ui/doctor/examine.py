"""All checks, side by side, each with its time; what they say comes in a fixed order."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from py_mono.llm.clouds.named import DEFAULT_MODELS
from py_mono.ui.doctor import kept, keys, machine, servers, workspace
from py_mono.ui.doctor.cloud import cloud
from py_mono.ui.doctor.findings import LIMIT_S, Case, Finding, in_thread
from py_mono.ui.doctor.ollama import NAMES, ollama

GROUP_S = 2 * LIMIT_S + 0.5
"""A server is looked for, and then asked; nothing here takes longer."""

Look = Callable[[Case], Awaitable[Sequence[Finding]]]


async def _model(case: Case) -> Sequence[Finding]:
    if case.provider.provider == "ollama":
        return await ollama(case)
    if case.provider.provider == "litellm" or case.provider.provider in DEFAULT_MODELS:
        return await cloud(case)
    why = f"the provider {case.provider.provider} asks no server"
    return [Finding(name, "not_checked", why) for name in NAMES]


def _one(check: Callable[[Case], Awaitable[Finding]]) -> Look:
    async def look(case: Case) -> Sequence[Finding]:
        return [await check(case)]

    return look


def _blocking(check: Callable[[Case], Finding]) -> Look:
    async def look(case: Case) -> Sequence[Finding]:
        return [await in_thread(lambda: check(case))]

    return look


CHECKS: tuple[tuple[tuple[str, ...], Look], ...] = (
    (("py-mono",), _blocking(machine.program)),
    (("python",), _blocking(machine.python)),
    (("settings",), _blocking(machine.settings)),
    (NAMES, _model),
    (("lock",), _one(workspace.lock)),
    (("workspace",), _blocking(workspace.owner)),
    (("git",), _one(workspace.git)),
    (("uv",), _one(workspace.uv)),
    (("disk",), _blocking(machine.disk)),
    (("folders",), _blocking(kept.folders)),
    (("checkpoints",), _one(kept.checkpoints)),
    ((".env",), _blocking(kept.dotenv)),
    (("keys",), _blocking(keys.keys)),
    (("stored keys",), _blocking(keys.stored)),
    (("fallback",), _one(keys.fallback)),
    (("mcp",), _blocking(servers.mcp)),
    (("terminal",), _blocking(machine.terminal)),
)
"""What each group finds, in the order in which it is shown. A new check is one more row."""


async def examine(case: Case, checks: Sequence[tuple[tuple[str, ...], Look]] = CHECKS) -> AsyncGenerator[Finding, None]:
    """Begin all checks at once and yield what they find, in their order, each as soon as those before it are done."""
    tasks = [asyncio.ensure_future(_bounded(names, look, case)) for names, look in checks]
    try:
        for task in tasks:
            for finding in await task:
                yield finding
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _bounded(names: tuple[str, ...], look: Look, case: Case) -> Sequence[Finding]:
    """What a group finds; where it takes too long, or the system refuses to let it look, that is what was found."""
    try:
        async with asyncio.timeout(GROUP_S):
            return await look(case)
    except TimeoutError:
        return [Finding(name, "warning", "it took too long to look") for name in names]
    except OSError as error:
        return [Finding(name, "warning", f"it cannot be looked at: {error.strerror or error}") for name in names]
