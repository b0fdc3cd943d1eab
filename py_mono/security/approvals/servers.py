"""What a call of a server's tool would take: the server acts where no lock of ours holds it."""

import json
from collections.abc import Collection, Mapping

from py_mono.protocol.tools import FROM_SERVER, ToolCall, ToolSpec
from py_mono.security.approvals.needs import Need, Needs

_LONGEST_VALUE = 300
_LONGEST_CALL = 2000
_OF_DIGEST = 16


class ServerCalls:
    """Judges them."""

    def __init__(self, digests: Mapping[str, str], always: Collection[tuple[str, str]] = ()) -> None:
        """Take what is known of the servers.

        Args:
            digests: By a server's name, of the entry that configures it. What is agreed to is agreed to for that entry; where
                there is none it cannot be remembered.
            always: Server and tool of what the operator's own configuration allows: as the server calls the tool, or as
                the list of tools does.
        """
        self._digests = digests
        self._always = frozenset(always)

    def needs(self, spec: ToolSpec) -> Needs:
        """What a call of a tool would take."""
        server = spec.source.removeprefix(FROM_SERVER)
        own_name = spec.name.removeprefix(f"{server}__")
        if spec.effect == "read" or not self._always.isdisjoint({(server, spec.name), (server, own_name)}):
            return Needs()
        digest = self._digests.get(server, "")[:_OF_DIGEST]
        keys = (f"{spec.name} (server {server}, {digest})",) if digest else ()
        if spec.effect == "write":
            why = (
                f"the server {server} may change files, which can be undone, and act outside the sandbox, which cannot"
            )
        else:
            why = f"the server {server} acts outside the sandbox, and what it does cannot be undone"
        return Needs((Need("mcp", keys, why),))


def spelled_call(call: ToolCall) -> str:
    """The call as a person should see it: what is long is shortened in the middle, what is invisible is spelled out."""
    given = ", ".join(f"{_shown(name)}={_shown(_json(value))}" for name, value in call.arguments.items())
    return _cut(f"{call.name}({given})", _LONGEST_CALL)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shown(text: str) -> str:
    short = _cut(text, _LONGEST_VALUE)
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in short)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} [… {len(text) - 2 * half} characters …] {text[-half:]}"
