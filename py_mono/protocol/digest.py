"""The prefix guard: what a request looks like to a server's cache, as a digest, and where it breaks from the last one."""

from py_mono.protocol.codec import encode
from py_mono.protocol.events import PrefixBroken
from py_mono.protocol.messages import Message
from py_mono.protocol.ports import ModelRequest, Redact
from py_mono.protocol.tools import ToolSpec
from py_mono.utils.digests import blake2b


class PrefixDigest:
    """Digests of a session's requests, each computed from the one before it.

    A digest is the end of a chain: ``h(0) = H(system, tools)``, ``h(n) = H(h(n-1), message n)``, with ``H`` BLAKE2b-128
    over the redacted JSON; so only new messages are encoded, and equal digests mean equal requests. It is taken over
    the redacted form because a journal holds no other: a replay can then be compared with what really was sent.
    """

    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self._system: str | None = None
        self._tools: tuple[ToolSpec, ...] = ()
        self._model = ""
        self._messages: list[Message] = []
        self._chain: list[bytes] = []

    def extend(self, request: ModelRequest, model: str) -> tuple[str, PrefixBroken | None]:
        """Digest ``request``; also where it breaks the prefix that the last request left, or None where it extends it."""
        same = self._same_messages(request.messages)
        broken = self._first_break(request, model, same)
        if (request.system, request.tools) != (self._system, self._tools):
            front = encode((request.system, request.tools)).decode()
            self._chain = [blake2b(self._redact(front).encode(), digest_size=16).digest()]
            self._messages, same = [], 0
        del self._messages[same:]
        del self._chain[same + 1 :]
        for message in request.messages[same:]:
            body = self._redact(encode(message).decode()).encode()
            self._chain.append(blake2b(self._chain[-1] + body, digest_size=16).digest())
            self._messages.append(message)
        self._system, self._tools, self._model = request.system, request.tools, model
        return self._chain[-1].hex(), broken

    def _same_messages(self, messages: tuple[Message, ...]) -> int:
        """How many messages at the front are those of the last request."""
        pairs = zip(self._messages, messages, strict=False)
        return next(
            (index for index, (old, new) in enumerate(pairs) if old is not new and old != new),
            min(len(self._messages), len(messages)),
        )

    def _first_break(self, request: ModelRequest, model: str, same: int) -> PrefixBroken | None:
        if self._system is None:
            return None
        if model != self._model:
            return PrefixBroken("model", -1, f"the model changed from {self._model} to {model}")
        if request.system != self._system:
            return PrefixBroken("system", -1, "the system prompt changed")
        if request.tools != self._tools:
            return PrefixBroken("tools", -1, _tool_change(self._tools, request.tools))
        return self._first_other_message(request.messages, same)

    def _first_other_message(self, messages: tuple[Message, ...], same: int) -> PrefixBroken | None:
        if same == len(self._messages):
            return None
        if same == len(messages):
            return PrefixBroken("message", same, f"the conversation lost its messages from number {same + 1} on")
        role = messages[same].__struct_config__.tag
        return PrefixBroken("message", same, f"message {same + 1} ({role}) is not the one that was sent before")


def _tool_change(old: tuple[ToolSpec, ...], new: tuple[ToolSpec, ...]) -> str:
    before, after = {tool.name: tool for tool in old}, {tool.name: tool for tool in new}
    added, removed = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    changed = sorted(name for name in after.keys() & before.keys() if after[name] != before[name])
    parts = [
        f"{word}: {', '.join(names)}"
        for word, names in (("added", added), ("removed", removed), ("changed", changed))
        if names
    ]
    return "the tool list changed (" + ("; ".join(parts) or "another order") + ")"
