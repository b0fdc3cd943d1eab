"""The real program in a real terminal, where there is no model."""

import re
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.journeys.program import Program
from tests.servers.fake_ollama import FakeOllama, as_json, refuse, say
from tests.ui.screens import Terminal


@contextmanager
def terminal(program: Program, *arguments: str, **environment: str) -> Iterator[Terminal]:
    """The program at a terminal, left with ``/bye``."""
    variables = program.environment(LLM_PROVIDER="ollama", TERM="xterm-256color", LANG="C.UTF-8", **environment)
    shown = Terminal(program.workspace, 100, 60, around=shlex.join(program.command(*arguments)), **variables)
    try:
        yield shown
        shown.say("/bye")
        assert shown.status() == 0
    finally:
        shown.child.close(force=True)


def closed_port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        port: int = own.getsockname()[1]
        return port


@pytest.mark.timeout(60)
def test_without_a_server_there_are_three_ways_to_a_model_and_one_without(program: Program) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    with terminal(program, OLLAMA_HOST=url) as shown:
        shown.wait_for("py-mono doctor says what is wrong.")
        begin = next(at for at, line in enumerate(shown.lines()) if line.startswith("No model can be reached"))
        said = " ".join(line.strip() for line in shown.lines()[begin : begin + 10])
        assert re.match(
            re.escape(
                f"No model can be reached: at {url} there is no Ollama (connection refused). Three ways to get one:"
            )
            + r" 1\. .+ then(, on the host)?: ollama pull lfm2\.5-thinking:latest"
            + r" 2\. .*: export OLLAMA_HOST=http://ADDRESS:11434"
            + r" 3\. a cloud: /key groq, then /provider groq or: export GROQ_API_KEY=…, then py-mono --provider groq"
            + r" Without any, py-mono demo shows a whole task; py-mono doctor says what is wrong\.",
            said,
        )
        assert shown.text().count("Three ways") == 1
        shown.say("hello")
        shown.wait_for("cannot be reached")
        shown.wait_for("ollama serve")
        shown.wait_for("py-mono demo")


@pytest.mark.timeout(60)
def test_a_model_that_is_not_there_is_said_before_the_first_request(program: Program) -> None:
    tags = as_json({"models": [{"name": "qwen3:8b"}]})
    with FakeOllama(tags=tags, show=refuse(404, "not found")) as server:
        with terminal(program, OLLAMA_HOST=server.url, OLLAMA_MODEL="big:70b") as shown:
            shown.wait_for("has no model big:70b")
            shown.wait_for("ollama pull big:70b")
            shown.wait_for("take one that is there: py-mono -m qwen3:8b")
        assert server.chats == []


@pytest.mark.timeout(60)
def test_the_doctor_is_at_hand_in_the_conversation(program: Program) -> None:
    with (
        FakeOllama([say("I am here.")], tags=as_json({"models": [{"name": "m"}]})) as server,
        terminal(program, "-m", "m", OLLAMA_HOST=server.url) as shown,
    ):
        shown.wait_for("lock:")
        shown.say("/doctor")
        shown.wait_for("ok      model        m is pulled")
        shown.wait_for("ok      tool calls   m calls tools")
        shown.wait_for("ok      terminal     xterm-256color")
        shown.wait_for("ok      lock" if "WITHOUT" not in shown.text() else "warning lock")
        shown.say("hi there")
        shown.wait_for("I am here.")
        assert "Three ways" not in shown.text()


def test_one_shot_says_nothing_of_it_but_what_its_own_request_met(program: Program) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    played = program.run("-p", "hi", "--provider", "ollama", OLLAMA_HOST=url)
    assert (played.status, played.stdout) == (75, "")
    assert "Three ways" not in played.stderr
    assert "`py-mono doctor` says what is wrong, and `py-mono demo` needs no model" in played.stderr
