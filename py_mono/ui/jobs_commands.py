"""``/jobs``: the background commands, what one printed last, and the end of one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.job_list import ending, short
from py_mono.ui.terminal import duration, harmless, one_line

if TYPE_CHECKING:
    from py_mono.protocol.job_list import JobList
    from py_mono.protocol.jobs import JobProgress
    from py_mono.ui.app import App

_LINES = 40
_USAGE = "/jobs lists them, /jobs ID shows the last output of one, /jobs kill ID ends one."
_KILOBYTE = 1000


async def jobs(app: "App", arguments: str) -> str:
    """What ``/jobs`` says."""
    known, running = app.agent.history.jobs, app.agent.jobs
    words = arguments.split()
    number = words[-1] if words and words[-1].isascii() and words[-1].isdecimal() else ""
    if running is None or not known.jobs:
        return "There are no background commands."
    if words and (number not in map(str, known.jobs) or words[:-1] not in ([], ["kill"])):
        return f"{_USAGE} There are: {', '.join(map(str, known.jobs))}."
    try:
        if not words:
            return _listed(known, dict(await running.progress()))
        if len(words) == 1:
            return _shown(known, int(number), await running.show(int(number)))
        await running.kill(int(number))
    except SandboxError as error:
        return error.told
    return f"Nothing of job {number} is left."


def choices(app: "App") -> Sequence[tuple[str, str]]:
    """What may stand after the command."""
    known = app.agent.history.jobs
    numbers = [(str(job), one_line(short(known.jobs[job].command))) for job in known.jobs]
    return [*numbers, *([("kill", "end one")] if known.running else [])]


def _listed(known: "JobList", progress: "dict[int, JobProgress]") -> str:
    rows = []
    for number, job in known.jobs.items():
        if job.ended is not None:
            state, size = ending(job.ended), job.ended.output_bytes
        else:
            seconds = progress[number].seconds if number in progress else 0.0
            state, size = f"runs for {duration(seconds)}", progress[number].output_bytes if number in progress else 0
        rows.append((str(number), state, _sized(size), one_line(short(job.command))))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"{number:>{widths[0]}}  {state:{widths[1]}}  {size:>{widths[2]}}  {command}"
        for number, state, size, command in rows
    )


def _shown(known: "JobList", number: int, output: str) -> str:
    job = known.jobs[number]
    lines = harmless(output).strip("\n").split("\n")
    left_out = [f"… {len(lines) - _LINES} lines before"] if len(lines) > _LINES else []
    state = ending(job.ended) if job.ended is not None else "runs"
    head = f"job {number} {state}: {one_line(short(job.command))}"
    return "\n".join([head, *left_out, *(lines[-_LINES:] if output.strip() else ["(no output)"])])


def _sized(size: int) -> str:
    if size < _KILOBYTE:
        return f"{size} B"
    return f"{size / _KILOBYTE:.1f} kB" if size < _KILOBYTE**2 else f"{size / _KILOBYTE**2:.1f} MB"
