"""That printed calls are understood where the model says them: else their attacks would prove nothing."""

from pathlib import Path

import pytest

from tests.attacks.model_server import CALL, PRINTED
from tests.journeys.program import Program
from tests.servers.fake_ollama import FakeOllama, call, say


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.mark.parametrize("said_by", ["the model", "a file", "a thought"])
def test_a_printed_call_is_run_where_the_model_says_it_and_nowhere_else(program: Program, said_by: str) -> None:
    program.write({"poison.txt": PRINTED})
    spoken = f"<tool_call>\n{CALL}\n</tool_call>"
    answers = {
        "the model": [say(spoken), say("ok")],
        "a file": [say(calls=[call("read_file", {"path": "poison.txt"})]), say("ok")],
        "a thought": [say("ok", thinking=spoken)],
    }[said_by]
    with FakeOllama(answers) as server:
        played = program.run("-p", "go", "--provider", "ollama", "-m", "fake", OLLAMA_BASE_URL=server.url)
    assert (played.status, played.stdout) == (0, "ok\n"), played.stderr
    assert (program.workspace / "reached").exists() is (said_by == "the model")
