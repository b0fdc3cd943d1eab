"""What a good reply looks like on each wire, byte for byte, and where in it something can go wrong."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelRequest, Provider
from py_mono.protocol.tools import ToolCall, ToolSpec
from tests.servers.faults import Plan

TOOLS = (
    ToolSpec(
        "write_file",
        "Writes a file.",
        {
            "type": "object",
            "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
            "required": ["path", "content"],
        },
    ),
)
ASK = ModelRequest("be brief", (UserMessage("hello"),), TOOLS)

THINKING = ("Let me think ", "about café 🙂 of {tag}.")
SAYING = ("Grüße 🙂 to {tag}: ", 'a "quoted"\nline, ', "né 🙃.")
CONTENT = 'first "line" of {tag}\nça va 🙂\n'


@dataclass(frozen=True)
class Moment:
    """A place in a response.

    Attributes:
        name: In words.
        at: Its offset in the whole response.
        inside: Its offset in the body before framing; None in what HTTP adds.
        boundary: Whether the body is between two messages of the wire there.
        whole: Whether all of the reply's meaning came before it.
    """

    name: str
    at: int
    inside: int | None = None
    boundary: bool = False
    whole: bool = False

    @property
    def in_head(self) -> bool:
        """Whether the headers are not complete there."""
        return self.name.startswith("head: ")


@dataclass(frozen=True)
class Wire:
    """How a server speaks.

    Attributes:
        name: Of the wire.
        target: How the path of a chat ends.
        content_type: Of a reply.
        body: The body of a good reply, by its tag: a word that stands in every part of it.
        end_of_message: What stands between two messages.
        wrapped: Makes a message of a line of JSON, or of what is none.
        last: Where the message begins that ends the reply: the bytes it begins with.
        places: By name: bytes of the body and how many bytes after their beginning; a marker is for the last message.
        message: What a good reply is to be read as, by its tag.
        create: A provider for the server at this URL.
        error: The JSON of a message that tells of a failure.
        text: The JSON of a message that says ``TEXT``.
        nothing: The JSON of a message that says nothing.
        wrong: JSON of a wrong shape, by what is wrong.
        ended: Where the message begins from whose end on all has been said, where that is not the last.
        routes: What other requests get.
    """

    name: str
    target: str
    content_type: str
    body: Callable[[str], bytes]
    end_of_message: bytes
    wrapped: Callable[[bytes], bytes]
    last: bytes
    places: Mapping[str, tuple[bytes, int]]
    message: Callable[[str], AssistantMessage]
    create: Callable[..., Provider]
    error: bytes
    text: bytes
    nothing: bytes
    wrong: Mapping[str, bytes]
    ended: bytes = b""
    routes: Mapping[str, Plan] = field(default_factory=dict)

    def head(self, **headers: str) -> bytes:
        """Status line and headers of a good reply in chunks."""
        own = {"Content-Type": self.content_type, "Transfer-Encoding": "chunked"}
        rows = [f"{name.replace('_', '-')}: {value}" for name, value in (own | headers).items()]
        return "\r\n".join(["HTTP/1.1 200 OK", *rows, "", ""]).encode()

    def pieces(self, tag: str) -> list[bytes]:
        """The body, cut after each message."""
        body = self.body(tag)
        return [piece + self.end_of_message for piece in body.split(self.end_of_message) if piece]

    def response(self, tag: str) -> bytes:
        """The whole response, a chunk for each message."""
        return self.head() + chunked(self.pieces(tag))

    def good(self, tag: str) -> Plan:
        """What a server does that is well."""
        return [self.response(tag)]

    def moments(self, tag: str) -> list[Moment]:
        """Every place that a fault is tried at, in order."""
        body, head = self.body(tag), len(self.head())
        ends = [sum(map(len, self.pieces(tag)[: n + 1])) for n in range(len(self.pieces(tag)))]
        last = body.rindex(self.last)
        found = [
            Moment("head: before its first byte", 0),
            Moment("head: in the status line", 11),
            Moment("head: between two headers", self.head().index(b"\r\n") + 2),
            Moment("head: in a header", head - 7),
            Moment("head: before its last newline", head - 1),
            Moment("before the body", head, 0, boundary=True),
            Moment("in the size of the first chunk", head + 1),
        ]
        for name, (needle, further) in self.places.items():
            inside = body.index(needle) + further
            found.append(Moment(name, self._framed(tag, inside), inside, boundary=inside in ends))
        found.append(Moment("before the last message", self._framed(tag, last), last, boundary=True))
        found.append(Moment("in the last message", self._framed(tag, last + 9), last + 9))
        found.append(Moment("after the last message", head + self._framed_length(tag), len(body), True, True))  # noqa: FBT003
        found.append(Moment("in the final chunk", head + self._framed_length(tag) + 2, whole=True))
        found.append(Moment("after the response", len(self.response(tag)), whole=True))
        return found

    def _framed_length(self, tag: str) -> int:
        return len(chunked(self.pieces(tag))) - len(FINAL)

    def _framed(self, tag: str, inside: int) -> int:
        """Where a byte of the body is in the response; the first byte of a message is where its chunk begins."""
        at = len(self.head())
        for piece in self.pieces(tag):
            if inside < len(piece):
                return at + (inside + len(b"%x\r\n" % len(piece)) if inside else 0)
            inside -= len(piece)
            at += len(_chunk(piece))
        return at


FINAL = b"0\r\n\r\n"


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def chunked(pieces: Sequence[bytes]) -> bytes:
    """A body in chunks, the final one included."""
    return b"".join(_chunk(piece) for piece in pieces if piece) + FINAL


def arguments(tag: str, name: str) -> dict[str, Any]:
    """Of a call in a reply."""
    return {"path": f"{name}-{tag}.txt", "content": CONTENT.format(tag=tag)}


def calls(tag: str) -> tuple[ToolCall, ...]:
    """Of a reply."""
    return tuple(ToolCall(f"id-{name}-{tag}", "write_file", arguments(tag, name)) for name in ("one", "two"))


def good_message(
    tag: str, *, reasoning: bool = True, cost: float | None = 0.0, model: str = "fake"
) -> AssistantMessage:
    """What every wire's good reply says."""
    return AssistantMessage(
        "".join(SAYING).format(tag=tag),
        "".join(THINKING).format(tag=tag) if reasoning else "",
        calls(tag),
        model,
        Usage(120, 30, 0, cost),
        "tool_use",
    )


def compact(value: object, *, ascii_only: bool = False) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":")).encode()
