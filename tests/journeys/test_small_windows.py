"""Windows of 4,096 and 8,192 tokens: a short front, few tools, results cut to size, and what a resumed session keeps."""

import json
from typing import Any

import pytest

from tests.journeys.fake_model import ask, calls, play, shows
from tests.journeys.program import Program
from tests.servers.fake_ollama import FakeOllama, say

SMALL = 4_096


def front(request: dict[str, Any]) -> int:
    """Bytes of system prompt and tool list."""
    tools = json.dumps(request["tools"], ensure_ascii=False, separators=(",", ":"))
    return len(request["messages"][0]["content"].encode()) + len(tools.encode())


def test_a_small_window_has_a_front_of_500_tokens_and_keeps_room_for_the_work(program: Program) -> None:
    """can1357/oh-my-pi#1734, Nano-Collective/nanocoder#391: the prompt alone filled what a small model has."""
    program.write({"AGENTS.md": "Use tabs. " * 2_000, "a.py": "".join(f"value_{n} = {n}\n" for n in range(900))})
    shell = calls("shell", {"command": "seq 1 20000; exit 3"})
    page = calls("read_file", {"path": "a.py"})
    with FakeOllama([shell, page, say("done")], show=shows(SMALL)) as server:
        played = ask(program, server)
    assert (played.status, played.stdout) == (0, "done\n")
    first, last = server.chats[0].json, server.chats[-1].json
    assert first["options"]["num_ctx"] == SMALL
    assert [tool["function"]["name"] for tool in first["tools"]] == [
        "read_file", "write_file", "edit_file", "shell", "call_tool",
    ]  # fmt: skip
    notes = first["messages"][0]["content"].partition("\n\nNotes of the project")[2]
    assert front(first) - len(notes.encode()) <= 2_000 + len(str(program.workspace))
    assert 2_048 < len(notes) < 2_048 + 200
    assert "[cut here; the rest is in AGENTS.md]" in notes
    output, text = (message["content"] for message in last["messages"] if message["role"] == "tool")
    assert max(len(output.encode()), len(text.encode())) <= SMALL * 4 // 6
    assert output.startswith("1\n2\n")
    assert "left out to fit the context window" in output
    assert output.endswith("\n20000\n[exit code 3]")
    *shown, note = text.splitlines()
    assert shown == [f"value_{n} = {n}" for n in range(len(shown))]
    assert (
        note == f"[lines 1-{len(shown)} of 900: cut to fit the context window; continue with offset={len(shown) + 1}]"
    )


def test_what_a_small_window_does_not_show_is_answered_all_the_same(program: Program) -> None:
    program.write({"a.txt": "here\n"})
    played, told = play(program, calls("grep", {"pattern": "he.e"}), say("found"), window=SMALL)
    assert played.status == 0
    assert told == ["a.txt:1:here"]


@pytest.mark.parametrize(("then", "frozen"), [(SMALL, 1), (8_192, 1), (131_072, 2)], ids=["same", "small", "large"])
def test_a_resumed_session_keeps_its_front_unless_the_window_wants_other_tools(
    program: Program, then: int, frozen: int
) -> None:
    program.write({"AGENTS.md": "first"})
    with FakeOllama([calls("shell", {"command": "echo hi"}), say("one")], show=shows(SMALL)) as server:
        session = ask(program, server, "--output-format", "json").result["session"]
    before = server.chats[-1].json
    program.write({"AGENTS.md": "second"})
    with FakeOllama([say("two")], show=shows(then)) as server:
        played = ask(program, server, "--json", "-r", session)
    after = server.chats[-1].json
    assert played.status == 0
    kinds = [event["type"] for event in played.events]
    assert "prefix_broken" not in kinds
    assert kinds.count("prompt_frozen") == frozen - 1
    assert (after["messages"][0], after["tools"]) == (before["messages"][0], before["tools"]) or frozen == 2
    assert after["messages"][1 : len(before["messages"])] == before["messages"][1:]
    assert (len(after["tools"]), "second" in after["messages"][0]["content"]) == (
        (7, True) if frozen == 2 else (5, False)
    )
    again = program.run("sessions", "replay", session)
    assert again.status == 0, again.stderr


def test_a_window_that_is_full_at_last_ends_in_words_and_nothing_oversize_is_sent(program: Program) -> None:
    """QwenLM/qwen-code#4049: one huge output after the other, and the session could not go on."""
    steps = [calls("shell", {"command": f"seq {n}0000 {n}9999"}) for n in range(1, 20)]
    played, told = play(program, *steps, window=SMALL)
    assert played.status == 1
    assert played.events[-1]["error"]["kind"] == "context_too_long"
    assert played.events[-1]["error"]["remedy"]
    assert 4 <= len(told) < len(steps)
