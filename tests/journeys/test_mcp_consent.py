"""A repository that names a server: nothing of it starts before a person agreed, nor once it is another."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect

from tests.journeys.program import Program
from tests.mcp_integration.servers import MINI, tool

WAITING = ".mcp.json of this workspace names MCP servers that nobody agreed to (repo): py-mono mcp trust shows them\n"
LOOK = 'call: repo__echo {"a": 1}\n---\nexpect-result: {"a": 1}\ntext: ok'


def clone(program: Program, **more: Any) -> Path:
    """A workspace with a server of its own; the file that is there once it was started."""
    entry = {"command": sys.executable, "args": ["-I", "server.py", "data"], "write": True, **more}
    program.write({
        ".mcp.json": json.dumps({"mcpServers": {"repo": entry}}),
        "server.py": Path(MINI).read_text(encoding="utf-8"),
        "data/tools.json": json.dumps([tool(name, read_only=True) for name in ("echo", "ask", "die")]),
    })  # fmt: skip
    return program.workspace / "data" / "heard"


@contextmanager
def at_terminal(program: Program, *arguments: str, script: str = "text: ok") -> Iterator["pexpect.spawn[str]"]:
    program.script(script)
    command, *rest = program.command(*arguments)
    child = pexpect.spawn(
        command, rest, cwd=program.workspace, env={**program.environment(), "TERM": "dumb"},
        encoding="utf-8", timeout=30, dimensions=(50, 200),
    )  # fmt: skip
    child.delaybeforesend = None
    try:
        yield child
    finally:
        child.close(force=True)


def trust(program: Program, answer: str) -> str:
    """What ``py-mono mcp trust`` shows before that is answered."""
    with at_terminal(program, "mcp", "trust") as child:
        child.expect("Agree to it.*: ")
        shown = child.before or ""
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0
    return shown


def test_a_cloned_repository_starts_nothing_until_a_person_agreed_to_what_it_is_now(program: Program) -> None:
    started = clone(program)
    first = program.run("-p", "look")
    assert (first.status, first.stdout) == (0, "ok\n")
    assert first.stderr.count(WAITING) == 1
    piped = program.run("mcp", "trust", stdin=b"y\n")
    assert (piped.status, started.exists()) == (4, False)
    assert "a person at a terminal has to agree; nothing was changed" in piped.stderr
    assert program.run("mcp", "test").status == 1
    assert not started.exists()

    shown = trust(program, "y")
    assert f"starts {sys.executable} -I server.py data" in shown
    assert "in a lock of its own: it reads and changes the workspace" in shown
    assert "runs server.py: you are asked again when that file changes" in shown
    used = program.run("-p", "look", "--allow", "mcp", script=LOOK)
    assert (used.status, used.stdout) == (0, "ok\n"), used.stderr
    assert started.exists()
    assert WAITING not in used.stderr
    kept = [path for path in (program.home / "state" / "approvals").iterdir() if path.stat().st_mode & 0o077]
    assert kept == []

    started.unlink()
    with (program.workspace / "server.py").open("a", encoding="utf-8") as file:
        file.write("\n# another\n")
    assert WAITING in program.run("-p", "look").stderr
    trust(program, "y")
    clone(program, network=False)
    assert WAITING in program.run("-p", "look").stderr
    trust(program, "")  # later
    assert WAITING in program.run("-p", "look").stderr
    trust(program, "n")
    assert program.run("-p", "look").stderr.count("nobody agreed") == 0
    assert "not used, as you said" in program.run("mcp", "list").stdout
    assert not started.exists()


def test_the_model_cannot_change_what_was_agreed_to_in_the_session_that_uses_it(program: Program) -> None:
    clone(program)
    trust(program, "y")
    edit = json.dumps({"command": "echo >> server.py"})
    script = f"call: shell {edit}\n---\ncall: repo__die\n---\ntext: done it"
    with at_terminal(program, "--allow", "mcp", script=script) as child:
        child.expect("> ")
        child.sendline("/mcp reconnect repo")
        child.expect("repo  ready  3 tools")
        child.sendline("change it")
        child.expect("done it")
        refused = "repo  failed  0 tools  .mcp.json  nobody agreed to what it would start now"
        seen = 1
        while seen:  # it is tried again after a wait that nobody knows
            child.sendline("/mcp")
            seen = child.expect([refused, "repo  (waiting|connecting|ready)"])
        child.sendline("/mcp reconnect repo")
        child.expect("nobody agreed to the MCP server repo yet")
        child.sendline("/mcp trust repo")
        child.expect("runs server.py")
        child.sendline("/mcp trust repo yes")
        child.expect("repo  ready  3 tools")
        child.sendline("/bye")
        child.expect(pexpect.EOF)


def question(**properties: dict[str, Any]) -> str:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return "call: repo__ask " + json.dumps({"message": "Which size?", "requestedSchema": schema})


def test_a_servers_question_is_answered_and_declined(program: Program) -> None:
    clone(program)
    trust(program, "y")
    ask = question(size={"type": "integer", "title": "Size"})
    turns = (
        f'{ask}\n---\nexpect-result: {{"size": 42}}\ntext: it fits',
        f'{ask}\n---\nexpect-result: "decline"\ntext: none then',
    )
    with at_terminal(program, "--allow", "mcp", script="\n---\n".join(turns)) as child:
        child.expect("> ")
        child.sendline("buy one")
        child.expect("The MCP server repo asks: Which size")
        child.expect("Size> ")
        child.sendline("large")
        child.expect("That is no answer: a whole number")
        child.expect("Size> ")
        child.sendline("42")
        child.expect("it fits")
        child.expect("> ")
        child.sendline("another")
        child.expect("Size> ")
        child.sendline("-")
        child.expect("none then")
        child.sendline("/bye")
        child.expect(pexpect.EOF)
    nobody = program.run("-p", "buy one", "--allow", "mcp", script=f'{ask}\n---\nexpect-result: "decline"\ntext: ok')
    assert (nobody.status, nobody.stdout) == (0, "ok\n"), nobody.stderr


def test_a_file_that_the_command_line_names_has_to_be_there(program: Program) -> None:
    for arguments in (("-p", "look"), ("mcp", "list"), ("tool", "list")):
        played = program.run(*arguments, "--mcp-config", "nowhere.json")
        assert (played.status, played.stdout) == (2, "")
        assert f"--mcp-config: {program.workspace / 'nowhere.json'} does not exist" in played.stderr


def test_nor_is_a_key_of_clouds_with_several_or_of_a_provider_that_a_model_names(program: Program) -> None:
    secret = "0123456789abcdefghij"
    names = (
        "AZURE_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "WATSONX_APIKEY",
        "VERTEX_CREDENTIALS",
        "NOVITA_API_KEY",
        "LLM_MASTER_KEY",
    )
    clone(program, env={f"V{at}": f"${{{name}:-none}}" for at, name in enumerate((*names, "ELSE_API_KEY"))})
    program.more = {**dict.fromkeys((*names, "ELSE_API_KEY"), secret), "LITELLM_MODEL": "novita/some/model"}
    played = program.run("mcp", "trust")
    shown = [line.strip() for line in played.stdout.splitlines() if line.startswith("  with V")]
    assert shown == [*(f"with V{at}=none" for at in range(len(names))), f"with V{len(names)}=***"]
    assert "It is given these variables of yours: ELSE_API_KEY\n" in played.stdout
    assert secret not in played.stdout


def test_no_key_is_given_to_a_repositorys_entry_nor_shown(program: Program) -> None:
    clone(program, env={"A": "${GROQ_API_KEY:-none}", "MY_TOKEN": "${MY_TOKEN}"})
    keys = {"GROQ_API_KEY": "gsk_0123456789abcdefghij", "MY_TOKEN": "tok_0123456789"}
    program.more = keys
    played = program.run("mcp", "trust")
    assert "with A=none" in played.stdout
    assert "with MY_TOKEN=***" in played.stdout
    assert "It is given these variables of yours: MY_TOKEN\n" in played.stdout
    clone(program, env={"A": "${GROQ_API_KEY}"})
    refused = program.run("mcp", "list")
    assert "it needs GROQ_API_KEY, which the environment does not have for it" in refused.stdout
    assert not any(key in text for key in keys.values() for text in (played.stdout, refused.stdout))
    assert os.listdir(program.workspace / "data") == ["tools.json"]


def test_what_cannot_be_read_is_said_and_fails_when_servers_are_tested(program: Program) -> None:
    (program.workspace / ".mcp.json").write_text("{", encoding="utf-8")
    tested = program.run("mcp", "test")
    assert tested.status == 1
    assert tested.stdout.startswith("! .mcp.json is not used: it is no JSON")


def test_what_servers_bring_up_while_they_are_tested_is_said(program: Program) -> None:
    """The address of a login comes in the same way."""
    clone(program)
    (program.workspace / ".mcp.json").rename(program.workspace / "own.json")
    tools = program.workspace / "data" / "tools.json"
    assert program.run("mcp", "test", "--mcp-config", "own.json").stderr == ""
    changed = [
        {**each, "description": "Says something else."} for each in json.loads(tools.read_text(encoding="utf-8"))
    ]
    tools.write_text(json.dumps(changed), encoding="utf-8")
    tested = program.run("mcp", "test", "--mcp-config", "own.json")
    assert tested.stderr.startswith("py-mono: ")
    assert "/mcp trust repo" in tested.stderr
