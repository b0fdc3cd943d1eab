"""Names that no tool has: another spelling of one, or a hint at the tool that is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.tools.names import refusal, respelled

FULL = ("list_files", "read_file", "write_file", "edit_file", "grep", "shell")
SMALL = ("read_file", "write_file", "edit_file", "shell")


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("Read_File", "read_file"),  # anomalyco/opencode#10558: wrong case, other conventions
        ("readFile", "read_file"),
        ("read-file", "read_file"),
        (" Shell ", "shell"),
        ("functions.read_file", "read_file"),
        ("functions.read_file:0", "read_file"),
        ("read_file<|channel|>analysis", "read_file"),  # ollama/ollama#12132
        ("default_api:edit_file", "edit_file"),
        ("repo_browser.read_file", ""),  # anomalyco/opencode#10558: a tool of the model's own training
        ("mcp__files__read_file", ""),
        ("read", ""),
        ("", ""),
        ("read_files", ""),
    ],
)
def test_a_name_in_another_spelling_is_that_tool_and_nothing_else_is(name: str, tool: str) -> None:
    assert respelled(name, FULL) == tool


def test_a_spelling_that_two_tools_share_is_nobodys() -> None:
    assert respelled("ReadFile", ("read_file", "readfile")) == ""


@pytest.mark.parametrize(
    ("name", "tools", "said"),
    [
        ("bash", FULL, "there is no tool 'bash'; the tool for that is shell. "),
        ("execute_command", FULL, "there is no tool 'execute_command'; the tool for that is shell. "),
        ("run_terminal_cmd", FULL, "there is no tool 'run_terminal_cmd'; the tool for that is shell. "),
        ("container.exec", FULL, "there is no tool 'container.exec'; the tool for that is shell. "),
        ("str_replace_editor", FULL, "there is no tool 'str_replace_editor'; the tool for that is edit_file. "),
        ("create_file", FULL, "there is no tool 'create_file'; the tool for that is write_file. "),
        ("repo_browser.open_file", FULL, "there is no tool 'repo_browser.open_file'; the tool for that is read_file. "),
        ("mcp__fs__read_file", FULL, "there is no tool 'mcp__fs__read_file'; the tool for that is read_file. "),
        ("cat", FULL, "there is no tool 'cat'; the tool for that is read_file. "),
        ("ls", FULL, "there is no tool 'ls'; the tool for that is list_files. "),
        ("search", FULL, "there is no tool 'search'; the tool for that is grep. "),
        ("ls", SMALL, "there is no tool 'ls'; the tool for that is shell (ls). "),
        ("search", SMALL, "there is no tool 'search'; the tool for that is shell (grep -rn). "),
        ("search", ("read_file",), "there is no tool 'search'. "),
        ("wirte_file", FULL, "there is no tool 'wirte_file'; the nearest is write_file. "),
        ("todo_write", FULL, "there is no tool 'todo_write'. "),  # anomalyco/opencode#31558
        ("", FULL, "the call names no tool. "),  # quests-org/quests#10
        ("x" * 5000, FULL, f"there is no tool '{'x' * 80}…'. "),
    ],
)
def test_a_refusal_names_the_tool_that_is_meant(name: str, tools: tuple[str, ...], said: str) -> None:
    assert refusal(name, tools) == f"{said}The tools are: {', '.join(tools)}"


@given(st.text(max_size=30))
def test_any_name_gets_an_answer(name: str) -> None:
    assert refusal(name, FULL).endswith("The tools are: list_files, read_file, write_file, edit_file, grep, shell")
    assert respelled(name, FULL) in {*FULL, ""}
