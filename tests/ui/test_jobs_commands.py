"""``/jobs``, and the lines that say what background commands do."""

import io
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.events import Envelope, Event, MessageSteered, TurnFinished
from py_mono.protocol.history import History
from py_mono.protocol.jobs import JobEnded, JobProgress, JobStarted
from py_mono.protocol.messages import Usage, UserMessage
from py_mono.ui.commands import run_command
from py_mono.ui.jobs_commands import choices
from py_mono.ui.render import Renderer
from py_mono.ui.terminal import Screen

if TYPE_CHECKING:
    from py_mono.ui.app import App


class Running:
    """Two background commands; one more has ended."""

    def __init__(self) -> None:
        self.killed: list[int] = []
        self.output = "\x1b]0;title\x07up\n" + "".join(f"line {number}\n" for number in range(50))

    def watch(self, last: int, emit: Callable[[JobStarted | JobEnded], None]) -> None:
        """Nobody asks for it here."""

    async def progress(self) -> Mapping[int, JobProgress]:
        return {1: JobProgress(3725.0, 12_345), 12: JobProgress(0.4, 7_000_000)}

    async def show(self, job: int) -> str:
        if job == 2:
            raise SandboxError("The output of job 2 is not kept any more.")
        return self.output

    async def kill(self, job: int) -> None:
        if job == 2:
            raise SandboxError("Job 2 does not run.")
        self.killed.append(job)

    def leave(self) -> None:
        """Nothing to do."""


FACTS: tuple[JobStarted | JobEnded, ...] = (
    JobStarted(1, "npm run\n  dev\x1b[2J", "/tmp/job-1.log"),
    JobStarted(2, "make", "/tmp/job-2.log"),
    JobEnded(2, "exited", 2, 12.4, 999, "error"),
    JobStarted(12, "sleep 1", "/tmp/job-12.log"),
)


def app(running: Running | None, *facts: JobStarted | JobEnded) -> "App":
    history = History()
    for fact in facts:
        history.apply(fact)
    return cast("App", SimpleNamespace(agent=SimpleNamespace(history=history, jobs=running)))


async def test_a_session_without_any_says_so() -> None:
    assert await run_command(app(Running()), "/jobs") == "There are no background commands."
    assert await run_command(app(None), "/jobs kill 1") == "There are no background commands."


async def test_they_are_listed_with_state_size_and_command() -> None:
    assert (await run_command(app(Running(), *FACTS), "/jobs")).split("\n") == [
        " 1  runs for 62 min 5 s            12.3 kB  npm run dev",
        " 2  ended: exit code 2 after 12 s    999 B  make",
        "12  runs for 0.4 s                  7.0 MB  sleep 1",
    ]


async def test_the_last_lines_of_one_are_shown_harmless() -> None:
    shown = (await run_command(app(Running(), *FACTS), "/jobs 1")).split("\n")
    assert shown[:3] == ["job 1 runs: npm run dev", "… 11 lines before", "line 10"]
    assert (shown[-1], len(shown)) == ("line 49", 42)
    quiet = Running()
    quiet.output = ""
    assert await run_command(app(quiet, *FACTS), "/jobs 12") == "job 12 runs: sleep 1\n(no output)"
    quiet.output = "\x1b[2Jup\n"
    assert await run_command(app(quiet, *FACTS), "/jobs 12") == "job 12 runs: sleep 1\nup"
    assert await run_command(app(quiet, *FACTS), "/jobs 2") == "The output of job 2 is not kept any more."


async def test_one_is_ended() -> None:
    running = Running()
    assert await run_command(app(running, *FACTS), "/jobs kill 12") == "Nothing of job 12 is left."
    assert running.killed == [12]
    assert await run_command(app(running, *FACTS), "/jobs kill 2") == "Job 2 does not run."


@pytest.mark.parametrize(
    "arguments", ["7", "kill", "kill 7", "kill all", "1 2", "-1", "٣", "9" * 5000, "kill kill 1", "1 kill"]
)
async def test_what_makes_no_sense_is_answered_with_what_would(arguments: str) -> None:
    assert await run_command(app(Running(), *FACTS), f"/jobs {arguments}") == (
        "/jobs lists them, /jobs ID shows the last output of one, /jobs kill ID ends one. There are: 1, 2, 12."
    )


def test_their_handles_complete() -> None:
    assert choices(app(Running(), *FACTS)) == [
        ("1", "npm run dev"), ("2", "make"), ("12", "sleep 1"), ("kill", "end one"),
    ]  # fmt: skip
    assert choices(app(Running())) == []


def lines(*events: Event, final_text: bool = True) -> list[str]:
    stream = io.StringIO()
    render = Renderer(Screen(stream, {"TERM": "xterm"}, terminal=False, columns=80), final_text=final_text)
    for number, event in enumerate(events):
        render(Envelope(number + 1, float(number), event))
    return stream.getvalue().splitlines()


def test_their_beginning_and_end_are_lines_and_the_note_to_the_model_is_none() -> None:
    assert lines(*FACTS, MessageSteered(UserMessage("[job 2 (make) ended]"), "job"), JobEnded(1, "lost")) == [
        "job 1 runs in the background: npm run dev",
        "job 2 runs in the background: make",
        "job 2 (make) ended: exit code 2 after 12 s",
        "job 12 runs in the background: sleep 1",
        "job 1 (npm run dev) is gone: the sandbox it ran in ended",
    ]


def test_an_interrupted_turn_says_which_go_on() -> None:
    cancelled = TurnFinished("cancelled", Usage(), 1)
    assert lines(*FACTS, cancelled)[-1] == "still in the background: job 1, 12; /jobs shows and ends them"
    assert "background" not in lines(cancelled)[-1]
    assert "still" not in lines(*FACTS, cancelled, final_text=False)[-1]  # one shot: they end with it
    assert "still" not in lines(*FACTS, TurnFinished("end", Usage(), 1))[-1]
