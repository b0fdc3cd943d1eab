"""Small models, through the real program: each recorded shape ends in progress or in a clear stop.

The public report of each shape stands in its test.
"""

import json

import pytest

from tests.journeys.fake_model import calls, play, stop_of
from tests.journeys.program import Program
from tests.servers.fake_ollama import Answer, done, line, say


def test_a_tool_that_does_not_exist_is_refused_with_the_one_that_is_meant(program: Program) -> None:
    """anomalyco/opencode#10558: ``Execute``, ``repo_browser.read_file``, ``shell_command`` from models behind Ollama."""
    program.write({"a.txt": "content\n"})
    played, told = play(
        program,
        calls("bash", {"command": "touch ran"}),
        calls("repo_browser.read_file", {"path": "a.txt"}),
        calls("ReadFile", {"path": "a.txt"}),
        say("read"),
    )
    tools = "The tools are: list_files, read_file, write_file, edit_file, grep, shell"
    assert played.status == 0
    assert told == [
        f"there is no tool 'bash'; the tool for that is shell. {tools}",
        f"there is no tool 'repo_browser.read_file'; the tool for that is read_file. {tools}",
        "content",
    ]
    assert not (program.workspace / "ran").exists()


def test_a_name_with_a_piece_of_the_template_behind_it_is_the_tool(program: Program) -> None:
    """ollama/ollama#12132: ``create_event<|channel|>analysis`` from gpt-oss:20b."""
    program.write({"a.txt": "content\n"})
    played, told = play(program, calls("read_file<|channel|>analysis", {"path": "a.txt"}), say("read"))
    assert (played.status, told) == (0, ["content"])


def test_a_call_printed_as_text_under_another_tools_name_is_refused_like_any_other(program: Program) -> None:
    """dnakov/anon-kode#23, anomalyco/opencode#1034: the call stands in the answer, and its tool is another agent's."""
    printed = '<tool_call>\n{"name": "bash", "arguments": {"command": "touch ran"}}\n</tool_call>'
    played, told = play(program, say(printed), calls("shell", {"command": "echo ran"}), say("done"))
    assert played.status == 0
    assert told[0].startswith("there is no tool 'bash'; the tool for that is shell. ")
    assert told[1:] == ["ran"]
    assert not (program.workspace / "ran").exists()


def test_a_model_that_goes_on_calling_what_does_not_exist_is_ended(program: Program) -> None:
    """anomalyco/opencode#9532: ``ProxyRead`` and ``ProxyGlob`` again and again, told each time what there is."""
    answers = [calls(f"Proxy{'Read' if n % 2 else 'Glob'}", {"filePath": f"{n}.py"}) for n in range(20)]
    played, told = play(program, *answers)
    assert (played.status, stop_of(played)) == (3, "repeated_calls")
    assert len(told) == 9
    assert "brought nothing new" in played.events[-1]["error"]["message"]


# --- arguments


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "write_file", "arguments": {"path": "a.txt", "content": "[1]"}},  # ollama/ollama#11805
        {"arguments": '{"path": "a.txt", "content": "[1]"}'},  # vllm-project/vllm#41531
        '{"path": "a.txt", "content": "[1]"}',  # ollama/ollama#6155
        json.dumps('{"path": "a.txt", "content": "[1]"}'),  # i-am-bee/beeai-framework#1239
        {"file_path": "a.txt", "content": "[1]"},  # openclaw/openclaw#2596
        {"filename": "a.txt", "text": "[1]"},  # NorthlandPositronics/Cogtrix#2259
    ],
    ids=["a call in a call", "an envelope", "text", "text in text", "file_path", "filename and text"],
)
def test_arguments_in_a_shape_that_means_one_thing_are_run_as_meant(program: Program, arguments: object) -> None:
    played, told = play(program, calls("write_file", arguments), say("written"))
    assert (played.status, told) == (0, ["created a.txt: 1 line, 3 bytes"])
    assert (program.workspace / "a.txt").read_bytes() == b"[1]"


def test_numbers_and_switches_as_text_are_taken(program: Program) -> None:
    """AtomicBot-ai/atomic-agent#182: ``"maxBytes": "200000"``."""
    program.write({"a.txt": "".join(f"{n}\n" for n in range(1, 9))})
    played, told = play(program, calls("read_file", {"path": "a.txt", "offset": "2", "limit": "2"}), say("read"))
    assert (played.status, told) == (0, ["2\n3\n[lines 2-3 of 8; continue with offset=4]"])


def test_arguments_cut_in_the_middle_never_run_and_the_next_try_succeeds(program: Program) -> None:
    """langchain-ai/langchain#34746, BerriAI/litellm#13823: JSON that ends where the text was to go on."""
    played, told = play(
        program,
        calls("write_file", '{"path": "a.txt", "content": "half a sen'),
        calls("write_file", {"path": "a.txt", "content": "whole"}),
        say("written"),
    )
    assert played.status == 0
    assert told[-1] == "created a.txt: 1 line, 5 bytes"
    assert (program.workspace / "a.txt").read_bytes() == b"whole"


def test_json_as_the_content_of_a_file_is_refused_and_the_next_try_succeeds(program: Program) -> None:
    """anomalyco/opencode#14832, QwenLM/qwen-code#860: qwen3-coder puts the object itself where its text belongs."""
    played, told = play(
        program,
        calls("write_file", {"path": "p.json", "content": {"name": "x"}}),
        calls("write_file", {"path": "p.json", "content": '{"name": "x"}'}),
        say("written"),
    )
    assert played.status == 0
    assert "Give content as one string, with the JSON as its text, or write the file with shell." in told[0]
    assert (program.workspace / "p.json").read_bytes() == b'{"name": "x"}'


# --- circles


def test_the_same_look_in_other_words_is_told_and_then_ended(program: Program) -> None:
    """macanderson/stella#2543: nine searches in other words, the same set each time."""
    program.write({"src/a.txt": "1\n"})
    ways = [
        {"path": "src"},
        {"path": "./src"},
        {"path": "src/", "recursive": False},
        {"path": "././src", "recursive": "false"},
        {"path": "src//", "max_depth": "1"},
    ]
    played, told = play(program, *[calls("list_files", way) for way in ways], say("never said"))
    assert (played.status, stop_of(played)) == (3, "repeated_calls")
    assert told == ["src/a.txt"] * 4  # the fifth was answered, and the turn ended
    steered = [event["message"]["text"] for event in played.events if event["type"] == "message_steered"]
    assert len(steered) == 1
    assert "Repeating brings nothing new" in steered[0]


def test_arguments_that_grow_with_every_try_are_told_and_then_ended(program: Program) -> None:
    """zeroclaw-labs/zeroclaw#7143: 43 near-duplicate shell calls with the same output, byte for byte."""
    program.write({"long name of a file that says what is in it.txt": ""})
    answers = [calls("shell", {"command": "ls" + " # and again" * n}) for n in range(30)]
    played, told = play(program, *answers)
    assert (played.status, stop_of(played)) == (3, "repeated_calls")
    assert len(told) == 10
    assert [event["type"] for event in played.events].count("message_steered") == 1
    assert "10 steps that brought nothing new" in played.events[-1]["error"]["message"]


def test_a_test_run_after_each_edit_is_work_however_often_it_fails_alike(program: Program) -> None:
    """The false alarm of macanderson/stella#359: calls that are equal while something else moves on."""
    program.write(
        {"a.py": "x = 0\n", "check.sh": "echo still failing, whatever was changed in the file above\nexit 1\n"}
    )
    steps = [
        step
        for n in range(8)
        for step in (
            calls("edit_file", {"path": "a.py", "old_content": f"x = {n}", "new_content": f"x = {n + 1}"}),
            calls("shell", {"command": "sh check.sh"}),
        )
    ]
    played, told = play(program, *steps, say("I give up."))
    assert (played.status, stop_of(played)) == (0, "end")
    assert len(told) == 16
    assert "message_steered" not in [event["type"] for event in played.events]


# --- replies that say nothing

ONLY_THINKING = (
    "The user wants the button pressed. I should call the tool, then say so. Let me think about it once more."
)


@pytest.mark.parametrize(
    "pieces",
    [
        [done("stop", (158, 29))],  # ollama/ollama#10976: nothing but a count of 29 tokens
        [line(thinking=ONLY_THINKING), done("stop", (158, 900))],  # ollama/ollama#17777: ends while it thinks
        [line(thinking=ONLY_THINKING), done("length", (158, 80))],  # ollama/ollama#16184: thought all it may say
        [line(" \n\n "), done("stop", (158, 3))],
        [line("</think>\n\n"), done("stop", (158, 3))],  # logancyang/obsidian-copilot#2153: an end without a beginning
        [line("<think>\n\n</think>\n\n"), done("stop", (158, 6))],
    ],
    ids=["nothing", "thinking only", "thinking to the limit", "blanks", "an end of thinking", "empty thinking"],
)
def test_a_reply_that_says_nothing_never_ends_a_turn_as_done(program: Program, pieces: list[bytes]) -> None:
    played, _ = play(program, Answer(pieces), repeat=True)
    assert played.status not in {0, 130}
    assert stop_of(played) != "end"
    assert played.events[-1]["error"]["message"]


@pytest.mark.parametrize(
    "pieces",
    [
        [done("stop", (158, 29))],
        [line(thinking=ONLY_THINKING), done("stop", (158, 900))],
        [line(thinking=ONLY_THINKING), done("length", (158, 80))],
        [line("</think>\n\n"), done("stop", (158, 3))],
    ],
    ids=["nothing", "thinking only", "thinking to the limit", "an end of thinking"],
)
def test_a_reply_that_says_nothing_is_asked_for_again(program: Program, pieces: list[bytes]) -> None:
    played, _ = play(program, Answer(pieces), say("Pressed."))
    assert (played.status, stop_of(played)) == (0, "end")
    messages = [event["message"]["text"] for event in played.events if event["type"] == "message_finished"]
    assert messages == ["Pressed."]


# --- quotes


def test_quotes_that_only_look_alike_are_found_and_lines_that_stay_keep_their_own(program: Program) -> None:
    """github/copilot-cli#3254, anthropics/claude-code#26141: curly quotes in the file, straight ones in the call."""
    path = program.workspace / "test.md"
    kept = "Do not re-examine \u201cwhat repo to change\u201d \u2014 ever.\n"
    path.write_text(f"# Notes\n{kept}It\u2019s each time.\n", encoding="utf-8")
    said = 'Do not re-examine "what repo to change" - ever.\n'
    arguments = {"path": "test.md", "old_str": f"{said}It's each time.", "new_str": f"{said}It's each session."}
    played, told = play(program, calls("edit_file", arguments), say("edited"))
    assert played.status == 0
    assert told == ["edited test.md: lines 2-3 (matched in spite of different quotes and dashes)"]
    assert path.read_text(encoding="utf-8") == f"# Notes\n{kept}It's each session.\n"


def test_the_exact_text_is_changed_where_its_curly_twin_stands_beside_it(program: Program) -> None:
    """earendil-works/pi#8628: the twin was counted as a second match, and the edit refused."""
    program.write({"a.py": 'greeting = "hi"\ngreeting = \u201chi\u201d\n'})
    arguments = {"path": "a.py", "old_content": 'greeting = "hi"', "new_content": 'greeting = "hello"'}
    played, told = play(program, calls("edit_file", arguments), say("edited"))
    assert (played.status, told) == (0, ["edited a.py: line 1"])
    assert (program.workspace / "a.py").read_text(encoding="utf-8") == 'greeting = "hello"\ngreeting = \u201chi\u201d\n'
