"""The gate: what needs nobody passes, what was agreed to passes, and about the rest somebody is asked, or it does not run."""

import asyncio
from collections.abc import Callable, Collection, Iterable

from py_mono.protocol.approvals import ApprovalDecided, ApprovalRequested
from py_mono.protocol.gate import Verdict
from py_mono.protocol.ports import Emit, Grant
from py_mono.protocol.tools import FROM_SERVER, ToolCall, ToolResult, ToolSpec
from py_mono.security.approvals.needs import WITH_NETWORK, Need, Needs, needs_of
from py_mono.security.approvals.places import Places
from py_mono.security.approvals.questions import Answer, Ask, Question
from py_mono.security.approvals.rules import Rules
from py_mono.security.approvals.servers import ServerCalls, spelled_call

_NO_NETWORK = (
    "could not resolve host", "name or service not known", "temporary failure in name resolution", "network is unreachable",
    "failed to resolve", "nodename nor servname", "getaddrinfo", "no route to host", "unable to resolve", "enetunreach",
    "eai_again", "dns error", "name resolution",
)  # fmt: skip
"""What programs say where there is no network, in small letters."""
_MOST_REMEMBERED = 1000
AGAIN = "[the network is off in the sandbox; run the very same command again to have the user asked for it]"


class Approvals:
    """What is asked about in one session, and what was agreed to.

    Attributes:
        rules: What was agreed to.
    """

    def __init__(
        self,
        places: Places,
        rules: Rules,
        *,
        ask: Callable[[], Ask | None],
        allowed: Collection[str] = (),
        network: bool = False,
        confined: bool = True,
        ask_all: bool = False,
        servers: ServerCalls | None = None,
    ) -> None:
        """Take what decides.

        Args:
            places: What the lock lets be read and written.
            rules: What was agreed to before.
            ask: Gives what asks a person; None where nobody is there, and then nothing new is agreed to.
            allowed: Kinds that the operator allowed beforehand (``--allow``).
            network: Whether the lock lets everything reach the network.
            confined: Whether there is a lock at all; without one nothing is taken from any call, so nothing is asked for.
            ask_all: Whether every call that may change something is asked about (``--tools ask``).
            servers: Judges the calls of servers' tools, which no lock of ours holds; nothing is known of any without it.
        """
        self.rules = rules
        self._ask = ask
        self._places = places
        self._allowed = frozenset(allowed) | ({"install"} if "network" in allowed else frozenset())
        self._network = network
        self._confined = confined
        self._ask_all = ask_all
        self._servers = servers or ServerCalls({})
        self._failed: dict[str, None] = {}
        self._one_at_a_time = asyncio.Lock()

    async def review_call(self, call: ToolCall, spec: ToolSpec, emit: Emit) -> Verdict:
        """Judge a call; see ``ports.Gate.review_call``. What is asked and decided goes to ``emit``."""
        return await self._review(call, self._needs(call, spec), emit, ask=self._ask_all and spec.effect != "read")

    async def review_own(self, call: ToolCall, spec: ToolSpec, emit: Emit) -> Verdict:
        """The same for a call that a person makes: they are asked what it may reach, but not whether they meant it."""
        return await self._review(call, self._needs(call, spec), emit, ask=False)

    async def _review(self, call: ToolCall, needs: Needs, emit: Emit, *, ask: bool) -> Verdict:
        if ask:
            each = Need("call", (f"call {call.name}",), "you want to be asked before each change (--tools ask)")
            needs = Needs((*needs.asked, each), needs.free, needs.refusal, needs.note)
        if needs.refusal:
            return Verdict(allowed=False, reason=needs.refusal)
        if not needs.asked:
            return Verdict(allowed=True, grant=needs.free)
        async with self._one_at_a_time:  # what is said about one call may speak for the next one
            return await self._judged(call, needs, emit)

    async def _judged(self, call: ToolCall, needs: Needs, emit: Emit) -> Verdict:
        what = spelled_call(call) if needs.asked[0].kind == "mcp" else _what(call)
        missing = [need for need in needs.asked if not self._covered(need)]
        if not missing:
            by_flag = any(need.kind in self._allowed for need in needs.asked)
            emit(ApprovalDecided(call.id, needs.asked[0].kind, what, "flag" if by_flag else "rule"))
            return Verdict(allowed=True, grant=_sum(needs))
        kind = missing[0].kind
        try:
            answer = await self._asked(call, what, missing, needs.note, emit)
        except asyncio.CancelledError:
            emit(ApprovalDecided(call.id, kind, what, "denied", "interrupted"))
            raise
        if answer.said == "no":
            emit(ApprovalDecided(call.id, kind, what, "denied", answer.reason))
            return Verdict(allowed=False, reason=_refusal(missing, answer.reason, asked=self._ask() is not None))
        if answer.said != "once":
            keys = [key for need in missing for key in need.keys]
            self.rules.remember(keys, session_only=answer.said == "session")
        emit(ApprovalDecided(call.id, kind, what, "once" if answer.said == "once" else "always"))
        return Verdict(allowed=True, grant=_sum(needs))

    def hint(self, call: ToolCall, result: ToolResult, grant: Grant) -> str:
        """A line for the model where a command failed because there is no network; else empty."""
        if not result.is_error or call.name != "shell" or grant.network or self._network or not self._confined:
            return ""
        if not any(sign in result.content.lower() for sign in _NO_NETWORK):
            return ""
        self._failed[str(call.arguments.get("command", ""))] = None
        while len(self._failed) > _MOST_REMEMBERED:
            del self._failed[next(iter(self._failed))]
        return AGAIN

    def _needs(self, call: ToolCall, spec: ToolSpec) -> Needs:
        if spec.source.startswith(FROM_SERVER):
            return self._servers.needs(spec)
        needs = needs_of(call, spec, self._places, network=self._network) if self._confined else Needs()
        command = str(call.arguments.get("command", "")) if call.name == "shell" else ""
        if command not in self._failed or any(need.grant.network for need in needs.asked):
            return needs
        again = Need("network", (), "it failed before for lack of the network", Grant(network=True))
        note = "; ".join(filter(None, (needs.note, WITH_NETWORK)))
        return Needs((*needs.asked, again), needs.free, needs.refusal, note)

    def _covered(self, need: Need) -> bool:
        return need.kind in self._allowed or (bool(need.keys) and self.rules.cover(need.keys))

    async def _asked(self, call: ToolCall, what: str, needs: "list[Need]", note: str, emit: Emit) -> Answer:
        ask = self._ask()
        if ask is None:
            return Answer("no", "nobody is there to be asked")
        reason = "; ".join(dict.fromkeys([*(need.reason for need in needs), *([note] if note else [])]))
        rememberable = all(need.keys for need in needs)
        question = Question(
            kind=needs[0].kind,
            what=what,
            reason=reason,
            keys=tuple(dict.fromkeys(key for need in needs for key in need.keys)) if rememberable else (),
            lasting=rememberable and all(need.kind != "call" for need in needs),
        )
        emit(ApprovalRequested(call.id, question.kind, what, reason))
        return await ask(question)


def _what(call: ToolCall) -> str:
    """The call as a person should see it: the command alone, or the tool and what it is given."""
    if call.name == "shell":
        return str(call.arguments.get("command", ""))
    path = call.arguments.get("path")
    return f"{call.name} {path}" if isinstance(path, str) else call.name


def _sum(needs: Needs) -> Grant:
    """What all of it comes to."""
    grants = [needs.free, *(need.grant for need in needs.asked)]
    return Grant(
        network=any(grant.network for grant in grants),
        reads=_joined(grant.reads for grant in grants),
        writes=_joined(grant.writes for grant in grants),
    )


def _joined(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for part in parts for path in part))


def _refusal(needs: "list[Need]", reason: str, *, asked: bool) -> str:
    """What the model is told."""
    if asked:
        said = f"the user says: {reason}" if reason else "the user said no"
        return f"not approved; {said}. Do not try it in another way: go on without it, or say what you would need"
    why = "; ".join(dict.fromkeys(need.reason for need in needs))
    return (
        f"not approved: {why}, and nobody is there to be asked. Go on without it, and say in the answer what is missing"
    )
