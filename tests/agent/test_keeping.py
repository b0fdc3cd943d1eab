"""What becomes of what a turn did: kept, reviewed, thrown away; and what the model is told of it."""

import asyncio
from collections.abc import Collection, Sequence

import pytest

from py_mono.protocol.changes import ChangesCommitted, ChangesDiscarded, ChangesStaged, ChangesUndone
from py_mono.protocol.errors import SandboxError
from py_mono.protocol.events import Event, Notice, TurnFinished
from py_mono.protocol.history import History
from py_mono.protocol.messages import UserMessage
from py_mono.protocol.ports import Changes, Committed, FileDiff
from py_mono.protocol.tools import Change
from py_mono.protocol.undo import Step
from tests.agent.fakes import FakeBranch, FakeSandbox, Rig, say_ok

CHANGES = Changes((Change("a", "modified"), Change("b", "added")))
SCRIPT = "call: act\n---\ntext: ok\n---\ntext: again"
KINDS = (ChangesStaged, ChangesCommitted, ChangesDiscarded, TurnFinished)


class Person:
    """Keeps these; remembers what was on record when it was asked."""

    def __init__(self, *keep: str) -> None:
        self.keep = keep
        self.rig: Rig | None = None
        self.asked: list[list[str]] = []
        self.recorded: list[Event] = []
        self.synced = 0

    async def __call__(self, files: Sequence[FileDiff]) -> Collection[str]:
        assert self.rig is not None
        self.asked.append([file.path for file in files])
        self.recorded = self.rig.of(*KINDS)
        self.synced = self.rig.synced
        return self.keep


def rig_with(person: Person, changes: Changes = CHANGES) -> Rig:
    person.rig = Rig(SCRIPT, changes=changes, review=person)
    return person.rig


async def test_what_is_kept_in_part_is_taken_back_in_part_and_the_model_is_told() -> None:
    person = Person("a")
    rig = rig_with(person)
    finished = await rig.agent.prompt("go")
    staged, committed = ChangesStaged(CHANGES.changes), ChangesCommitted(1, "before", "after")
    back = ChangesDiscarded(1, "review", (Change("b", "added"),))
    assert person.asked == [["a", "b"]]
    assert rig.of(*KINDS) == [staged, committed, back, committed, finished]
    assert rig.agent.history.undo.done == [Step(1, "before", "after")]
    told = UserMessage("[The user did not keep what turn 1 did to these files: b]")
    assert rig.agent.history.messages[-1] == told


async def test_while_somebody_is_asked_all_of_it_stands_is_on_the_disk_and_can_be_undone() -> None:
    person = Person()
    await rig_with(person).agent.prompt("go")
    assert person.recorded == [ChangesStaged(CHANGES.changes), ChangesCommitted(1, "before", "after")]
    assert person.synced == 1


async def test_what_is_not_kept_at_all_cannot_be_undone() -> None:
    rig = rig_with(Person())
    await rig.agent.prompt("go")
    assert rig.of(ChangesDiscarded) == [ChangesDiscarded(1, "review", CHANGES.changes)]
    assert rig.agent.history.undo.done == []
    assert rig.agent.history.undo.turns == {}


async def test_what_is_kept_whole_is_nothing_more_to_anybody() -> None:
    rig = rig_with(Person("a", "b"))
    finished = await rig.agent.prompt("go")
    assert rig.of(*KINDS) == [ChangesStaged(CHANGES.changes), ChangesCommitted(1, "before", "after"), finished]


async def test_a_turn_that_changed_nothing_is_not_reviewed() -> None:
    person = Person()
    await rig_with(person, Changes(())).agent.prompt("go")
    assert person.asked == []


async def test_an_interrupt_at_the_question_leaves_all_as_it_is() -> None:
    asked = asyncio.Event()

    async def hesitate(files: Sequence[FileDiff]) -> Collection[str]:
        asked.set()
        await asyncio.sleep(60)
        return [file.path for file in files]

    rig = Rig(SCRIPT, changes=CHANGES, review=hesitate)
    turn = asyncio.ensure_future(rig.agent.prompt("go"))
    await asked.wait()
    rig.agent.interrupt()
    assert (await turn).stop_reason == "end"
    assert rig.of(ChangesDiscarded) == []
    assert [event.text for event in rig.of(Notice)] == [
        "not reviewed: what the turn changed stands; /undo takes it back"
    ]
    assert not rig.agent.running


class Failing(FakeBranch):
    """Has no checkpoint."""

    async def diff(self) -> Sequence[FileDiff]:
        raise SandboxError("There is no checkpoint.")

    async def commit(self, keep: Collection[str] | None = None) -> Committed | None:
        del keep
        return Committed("", "", note="the disk is full.")


async def test_where_there_is_no_checkpoint_the_turn_stands_and_it_is_said() -> None:
    branch = Failing({"act": say_ok}, CHANGES)
    rig = Rig(SCRIPT, sandbox=FakeSandbox(branch), review=Person())
    assert (await rig.agent.prompt("go")).stop_reason == "end"
    assert rig.of(ChangesCommitted, ChangesDiscarded) == []
    assert [event.text for event in rig.of(Notice)] == [
        "this turn cannot be undone: the disk is full.",
        "what the turn changed stands unreviewed: There is no checkpoint.",
    ]


async def test_a_dry_run_is_on_a_copy_tells_what_it_did_and_keeps_nothing() -> None:
    rig = Rig(SCRIPT, changes=CHANGES, mode="scratch", review=Person())
    finished = await rig.agent.prompt("go")
    assert rig.sandbox.modes == ["scratch"]
    discarded = ChangesDiscarded(1, "dry_run", CHANGES.changes)
    assert rig.of(*KINDS) == [ChangesStaged(CHANGES.changes), discarded, finished]
    assert await rig.agent.diff() == (1, [FileDiff(c.path, c.kind, f"diff of {c.path}\n", "") for c in CHANGES.changes])
    assert not any(
        "[The user" in message.text for message in rig.agent.history.messages if isinstance(message, UserMessage)
    )


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            ChangesUndone(3, "x", "y", changes=(Change("a.py", "modified"), Change("b", "deleted"))),
            "[The user took back what turn 3 did to these files: a.py, b]",
        ),
        (
            ChangesUndone(3, "x", "y", redone=True, changes=(Change("a.py", "modified"),)),
            "[The user brought back what turn 3 did to these files: a.py]",
        ),
        (
            ChangesDiscarded(2, "review", tuple(Change(f"{number}", "added") for number in range(12))),
            "[The user did not keep what turn 2 did to these files: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more]",
        ),
    ],
)
def test_the_model_is_told_what_was_taken_back(event: Event, told: str) -> None:
    history = History()
    history.apply(event)
    assert history.messages == [UserMessage(told)]


@pytest.mark.parametrize(
    "event",
    [ChangesUndone(3, "x", "y"), ChangesDiscarded(2, "dry_run", CHANGES.changes), ChangesCommitted(1, "x", "y")],
)
def test_of_what_touches_no_file_it_knows_the_model_hears_nothing(event: Event) -> None:
    history = History()
    history.apply(event)
    assert history.messages == []


async def test_a_session_that_goes_on_after_a_dry_run_tells_the_model_once_that_it_is_over() -> None:
    dry = Rig(SCRIPT, changes=CHANGES, mode="scratch")
    await dry.agent.prompt("go")
    again = Rig("text: one\n---\ntext: two", past=dry.journal)
    assert again.agent.history.dry == {change.path: change for change in CHANGES.changes}
    await again.agent.prompt("on")
    await again.agent.prompt("and on")
    assert again.of(ChangesDiscarded) == [ChangesDiscarded(1, "ended", CHANGES.changes)]
    said = [message.text for message in again.agent.history.messages if isinstance(message, UserMessage)]
    over = "[That was a dry run, and it is over: these files are as they were before it: a, b]"
    assert said == ["go", over, "on", "and on"]
