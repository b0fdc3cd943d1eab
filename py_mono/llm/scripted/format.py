"""The text format of the scripted provider, read: see ``docs/scripted-provider.md``."""

import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import msgspec
from msgspec import Struct

from py_mono.llm.scripted.steps import FAULTS, Cut, Expectation, Fault, Reply, Say, Step, Wait
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.messages import StopReason, Usage
from py_mono.protocol.tools import ToolCall

PLACES = ("system", "tools", "user", "result", "messages")
"""What an ``expect-`` line can look at."""

_DIRECTIVE = re.compile(r"([a-z]+(?:-[a-z]+)*)(?: ([^:\s]+))?:(?: (.*))?$")
_CALL = re.compile(r"(\S+)\s*(.*)", re.DOTALL)
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


class _Directive(Struct):
    line: int
    key: str
    name: str
    value: str


def parse(text: str, source: str) -> list[Reply]:
    """The replies of a script; ``source`` is its name in messages.

    Raises:
        ConfigError: The text is not a script; the message names the line and what would be right there.
    """
    replies: list[Reply] = []
    reply: Reply | None = None
    for item in _directives(text, source):
        if item is None:
            reply = None
            continue
        if reply is None:
            reply = Reply(item.line)
            replies.append(reply)
        try:
            _add(reply, item)
        except ValueError as error:
            raise _wrong(source, item.line, str(error)) from None
    if not replies:
        raise ConfigError(f"{source} holds no reply", remedy="a script has at least one line such as: text: Hello.")
    return replies


def _wrong(source: str, line: int, what: str) -> ConfigError:
    return ConfigError(f"{source} line {line}: {what}", remedy="docs/scripted-provider.md describes the format")


def _directives(text: str, source: str) -> Iterator[_Directive | None]:
    """The directives in order, and None for each line that ends a block."""
    current: _Directive | None = None
    bars: list[str] = []
    for number, raw in enumerate(text.removeprefix(_BOM).split("\n"), 1):
        line = raw.removesuffix("\r")
        if line.startswith("|"):
            if current is None:
                raise _wrong(
                    source, number, "a line that begins with | continues a directive, and none stands before it"
                )
            bars.append(line[1:].removeprefix(" "))
            continue
        if current is not None:
            yield _closed(current, bars)
            current, bars = None, []
        if not line.strip() or line.startswith("#"):
            continue
        if line.rstrip() == "---":
            yield None
            continue
        match = _DIRECTIVE.match(line)
        if match is None:
            raise _wrong(
                source, number, f"{line[:60]!r} is not a line of the form key: value (more lines begin with |)"
            )
        current = _Directive(number, match[1], match[2] or "", match[3] or "")
    if current is not None:
        yield _closed(current, bars)


def _closed(directive: _Directive, bars: list[str]) -> _Directive:
    lines = [directive.value, *bars] if directive.value else bars
    return _Directive(directive.line, directive.key, directive.name, "\n".join(lines))


def _add(reply: Reply, item: _Directive) -> None:
    """Take one directive into the reply.

    Raises:
        ValueError: It is wrong; the text says what would be right.
    """
    if item.key.startswith("expect-"):
        reply.expectations.append(_expectation(item))
        return
    if item.name and item.key != "argument":
        raise ValueError(f"{item.key!r} takes no name: write {item.key}: VALUE")
    make = _STEPS.get(item.key)
    if make is not None:
        reply.steps.append(make(item))
        return
    match item.key:
        case "argument":
            _argument(reply, item)
        case "remedy":
            _remedy(reply, item.value)
        case "usage":
            reply.usage = _usage(item.value)
        case "stop":
            reply.stop = _stop(item.value)
        case "repeat":
            reply.repeat = _count(item.value)
        case _:
            there = ", ".join([*_STEPS, "argument", "remedy", "usage", "stop", "repeat"])
            raise ValueError(f"there is no directive {item.key!r}; there are {there} and expect-…")


def _expectation(item: _Directive) -> Expectation:
    place = item.key.removeprefix("expect-")
    absent = place.startswith("no-")
    place = place.removeprefix("no-")
    if place not in PLACES or item.name:
        raise ValueError(f"{item.key!r} looks nowhere: write expect-PLACE or expect-no-PLACE with {', '.join(PLACES)}")
    if not item.value:
        raise ValueError(f"{item.key!r} needs the text to look for")
    return Expectation(item.line, place, item.value, absent)


def _call(value: str) -> ToolCall:
    match = _CALL.match(value)
    if match is None:
        raise ValueError('a call needs a tool: write call: NAME {"argument": "value"}')
    try:
        arguments: Any = msgspec.json.decode(match[2] or "{}")
    except msgspec.DecodeError as error:
        raise ValueError(f"the arguments of {match[1]} are not JSON ({error}); malformed: makes such a call") from None
    if not isinstance(arguments, dict):
        raise ValueError(  # noqa: TRY004 - the caller names the line
            f'the arguments of {match[1]} must be a JSON object such as {{"path": "a.py"}}'
        )
    return ToolCall("", match[1], arguments)


def _malformed(value: str) -> ToolCall:
    match = _CALL.match(value)
    if match is None or not match[2]:
        raise ValueError("a malformed call needs a tool and the broken text: write malformed: NAME TEXT")
    return ToolCall("", match[1], {}, match[2])


def _argument(reply: Reply, item: _Directive) -> None:
    call = reply.steps[-1] if reply.steps else None
    if not isinstance(call, ToolCall) or call.malformed:
        raise ValueError("an argument belongs to the call right before it, and there is none")
    if not item.name:
        raise ValueError("an argument needs its name: write argument NAME: TEXT")
    if item.name in call.arguments:
        raise ValueError(f"the call already has an argument {item.name!r}")
    reply.steps[-1] = ToolCall("", call.name, {**call.arguments, item.name: item.value})


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:  # noqa: PLR2004 - an hour; NaN fails too
        raise ValueError(f"{value!r} is not a number of seconds from 0 to 3600")
    return seconds


def _fault(value: str) -> Fault:
    kind, _, message = value.partition(" ")
    if kind not in FAULTS:
        raise ValueError(f"there is no fault {kind!r}; there are {', '.join(FAULTS)}")
    return Fault(kind, message or f"scripted fault: {kind}")


def _remedy(reply: Reply, value: str) -> None:
    fault = reply.steps[-1] if reply.steps else None
    if not isinstance(fault, Fault):
        raise ValueError("a remedy belongs to the fault right before it, and there is none")  # noqa: TRY004 - the caller names the line
    reply.steps[-1] = Fault(fault.kind, fault.message, value)


def _usage(value: str) -> Usage:
    parts = value.split()
    try:
        counts = [int(part) for part in parts[:3]]
        cost = float(parts[3]) if len(parts) > 3 else 0.0  # noqa: PLR2004 - the fourth number
    except ValueError:
        counts, cost = [], 0.0
    if not 2 <= len(counts) <= len(parts) <= 4 or min(counts) < 0:  # noqa: PLR2004 - two to four numbers
        raise ValueError(f"{value!r} is not a usage: write usage: INPUT OUTPUT [CACHED [DOLLARS]]")
    return Usage(counts[0], counts[1], counts[2] if len(counts) == 3 else 0, cost)  # noqa: PLR2004 - the third is optional


def _stop(value: str) -> StopReason:
    for reason in get_args(StopReason):
        if reason == value:
            return reason  # type: ignore[no-any-return]  # get_args forgets the type
    raise ValueError(f"{value!r} is not a stop reason; there are {', '.join(get_args(StopReason))}")


def _count(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 1_000_000:  # noqa: PLR2004 - a bound
        raise ValueError(f"{value!r} is not a count from 1 to 1000000")
    return int(value)


_STEPS: dict[str, Callable[[_Directive], Step]] = {
    "text": lambda item: Say(item.value, reasoning=False),
    "reasoning": lambda item: Say(item.value, reasoning=True),
    "call": lambda item: _call(item.value),
    "malformed": lambda item: _malformed(item.value),
    "wait": lambda item: Wait(_seconds(item.value)),
    "connecting": lambda item: Wait(_seconds(item.value), "connecting"),
    "loading": lambda item: Wait(_seconds(item.value), "loading"),
    "first-token": lambda item: Wait(_seconds(item.value), "first_token"),
    "cut": lambda item: Cut(item.value or "the connection broke"),
    "fault": lambda item: _fault(item.value),
}
