"""Each recorded rule refuses what breaks it, and nothing else; and a strict server answers with the real one's words."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.servers import strict_anthropic, strict_gemini, strict_ollama, strict_openai, strict_others

_CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_OPENAI: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "done"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
}
_MISTRAL = json.loads(json.dumps(_OPENAI).replace("call_1", "abcdefghi"))
_OPENROUTER = deepcopy(_OPENAI)
_SKIPPED = {"type": "reasoning.encrypted", "data": "skip_thought_signature_validator", "id": "call_1", "index": 0}
_OPENROUTER["messages"][2]["reasoning_details"] = [_SKIPPED]
_ANTHROPIC: dict[str, Any] = {
    "system": [{"type": "text", "text": "s"}],
    "tools": [{"name": "f", "input_schema": {}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "go"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "own"},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}]},
    ],
}
_GEMINI: dict[str, Any] = {
    "contents": [
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "own"}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"content": "done"}}}]},
    ],
    "tools": [{"function_declarations": [{"name": "f"}]}],
}
_OLLAMA: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {}}}]},
        {"role": "tool", "content": "done", "tool_name": "f", "tool_call_id": "1"},
    ]
}

_CHECKS: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {
    "openai": (_OPENAI, strict_openai.check),
    "groq": (_OPENAI, strict_others.groq),
    "mistral": (_MISTRAL, strict_others.mistral),
    "openrouter": (_OPENROUTER, strict_others.openrouter_gemini),
    "moonshot": (_OPENAI, strict_others.thinker),
    "anthropic": (_ANTHROPIC, lambda body: strict_anthropic.check(body, {"own"})),
    "gemini": (_GEMINI, lambda body: strict_gemini.check(body, {"own"})),
    "ollama": (_OLLAMA, lambda body: strict_ollama.check(body, {"own"})),
}
_LONG = "x" * 300
_USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
_ANSWER = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}
_MARKED = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
_SAID = {"role": "user", "content": "stop"}

Path = tuple[str | int, ...]
BROKEN: list[tuple[str, str, Path, Any]] = [
    ("openai", "every call answered", ("messages", 3), _SAID),
    ("openai", "answers after their calls", ("messages", 2), {"role": "assistant", "content": "x"}),
    ("openai", "answered once", ("messages", 4), _OPENAI["messages"][3]),
    ("openai", "ids of at most 40", ("messages", 2, "tool_calls", 0, "id"), "x" * 41),
    ("openai", "names", ("messages", 2, "tool_calls", 0, "function", "name"), "a b"),
    ("openai", "names", ("tools", 0, "function", "name"), "x" * 65),
    ("openai", "content", ("messages", 1, "content"), None),
    ("openai", "arguments are text", ("messages", 2, "tool_calls", 0, "function", "arguments"), {}),
    ("openai", "no empty list", ("tools",), []),
    ("openai", "at most 128 tools", ("tools",), _OPENAI["tools"] * 129),
    ("openai", "no unknown field", ("messages", 2, "thinking_blocks"), []),
    ("groq", "no thinking", ("messages", 2, "reasoning_content"), "hm"),
    ("groq", "content is text", ("messages", 1, "content"), [{"type": "text", "text": "go"}]),
    ("openrouter", "reasoning details", ("messages", 2, "reasoning_details"), []),
    ("openrouter", "reasoning details", ("messages", 2, "reasoning_details", 0, "data"), "another place's"),
    ("mistral", "ids of nine letters", ("messages", 2, "tool_calls", 0, "id"), "call_1"),
    ("mistral", "order of roles", ("messages", 4), _SAID),
    ("mistral", "something said", ("messages", 4), {"role": "assistant", "content": ""}),
    ("moonshot", "their thinking", ("messages", 2, "reasoning_content"), ""),
    ("anthropic", "user first", ("messages", 0, "role"), "assistant"),
    ("anthropic", "nothing half said", ("messages", 3), {"role": "assistant", "content": "so "}),
    ("anthropic", "texts", ("messages", 0, "content", 0, "text"), "\n"),
    ("anthropic", "texts", ("system", 0, "text"), ""),
    ("anthropic", "contents", ("messages", 0, "content"), []),
    ("anthropic", "every call answered", ("messages", 2, "content"), "stop"),
    ("anthropic", "answers after their calls", ("messages", 1, "content"), "x"),
    ("anthropic", "answered once", ("messages", 2, "content", 1), _ANSWER),
    ("anthropic", "unique ids", ("messages", 1, "content", 2), _USE),
    ("anthropic", "ids", ("messages", 1, "content", 1, "id"), "a:b"),
    ("anthropic", "names", ("messages", 1, "content", 1, "name"), _LONG),
    ("anthropic", "arguments are objects", ("messages", 1, "content", 1, "input"), "{}"),
    ("anthropic", "at most four marks", ("messages", 0, "content"), [_MARKED] * 5),
    ("anthropic", "no unknown field", ("messages", 1, "content", 1, "thought"), ""),
    ("anthropic", "thinking first", ("messages", 1, "content"), [_USE]),
    ("anthropic", "tools defined", ("tools",), []),
    ("anthropic", "own signatures", ("messages", 1, "content", 0, "signature"), "another's"),
    ("gemini", "as many answers as calls", ("contents", 2, "parts", 1), _GEMINI["contents"][2]["parts"][0]),
    ("gemini", "calls after what was said", ("contents", 0, "role"), "model"),
    ("gemini", "answers after their calls", ("contents", 2, "parts", 0, "functionResponse", "name"), "g"),
    ("gemini", "parts", ("contents", 0, "parts"), []),
    ("gemini", "parts", ("contents", 0, "parts", 0, "text"), ""),
    ("gemini", "names", ("tools", 0, "function_declarations", 0, "name"), "9lives"),
    ("gemini", "arguments are objects", ("contents", 1, "parts", 0, "functionCall", "args"), "{}"),
    ("gemini", "roles", ("contents", 3), {"role": "model", "parts": [{"text": "so"}]}),
    ("gemini", "no unknown field", ("contents", 0, "parts", 0, "content"), "x"),
    ("gemini", "own signatures", ("contents", 1, "parts", 0, "thoughtSignature"), "another's"),
    ("gemini", "signed calls", ("contents", 1, "parts", 0, "thoughtSignature"), ""),
    ("ollama", "texts", ("messages", 0, "content"), [{"type": "text"}]),
    ("ollama", "arguments are objects", ("messages", 1, "tool_calls", 0, "function", "arguments"), "{}"),
    ("ollama", "roles", ("messages", 0, "role"), "developer"),
    ("ollama", "nothing half said", ("messages", 3), {"role": "assistant", "content": "so"}),
    ("ollama", "every call answered", ("messages", 2), _SAID),
    ("ollama", "own thinking", ("messages", 1, "thinking"), "another's"),
]


@pytest.mark.parametrize("server", [name for name in _CHECKS if name != "moonshot"])
def test_what_follows_the_rules_is_taken(server: str) -> None:
    body, check = _CHECKS[server]
    assert check(body) == []


@pytest.mark.parametrize(("server", "rule", "where", "value"), BROKEN)
def test_each_rule_refuses_what_breaks_it(server: str, rule: str, where: Path, value: object) -> None:
    body, check = _CHECKS[server]
    body = {**deepcopy(body), "thinking": {"type": "enabled"}} if server == "anthropic" else deepcopy(body)
    inner: Any = body
    for step in where[:-1]:
        inner = inner[step]
    if isinstance(inner, list) and where[-1] == len(inner):
        inner.append(value)
    else:
        inner[where[-1]] = value
    found = check(body)
    assert rule in {one.rule for one in found}
    assert all(one.text for one in found)


def test_a_call_nested_deeper_than_go_reads_is_found() -> None:
    deep: Any = {}
    for _ in range(10_001):
        deep = {"x": deep}
    assert [one.rule for one in strict_ollama.check({"messages": [{"role": "user", "content": "", "deep": deep}]})] == [
        "depth"
    ]


def test_every_rule_is_tried() -> None:
    tried = {rule for _, rule, _, _ in BROKEN} | {"depth"}
    rules = (*strict_openai.RULES, *strict_anthropic.RULES, *strict_gemini.RULES, *strict_ollama.RULES)
    others = (*strict_others.GROQ, *strict_others.MISTRAL, *strict_others.OPENROUTER_GEMINI, *strict_others.THINKERS)
    assert {rule.name for rule in (*rules, *others)} <= tried
    assert all(rule.source.startswith("https://") for rule in (*rules, *others))
