"""The table of formats: which marks open a call, who reads it, and what closes it."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from py_mono.llm.call_parser.blocks import close, payload
from py_mono.llm.call_parser.cursor import Cursor
from py_mono.llm.call_parser.gemma import gemma
from py_mono.llm.call_parser.shapes import Tools
from py_mono.llm.call_parser.tokens import (
    DEEPSEEK,
    HARMONY_ENDS,
    MISTRAL_ENDS,
    deepseek,
    deepseek_call,
    harmony,
    kimi,
    kimi_call,
    mistral,
    python_tag,
)
from py_mono.llm.call_parser.xml import DSML, invokes, one_function, one_invoke, tool_call, tool_use
from py_mono.protocol.tools import ToolCall

Read = Callable[[Cursor, Tools], list[ToolCall]]


class Mark(NamedTuple):
    """A text that begins or ends something.

    Attributes:
        kind: ``call``; ``think`` and ``unthink`` (the end of thinking whose beginning was not printed); ``channel``
            (harmony's header); ``aside`` (what a line begins with that shows something to its end: a result, a comment,
            code); ``drop`` (a token that is left over behind a call).
        families: The formats it belongs to.
        read: Of a call: its reader, which starts behind the mark.
        ends: What closes it.
        token: Whether it is a special token, which no sentence holds by chance; of ``drop``: whether it is
            left out wherever it stands.
    """

    kind: Literal["call", "think", "unthink", "channel", "aside", "drop"]
    families: tuple[str, ...] = ()
    read: Read | None = None
    ends: tuple[str, ...] = ()
    token: bool = False


def _block(opener: str, *ends: str, required: bool = True) -> Read:
    def read(cursor: Cursor, tools: Tools) -> list[ToolCall]:
        calls = payload(cursor, tools, ends)
        close(cursor, opener, ends, required=required)
        return calls

    return read


def _wrapped(families: tuple[str, ...], opener: str, *ends: str, token: bool = False, required: bool = True) -> Mark:
    return Mark("call", families, _block(opener, *ends, required=required), ends, token)


_TOOL_CALL_ENDS = ("</tool_call>", "<|/tool_call|>")
_CALLS_BEGIN = DEEPSEEK.format("calls\u2581begin")
_DISTILLED = tuple(f"<\uff5ctool{name}\uff5c>" for name in ("_calls_begin", " calls begin", "\u2581calls"))
_CALLS_END = DEEPSEEK.format("calls\u2581end")
_CALL_BEGIN = DEEPSEEK.format("call\u2581begin")
_CALL_END = DEEPSEEK.format("call\u2581end")
_KIMI_END = ("<|tool_calls_section_end|>", "<|tool_call_section_end|>", "<|tool_call_end|>")
_DSML_END = tuple(f"</{DSML[1:]}{name}>" for name in ("function_calls", "tool_calls"))
_GEMMA_4 = ("<tool_call|>",)
_TAGS = ("think", "thinking", "thought", "reasoning", "seed:think", "mm:think", "longcat_think")
_THINKING = {
    **{f"<{name}>": f"</{name}>" for name in _TAGS},
    "[THINK]": "[/THINK]",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|inner_prefix|>": "<|inner_suffix|>",
    "<|channel>thought": "<channel|>",
    "<unused94>thought": "<unused95>",
    "\u25c1think\u25b7": "\u25c1/think\u25b7",
}
_ASIDES = {
    **{f"<{name}>": f"</{name}>" for name in ("tool_response", "tool_result", "tool_output", "pre", "code", "example")},
    "<!--": "-->",
    "[TOOL_RESULTS]": "[/TOOL_RESULTS]",
    "<|tool_response_start|>": "<|tool_response_end|>",
    "<|tool_response>": "<tool_response|>",
    DEEPSEEK.format("outputs\u2581begin"): DEEPSEEK.format("outputs\u2581end"),
    "<|im_start|>user": "<|im_end|>",
}
"""What holds something that was said by others, or is shown."""

MARKS: dict[str, Mark] = {
    "<tool_call>": Mark("call", ("hermes", "qwen", "glm", "granite"), tool_call(*_TOOL_CALL_ENDS), _TOOL_CALL_ENDS),
    "<tool_calls>": _wrapped(("minimax",), "<tool_calls>", "</tool_calls>"),
    "<tools>": _wrapped(("hermes",), "<tools>", "</tools>"),
    "<TOOLCALL>": _wrapped(("nemotron",), "<TOOLCALL>", "</TOOLCALL>"),
    "<function_call>": _wrapped(("granite",), "<function_call>", "</function_call>", required=False),
    "<longcat_tool_call>": _wrapped(("hermes",), "<longcat_tool_call>", "</longcat_tool_call>"),
    "<|tool_call|>": _wrapped(
        ("granite", "phi"), "<|tool_call|>", "<|/tool_call|>", "<|end_of_text|>", token=True, required=False
    ),
    "<|tool_call_start|>": _wrapped(("lfm2", "pythonic"), "<|tool_call_start|>", "<|tool_call_end|>", token=True),
    "<|python_start|>": _wrapped(
        ("llama", "pythonic"), "<|python_start|>", "<|python_end|>", "<|eom_id|>", "<|eot_id|>", token=True
    ),
    "<|START_ACTION|>": _wrapped(("cohere",), "<|START_ACTION|>", "<|END_ACTION|>", token=True),
    "<|action_start|><|plugin|>": _wrapped(("internlm",), "<|action_start|><|plugin|>", "<|action_end|>", token=True),
    "<|tools_prefix|>": _wrapped(("apertus",), "<|tools_prefix|>", "<|tools_suffix|>", token=True),
    "<|python_tag|>": Mark("call", ("llama",), python_tag, ("<|eom_id|>", "<|eot_id|>"), token=True),
    "[TOOL_CALLS]": Mark("call", ("mistral",), mistral, MISTRAL_ENDS, token=True),
    "<function=": Mark("call", ("qwen", "llama"), one_function, ("</function>",)),
    "<seed:tool_call>": Mark("call", ("seed",), tool_call("</seed:tool_call>"), ("</seed:tool_call>",)),
    "<minimax:tool_call>": Mark("call", ("minimax",), invokes("</minimax:tool_call>"), ("</minimax:tool_call>",)),
    "<function_calls>": Mark("call", ("invoke", "pythonic"), invokes("</function_calls>"), ("</function_calls>",)),
    "<invoke ": Mark("call", ("invoke", "minimax"), one_invoke, ("</invoke>",)),
    f"{DSML}function_calls>": Mark("call", ("deepseek",), invokes(*_DSML_END), _DSML_END, token=True),
    f"{DSML}tool_calls>": Mark("call", ("deepseek",), invokes(*_DSML_END), _DSML_END, token=True),
    "<tool_use>": Mark("call", ("tool_use",), tool_use, ("</tool_use>",)),
    _CALLS_BEGIN: Mark("call", ("deepseek",), deepseek, (_CALLS_END, _CALL_END), token=True),
    **{mark: Mark("call", ("deepseek",), deepseek, (_CALLS_END, _CALL_END), token=True) for mark in _DISTILLED},
    _CALL_BEGIN: Mark("call", ("deepseek",), deepseek_call, (_CALL_END,), token=True),
    "<|tool_calls_section_begin|>": Mark("call", ("kimi",), kimi, _KIMI_END, token=True),
    "<|tool_call_section_begin|>": Mark("call", ("kimi",), kimi, _KIMI_END, token=True),
    "<|tool_call_begin|>": Mark("call", ("kimi",), kimi_call, _KIMI_END, token=True),
    "<start_function_call>": Mark(
        "call", ("gemma",), gemma("<escape>", "<end_function_call>"), ("<end_function_call>",), token=True
    ),
    "<|tool_call>": Mark("call", ("gemma",), gemma('<|"|>', "<tool_call|>"), _GEMMA_4, token=True),
    "<|start|>assistant": Mark("channel", ("harmony",), harmony, HARMONY_ENDS, token=True),
    "<|channel|>": Mark("channel", ("harmony",), harmony, HARMONY_ENDS, token=True),
    **{begin: Mark("think", ends=(end,)) for begin, end in _THINKING.items()},
    **{end: Mark("unthink") for end in _THINKING.values()},
    **{begin: Mark("aside", ends=(end,)) for begin, end in _ASIDES.items()},
    **{
        token: Mark("drop", token=token in HARMONY_ENDS)
        for token in (
            *_TOOL_CALL_ENDS, *_KIMI_END, *_DSML_END, *_GEMMA_4, *HARMONY_ENDS, *MISTRAL_ENDS, _CALLS_END, "</function>",
            "</function_calls>", "</tool_calls>", "</minimax:tool_call>", "<|tool_call_end|>", "<|eom_id|>",
            "<|eot_id|>", "<|im_end|>", "<|end_of_text|>", "</s>", "<end_function_call>",
        )
    },
}  # fmt: skip
"""Every mark by its text; none is the beginning of another."""

UNMARKED = ("json", "pythonic", "llama", "gemma", "react", "phi")
"""Families that have a form without marks."""

NAMES = ("auto", *sorted({family for mark in MARKS.values() for family in mark.families} | set(UNMARKED)))
"""What a format can be named."""
