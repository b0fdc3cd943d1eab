"""HOST. The background commands of a sandbox's workers: their frames checked and told as facts, and what a person asks."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, get_args

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.jobs import JobEnd, JobEnded, JobProgress, JobStarted
from py_mono.sandbox.wire import WireError

if TYPE_CHECKING:
    from py_mono.sandbox.link import Link

_TELLABLE = frozenset(get_args(JobEnd)) - {"session_ended"}
_MOST = 64  # twice what an honest worker has, which may tell of a beginning before an end
_GREATEST = 1 << 31
_GREATEST_SIZE = 1 << 62
_GREATEST_STATUS = 255
_COMMAND, _PATH, _TAIL = 500, 4096, 800
_ANSWER_S = 5.0
_END_S = 10.0

Tell = Callable[[JobStarted | JobEnded], None]


class LinkJobs:
    """Those of one worker. Each frame is checked: the worker may be anybody's by now.

    Attributes:
        running: Since when, on the loop's clock, by handle.
        tell: Gets the facts.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` gives monotonic seconds."""
        self._clock = clock
        self._begun = 0
        self.running: dict[int, float] = {}
        self.tell: Tell = _nobody

    def take(self, frame: dict[str, Any], *, calls: int, open_calls: int) -> None:
        """Take a frame in; ``calls`` were made so far, and ``open_calls`` have no result. Raises WireError."""
        job = frame["job"]
        if not 0 < job < _GREATEST:
            raise WireError(f"a job has no number {str(job)[:20]}")
        if frame["frame"] == "job_started":
            if not open_calls or self._begun >= calls or job in self.running or len(self.running) >= _MOST:
                raise WireError(f"no call can have started job {job} now")
            self._begun += 1
            self.running[job] = self._clock()
            self.tell(JobStarted(job, frame["command"][:_COMMAND], frame["output"][:_PATH]))
        else:
            if job not in self.running:
                raise WireError(f"job {job} does not run, and cannot end")
            sizes = 0 <= frame["status"] <= _GREATEST_STATUS and 0 <= frame["size"] < _GREATEST_SIZE
            if not sizes or frame["reason"] not in _TELLABLE:
                raise WireError(f"job {job} cannot have ended so")
            seconds = round(self._clock() - self.running.pop(job), 1)
            tail = frame["tail"][-_TAIL:]
            self.tell(JobEnded(job, frame["reason"], frame["status"], seconds, frame["size"], tail))

    def lost(self) -> None:
        """The worker ended, and they with it."""
        for job, began in sorted(self.running.items()):
            del self.running[job]
            self.tell(JobEnded(job, "lost", seconds=round(self._clock() - began, 1)))


def _nobody(_: JobStarted | JobEnded) -> None:
    """Where no agent watches, as for a single call, nobody is told."""


class WorkerJobs:
    """Those of all workers of a session; see ``Jobs`` in ``protocol/jobs.py`` for the contract."""

    def __init__(self) -> None:
        self._emit: Tell = _nobody
        self._last = 0
        self._leaving = False
        self._links: dict[Link, None] = {}
        self._asked = 0
        self._waiting: dict[int, list[asyncio.Future[None]]] = {}

    @property
    def running(self) -> bool:
        """Whether any runs."""
        return any(link.jobs.running for link in self._links)

    def attach(self, link: "Link") -> "Link":
        """Look after those of a worker that was just started; the link itself."""
        self._links = {known: None for known in self._links if not known.dead}
        self._links[link] = None
        link.jobs.tell = self._tell
        if self._last:
            link.count_jobs(self._last)
        return link

    def watch(self, last: int, emit: Tell) -> None:
        """See ``Jobs``."""
        self._emit = emit
        self._count(last)

    def leave(self) -> None:
        """See ``Jobs``."""
        self._leaving = True

    async def progress(self) -> Mapping[int, JobProgress]:
        """See ``Jobs``."""
        now = asyncio.get_running_loop().time()
        running = [(job, link, now - began) for link in self._links for job, began in link.jobs.running.items()]
        answers = await asyncio.gather(
            *(self._ask(link, job, "show") for job, link, _ in running), return_exceptions=True
        )
        return {
            job: JobProgress(seconds, _size(answer)) for (job, _, seconds), answer in zip(running, answers, strict=True)
        }

    async def show(self, job: int) -> str:
        """See ``Jobs``."""
        for link in [link for link in self._links if not link.dead]:
            frame = await self._ask(link, job, "show")
            if not frame["is_error"]:
                text: str = frame["content"]
                return text
        raise SandboxError(f"The output of job {job} is not kept any more.")

    async def kill(self, job: int) -> None:
        """See ``Jobs``."""
        link = next((link for link in self._links if job in link.jobs.running), None)
        if link is None:
            raise SandboxError(f"Job {job} does not run.")
        over = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job, []).append(over)
        await self._ask(link, job, "kill")
        try:
            await asyncio.wait_for(over, _END_S)
        except TimeoutError:
            raise SandboxError(
                f"Job {job} did not end within {_END_S:.0f} s.", remedy="It ends with the session: /bye."
            ) from None

    async def _ask(self, link: "Link", job: int, action: str) -> dict[str, Any]:
        """What the worker answers. Raises SandboxError where it does not."""
        self._asked += 1
        future = link.ask_job(f"job {self._asked}", job, action)
        try:
            frame: dict[str, Any] = await asyncio.wait_for(future, _ANSWER_S)
        except TimeoutError:
            raise SandboxError("The sandbox's worker does not answer.") from None
        return frame

    def _tell(self, event: JobStarted | JobEnded) -> None:
        if isinstance(event, JobStarted):
            self._count(event.job)
        else:
            if self._leaving and event.reason == "lost":
                event = JobEnded(event.job, "session_ended", seconds=event.seconds)
            for over in self._waiting.pop(event.job, ()):
                if not over.done():
                    over.set_result(None)
        self._emit(event)

    def _count(self, last: int) -> None:
        self._last = max(self._last, last)
        for link in self._links:
            link.count_jobs(self._last)


def _size(answer: dict[str, Any] | BaseException) -> int:
    """What a worker said of a size, if it is one."""
    size = answer["details"].get("size") if isinstance(answer, dict) else None
    return size if type(size) is int and 0 <= size < _GREATEST_SIZE else 0
