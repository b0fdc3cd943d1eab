"""The real program with a fallback: a turn whose first provider fails goes on at the next, with what was done done once."""

from pathlib import Path

import pytest

from tests.faults.cloud_wires import OPENAI
from tests.faults.harness import FAILING
from tests.faults.ollama_wire import OLLAMA, message_lines
from tests.faults.test_program_faults import COUNT, FAULTS, MOMENTS, RESPONSE, only_counted_once
from tests.faults.wires import chunked
from tests.journeys.program import Played, Program
from tests.servers import fake_openai
from tests.servers.faults import End, FaultServer, Plan

KEY = "sk-a-key-that-nobody-may-see-0123456789"
CELLS = [
    ("a cut", "head: in the status line"),
    ("a reset", "in a call's arguments"),
    ("garbage", "within a character of the text"),
    ("a web page", "between two calls"),
]
HERE = fake_openai.say("Here.").pieces
WHOLE: Plan = [OPENAI.head() + chunked([b"".join(piece for piece in HERE if isinstance(piece, bytes))])]
UNTOLD: Plan = [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", End.FIN]
ASIDES = dict.fromkeys(("/models", "/v1/models", "/props", "/api/v0/models", "/api/v1/models", "/api/ps"), UNTOLD)
"""What a server on this machine is asked about its window."""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def ask(program: Program, first: FaultServer, second: FaultServer, *arguments: str, **more: str) -> Played:
    """From Ollama to a server that speaks OpenAI's wire."""
    program.more = {"LLM_FALLBACK": "openai/fake", "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": second.url, **more}
    played = program.run("-p", "go", "--provider", "ollama", "-m", "fake", *arguments, OLLAMA_BASE_URL=first.url)
    assert "Traceback" not in played.stderr + played.stdout
    assert KEY not in played.stderr + played.stdout
    return played


@pytest.mark.parametrize(("fault", "moment"), CELLS)
def test_a_turn_goes_on_at_the_fallback_and_what_ran_ran_once(program: Program, fault: str, moment: str) -> None:
    plans = [COUNT, *[FAULTS[fault](MOMENTS[moment])] * 4]
    with FaultServer(plans, routes=OLLAMA.routes) as first, FaultServer([WHOLE], routes=ASIDES) as second:
        played = ask(program, first, second, "--json")
    assert played.status == 0, played.stderr
    facts = [event for event in played.events if not event["type"].endswith("_delta")]
    failed = [event for event in facts if event["type"] == "attempt_failed"]
    assert [event["type"] for event in facts if event["type"] not in {"model_waiting", "context_checked"}] == [
        *("session_started", "turn_started", "prompt_frozen", "model_bound"),
        *("step_started", "message_finished", "tool_started", "checkpoint_taken", "tool_finished", "step_started"),
        *["attempt_failed", "model_retried"] * (len(failed) - 1),
        *(
            "attempt_failed",
            "model_fell_back",
            "message_finished",
            "changes_staged",
            "changes_committed",
            "turn_finished",
        ),
    ]
    hop = next(event for event in facts if event["type"] == "model_fell_back")
    assert hop == {
        "type": "model_fell_back",
        "provider": "ollama",
        "model": "fake",
        "to_provider": "openai",
        "to_model": "openai/fake",
        "reason": failed[-1]["reason"],
    }
    answers = [event["message"] for event in facts if event["type"] == "message_finished"]
    assert [(one["text"], one["model"]) for one in answers] == [("I count.", "fake"), ("Here.", "openai/fake")]
    only_counted_once(program)


def test_the_person_reads_one_line_and_the_session_goes_on_with_the_first(program: Program) -> None:
    with (
        FaultServer([[RESPONSE[:-40], End.FIN]] * 3, routes=OLLAMA.routes) as first,
        FaultServer([WHOLE], routes=ASIDES) as second,
    ):
        played = ask(program, first, second)
        assert (played.status, played.stdout) == (0, "Here.\n"), played.stderr
        lines = [line for line in played.stderr.splitlines() if "answers for the rest of this turn" in line]
        assert len(lines) == 1
        assert lines[0].startswith("ollama/fake did not answer (Ollama: ")
        first.plans = [[OLLAMA.head() + chunked([message_lines("Back.")])]]
        again = ask(program, first, second, "-c")
        assert (again.status, again.stdout) == (0, "Back.\n"), again.stderr
        sent = next(one.body for one in reversed(first.asked) if one.target.endswith(OLLAMA.target))
        assert (sent.count(b"Here."), sent.count(FAILING.encode())) == (1, 0)


def test_nobody_there_is_a_fallback_too(program: Program) -> None:
    with FaultServer([WHOLE], routes=ASIDES) as second:
        with FaultServer() as gone:
            pass
        played = ask(program, gone, second, "--json")
    assert played.status == 0, played.stderr
    kinds = [event["type"] for event in played.events]
    assert kinds.count("attempt_failed") == kinds.count("model_fell_back") == 1


def test_where_all_fail_the_status_says_try_again_and_all_attempts_are_in_the_session(program: Program) -> None:
    cut: Plan = [OPENAI.response(FAILING)[:900], End.FIN]
    with (
        FaultServer([[RESPONSE[:-40], End.FIN]] * 4, routes=OLLAMA.routes) as first,
        FaultServer([cut] * 4, routes=ASIDES) as second,
    ):
        played = ask(program, first, second, "--json")
    assert played.status == 75
    facts = [event for event in played.events if event["type"] in {"attempt_failed", "model_fell_back"}]
    assert [event["type"] for event in facts] == [*["attempt_failed"] * 3, "model_fell_back", *["attempt_failed"] * 3]
    finished = played.events[-1]
    assert (finished["stop_reason"], finished["error"]["kind"]) == ("error", "provider_unavailable")
    assert "openai" in finished["error"]["message"]


def test_a_fallback_without_a_key_is_said_and_left_out(program: Program) -> None:
    with (
        FaultServer([[RESPONSE[:-40], End.FIN]] * 4, routes=OLLAMA.routes) as first,
        FaultServer([WHOLE], routes=ASIDES) as second,
    ):
        played = ask(program, first, second, LLM_FALLBACK="groq/m,openai/fake")
    assert (played.status, played.stdout) == (0, "Here.\n"), played.stderr
    assert "GROQ_API_KEY" in played.stderr


def test_a_fallback_that_only_plays_a_recording_is_left_out_and_the_real_cause_told(program: Program) -> None:
    with FaultServer([[RESPONSE[:-40], End.FIN]] * 4, routes=OLLAMA.routes) as first, FaultServer([]) as second:
        played = ask(program, first, second, LLM_FALLBACK="replay")
    assert played.status == 75
    assert "replay cannot stand in: the provider replay plays a session, and none is named" in played.stderr
    assert "incomplete chunked read" in played.stderr.rpartition("cannot stand in")[2]
