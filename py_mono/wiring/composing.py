"""The front of a session's requests: its system prompt, and its list of tools."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from py_mono.agent.turn import Compose
from py_mono.llm.prompts.render import contradicts, read_context, render
from py_mono.protocol.events import Envelope, PromptFrozen
from py_mono.protocol.ports import Branch, Emit
from py_mono.protocol.tools import ToolSpec
from py_mono.tools.capped import CappedTools
from py_mono.tools.gated import GatedServers, GatedTools
from py_mono.tools.late import Late
from py_mono.tools.profile import Profile, profile_of
from py_mono.tools.registry import ToolRegistry
from py_mono.utils.shell import shell_path
from py_mono.wiring.gate import LateGate

if TYPE_CHECKING:
    from py_mono.config import Settings
    from py_mono.protocol.late_tools import LateTools

SETTLE_S = 5.0
"""So long is waited for servers that were never seen: by who asks once, and by a call of a tool that nobody has."""


def composer(settings: "Settings", gate: LateGate, servers: "LateTools | None") -> Compose:
    """How a list of tools is made: the gate before each call, results held to the window, names and arguments checked."""

    def compose(
        branch: Branch, window: int, emit: Emit, *, frozen: Sequence[ToolSpec] = (), own: bool = False
    ) -> ToolRegistry:
        if settings.tools_mode == "off" and not own:
            return ToolRegistry([])
        profile = profile_of(window)
        gated = GatedTools(branch, gate.review_own if own else gate.review_call, gate.hint, emit)
        late = None
        if servers is not None and not own:
            tools = CappedTools(GatedServers(servers, gate.review_call, branch, emit), profile.result_bytes)
            late = Late(tools, lambda: servers.settle(SETTLE_S), _room(settings, profile), profile.announced_chars)
        branch_tools = CappedTools(gated, profile.result_bytes)
        return ToolRegistry([branch_tools], small=profile.small, late=late, frozen=frozen)

    return compose


def _room(settings: "Settings", profile: Profile) -> int:
    """What the prompt leaves to the list; the project's notes do not count, or long ones would leave nothing."""
    brackets = 2
    return profile.front_bytes - len(system_prompt(settings, profile, notes=False).encode()) - brackets


def system_prompt(settings: "Settings", profile: Profile, *, notes: bool = True) -> str:
    """What the model is told first; ``notes`` are the project's own."""
    return render(
        workspace=settings.workspace,
        network=settings.network,
        shell=os.path.basename(shell_path()),
        context=read_context(settings.workspace, profile.context_chars) if notes else None,
        small=profile.small,
        tools=settings.tools_mode != "off",
    )


def still_true(past: Sequence[Envelope], settings: "Settings") -> Sequence[Envelope]:
    """The past without a prompt that says the opposite of ``--network``: then it is frozen anew, else it stays."""
    prompts = [envelope.event for envelope in past if isinstance(envelope.event, PromptFrozen)]
    if prompts and contradicts(prompts[-1].system, workspace=settings.workspace, network=settings.network):
        return [envelope for envelope in past if not isinstance(envelope.event, PromptFrozen)]
    return past
