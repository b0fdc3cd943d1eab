import pytest

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.tools import ToolSpec
from py_mono.ui.commands import COMMANDS, COMPLETIONS, Leave, is_command, run_command
from tests.ui.repl_program import fake_app


@pytest.mark.parametrize("line", ["/help", "/", "/etc/passwd", "exit", " quit ", "/nope x\ny"])
def test_a_slash_or_a_bare_word_is_for_the_program(line: str) -> None:
    assert is_command(line)


@pytest.mark.parametrize("line", ["", "exit the loop", " /tmp is full", "how do I quit"])
def test_anything_else_is_for_the_model(line: str) -> None:
    assert not is_command(line)


async def test_help_is_made_from_the_table() -> None:
    text = await run_command(fake_app()[0], "/help")
    for command in COMMANDS:
        assert command.name in text
        assert command.help in text


async def test_help_fits_a_screen_of_24_rows_and_80_columns() -> None:
    lines = (await run_command(fake_app()[0], "/help")).split("\n")
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 23  # and the line to type in


@pytest.mark.parametrize("name", ["/bye", "/exit", "/quit", "exit", "quit"])
async def test_leaving_has_many_names(name: str) -> None:
    with pytest.raises(Leave):
        await run_command(fake_app()[0], name)


@pytest.mark.parametrize(
    ("line", "named"),
    [("/nope x", "/nope"), ("/Help", "/Help"), ("/hel", "/hel"), ("/a\nb", "/a"), ("/\x1b[2Jx", "/x")],
)
async def test_an_unknown_command_is_named_and_not_guessed(line: str, named: str) -> None:
    assert (await run_command(fake_app()[0], line)).startswith(f"There is no {named}: /help shows what there is.")


async def test_a_conversation_is_not_cleared_under_a_turn() -> None:
    app, agent = fake_app()
    agent.running = True
    assert await run_command(app, "/clear") == "A turn is running: press Esc first, then /clear."
    agent.running = False
    assert (await run_command(app, "/clear")).startswith("The conversation starts afresh")


async def test_tools_are_listed_once_there_are_any() -> None:
    app, agent = fake_app()
    assert await run_command(app, "/tools") == "shell  Run a command. And more."
    agent.tools = ()
    assert await run_command(app, "/tools") == (
        "The first turn is just about to make the list of tools: ask again in a moment."
    )


async def test_the_list_of_tools_is_in_columns_and_without_what_only_the_model_names() -> None:
    app, agent = fake_app()
    agent.tools = (
        ToolSpec("grep", "Search files, e.g. for names. More.\nMuch more.", {}),
        ToolSpec("list_files", "List.", {}),
        ToolSpec("call_tool", "Call.", {}, source="control"),
    )
    assert await run_command(app, "/tools") == ("grep        Search files, e.g. for names. More.\nlist_files  List.")


@pytest.mark.parametrize("line", ["!ls", "!rm -rf x\ny", "!"])
async def test_a_piped_exclamation_mark_is_neither_run_nor_sent_to_the_model(line: str) -> None:
    assert is_command(line)
    assert (await run_command(fake_app()[0], line)).startswith("!COMMAND is for a terminal, and nothing was run.")


@pytest.mark.parametrize("line", ["/fork 2", "/skill"])
async def test_a_promised_command_is_said_to_be_missing_and_never_offered_to_the_model(line: str) -> None:
    name = line.partition(" ")[0]
    assert await run_command(fake_app()[0], line) == f"{name} is not in this version: /help shows what there is."


def test_every_name_that_completes_is_known() -> None:
    assert all(is_command(name) for name, _ in COMPLETIONS)
    assert {command.name for command in COMMANDS} <= {name for name, _ in COMPLETIONS}


async def test_tools_that_cannot_be_asked_are_said_and_end_nothing() -> None:
    app, agent = fake_app()
    agent.failure = SandboxError("no lock can be had", remedy="install bubblewrap")
    assert await run_command(app, "/tools") == "no lock can be had\ninstall bubblewrap"


async def test_the_doctor_says_what_it_found_and_takes_nothing() -> None:
    app, _ = fake_app()
    assert await run_command(app, "/doctor") == "ok      pretended"
    assert (await run_command(app, "/doctor --json")).startswith("/doctor takes nothing")
