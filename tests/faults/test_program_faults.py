"""The real program, whose turn runs a command and then gets a reply that fails: the command ran once, and all can go on."""

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.catalogue import BYTES, PAGE
from tests.faults.harness import FAILING
from tests.faults.ollama_wire import OLLAMA, message_lines
from tests.faults.wires import Moment, chunked
from tests.journeys.program import Played, Program
from tests.servers.faults import End, FaultServer, Flood, Plan

RUNS = '{"function":{"name":"shell","arguments":{"command":"echo ran >> counter"}}}'
COUNT: Plan = [OLLAMA.head() + chunked([message_lines("I count.", RUNS)])]
DONE: Plan = [OLLAMA.head() + chunked([message_lines("Whole.")])]
RESPONSE = OLLAMA.response(FAILING)

Fault = Callable[[Moment], Plan]
FAULTS: dict[str, Fault] = {
    "a cut": lambda moment: [RESPONSE[: moment.at], End.FIN],
    "a reset": lambda moment: [RESPONSE[: moment.at], End.RST],
    "garbage": lambda moment: [RESPONSE[: moment.at] + BYTES + RESPONSE[moment.at :], End.FIN],
    "a web page": lambda moment: [RESPONSE[: moment.at] + PAGE + RESPONSE[moment.at :], End.FIN],
}
MOMENTS = {moment.name: moment for moment in OLLAMA.moments(FAILING) if not moment.whole}
CELLS = [(list(FAULTS)[n % len(FAULTS)], name) for n, name in enumerate(MOMENTS)]
"""Every moment, with each fault in turn."""

ALWAYS = [
    ("a cut", "head: before its first byte", 75),
    ("a reset", "before the body", 75),
    ("a cut", "within a character of the text", 75),
    ("a reset", "in a call's arguments", 75),
    ("a cut", "between two calls", 75),
    ("garbage", "head: in the status line", 1),
    ("garbage", "within an escape of a call's arguments", 1),
    ("a web page", "head: before its first byte", 1),
]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def ask(program: Program, server: FaultServer, *arguments: str) -> Played:
    played = program.run("-p", "go", "--provider", "ollama", "-m", "fake", *arguments, OLLAMA_BASE_URL=server.url)
    assert "Traceback" not in played.stderr + played.stdout
    return played


def of_type(played: Played, kind: str) -> list[dict[str, Any]]:
    return [event for event in played.events if event["type"] == kind]


def only_counted_once(program: Program) -> None:
    assert {path.name: path.read_text() for path in program.workspace.iterdir()} == {"counter": "ran\n"}


@pytest.mark.parametrize(("fault", "moment"), CELLS)
def test_a_turn_whose_second_reply_fails_once_ends_well(program: Program, fault: str, moment: str) -> None:
    plans = [COUNT, FAULTS[fault](MOMENTS[moment]), DONE]
    with FaultServer(plans, routes=OLLAMA.routes) as server:
        played = ask(program, server, "--json")
    assert played.status == 0, played.stderr
    assert [event["message"]["text"] for event in of_type(played, "message_finished")] == ["I count.", "Whole."]
    assert len(of_type(played, "tool_finished")) == 1
    assert server.asked_for(OLLAMA.target) == 3
    only_counted_once(program)


@pytest.mark.parametrize(("fault", "moment", "status"), ALWAYS)
def test_a_turn_whose_second_reply_never_comes_is_an_error_and_the_session_goes_on(
    program: Program, fault: str, moment: str, status: int
) -> None:
    with FaultServer([COUNT, *[FAULTS[fault](MOMENTS[moment])] * 4], routes=OLLAMA.routes) as server:
        failed = ask(program, server)
        assert (failed.status, failed.stdout) == (status, ""), failed.stderr
        assert ("`ollama serve`" if status == 75 else "an Ollama server?") in failed.stderr
        only_counted_once(program)
        server.plans, first = [DONE], server.asked_for(OLLAMA.target)
        again = ask(program, server, "-c")
        assert (again.status, again.stdout) == (0, "Whole.\n"), again.stderr
        assert server.asked_for(OLLAMA.target) == first + 1
        sent = next(one.body for one in reversed(server.asked) if one.target.endswith(OLLAMA.target))
        assert (sent.count(b"echo ran"), sent.count(FAILING.encode())) == (1, 0)
        only_counted_once(program)


def test_a_line_of_100_mb_is_refused_before_it_is_in_memory(program: Program) -> None:
    flood = Flood(chunked([b"x" * 65536]).removesuffix(b"0\r\n\r\n"), 1600)
    # The kernel counts for a program what the process had that started it, too.
    before = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    with FaultServer([COUNT, [OLLAMA.head(), flood, End.FIN]], routes=OLLAMA.routes) as server:
        played = ask(program, server)
    assert (played.status, played.stdout) == (1, "")
    assert "longer than 16 MiB" in played.stderr
    assert server.flooded < 48 << 20
    assert max(before, 120 << 10) >= resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # in KiB
    only_counted_once(program)
