"""Words and numbers for a person."""

from py_mono.protocol.events import ContextChecked
from py_mono.protocol.late_tools import meant
from py_mono.protocol.tools import ToolCall
from py_mono.ui.terminal import duration, one_line

LONGEST = 500
"""How many characters of an argument or an output are looked at for one line."""

STOPS = {
    "end": "done",
    "cancelled": "interrupted",
    "max_steps": "stopped: the limit of steps",
    "max_tokens": "stopped: the limit of tokens",
    "max_budget": "stopped: the limit of money",
    "repeated_calls": "stopped: the same calls again and again",
    "length": "stopped: the reply was cut by the output limit",
    "error": "failed",
}
PHASES = {
    "connecting": "connecting to the model",
    "loading": "loading the model",
    "first_token": "the model reads",
}
_MAIN_ARGUMENTS = ("command", "pattern", "path", "package", "name", "query", "url")


def heading(call: ToolCall) -> str:
    """A call in one line: its name and the argument that matters; of one that goes through the dispatcher, those it is for."""
    call = meant(call)
    if call.malformed:
        return one_line(f"{call.name} {call.malformed[:LONGEST]}")
    texts = {key: value for key, value in call.arguments.items() if isinstance(value, str) and value}
    main = next((texts[key] for key in _MAIN_ARGUMENTS if key in texts), next(iter(texts.values()), ""))
    return one_line(f"{call.name} {main[:LONGEST]}")


def counted(number: int, noun: str) -> str:
    """``1 line``, ``2,000 lines``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def fullness(context: ContextChecked) -> str:
    """How much of the window the last prompt took."""
    return f"{_share(context)} of a {context.window:,}-token window"


def short_fullness(context: ContextChecked) -> str:
    """The same for a narrow place."""
    return f"{_share(context)} of {short_count(context.window)}"


def _share(context: ContextChecked) -> str:
    seen = context.verdict == "seen"
    percent = round(100 * (context.counted_tokens if seen else context.sent_tokens) / context.window)
    return f"{'' if seen else 'about '}{percent or '<1'}%"


def short_count(number: int) -> str:
    """``950``, ``9.5k``, ``32k``, ``1.2M``."""
    for size, unit in ((1_000_000, "M"), (1000, "k")):
        if number >= size:
            amount = number / size
            return f"{amount:.0f}{unit}" if amount >= 9.95 else f"{amount:.1f}".removesuffix(".0") + unit  # noqa: PLR2004 - two digits are enough
    return str(number)


def ticking(seconds: float) -> str:
    """A time that goes on, in whole seconds."""
    return duration(int(seconds)) if seconds >= 10 else f"{int(seconds)} s"  # noqa: PLR2004 - below, there would be a point
