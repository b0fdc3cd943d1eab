"""Background commands: when they begin, when they are over, and that they outlive a turn."""

from py_mono.protocol.job_list import ending, short
from py_mono.protocol.jobs import JobEnded, JobStarted
from py_mono.ui.rendering.view import View
from py_mono.ui.terminal import one_line

_FINE = {"stopped", "session_ended"}


def job_started(view: View, event: JobStarted) -> None:
    """One runs."""
    view.jobs[event.job] = one_line(short(event.command))
    view.line(f"job {event.job} runs in the background: {view.jobs[event.job]}", "dim")


def job_ended(view: View, event: JobEnded) -> None:
    """Nothing is left of one."""
    command = view.jobs.pop(event.job, "")
    fine = event.reason in _FINE or (event.reason == "exited" and not event.status)
    which = f"job {event.job} ({command})" if command else f"job {event.job}"
    view.line(f"{which} {ending(event)}", "dim" if fine else "yellow")


def jobs_go_on(view: View) -> None:
    """An interrupted turn leaves them, where the session goes on."""
    if view.jobs and view.final_text:
        names = ", ".join(map(str, view.jobs))
        view.say(f"still in the background: job {names}; /jobs shows and ends them", "dim")
