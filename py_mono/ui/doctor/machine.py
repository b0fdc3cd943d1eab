"""Python, the terminal, and room on the disks."""

import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Mapping

from py_mono.ui.doctor.findings import Case, Finding, Verdict, command_in, size, with_words

_TOO_LITTLE = 100_000_000
_LITTLE = 1_000_000_000


def program(case: Case) -> Finding:
    """Which py-mono."""
    return Finding("py-mono", "ok", case.version)


def python(_: Case) -> Finding:
    """Which Python."""
    detail = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    return Finding("python", "ok", f"{detail}, {platform.system()} {platform.release()} {platform.machine()}")


def settings(case: Case) -> Finding:
    """Flags, environment and ``.env``, as far as they could not be used."""
    if not case.problems:
        return Finding("settings", "ok", f"the provider is {case.provider.provider}")
    told = "; ".join(with_words(message, remedy) for message, remedy in case.problems)
    command = next((found for _, remedy in case.problems if (found := command_in(remedy))), "")
    file = os.path.join(case.config, "config.toml")
    if not command and os.path.basename(file) in told:
        command = f"${{EDITOR:-vi}} {shlex.quote(file)}"
    return Finding("settings", "fault", told, command)


def terminal(case: Case) -> Finding:
    """What can be shown: colours, characters, how wide."""
    stream = sys.__stdout__ or sys.stdout  # in the REPL ``sys.stdout`` is something else
    return describe_terminal(case.provider.environment, tty=stream.isatty(), encoding=stream.encoding or "ascii")


def describe_terminal(environment: Mapping[str, str], *, tty: bool, encoding: str) -> Finding:
    """The same, of a stream with these traits."""
    term = environment.get("TERM", "")
    unicode = encoding.lower().replace("-", "").startswith(("utf8", "utf16", "utf32"))
    if not tty:
        detail = f"stdout is no terminal; encoding {encoding}"
    elif term in {"", "dumb"}:
        why = f"TERM is {term or 'not set'}: no colours, no line editing"
        return Finding("terminal", "warning", why, "export TERM=xterm-256color")
    else:
        colours = "off (NO_COLOR)" if environment.get("NO_COLOR") else environment.get("COLORTERM") or "16"
        detail = f"{term}, {_columns()}, encoding {encoding}, colours {colours}"
    if not unicode:
        return Finding("terminal", "warning", f"{detail}: other characters are replaced", "export LANG=C.UTF-8")
    return Finding("terminal", "ok", detail)


def _columns() -> str:
    try:
        seen = os.get_terminal_size((sys.__stdout__ or sys.stdout).fileno())
    except (OSError, ValueError):
        return "of unknown size"
    return f"{seen.columns} x {seen.lines}"


def disk(case: Case) -> Finding:
    """Room where things are kept and made."""
    places = {
        "sessions and checkpoints": (case.state, "export PY_MONO_HOME=/a/folder/with/room"),
        "workspace": (case.workspace, f"du -xh --max-depth=1 {shlex.quote(case.workspace)} | sort -h | tail"),
        "temporary files": (case.environ.get("TMPDIR") or tempfile.gettempdir(), "export TMPDIR=/a/folder/with/room"),
    }
    said, worst, remedy = [], _LITTLE, ""
    for name, (path, mend) in places.items():
        if not path:
            continue
        try:
            free = free_bytes(path)
        except OSError as error:
            said.append(f"{name}: {error.strerror or error}")
            continue
        said.append(f"{name}: {size(free)} free")
        if free < worst:
            worst, remedy = free, mend
    verdict: Verdict = "fault" if worst < _TOO_LITTLE else "warning" if worst < _LITTLE else "ok"
    return Finding("disk", verdict, ", ".join(said), remedy)


def free_bytes(path: str) -> int:
    """What may still be written where ``path`` is, or would be made. Raises OSError."""
    path = os.path.abspath(path)
    while not os.path.exists(path) and path != "/":
        path = os.path.dirname(path)
    seen = os.statvfs(path)
    return seen.f_bavail * seen.f_frsize
