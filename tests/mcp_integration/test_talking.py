"""What a server says and asks while a call runs."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from py_mono.mcp_integration.asking import Answer, Ask, Choice, Field, Question
from tests.mcp_integration.servers import call, heard, hub, mini, tool

FORM = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Your\u202e name", "description": "as \x1b[1mwritten", "default": "Bo"},
        "age": {"type": "integer", "minimum": 0, "default": 42},
        "share": {"type": "number", "default": 0.5},
        "sure": {"type": "boolean", "default": True},
        "mail": {"type": "string", "format": "email"},
        "size": {"type": "string", "enum": ["s", "l"], "enumNames": ["small", "large"], "default": "s"},
        "tint": {"type": "string", "oneOf": [{"const": "r", "title": "red"}, {"const": "b"}]},
        "days": {"type": "array", "items": {"type": "string", "enum": ["mo", "tu"]}, "default": ["mo"]},
        "tree": {"type": "object"},
    },
    "required": ["name"],
}


def answering(action: Any, asked: list[Question] | None = None, **values: Any) -> Ask:
    async def ask(question: Question) -> Answer:
        if asked is not None:
            asked.append(question)
        return Answer(action, values)

    return ask


async def _asked(tmp_path: Path, ask: Ask | None, **params: Any) -> Any:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("ask"))) as servers:
        servers.ask = ask
        result = await call(
            servers, "mini__ask", **{"message": "Who\x1b[2J are\nyou?", "requestedSchema": FORM, **params}
        )
    return json.loads(result.content)


async def test_a_question_reaches_the_person_as_plain_fields(tmp_path: Path) -> None:
    asked: list[Question] = []
    await _asked(tmp_path, answering("accept", asked))
    days = (Choice("mo", "mo"), Choice("tu", "tu"))
    fields = (
        Field("name", "Your name", "text", "as written", required=True, default="Bo"),
        Field("age", "age", "integer", default=42),
        Field("share", "share", "number", default=0.5),
        Field("sure", "sure", "yes_no", default=True),
        Field("mail", "mail", "text", form="email"),
        Field("size", "size", "one_of", default="s", choices=(Choice("s", "small"), Choice("l", "large"))),
        Field("tint", "tint", "one_of", choices=(Choice("r", "red"), Choice("b", "b"))),
        Field("days", "days", "some_of", default=["mo"], choices=days),
    )
    assert asked == [Question("mini", "Who are\nyou?", fields)]


async def test_what_the_person_leaves_out_gets_its_default(tmp_path: Path) -> None:
    given = await _asked(tmp_path, answering("accept", age=7, mail="a@b.c"))
    assert given["action"] == "accept"
    assert given["content"] == {
        "name": "Bo",
        "age": 7,
        "share": 0.5,
        "sure": True,
        "mail": "a@b.c",
        "size": "s",
        "days": ["mo"],
    }


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_no_is_sent_without_values(tmp_path: Path, action: str) -> None:
    given = await _asked(tmp_path, answering(action, name="secret"))
    assert (given["action"], given.get("content")) == (action, None)


async def test_a_form_that_lacks_what_is_required_is_not_sent(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}
    assert (await _asked(tmp_path, answering("accept"), requestedSchema=schema))["action"] == "cancel"


async def test_where_nobody_can_be_asked_it_is_a_no(tmp_path: Path) -> None:
    assert (await _asked(tmp_path, None))["action"] == "decline"


async def test_the_person_is_sent_to_no_web_page(tmp_path: Path) -> None:
    page: dict[str, Any] = {"mode": "url", "url": "http://127.0.0.1:9/", "elicitationId": "1", "message": "log in"}
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("ask"))) as servers:
        servers.ask = answering("accept")
        result = await call(servers, "mini__ask", **page)
    assert "accept" not in result.content


@pytest.mark.parametrize(
    "schema", [{}, {"properties": []}, {"properties": {"a": 1}}, {"properties": {"a": {"enum": [1]}}}]
)
async def test_a_form_that_makes_no_sense_does_no_harm(tmp_path: Path, schema: dict[str, Any]) -> None:
    given = await _asked(tmp_path, answering("accept"), requestedSchema={"type": "object", **schema})
    assert "content" not in given or given["content"] == {}


async def test_no_time_of_a_call_passes_while_the_person_is_asked(tmp_path: Path) -> None:
    async def ask(question: Question) -> Answer:
        del question
        await asyncio.sleep(1.5)  # longer than the call may take
        return Answer("accept", {})

    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("ask"), timeout_s=1.0)) as servers:
        servers.ask = ask
        result = await call(servers, "mini__ask", message="m", requestedSchema=FORM)
    assert not result.is_error


async def test_the_workspace_is_the_one_root(tmp_path: Path) -> None:
    workspace = tmp_path / "my wörk"
    workspace.mkdir()
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("roots")), workspace=str(workspace)) as servers:
        result = await call(servers, "mini__roots")
    assert [root["uri"] for root in json.loads(result.content)["roots"]] == [workspace.as_uri()]


async def test_no_model_is_offered_to_servers(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("sample"))) as servers:
        refused = json.loads((await call(servers, "mini__sample")).content)
    capabilities = next(m for m in heard(tmp_path / "mini") if m.get("method") == "initialize")["params"][
        "capabilities"
    ]
    assert "sampling" not in capabilities
    assert capabilities["roots"]
    assert "code" in refused


async def test_a_program_gets_the_environment_it_is_given_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_MASTER_KEY", "not for servers")
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("env"), env={"A": "b"})) as servers:
        result = await call(servers, "mini__env")
    assert {name: value for name, value in json.loads(result.content).items() if name != "LC_CTYPE"} == {
        "PATH": "/usr/bin:/bin",
        "A": "b",
    }


TEXT = {"type": "text", "text": "words\x1b[31m \u202eand\n\tmore"}
CONTENTS: dict[str, tuple[dict[str, Any], str]] = {
    "text": ({"content": [TEXT]}, "words and\n\tmore"),
    "picture": (
        {"content": [{"type": "image", "mimeType": "image/png", "data": "AAAA" * 1000}]},
        "[image/png, 3,000 bytes, not shown]",
    ),
    "sound": (
        {"content": [{"type": "audio", "mimeType": "audio/wav", "data": "nope!"}]},
        "[audio/wav, 5 characters that are not base64, not shown]",
    ),
    "resource": (
        {"content": [{"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}}]},
        "[file:///a]\ninside",
    ),
    "blob": (
        {"content": [{"type": "resource", "resource": {"uri": "file:///a", "blob": "AAAA", "mimeType": "x/y"}}]},
        "[file:///a] [x/y, 3 bytes, not shown]",
    ),
    "link": (
        {"content": [{"type": "resource_link", "uri": "file:///a", "name": "an\x07 a", "description": "of use"}]},
        "[resource file:///a (an a): of use]",
    ),
    "structured alone": ({"content": [], "structuredContent": {"a": [1]}}, '{"a":[1]}'),
    "structured beside text": ({"content": [TEXT], "structuredContent": {"a": [1]}}, "words and\n\tmore"),
    "nothing": ({"content": []}, "(the server answered with nothing)"),
    "of another type": ({"content": [{"type": "hologram"}]}, "the server's answer is not of the protocol"),
    "no result": ({"nothing": 1}, "the server's answer is not of the protocol"),
}


@pytest.mark.parametrize("case", CONTENTS)
async def test_content_of_any_type_becomes_text(tmp_path: Path, case: str) -> None:
    result, text = CONTENTS[case]
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("result"))) as servers:
        got = await call(servers, "mini__result", **result)
    assert got.content == text
    assert got.is_error == ("not of the protocol" in text)


async def test_an_error_of_a_tool_is_one(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("result"))) as servers:
        got = await call(servers, "mini__result", content=[{"type": "text", "text": "no such city"}], isError=True)
    assert (got.content, got.is_error) == ("no such city", True)


async def test_a_giant_result_is_cut_and_many_parts_are_counted(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "x" * 2000}] * 1000
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("result"))) as servers:
        got = await call(servers, "mini__result", content=parts)
    assert len(got.content) < 101_000
    assert "characters, " in got.content
    assert got.content.endswith("[800 more parts, not shown]")
