import re

import pytest

from py_mono.ui.arguments import COMMANDS, Arguments, parse
from py_mono.ui.run_arguments import run_parser


def given(*argv: str) -> dict[str, object]:
    """What a command line said, beyond the defaults."""
    arguments, plain = parse(argv), Arguments()
    fields = {name: (getattr(arguments, name), getattr(plain, name)) for name in Arguments.__annotations__}
    return {name: value for name, (value, default) in fields.items() if value != default}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], {}),
        (["fix it"], {"prompt": "fix it"}),
        (["-p", "fix it"], {"prompt": "fix it", "print_": True}),
        (["fix it", "-p"], {"prompt": "fix it", "print_": True}),
        (["-p"], {"print_": True}),
        (["-p", "tool"], {"prompt": "tool", "print_": True}),
        (["-p", "--", "-x"], {"prompt": "-x", "print_": True}),
        (["--", "sessions"], {"prompt": "sessions"}),
        (["--", "--"], {"prompt": "--"}),
        (["-p", "--json", "x"], {"prompt": "x", "print_": True, "output_format": "stream-json"}),
        (["-p", "x", "--output-format=json"], {"prompt": "x", "print_": True, "output_format": "json"}),
        (["-c", "go on"], {"continue_": True, "prompt": "go on"}),
        (["-cp", "go on"], {"continue_": True, "print_": True, "prompt": "go on"}),
        (["-r"], {"resume": ""}),
        (["-r", "abc", "go on"], {"resume": "abc", "prompt": "go on"}),
        (["-r", "-p", "go on"], {"resume": "", "print_": True, "prompt": "go on"}),
        (["--fork", "abc", "go on"], {"fork": "abc", "prompt": "go on"}),
        (["-p", "doctor"], {"prompt": "doctor", "print_": True}),
        (["--", "doctor"], {"prompt": "doctor"}),
        (["debug this"], {"prompt": "debug this"}),
        (["--no-session"], {"no_session": True}),
        (["--provider", "scripted", "-m", "x"], {"provider": "scripted", "model": "x"}),
        (["-C", "a", "--add-dir", "b", "--add-dir", "c"], {"cwd": "a", "add_dir": ["b", "c"]}),
        (
            ["--max-steps", "5", "--max-tokens", "6", "--max-budget-usd", "0.5"],
            {"max_steps": 5, "max_tokens": 6, "max_budget_usd": 0.5},
        ),
        (["--sandbox", "off", "--network", "on"], {"sandbox": "off", "network": "on"}),
        (["-C", "demo"], {"cwd": "demo"}),
        (["demo"], {"command": "demo"}),
        (["tool", "list"], {"command": "tool", "action": "list"}),
        (["tool", "list", "--json"], {"command": "tool", "action": "list", "json": True}),
        (["tool", "--session"], {"command": "tool", "action": "session"}),
        (["tool", "grep"], {"command": "tool", "action": "call", "name": "grep"}),
        (
            ["-C", "tool", "tool", "shell", '{"command": "ls"}', "--network", "on"],
            {
                "command": "tool",
                "action": "call",
                "name": "shell",
                "tool_arguments": '{"command": "ls"}',
                "cwd": "tool",
                "network": "on",
            },
        ),
        (["debug", "parse-tool-calls"], {"command": "debug", "action": "parse-tool-calls"}),
        (
            ["debug", "parse-tool-calls", "--format", "hermes", "--tools", "t.json"],
            {"command": "debug", "action": "parse-tool-calls", "format": "hermes", "tools": "t.json"},
        ),
        (["sessions", "list"], {"command": "sessions", "action": "list"}),
        (["sessions", "show", "x"], {"command": "sessions", "action": "show", "name": "x"}),
        (["sessions", "replay", "x", "-C", "y"], {"command": "sessions", "action": "replay", "name": "x", "cwd": "y"}),
    ],
)
def test_a_command_line_says_what_it_says(argv: list[str], expected: dict[str, object]) -> None:
    assert given(*argv) == expected


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["fix", "it"], "PROMPT is one argument, not 2: put it in quotes"),
        (["--json", "x"], "--output-format stream-json goes with -p"),
        (["-p", "x", "--json", "--output-format", "text"], "not allowed with argument --json"),
        (["-c", "-r", "x"], "not allowed with argument -c"),
        (["-c", "--no-session"], "not allowed with argument -c"),
        (["--max-steps", "0"], "'0' is not a whole number from 1 up"),
        (["--max-tokens", "1e3"], "'1e3' is not a whole number from 1 up"),
        (["--max-budget-usd", "nan"], "'nan' is not an amount above 0, such as 0.50"),
        (["--max-budget-usd", "-1"], "argument --max-budget-usd"),
        (["--sandbox", "no"], "'auto', 'bubblewrap', 'container', 'off'"),
        (["--no"], "unrecognized arguments: --no"),
        (["-m"], "expected one argument"),
        (["tool"], "say list, or a tool's NAME"),
        (["tool", "x", "--session"], "say list, or a tool's NAME"),
        (["tool", "x", "--json"], "--json goes with list"),
        (["tool", "list", "x"], "too much after 'list'"),
        (["tool", "x", "{}", "{}"], "too much after 'x'"),
        (["sessions"], "required: action"),
        (["sessions", "show"], "show, export and replay take one"),
        (["sessions", "list", "x"], "list takes no ID"),
        (["sessions", "show", "x", "y.md"], "only export takes a FILE"),
        *(([name, "x"], f"{name} is not in this version") for name in ("skill", "mom", "pods")),
        (["mcp"], "required: action"),
        (["mcp", "add"], "invalid choice: 'add'"),
        (["mcp", "list", "x"], "list takes no NAME"),
        (["mcp", "test", "a", "b"], "unrecognized arguments: b"),
        (["mcp", "trust", "--json"], "--json goes with list"),
        (["--mcp-config"], "expected one argument"),
        (["-p", "x", "--allow", "mpc"], "--allow knows no 'mpc'; there are install, mcp, network, outside"),
        (["key"], "required: ACTION"),
        (["key", "store"], "say one of set, list, remove, rotate"),
        (["key", "set"], "set takes the name of a provider"),
        (["key", "remove"], "remove takes the name of a provider"),
        (["key", "list", "groq"], "too much after list"),
        (["key", "set", "groq", "sk-x"], "ps and the shell's history show it"),
        (["/key groq sk-x"], "ps and the shell's history show it"),
        (["-p", " /key groq sk-x"], "ps and the shell's history show it"),
        (["-m", "x", "skill"], "to say that word to the model: py-mono -- skill"),
        (["doctor", "x"], "unrecognized arguments: x"),
        (["doctor", "--network", "maybe"], "invalid choice: 'maybe'"),
        (["debug"], "required: action"),
        (["debug", "parse"], "invalid choice: 'parse'"),
        (["--fork"], "expected one argument"),
        (["--fork", "x", "-c"], "not allowed with argument"),
        (["sessions", "drop"], "invalid choice: 'drop'"),
        (["demo", "x"], "unrecognized arguments: x"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_what_would_be_right(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(argv)
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert message in err.replace(
        "choose from auto, bubblewrap, container, off", "'auto', 'bubblewrap', 'container', 'off'"
    )
    assert err.startswith("usage: py-mono")


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["tool", "--help"],
        ["sessions", "-h"],
        ["demo", "-h"],
        ["debug", "-h"],
        ["--version"],
        ["--completion", "fish"],
    ],
)
def test_help_and_version_end_with_0(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(argv)
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
    assert "py-mono" in out


def test_help_fits_a_screen_and_names_every_option_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) < 24  # the shell's prompt comes below
    assert max(map(len, rows)) <= 80
    words = set(re.findall(r"[\w-]+", " ".join(rows)))
    options = {option for action in run_parser()._actions for option in action.option_strings}
    assert options | set(COMMANDS) <= words
    assert {word for word in words if word.startswith("-")} <= options | {"--"}


def test_lists_of_two_command_lines_are_apart() -> None:
    parse([]).add_dir.append("x")
    assert parse([]).add_dir == []
    assert parse(["demo"]).add_dir == []
