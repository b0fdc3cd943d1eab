"""Whatever happens to a session, its replay asks the same: interrupts, limits, steering, guards, secrets, crashes."""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from py_mono.agent.guards import Limits
from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.codec import decode_envelope, encode, is_fact
from py_mono.protocol.errors import SandboxError
from py_mono.protocol.events import Envelope, MessageSteered, StepStarted, TurnFinished, TurnStarted
from py_mono.protocol.jobs import JobEnded, JobProgress, JobStarted
from py_mono.protocol.ports import BranchMode, OnCheckpoint, unheard
from py_mono.protocol.tools import ToolCall, ToolSpec
from py_mono.security.redact import Redactor
from py_mono.session.heal import healing
from py_mono.ui.replaying import replay
from tests.agent.fakes import OPEN, FakeBranch, FakeSandbox, FakeServer, Rig

SECRETS = ('tr"icky\\pass-one', "hunter2-hunter2-ü")
BLOCKS = (
    "text: ok",
    "text: half\nstop: length",
    f'call: look {{"q": "{SECRETS[1]}", "n": 1.5, "password": "abcdefgh12345"}}\nusage: 30 10 0 0.01',
    "call: look\ncall: look\ncall: act",
    "reasoning: hm\ncall: act\nrepeat: 6",
    "call: look\nrepeat: 6",
    "malformed: look {broken\ncall: fly",
    "cut: broken\nwait: 0\ncall: act",
    "fault: unavailable away",
    'call: call_tool {"name": "s__0", "arguments": {}}\ncall: s__1\ncall: look',
)
SERVED = [ToolSpec(f"s__{number}", f"Of {SECRETS[0]}.", OPEN, "read", "mcp:s") for number in range(3)]
RESULTS = ("same", "error: no", *SECRETS, "count")


class Play(Struct, frozen=True):
    """What happens in and round one turn; moments are counted in rounds of the event loop.

    At those of ``jobs`` a background command begins or ends; -1 is before the turn. At those of ``served`` a tool of a server
    comes or goes.
    """

    cleared: bool = False
    locked_out: bool = False
    limits: Limits = Limits()
    interrupt: int | None = None
    steered: tuple[int, ...] = ()
    jobs: tuple[int, ...] = ()
    served: tuple[int, ...] = ()
    keeps_queue: bool = True


class Story(Struct, frozen=True):
    """A session: its processes, each with its turns; how many facts each loses when it is killed.

    ``room`` is what its list of tools has of bytes.
    """

    blocks: tuple[str, ...] = ("text: ok",)
    results: tuple[str, ...] = ("same",)
    processes: tuple[tuple[Play, ...], ...] = ((Play(),),)
    lost: int = 0
    room: int = 0


moments = st.integers(0, 60)
plays = st.builds(
    Play,
    cleared=st.booleans(),
    locked_out=st.sampled_from([False, False, False, True]),
    limits=st.builds(Limits, st.integers(0, 8), st.none() | st.integers(1, 100), st.none() | st.just(0.02)),
    interrupt=st.none() | moments,
    steered=st.lists(moments, max_size=3).map(tuple),
    jobs=st.lists(st.integers(-1, 60), max_size=4).map(tuple),
    served=st.lists(st.integers(-1, 60), max_size=4).map(tuple),
    keeps_queue=st.booleans(),
)
stories = st.builds(
    Story,
    blocks=st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=12).map(tuple),
    results=st.lists(st.sampled_from(RESULTS), min_size=1, max_size=6).map(tuple),
    processes=st.lists(st.lists(plays, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple),
    lost=st.integers(0, 12),
    room=st.sampled_from([0, 9_000]),
)


class Background:
    """Background commands without a sandbox: every second thing that happens is the end of one."""

    def __init__(self) -> None:
        self._emit: Callable[[JobStarted | JobEnded], None] = lambda _: None
        self._last = 0
        self._running = False

    def watch(self, last: int, emit: Callable[[JobStarted | JobEnded], None]) -> None:
        self._last, self._emit = last, emit

    def happen(self) -> None:
        self._last += not self._running
        if self._running:
            self._emit(JobEnded(self._last, "exited", 1, 2.0, 9, f"so {SECRETS[0]}"))
        else:
            self._emit(JobStarted(self._last, f"serve {SECRETS[1]}", "/tmp/job.log"))
        self._running = not self._running

    async def progress(self) -> Mapping[int, JobProgress]:
        return {}

    async def show(self, job: int) -> str:
        return str(job)

    async def kill(self, job: int) -> None:
        del job

    def leave(self) -> None:
        """Nothing runs."""


class Lockable(FakeSandbox):
    """Cannot always be had."""

    locked_out = False

    async def open(self, mode: BranchMode, on_checkpoint: OnCheckpoint = unheard) -> FakeBranch:
        del on_checkpoint
        if self.locked_out:
            raise SandboxError("no lock")
        return await super().open(mode)


async def recorded(story: Story) -> list[Envelope]:
    """What the journal holds after all of it."""
    redact = Redactor(SECRETS)
    results, count = itertools.cycle(story.results), itertools.count()

    async def answer(call: ToolCall) -> str:
        await asyncio.sleep(0)
        result = next(results)
        return f"{call.name} {next(count)}" if result == "count" else result

    facts: list[Envelope] = []
    server = FakeServer()
    for process in story.processes:
        sandbox = Lockable(Rig("text: unused", handlers={"look": answer, "act": answer}).branch)
        rig = Rig(
            "\n---\n".join(story.blocks), past=facts, redact=redact, sandbox=sandbox, jobs=(jobs := Background()),
            compose=server.compose(story.room), late=server,
        )  # fmt: skip
        for play in process:
            await _play(rig, sandbox, jobs, server, play)
        written = [envelope for envelope in rig.journal if is_fact(envelope.event)]
        facts += _read_back(written[: max(1, len(written) - story.lost)], redact)
        facts += healing(facts, next_seq=facts[-1].seq + 1, at=0.5)
    return facts


def _come_or_go(server: FakeServer, play: Play, moment: int) -> None:
    if moment not in play.served:
        return
    tool = SERVED[moment % len(SERVED)]
    if tool in server.there:
        server.there.remove(tool)
    else:
        server.there.append(tool)


async def _play(rig: Rig, sandbox: Lockable, jobs: Background, server: FakeServer, play: Play) -> None:
    sandbox.locked_out = play.locked_out
    rig.agent.limits = play.limits
    if -1 in play.jobs and rig.agent.history.session is not None:
        jobs.happen()
    _come_or_go(server, play, -1)
    if play.cleared:
        await rig.agent.clear()
    turn = asyncio.ensure_future(rig.agent.prompt(f"go, with {SECRETS[0]}"))
    for moment in range(61):
        if turn.done():
            break
        if moment == play.interrupt:
            rig.agent.interrupt()
        if moment in play.jobs and rig.agent.history.session is not None:
            jobs.happen()
        _come_or_go(server, play, moment)
        if moment in play.steered:
            rig.agent.steer(f"at {moment}, {SECRETS[1]}")
        await asyncio.sleep(0)
    await turn
    if not play.keeps_queue:
        rig.agent.take_queued()


def _read_back(written: Sequence[Envelope], redact: Redactor) -> Iterator[Envelope]:
    for envelope in written:
        read = decode_envelope(redact(encode(envelope).decode()).encode())
        assert read is not None
        yield read


CYCLE = ("call: look\nrepeat: 9",)
NO_CIRCLE = (*(SECRETS[number] for number in (0, 1, 1, 0)), "count", *(SECRETS[number] for number in (1, 0, 0, 1)))
"""Nothing comes three times in a row here, alone or as a cycle, unless the secrets are taken for the same; and no six
steps in a row bring nothing new."""


@settings(max_examples=150, deadline=None)
@given(stories)
@example(Story(processes=((Play(interrupt=1), Play()),)))
@example(Story(processes=((Play(locked_out=True), Play(), Play(locked_out=True), Play()),)))
@example(Story(blocks=CYCLE, processes=((Play(limits=Limits(max_steps=1), steered=(3,)), Play()),)))
@example(Story(blocks=CYCLE, results=NO_CIRCLE, processes=((Play(), Play()),)))
@example(Story(blocks=CYCLE, processes=((Play(steered=tuple(range(60))), Play()),)))
@example(Story(blocks=CYCLE, processes=((Play(limits=Limits(max_steps=3)), Play()),)))
@example(Story(processes=((Play(jobs=(3, 5)), Play(jobs=(4,)), Play(jobs=(5,), cleared=True), Play()), (Play(),))))
@example(
    Story(blocks=CYCLE, results=NO_CIRCLE, processes=((Play(jobs=tuple(range(-1, 60))), Play(jobs=(-1,))), (Play(),)))
)
@example(
    Story(
        blocks=CYCLE,
        results=NO_CIRCLE,
        processes=((Play(served=(-1, 4, 20)), Play(served=(7,), cleared=True)), (Play(),)),
    )
)
@example(Story(processes=((Play(served=(-1,)),), (Play(jobs=(4,)),)), lost=4))
@example(Story(processes=((Play(served=(-1,), interrupt=1), Play(locked_out=True), Play(jobs=(2, 3, 4))),), lost=3))
def test_every_request_of_a_session_is_asked_again_by_its_replay(story: Story) -> None:
    facts = asyncio.run(recorded(story))
    assume(any(isinstance(fact.event, TurnStarted) for fact in facts))
    report = asyncio.run(replay(facts))
    assert len(report.steps) == sum(isinstance(fact.event, StepStarted) for fact in facts)
    assert report.equal, report.first_difference
    assert not any(secret in encode(facts).decode() for secret in SECRETS)


def test_the_stories_hold_what_they_are_about() -> None:
    def tell(story: Story) -> list[Envelope]:
        return asyncio.run(recorded(story))

    steered_at_the_limit = tell(Story(blocks=CYCLE, processes=((Play(limits=Limits(max_steps=1), steered=(3,)),),)))
    names = [type(fact.event) for fact in steered_at_the_limit]
    assert names[-2:] == [MessageSteered, TurnFinished]
    secretive = tell(Story(blocks=CYCLE, results=NO_CIRCLE))
    assert not any(isinstance(fact.event, MessageSteered) for fact in secretive)
    told = tell(Story(blocks=CYCLE, results=NO_CIRCLE, processes=((Play(jobs=tuple(range(5, 60))), Play()),)))
    assert {fact.event.origin for fact in told if isinstance(fact.event, MessageSteered)} == {"job"}
    announced = tell(Story(blocks=CYCLE, results=NO_CIRCLE, processes=((Play(served=tuple(range(-1, 60))), Play()),)))
    assert len([fact for fact in announced if isinstance(fact.event, ToolsAnnounced)]) > 1
    unasked = tell(Story(processes=((Play(interrupt=1),),)))
    assert not any(isinstance(fact.event, StepStarted) for fact in unasked)
