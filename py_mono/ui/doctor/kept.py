"""What is kept: ``.env``, the folders for settings and sessions, the checkpoints."""

import os
import shlex
import time

from dotenv.parser import parse_stream

from py_mono.protocol.errors import SandboxError
from py_mono.ui.doctor.findings import Case, Finding, command_in, in_thread, said, size
from py_mono.ui.doctor.keys import file_mode

_KEPT = ("sessions", "checkpoints", "input_history")
_DAY_S = 86_400
_OPEN_TO_OTHERS = 0o077
_STATS_S = 3.0


def dotenv(case: Case) -> Finding:
    """The ``.env`` of the configuration folder: whether it can be read, by whom, and whether all of it makes sense."""
    path = os.path.join(case.config, ".env")
    mode = file_mode(path)
    if mode is None:
        return Finding(".env", "ok", f"there is none in {case.config}")
    quoted = shlex.quote(path)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            bindings = list(parse_stream(file))
    except OSError as error:
        return Finding(".env", "fault", f"{path} cannot be read: {error.strerror}", f"chmod 600 {quoted}")
    wrong = [str(binding.original.line) for binding in bindings if binding.error]
    if wrong:
        why = f"{path}: line {', '.join(wrong)} cannot be understood, and is passed over"
        return Finding(".env", "fault", why, f"${{EDITOR:-vi}} +{wrong[0]} {quoted}")
    count = sum(binding.key is not None for binding in bindings)
    detail = f"{path}: {count} variable{'' if count == 1 else 's'}"
    if mode & _OPEN_TO_OTHERS and count:
        return Finding(".env", "warning", f"{detail}; others can read it (mode {mode:o})", f"chmod 600 {quoted}")
    return Finding(".env", "ok", detail)


def folders(case: Case) -> Finding:
    """Whether sessions and checkpoints can be kept."""
    quoted = shlex.quote(case.state)
    mode = file_mode(case.state)
    if mode is None:
        above = os.path.abspath(case.state)
        while not os.path.lexists(above):
            above = os.path.dirname(above)
        if os.path.isdir(above) and os.access(above, os.W_OK | os.X_OK):
            return Finding("folders", "ok", f"{case.state} will be made when it is needed")
        why = f"{case.state} cannot be made: {above} may not be written, so that no session and no undo is kept"
        return Finding("folders", "fault", why, "export PY_MONO_HOME=/a/folder/of/yours")
    if not os.path.isdir(case.state):
        return Finding("folders", "fault", f"{case.state} is no folder", f"mv {quoted} {quoted}.old")
    if not os.access(case.state, os.W_OK | os.X_OK):
        why = f"{case.state} may not be written: no session and no undo is kept"
        return Finding("folders", "fault", why, f"sudo chown -R {os.geteuid()}:{os.getegid()} {quoted}")
    kept = {name: file_mode(os.path.join(case.state, name)) or 0 for name in _KEPT}
    if any(inner & _OPEN_TO_OTHERS for inner in kept.values()):
        names = ", ".join(name for name, inner in kept.items() if inner & _OPEN_TO_OTHERS)
        return Finding("folders", "warning", f"others can read {names} in {case.state}", f"chmod -R go= {quoted}")
    return Finding("folders", "ok", f"{case.state}; settings in {case.config}")


async def checkpoints(case: Case) -> Finding:
    """What undo has to go back to."""
    store = os.path.join(case.state, "checkpoints")
    try:
        whole = await in_thread(lambda: _weight(store), _STATS_S)
        if not case.workspace or whole is None:
            return Finding("checkpoints", "ok", "none yet")
        used, count, oldest = await in_thread(case.stats, _STATS_S)
    except TimeoutError:
        return Finding("checkpoints", "warning", f"{store} did not answer: another session may be busy with it")
    except SandboxError as error:
        return Finding("checkpoints", "fault", said(error), command_in(error.remedy))
    days = max(0, int((time.time() - oldest) // _DAY_S)) if oldest else 0
    since = "" if not count else f", the oldest of {'today' if not days else f'{days} days ago'}"
    number = f"{count} checkpoint{'' if count == 1 else 's'}"
    return Finding("checkpoints", "ok", f"{number}, {size(used)}{since}; of all workspaces {size(whole)}")


def _weight(store: str) -> int | None:
    """The bytes of the files in a store's folders; None where there is no such store."""
    found = 0
    if not os.path.isdir(store):
        return None
    with os.scandir(store) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                with os.scandir(entry.path) as files:
                    found += sum(file.stat(follow_symlinks=False).st_size for file in files)
    return found
