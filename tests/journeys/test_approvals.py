"""What cannot be undone is asked about, in the real program."""

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from tests.journeys.program import Program

PUSH = "git ls-remote https://example.org/x.git"
SCRIPT = f"""\
call: shell {json.dumps({"command": PUSH})}
---
text: It was not allowed.
"""


def event_types(program_events: list[dict[str, object]]) -> list[str]:
    return [str(event["type"]) for event in program_events]


def test_without_a_person_it_is_denied_reported_and_the_status_is_4(program: Program) -> None:
    played = program.run("--json", "-p", "go", script=SCRIPT)
    assert played.status == 4
    between = played.events[event_types(played.events).index("tool_started") :]
    why = (
        "not approved: git ls-remote talks to another machine, and nobody is there to be asked. "
        "Go on without it, and say in the answer what is missing"
    )
    call = {"id": between[0]["call"]["id"], "name": "shell", "arguments": {"command": PUSH}, "malformed": ""}
    assert between[:3] == [
        {"type": "tool_started", "call": call},
        {
            "type": "approval_decided",
            "call_id": call["id"],
            "kind": "network",
            "what": PUSH,
            "decision": "denied",
            "reason": "nobody is there to be asked",
        },
        {
            "type": "tool_finished",
            "result": {"call_id": call["id"], "name": "shell", "content": why, "is_error": True, "details": {}},
            "duration_ms": 0,
        },
    ]
    assert between[-1]["type"] == "turn_finished"
    assert between[-1]["stop_reason"] == "end"


def test_what_was_denied_stands_in_the_result_and_on_stderr_with_what_allows_it(program: Program) -> None:
    told = program.run("-p", "go", "--output-format", "json", script=SCRIPT)
    assert (told.status, told.result["status"], told.result["stop_reason"]) == (4, 4, "end")
    assert told.result["error"] == {
        "kind": "needs_approval",
        "message": f"not approved: {PUSH}",
        "remedy": "allow it with --allow network, or run it where you can be asked",
    }
    text = program.run("-p", "go", script=SCRIPT)
    assert (text.status, text.stdout) == (4, "It was not allowed.\n")
    assert f"not approved: {PUSH}\n  allow it with --allow network" in text.stderr
    piped = program.run(stdin=b"go\n", script=SCRIPT)
    assert piped.status == 4


@pytest.fixture
def server() -> Iterator[str]:
    """A server on this machine's own loopback, which the lock does not show; its address under a name that is not."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "7")
            self.end_headers()
            self.wfile.write(b"reached")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"{running.server_address[1]}"
        running.shutdown()


def fetching(port: str) -> str:
    return f"curl -sS --max-time 5 --noproxy '*' --resolve example.test:{port}:127.0.0.1 http://example.test:{port}/"


def test_allowed_beforehand_a_command_reaches_what_the_lock_does_not_show_and_no_other_command_does(
    program: Program, server: str
) -> None:
    outside_reach = f"python3 -c \"import socket; socket.create_connection(('127.0.0.1', {server}), 3)\""
    script = "\n---\n".join(
        f"call: shell {json.dumps({'command': command})}" for command in (fetching(server), outside_reach)
    )
    script += "\n---\ntext: ok\n"
    played = program.run("--json", "-p", "go", "--allow", "network", script=script)
    first, second = (event["result"] for event in played.events if event["type"] == "tool_finished")
    assert (first["content"], first["is_error"]) == ("reached", False)
    assert "Connection refused" in second["content"]
    decided = [event["decision"] for event in played.events if event["type"] == "approval_decided"]
    assert (decided, played.status) == (["flag"], 0)


def test_a_granted_path_outside_is_that_path_alone_and_for_that_call_alone(program: Program) -> None:
    other = program.workspace.parent / "other"
    other.mkdir()
    (other / "given").write_text("given to you\n")
    (other / "secret").write_text("never shown\n")
    peek = "import os; os.symlink('../other/secret', 'way'); print(open('way').read())"
    sneaky = f'cat ../other/given; python3 -c "{peek}"; cat way; python3 -c "print(open(chr(46) * 2 + \'/other/secret\').read())"'
    script = "\n---\n".join(
        [
            f"call: shell {json.dumps({'command': sneaky})}",
            'call: read_file {"path": "../other/given"}',
            "call: shell " + json.dumps({"command": "python3 -c \"print(open('../other/given').read())\""}),
        ]
    )
    played = program.run("--json", "-p", "go", "--allow", "outside", script=f"{script}\n---\ntext: ok\n")
    first, second, third = (event["result"]["content"] for event in played.events if event["type"] == "tool_finished")
    assert "given to you" in first
    assert "given to you" in second
    assert "never shown" not in played.stdout
    assert "given to you" not in third
    assert program.run("--json", "-p", "go", script=f"{script}\n---\ntext: ok\n").status == 4


def test_without_tools_the_model_has_none_and_is_told_so(program: Program) -> None:
    played = program.run(
        "--json", "-p", "go", "--tools", "off", script='call: shell {"command": "touch x"}\n---\ntext: ok\n'
    )
    frozen = next(envelope["event"] for envelope in played.envelopes if envelope["event"]["type"] == "prompt_frozen")
    assert frozen["tools"] == []
    assert "you have no tools" in frozen["system"]
    assert "there are no tools in this session" in played.stdout
    assert not (program.workspace / "x").exists()


def test_who_wants_to_be_asked_before_each_change_and_is_not_there_gets_none(program: Program) -> None:
    script = 'call: read_file {"path": "f"}\n---\ncall: write_file {"path": "g", "content": "x"}\n---\ntext: ok\n'
    program.write({"f": "text\n"})
    played = program.run("-p", "go", "--tools", "ask", script=script)
    assert played.status == 4
    assert not (program.workspace / "g").exists()
    assert "not approved: write_file g\n  leave out --tools ask, or run it where you can be asked" in played.stderr
