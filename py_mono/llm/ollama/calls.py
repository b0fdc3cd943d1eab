"""Calls where Ollama's own tool calling failed: one asked for by its schema alone, and those its parsers gave up on.

Source: ``docs/api.md`` (``format``) and, for the errors, ``harmony/harmonyparser.go``, ``model/parsers`` and
``llm/llama_server.go`` of ollama/ollama. A parser's error ends the reply, with status 500 where nothing was said before.
"""

import re

import msgspec

from py_mono.protocol.errors import MalformedCall
from py_mono.protocol.messages import Usage, UserMessage
from py_mono.protocol.ports import ModelRequest
from py_mono.protocol.tools import ToolCall, ToolSpec
from py_mono.utils.text import beginning

_GAVE_UP = (  # compiled when first used, not at the start; so are the others
    r"(?i)(?:error|failed) (?:to parse|parsing) (?:tool call|json|xml|function call|arguments|input at pos|\S{1,20} json)"
    r"|(?:invalid|incomplete) .{0,20}?(?:tool|function) call|mismatched arg_key|empty .{0,20}?(?:function|tool call) name"
    r"|xml syntax error|expected element (?:type|name)|invalid character .{1,12} (?:after|in|looking for) "
    r"|unexpected end of json input|does not match the expected .{1,30} format"
    r"|tool ['\"].{1,80}?['\"] (?:not found|is not declared)"
)
"""What the parsers say, each for its family of models, and Go's JSON and XML decoders through them."""

_RAW = r"(?s)raw='(.*)', err="
_TOOL = r"(?i)(?:arguments for|tool|declared function) ['\"]([\w.-]{1,80})['\"]"
_FENCE = r"(?s)```(?:json)?\s*\n(.*?)\n?```"

_SHOWN = 300

_objects = msgspec.json.Decoder(dict)


def gave_up(text: str) -> MalformedCall | None:
    """The error that says that the server could not read the model's call; None where it says something else."""
    if not re.search(_GAVE_UP, text):
        return None
    raw, tool = re.search(_RAW, text), re.search(_TOOL, text)
    return MalformedCall(
        f"the model wrote a tool call that Ollama cannot read: {beginning(text, _SHOWN)}",
        remedy="ask for smaller steps, or change the model",
        raw=raw[1] if raw else text,
        tool=tool[1] if tool else "",
        usage=Usage(cost_usd=0.0),
    )


def the_only_tool(request: ModelRequest) -> ToolSpec | None:
    """The tool that the reply is to be a call of, where the request is held to one."""
    return next((tool for tool in request.tools if tool.name == request.only_tool), None)


def asked_alone(tool: ToolSpec) -> UserMessage:
    """What is said besides ``format``, which the model does not see.

    The request goes without ``tools``: the server then neither takes the reply for a call of its own nor, where
    llama.cpp makes the prompt, mixes two grammars.
    """
    schema = msgspec.json.encode(tool.parameters).decode()
    return UserMessage(
        f"The arguments of your call of {tool.name} could not be read. Write them again as one JSON object and nothing "
        f"else, after this schema: {schema}"
    )


def call_alone(text: str, name: str) -> ToolCall:
    """The call whose arguments are the whole text; a malformed one where they are no object.

    Servers before 0.21 ignore ``format`` for some models, which then write their object into a fence.
    """
    fenced = re.fullmatch(_FENCE, text.strip())
    try:
        return ToolCall("", name, _objects.decode(fenced[1] if fenced else text))
    except (ValueError, RecursionError):
        return ToolCall("", name, {}, text.strip() or "(nothing)")
