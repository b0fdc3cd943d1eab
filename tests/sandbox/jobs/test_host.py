"""What a worker says of background commands is checked: it may be anybody's by now."""

import itertools
from typing import Any

import pytest

from py_mono.protocol.errors import WorkerDied
from py_mono.protocol.jobs import JobEnded, JobStarted
from py_mono.sandbox.jobs.host import LinkJobs
from py_mono.sandbox.wire import WireError, encode
from tests.sandbox.test_link import Impostor, ignore

STARTED: dict[str, Any] = {"frame": "job_started", "job": 1, "command": "serve", "output": "/tmp/job-1.log"}
ENDED: dict[str, Any] = {"frame": "job_ended", "job": 1, "status": 0, "reason": "exited", "size": 3, "tail": "up"}


class Told:
    """The jobs of a link, and what they told; a clock that ticks seconds."""

    def __init__(self) -> None:
        self.events: list[JobStarted | JobEnded] = []
        self.jobs = LinkJobs(lambda: float(next(ticks)))
        ticks = itertools.count()
        self.jobs.tell = self.events.append

    def take(self, *frames: dict[str, Any], calls: int = 1, open_calls: int = 1) -> None:
        for frame in frames:
            self.jobs.take(frame, calls=calls, open_calls=open_calls)


def test_what_is_sound_is_told() -> None:
    told = Told()
    told.take(STARTED, ENDED)
    assert told.events == [JobStarted(1, "serve", "/tmp/job-1.log"), JobEnded(1, "exited", 0, 1.0, 3, "up")]


def test_what_is_too_long_is_cut() -> None:
    told = Told()
    told.take({**STARTED, "command": "c" * 9000, "output": "/" * 9000}, {**ENDED, "tail": "a" + "t" * 9000})
    assert told.events == [JobStarted(1, "c" * 500, "/" * 4096), JobEnded(1, "exited", 0, 1.0, 3, "t" * 800)]


@pytest.mark.parametrize("lie", [
    {**ENDED},
    {**STARTED, "job": 0},
    {**STARTED, "job": -1},
    {**STARTED, "job": 1 << 31},
    {**STARTED, "job": 10**300},
])  # fmt: skip
def test_what_cannot_have_begun_is_refused(lie: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        Told().take(lie)


@pytest.mark.parametrize("lie", [
    {**STARTED},
    {**ENDED, "job": 2},
    {**ENDED, "status": 256},
    {**ENDED, "status": -1},
    {**ENDED, "size": -1},
    {**ENDED, "size": 1 << 64},
    {**ENDED, "reason": "session_ended"},
    {**ENDED, "reason": "x" * 100},
])  # fmt: skip
def test_what_cannot_have_happened_to_one_that_runs_is_refused(lie: dict[str, Any]) -> None:
    told = Told()
    told.take(STARTED)
    with pytest.raises(WireError):
        told.take(lie, calls=9)
    assert len(told.events) == 1


def test_no_more_can_begin_than_calls_were_made_nor_while_none_runs() -> None:
    told = Told()
    told.take(STARTED, ENDED)
    with pytest.raises(WireError, match="no call can have started job 1 now"):
        told.take(STARTED)
    with pytest.raises(WireError, match="no call can have started job 2 now"):
        Told().take({**STARTED, "job": 2}, calls=9, open_calls=0)
    crowd = Told()
    with pytest.raises(WireError, match="no call can have started job 65 now"):
        crowd.take(*({**STARTED, "job": number} for number in range(1, 99)), calls=99)
    assert len(crowd.events) == 64


async def test_the_jobs_of_a_worker_that_lies_are_lost_with_it() -> None:
    impostor = Impostor()
    impostor.wire.settimeout(0)
    events: list[JobStarted | JobEnded] = []
    impostor.link.jobs.tell = events.append
    call = impostor.link.call("1", "shell", {}, ignore)
    await impostor.say(*(encode("job_started", job=number, command="c", output="/o") for number in (1, 1)))
    with pytest.raises(WorkerDied, match="no call can have started job 1 now"):
        await call
    assert [type(event).__name__ for event in events] == ["JobStarted", "JobEnded"]
    assert isinstance(events[1], JobEnded)
    assert events[1].reason == "lost"
    await impostor.end()
    assert len(events) == 2
