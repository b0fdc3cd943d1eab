"""GUEST. One program of the operator's in a lock of its own, its stdin, stdout and stderr as they were handed over.

Started as ``python -I -S -c BOOT ROOT PROFILE-JSON ORDER-JSON ARGV...``. Three processes stand round the program: ``main``
stays outside the lock and does what the host asks of it, which is to end; the init that ``confine`` makes of its child adopts
orphans, and takes everything along; each ends where it loses the other.
"""

import fcntl
import json
import os
import select
import signal
import sys
import time

from py_mono.sandbox import confine, kernel, landlock, processes
from py_mono.sandbox.profile import PROGRAM, Profile

TYPE_CHECKING = False  # spelled out: importing typing costs 4 ms
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, NoReturn

NOT_CONFINED, NOT_RUN, NOT_FOUND = 125, 126, 127
"""Exit statuses where the program did not run: as docker-run(1) and the shell use them."""
_LIFE, _NOBODY = 3, 4
_HIGH = 200
_MOST_DESCRIPTORS = 1 << 20
_SOFT_END_S, _HARD_END_S = 0.4, 0.8
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> "NoReturn":
    """Stay outside the lock until what is inside is over, and end as it did."""
    profile, order = Profile.from_json(sys.argv[2]), json.loads(sys.argv[3])
    os.closerange(_LIFE, _MOST_DESCRIPTORS)
    _share(order["sessions"])
    line = _line(order)
    if profile.backend == "bubblewrap" and any(
        os.path.lexists(path) != (path in order["covered"]) for path in profile.hidden
    ):
        _say("a file that is to be hidden came or went just now; try again")
        os._exit(NOT_CONFINED)
    processes.become_subreaper()
    life, life_end = _pipe()
    report, report_end = _pipe()
    signals = _Signals()
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    child = os.fork()
    if child == 0:
        signals.forget()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        for descriptor in (line, life_end, report):
            os.close(descriptor)
        os.setsid()
        if profile.backend == "bubblewrap":
            _enter_bubblewrap(order["bubblewrap"], life)
        _confined(profile, order, life, report_end)
    _let_go()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    kernel.prctl("dumpable", kernel.PR_SET_DUMPABLE, 0)  # its environment is the program's, and not for the tools
    os.close(life)
    os.close(report_end)
    os.set_blocking(report, False)
    if profile.backend == "bubblewrap":  # which ends as its child does, and needs nobody to tell who that is
        os.close(report)
        report = -1
    _watch(line, life_end, report, signals, child)


def _watch(line: int, life: int, report: int, signals: "_Signals", child: int) -> "NoReturn":
    """Wait for init's end; where the host asks for it or is gone, bring it about.

    Init is ``child``, or what it left to this process: ``report`` tells which.
    """
    poll = select.poll()
    poll.register(line, 0)  # POLLHUP is always reported
    poll.register(signals.wake, select.POLLIN)
    statuses: dict[int, int] = {}
    told, until = b"", 0.0
    init = child if report < 0 else 0
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(max(0.0, until - time.monotonic()) * 1e3 if until else None)}
        if not until and (signals.ending or line in ready):
            poll.unregister(line)
            os.close(life)
            until = time.monotonic() + _HARD_END_S
        elif until and time.monotonic() >= until:
            processes.send(processes.children(), signal.SIGKILL)
            until += 1
        signals.clear()
        alone = processes.reap(statuses)
        if not init:
            told += _piece(report)
            init = int(told or b"0")
        if alone or init in statuses:
            break
    processes.end_descendants()
    os._exit(_exit_status(statuses[init if init in statuses else child]))


def inner() -> "NoReturn":
    """What ``bubblewrap`` starts: as ``main``'s child, whose life hangs on descriptor 3."""
    os.closerange(_LIFE + 1, _MOST_DESCRIPTORS)
    _confined(Profile.from_json(sys.argv[2]), json.loads(sys.argv[3]), _moved(_LIFE), -1)


def _confined(profile: Profile, order: "dict[str, Any]", life: int, report: int) -> "NoReturn":
    """Put the lock on, and be the program's init."""

    def report_pid(pid: int) -> None:
        if report >= 0:
            os.write(report, b"%d" % pid)

    try:
        if profile.backend != "off":
            confine.enter(profile, report_pid)
    except (confine.ConfineError, OSError) as error:
        remedy = getattr(error, "remedy", "")
        _say(f"the lock could not be put on, so the server is not started: {error}. {remedy}")
        os._exit(NOT_CONFINED)
    if os.getpid() != 1:  # else the one outside told it
        report_pid(os.getpid())
    if report >= 0:
        os.close(report)
    _Init(life, profile, order).serve()


class _Init:
    """The program's parent: the first process in the lock."""

    def __init__(self, life: int, profile: Profile, order: "dict[str, Any]") -> None:
        self._life = life
        self._profile = profile
        self._order = order

    def serve(self) -> "NoReturn":
        """Start it, and wait for its end; where ``life`` ends first, it has a moment to end by itself."""
        processes.become_subreaper()
        signals = _Signals()
        program = os.fork()
        if program == 0:
            signals.forget()
            self._become()
        _let_go()
        poll = select.poll()
        poll.register(self._life, 0)
        poll.register(signals.wake, select.POLLIN)
        statuses: dict[int, int] = {}
        until = 0.0
        while program not in statuses:
            left = max(0.0, until - time.monotonic()) if until else None
            ready = {descriptor for descriptor, _ in poll.poll(None if left is None else left * 1e3)}
            if not until and (self._life in ready or signals.ending):
                poll.unregister(self._life)
                processes.send([program], signal.SIGTERM)
                until = time.monotonic() + _SOFT_END_S
            elif until and time.monotonic() >= until:
                processes.send([program], signal.SIGKILL)
            signals.clear()
            processes.reap(statuses)
        processes.end_descendants()
        os._exit(_exit_status(statuses[program]))

    def _become(self) -> "NoReturn":
        """Be the program."""
        environment: dict[str, str] = json.loads(os.environ[PROGRAM])
        if environment.get("HOME") == self._order["home"] and not os.access(self._order["home"], os.W_OK):
            environment["HOME"] = os.path.join(self._profile.private_tmp, "home")  # a root's, who became another
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        argv = sys.argv[4:]
        try:
            os.chdir(self._order["cwd"])
            if self._profile.backend != "off":
                landlock.scope_signals()
            os.execvpe(argv[0], argv, environment)  # noqa: S606 - the operator's program, without a shell
        except FileNotFoundError as error:
            missing = error.filename or argv[0]
            _say(
                f"{os.fsdecode(missing)} is not there, or cannot be seen in the lock (PATH is {environment.get('PATH')})"
            )
            os._exit(NOT_FOUND)
        except OSError as error:
            _say(f"{argv[0]} cannot be started: {error.strerror}")
            os._exit(NOT_RUN)


class _Signals:
    """Wakes a poll when a child ended, or somebody wants an end."""

    def __init__(self) -> None:
        self.ending = False
        self.wake, self._end = _pipe()
        for descriptor in (self.wake, self._end):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._on_child)
        for number in _ENDING:
            signal.signal(number, self._on_end)

    def clear(self) -> None:
        """Forget what woke it."""
        _piece(self.wake)

    def forget(self) -> None:
        """In a child: be as if there had been none."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, *_ENDING):
            signal.signal(number, signal.SIG_DFL)
        os.close(self.wake)
        os.close(self._end)

    def _on_child(self, _number: int, _frame: "FrameType | None") -> None:
        """A handler must exist for the wake-up descriptor to be written to."""

    def _on_end(self, _number: int, _frame: "FrameType | None") -> None:
        self.ending = True


def _share(sessions: str) -> None:
    """Share the lock that no first key is stored beside (see ``presence``), for as long as this process or init lives."""
    if not sessions:
        return
    flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        os.makedirs(os.path.dirname(sessions), 0o700, exist_ok=True)
        descriptor = _moved(os.open(sessions, flags, 0o600))
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except OSError:  # then none can make the key file either
        return


def _line(order: "dict[str, Any]") -> int:
    """The line that is cut when the host wants the end, or is gone; there it ends at once.

    One that opens when the host is gone already would never hear of it: so the host's claim is looked at afterwards.
    """
    try:
        line = _moved(os.open(order["line"], os.O_RDONLY | os.O_NONBLOCK))
        claim = os.open(order["claim"], os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(claim, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(claim)
        return line
    except OSError:
        pass
    _say("py-mono, which wanted this server, is gone")
    os._exit(NOT_CONFINED)


def _enter_bubblewrap(argv: "list[str]", life: int) -> "NoReturn":
    os.dup2(life, _LIFE)
    os.dup2(_moved(os.open(os.devnull, os.O_WRONLY)), _NOBODY)
    try:
        os.execv(argv[0], argv)  # noqa: S606 - with the arguments the host made
    except OSError as error:
        _say(f"{argv[0]} cannot be started: {error.strerror}")
        os._exit(NOT_CONFINED)


def _pipe() -> tuple[int, int]:
    """A pipe with high numbers, which nothing that is started inherits."""
    read, write = os.pipe()
    return _moved(read), _moved(write)


def _moved(descriptor: int) -> int:
    """The same with a high number: low ones are the program's, and the lock's for a while."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    os.close(descriptor)
    return high


def _piece(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except BlockingIOError:
        return b""


def _let_go() -> None:
    """Let go of what the program speaks through, so that whoever listens sees its end."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _exit_status(status: int) -> int:
    """As a shell says it: 128 and the signal where one ended it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _say(text: str) -> None:
    """On stderr, where whoever starts a server looks for why it does not answer."""
    os.write(2, f"py-mono: {text}\n".encode(errors="backslashreplace"))
