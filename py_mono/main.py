"""The door: reads the command line, starts the worker, and only then loads the rest."""

import gc
import os
import sys

from py_mono.utils.lazy import load
from py_mono.utils.stderr import GuardedText
from py_mono.utils.stdout import write
from py_mono.utils.version import VERSION

TYPE_CHECKING = False  # spelled out: typing is not free, and --version is asked often
if TYPE_CHECKING:
    from py_mono.config import Settings
    from py_mono.protocol.ports import Redact
    from py_mono.sandbox.launch import Launched, Launcher
    from py_mono.ui.arguments import Arguments

INTERRUPTED = 130

_COMMANDS = {
    "run": "py_mono.wiring.commands:run",
    "tool": "py_mono.wiring.commands:tool",
    "demo": "py_mono.wiring.commands:demo",
    "sessions": "py_mono.wiring.commands:sessions",
    "key": "py_mono.wiring.commands:key",
    "mcp": "py_mono.wiring.mcp_command:mcp",
    "debug": "py_mono.ui.debug_command:run",
}
_WITH_ANY_SETTINGS = {"doctor": "py_mono.wiring.diagnosis:doctor"}
"""What works also where the settings do not, and reads them itself."""
_HELD = (1, 2, 15)
"""SIGHUP, SIGINT and SIGTERM; the module that names them is not free, and --version is asked often."""

_WITHOUT_WORKER = {"sessions", "key", "mcp", "demo", "debug"}


def main() -> int:
    """Run the program; returns its exit status, as ``ui.json_mode`` lists them."""
    _open_closed_streams()
    if sys.argv[1:] in (["--version"], ["-V"]):
        return write(f"py-mono {VERSION}\n")
    sys.stderr = GuardedText(sys.stderr, _redactor)
    gc.disable()  # collecting while modules load finds nothing and takes a tenth of the start; ``wiring`` enables it
    known: type[Exception] = load("py_mono.protocol.errors:PyMonoError")
    try:
        arguments: Arguments = load("py_mono.ui.arguments:parse")(sys.argv[1:])
        if arguments.command in _WITH_ANY_SETTINGS:
            status: int = load(_WITH_ANY_SETTINGS[arguments.command])(arguments)
            return status
        settings: Settings = load("py_mono.config:read")(arguments, os.environ)
        return _run(arguments, settings)
    except known as error:
        return _report(error)
    except KeyboardInterrupt:
        return INTERRUPTED


def _redactor() -> "Redact":
    """For what is said on stderr before the session's own is there, such as how the program crashed."""
    redact: Redact = load("py_mono.security.redact:Redactor")(load("py_mono.security.known:secrets_in")(os.environ))
    return redact


def _run(arguments: "Arguments", settings: "Settings") -> int:
    """Run the command; where it needs a worker that one is started first, and gets ready while the rest is imported."""
    target = _COMMANDS[arguments.command]
    if arguments.command in _WITHOUT_WORKER:
        status: int = load(target)(arguments, settings)
        return status
    # What is started now has to be ended: signals wait for the moment when ``ui.signals.guarded`` takes them.
    load("signal:pthread_sigmask")(load("signal:SIG_BLOCK"), _HELD)
    launcher, worker = _started(settings)
    status = load(target)(arguments, settings, launcher, worker)
    return status  # noqa: RET504 - its type is known by its name


def _open_closed_streams() -> None:
    """Open nothing at all where the caller closed stdin, stdout or stderr: else a file of ours would get its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115 - stays open


def _started(settings: "Settings") -> "tuple[Launcher, Launched]":
    places = load("py_mono.security.keys.places:KeyPlaces")(settings.workspace, settings.folders.state)
    launcher: Launcher = load("py_mono.sandbox.launch:Launcher")(
        settings.workspace,
        backend=settings.backend,
        extra_roots=settings.extra_roots,
        network=settings.network,
        sessions=places.sessions,
        environment=settings.environment,
    )
    return launcher, launcher.start()


def _report(error: Exception) -> int:
    """Say what was wrong and what mends it; the exit status for it."""
    remedy = getattr(error, "remedy", "")
    sys.stderr.write(f"py-mono: {error}\n" + (f"  {remedy}\n" if remedy else ""))
    status: int = load("py_mono.ui.json_mode:error_status")(getattr(error, "kind", ""))
    return status


if __name__ == "__main__":
    sys.exit(main())
