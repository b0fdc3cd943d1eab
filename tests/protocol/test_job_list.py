"""What is known of background commands, and what the model is told of their end."""

from py_mono.protocol.events import Event, HistoryCleared, MessageSteered
from py_mono.protocol.history import History
from py_mono.protocol.jobs import JobEnded, JobStarted
from py_mono.protocol.messages import UserMessage


def fold(*events: Event) -> History:
    history = History()
    for event in events:
        history.apply(event)
    return history


def started(job: int, command: str = "npm run dev") -> JobStarted:
    return JobStarted(job, command, f"/tmp/job-{job}.log")


def test_nothing_is_said_while_it_runs() -> None:
    jobs = fold(started(1), started(4)).jobs
    assert (jobs.running, jobs.last, jobs.note()) == ((1, 4), 4, "")
    assert (fold().jobs.last, fold().jobs.note()) == (0, "")


def test_an_end_is_told_with_its_last_lines_until_it_was() -> None:
    history = fold(started(1), JobEnded(1, "exited", 3, 12.4, 99, "one\ntwo"))
    note = "[job 1 (npm run dev) ended: exit code 3 after 12 s. Its last lines:\none\ntwo]"
    assert (history.jobs.note(), history.jobs.running) == (note, ())
    steered = MessageSteered(UserMessage(note), "job")
    history.apply(MessageSteered(UserMessage("faster")))
    assert history.jobs.note() == note
    history.apply(steered)
    assert history.jobs.note() == ""
    assert history.messages == [UserMessage("faster"), UserMessage(note)]


def test_every_way_to_end_has_its_words_and_one_that_was_stopped_no_last_lines() -> None:
    ends = [
        JobEnded(1, "exited", 0, 2.6, 4, ""),
        JobEnded(1, "stopped", 143, 2.0, 4, "up"),
        JobEnded(1, "timed_out", 143, 60.0, 4, "up"),
        JobEnded(1, "session_ended"),
        JobEnded(1, "lost"),
    ]
    assert [fold(started(1), end).jobs.note().removeprefix("[job 1 (npm run dev) ") for end in ends] == [
        "ended: exit code 0 after 3 s]",
        "was stopped after 2 s]",
        "reached its time limit after 60 s and was ended. Its last lines:\nup]",
        "ended with the session]",
        "is gone: the sandbox it ran in ended]",
    ]


def test_of_many_that_ended_the_last_lines_are_left_out_and_long_commands_are_cut() -> None:
    events: list[Event] = [started(number, "sleep 1;\n" * 100) for number in range(1, 33)]
    events += [JobEnded(number, "exited", 0, 1.0, 900, "x" * 800) for number in range(1, 33)]
    note = fold(*events).jobs.note()
    assert "xxx" not in note
    assert note.count("\n") == 31
    assert len(note) < 32 * 140


def test_who_has_forgotten_the_beginning_is_not_told_the_end() -> None:
    assert fold(started(1), JobEnded(1, "lost"), HistoryCleared()).jobs.note() == ""


def test_a_fold_never_fails() -> None:
    jobs = fold(JobEnded(7, "exited"), started(1), JobEnded(1, "lost"), JobEnded(1, "lost")).jobs
    assert (list(jobs.jobs), jobs.running) == ([1], ())
