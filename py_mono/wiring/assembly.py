"""The agent and its app, put together."""

import asyncio
import os
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from py_mono.agent.agent import Agent
from py_mono.agent.guards import Limits
from py_mono.agent.turn import Compose
from py_mono.config import printable
from py_mono.llm.prompts.render import contradicts, read_context, render
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.events import Envelope, PromptFrozen, SessionStarted
from py_mono.protocol.ports import Branch, Emit, Provider
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.snapshots import ThreadedSnapshots
from py_mono.security.keys.manager import KeyManager
from py_mono.security.redact import Redactor
from py_mono.session.manager import SessionManager
from py_mono.session.store import Session
from py_mono.tools.capped import CappedTools
from py_mono.tools.gated import GatedTools
from py_mono.tools.profile import Profile, profile_of
from py_mono.tools.registry import ToolRegistry
from py_mono.ui.app import App
from py_mono.ui.lock import describe
from py_mono.ui.signals import Signals
from py_mono.utils.lazy import load
from py_mono.utils.shell import shell_path
from py_mono.utils.threads import in_thread
from py_mono.utils.version import VERSION
from py_mono.wiring.gate import LateGate
from py_mono.wiring.providers import MadeProviders, bound

if TYPE_CHECKING:
    from py_mono.config import Settings
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
) -> App:
    """What one session needs: the agent round its ports, and what a person acts on."""
    gate = LateGate(settings, sandbox.profile, notices)
    review: LateReview | None = load("py_mono.ui.review:LateReview")() if settings.review else None
    agent = _agent(settings, sandbox, provider, session, redact=redact, gate=gate, review=review)
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
        uncovered=sandbox.uncovered,
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
            agent, sandbox.snapshots, manager, settings.workspace if keys.exists() else "", notices
        ),
    )


def _agent(
    settings: "Settings",
    sandbox: WorkerSandbox,
    provider: Provider,
    session: Session,
    *,
    redact: Redactor,
    gate: LateGate,
    review: "LateReview | None",
) -> Agent:
    return Agent(
        provider=provider,
        sandbox=sandbox,
        compose=_composer(settings, gate),
        system=lambda window: _system_prompt(settings, profile_of(window)),
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
        past=_still_true(session.envelopes, settings),
        last_seq=session.next_seq - 1,
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


def _composer(settings: "Settings", gate: LateGate) -> Compose:
    """How a list of tools is made: the gate before each call, results held to the window, names and arguments checked."""

    def compose(branch: Branch, window: int, emit: Emit, *, own: bool = False) -> ToolRegistry:
        if settings.tools_mode == "off" and not own:
            return ToolRegistry([])
        profile = profile_of(window)
        gated = GatedTools(branch, gate.review_own if own else gate.review_call, gate.hint, emit)
        return ToolRegistry([CappedTools(gated, profile.result_bytes)], small=profile.small)

    return compose


def _once_shown(
    agent: Agent, snapshots: ThreadedSnapshots | None, manager: SessionManager, workspace: str, notices: "Notices"
) -> None:
    """What could not be said before, and what takes so long to load that the first request should not wait for it.

    ``workspace`` is named where keys are stored in it.
    """
    notices.to(agent.notice)
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


def _system_prompt(settings: "Settings", profile: Profile) -> str:
    return render(
        workspace=settings.workspace,
        network=settings.network,
        shell=os.path.basename(shell_path()),
        context=read_context(settings.workspace, profile.context_chars),
        small=profile.small,
        tools=settings.tools_mode != "off",
    )


def _still_true(past: Sequence[Envelope], settings: "Settings") -> Sequence[Envelope]:
    """The past without a prompt that says the opposite of ``--network``: then it is frozen anew, else it stays."""
    prompts = [envelope.event for envelope in past if isinstance(envelope.event, PromptFrozen)]
    if prompts and contradicts(prompts[-1].system, workspace=settings.workspace, network=settings.network):
        return [envelope for envelope in past if not isinstance(envelope.event, PromptFrozen)]
    return past
