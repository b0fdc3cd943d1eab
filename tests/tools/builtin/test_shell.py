from pathlib import Path

import pytest

from py_mono.tools.builtin import shell
from py_mono.tools.builtin.context import Context, ToolFailure


@pytest.mark.parametrize(
    ("command", "content", "code"),
    [
        ("echo hi; pwd | wc -l", "hi\n1", 0),
        ("true", "[no output]", 0),
        ("exit 3", "[no output]\n[exit code 3]", 3),
        ("echo out; echo err >&2; false", "out\nerr\n[exit code 1]", 1),
        ("kill -9 $$", "[no output]\n[exit code 137: signal 9, killed]", 137),
        (r"printf '\033[31mred\033[0m 10%%\r20%%\n\377'", "20%\n\ufffd", 0),
        ("cat", "[no output]", 0),
        ("[[ a == a ]] && echo bash", "bash", 0),
    ],
)
def test_the_result_says_what_came_out_and_how_it_ended(
    context: Context, command: str, content: str, code: int
) -> None:
    output = shell.run(context, command=command)
    assert (output.content, output.is_error, output.details["exit_code"]) == (content, code != 0, code)


def test_it_runs_in_the_workspace_and_shows_output_as_it_comes(
    context: Context, workspace: Path, emitted: list[str]
) -> None:
    assert shell.run(context, command="pwd -P").content == str(workspace)
    assert emitted == [f"{workspace}\n"]


def test_long_output_keeps_head_and_tail(context: Context) -> None:
    output = shell.run(context, command="seq 1 100000")
    assert output.content.startswith("1\n2\n3\n")
    assert output.content.endswith("99999\n100000")
    assert " lines left out …]" in output.content
    assert len(output.content) < context.output_limit + 200
    assert output.details == {"exit_code": 0, "timed_out": False, "truncated": True}


def test_the_time_limit_is_said_and_held_to_the_ceiling(context: Context) -> None:
    output = shell.run(context, command="echo a; sleep 20", timeout=0.2)
    assert output.content == (
        "a\n[timed out after 0.2 s and was ended with all it started; give a larger timeout, or background=true]"
    )
    context.timeout_ceiling_s = 0.1
    assert "0.1 s" in shell.run(context, command="sleep 20", timeout=9).content
    assert output.is_error


def test_a_background_command_says_what_it_said_first_and_how_to_go_on_with_it(context: Context) -> None:
    output = shell.run(context, command="echo served", background=True)
    path = f"{context.private_tmp}/job-1.log"
    note = (
        f"[job 1 runs in the background; you are told when it ends. Its output: {path}. "
        "Shell commands for it: job 1 (last output), job wait 1, job kill 1]"
    )
    assert (output.content, output.is_error, output.details) == (f"served\n{note}", False, {"job": 1, "output": path})


def test_a_background_command_with_a_time_limit_says_so(context: Context) -> None:
    output = shell.run(context, command="true", background=True, timeout=90)
    assert output.content.startswith("[job 1 runs in the background for at most 90 s; you are told")


def test_a_background_command_that_ends_at_once_is_a_result_and_no_job(context: Context) -> None:
    output = shell.run(context, command="echo gone; exit 3", background=True)
    assert output.content == "gone\n[ended at once: exit code 3]"
    assert (output.is_error, output.details) == (True, {"exit_code": 3, "timed_out": False})


@pytest.mark.parametrize("command", ["", " \n", "a\0b", "\ud800"])
def test_what_no_shell_can_be_given_is_refused(context: Context, command: str) -> None:
    with pytest.raises(ToolFailure, match="command"):
        shell.run(context, command=command)
