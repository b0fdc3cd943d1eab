"""The calls that a model printed as text, in a whole reply."""

from collections.abc import Sequence

from msgspec import Struct

from py_mono.llm.call_parser.scan import Scanner
from py_mono.llm.call_parser.shapes import Tools
from py_mono.protocol.tools import ToolCall, ToolSpec


class Parsed(Struct, frozen=True):
    """What a reply holds.

    Attributes:
        text: For the person: all that is neither call nor thinking; where calls stood are no holes.
        reasoning: Thinking that stood in the text, in order.
        calls: The calls, without ids. ``malformed`` is the raw text where a call was surely meant and cannot be read
            with certainty; its name is empty where that cannot be read either.
        cut: Whether a call began and its end never came. It is neither in ``text`` nor in ``calls``.
        broken_name: The known tool that the first such call, cut or malformed, names; else empty.
    """

    text: str
    reasoning: str
    calls: tuple[ToolCall, ...]
    cut: bool
    broken_name: str

    @classmethod
    def of(cls, scanner: Scanner) -> "Parsed":
        """What a scanner that is at its end has found."""
        reply = scanner.reply
        return cls(
            "".join(reply.shown.parts), "".join(reply.thought.parts), tuple(reply.calls), reply.cut, reply.broken_name
        )


def parse(text: str, tools: Sequence[ToolSpec] | None, *, cut: bool = False, form: str = "auto") -> Parsed:
    """Part a whole reply into text, thinking and calls.

    Args:
        text: What the model printed.
        tools: What can be called: names in fenced and bare JSON and in ReAct count only where they are in the list. None where it
            is not known.
        cut: Whether the reply is known to have been cut (an output limit, a broken stream).
        form: A format of ``families.NAMES``, or ``auto`` for all.
    """
    scanner = Scanner(Tools(tools), None if form == "auto" else frozenset({form}), whole=True)
    scanner.feed(text, final=True, cut=cut)
    scanner.reply.end()
    return Parsed.of(scanner)
