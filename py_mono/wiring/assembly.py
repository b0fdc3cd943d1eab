"""The agent and its app, put together."""

import asyncio
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from py_mono.agent.agent import Agent
from py_mono.agent.guards import Limits
from py_mono.config import printable
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.events import SessionStarted
from py_mono.protocol.ports import Provider
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.snapshots import ThreadedSnapshots
from py_mono.security.keys.manager import KeyManager
from py_mono.security.redact import Redactor
from py_mono.session.manager import SessionManager
from py_mono.session.store import Session
from py_mono.tools.profile import profile_of
from py_mono.ui.app import App
from py_mono.ui.lock import describe
from py_mono.ui.signals import Signals
from py_mono.utils.lazy import load
from py_mono.utils.threads import in_thread
from py_mono.utils.version import VERSION
from py_mono.wiring.composing import SETTLE_S, composer, still_true, system_prompt
from py_mono.wiring.gate import LateGate
from py_mono.wiring.providers import MadeProviders, bound

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from py_mono.config import Settings
    from py_mono.mcp_integration.hub import McpServers
    from py_mono.ui.mcp import Mcp
    from py_mono.ui.review import LateReview
    from py_mono.wiring.choices import Notices

_TIDY_AFTER_S = 3.0


def make_app(
    settings: "Settings",
    sandbox: WorkerSandbox,
    provider: Provider,
    session: Session,
    *,
    providers: MadeProviders,
    redact: Redactor,
    keys: KeyManager,
    signals: Signals,
    notices: "Notices",
    mcp: "Mcp | None" = None,
    one_shot: bool = False,
) -> App:
    """What one session needs: the agent round its ports, and what a person acts on; ``one_shot`` as in ``_agent``."""
    gate = LateGate(settings, sandbox.profile, notices)
    gate.servers, servers = (mcp.servers, mcp.hub) if mcp is not None else ((), None)
    review: LateReview | None = load("py_mono.ui.review:LateReview")() if settings.review else None
    agent = _agent(
        settings, sandbox, provider, session,
        redact=redact, gate=gate, review=review, servers=servers, one_shot=one_shot,
    )  # fmt: skip
    manager = SessionManager(provider, providers, partial(_bind, agent))
    return App(
        agent=agent,
        providers=manager,
        workspace=settings.workspace,
        session=session,
        lock=lambda: describe(sandbox.lock, network=settings.network),
        version=VERSION,
        redact=redact,
        learn=redact.add,
        keys=keys,
        covered=lambda: sandbox.covers_keys,
        uncovered=_uncovered(sandbox, mcp),
        mcp=mcp,
        environment=settings.environment,
        history_file=os.path.join(settings.folders.state, "input_history"),
        signals=signals,
        gate=gate,
        review=review,
        dry_run=settings.dry_run,
        diagnose=lambda: load("py_mono.wiring.diagnosis:report")(
            bound(settings, manager.active.name, manager.active.model), sandbox.lock, keys
        ),
        on_shown=lambda: _once_shown(
            agent, sandbox.snapshots, manager, settings.workspace if keys.exists() else "", notices, servers=servers
        ),
    )


def _uncovered(sandbox: WorkerSandbox, mcp: "Mcp | None") -> "Callable[[], AbstractAsyncContextManager[None]]":
    """Within it no tool runs, nor a server's program that does not cover the keys."""
    if mcp is None:
        return sandbox.uncovered
    return partial(load("py_mono.wiring.programs:uncovered"), sandbox, mcp.programs)


def _agent(
    settings: "Settings",
    sandbox: WorkerSandbox,
    provider: Provider,
    session: Session,
    *,
    redact: Redactor,
    gate: LateGate,
    review: "LateReview | None",
    servers: "McpServers | None",
    one_shot: bool,
) -> Agent:
    """``one_shot``: who asks has no second turn for late tools, and waits for those of servers never seen."""
    return Agent(
        provider=provider,
        sandbox=sandbox,
        compose=composer(settings, gate, servers),
        system=lambda window: system_prompt(settings, profile_of(window)),
        session=SessionStarted(session.id, printable(settings.workspace), VERSION),
        limits=_limits(settings),
        redact=redact,
        journal=session.append,
        sync=session.synced,
        wall_clock=time.time,
        monotonic=time.monotonic,
        snapshots=sandbox.snapshots,
        jobs=sandbox.jobs,
        review=review,
        mode="scratch" if settings.dry_run else "direct",
        past=still_true(session.envelopes, settings),
        last_seq=session.next_seq - 1,
        late=servers,
        settle_s=SETTLE_S if one_shot else 0.0,
    )


def _bind(agent: Agent, provider: Provider) -> None:
    """Have another provider answer from the next turn on. Raises RuntimeError while one runs."""
    if agent.running:
        raise RuntimeError("a turn is running: interrupt it, and wait for its end")
    agent.provider = provider


def _limits(settings: "Settings") -> Limits:
    return Limits(
        settings.max_steps,
        settings.max_tokens,
        settings.max_budget_usd,
        settings.session_budget_usd,
        settings.warn_at,
    )


def _once_shown(
    agent: Agent,
    snapshots: ThreadedSnapshots | None,
    manager: SessionManager,
    workspace: str,
    notices: "Notices",
    *,
    servers: "McpServers | None",
) -> None:
    """What could not be said before, and what takes so long to load that the first request should not wait for it.

    ``workspace`` is named where keys are stored in it.
    """
    notices.to(agent.notice)
    if servers is not None:
        servers.start()
    if snapshots is not None:
        snapshots.tidy_later(_TIDY_AFTER_S, lambda: agent.history.undo.needed, agent.notice)
    manager.providers.preload(manager.active.name, manager.active.model)
    if workspace:
        asyncio.ensure_future(_keep_out_of_git(workspace, agent))  # noqa: RUF006 - nobody waits for it


async def _keep_out_of_git(workspace: str, agent: Agent) -> None:
    """Have git leave the stored keys alone, also where the repository was made after them."""
    try:
        await in_thread(lambda: load("py_mono.security.keys.git:keep_out")(workspace), "git")
    except ConfigError as error:
        agent.notice(f"{error}; {error.remedy}")
