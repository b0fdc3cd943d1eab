"""HOST. Which lock there is: how a worker is started for each backend, and what to do where that cannot be."""

import os
import sys
from collections.abc import Sequence

from py_mono.protocol.errors import SandboxError
from py_mono.sandbox.profile import Profile

NAMES = ("auto", "bubblewrap", "container", "off")
"""``auto``: our own layers; ``bubblewrap``: its namespaces, our other layers; ``container``: the container is the
boundary, the layers that can be had besides; ``off``: a clean environment and nothing else."""

_BOOT = "import gc, sys; gc.disable(); sys.path.append(sys.argv[1]); from py_mono.sandbox.{0} import {1}; {1}()"
BUBBLEWRAP = ("/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap")  # never what a PATH may point at
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def python(module: str, function: str, *arguments: str) -> list[str]:
    """This Python, as it runs a function of a guest module, with nothing on its path but this package."""
    return [sys.executable, "-I", "-S", "-c", _BOOT.format(module, function), _ROOT, *arguments]


def command(
    profile: Profile, report: int, guest: Sequence[str] = (), *, bubblewrap: Sequence[str] = BUBBLEWRAP
) -> list[str]:
    """The program that becomes the worker (or another ``guest``), with its arguments.

    ``report`` is the descriptor its pid is told on, ``bubblewrap`` where that program is looked for.

    Raises:
        SandboxError: The backend is unknown, or not installed.
    """
    guest = guest or python("worker", "main", profile.to_json())
    if profile.backend == "bubblewrap":
        if profile.uid is not None:
            raise SandboxError(
                f"the backend bubblewrap cannot become the workspace's owner (user {profile.uid})",
                remedy="Run py-mono as that user, or use --sandbox auto.",
            )
        return [*_bubblewrap(profile, report, bubblewrap), *guest]
    if profile.backend not in NAMES:
        raise SandboxError(
            f"there is no sandbox backend {profile.backend!r}", remedy=f"Choose one of {', '.join(NAMES)} (--sandbox)."
        )
    return [*guest]


def _bubblewrap(profile: Profile, report: int, places: Sequence[str]) -> list[str]:
    program = next((path for path in places if os.access(path, os.X_OK)), None)
    if program is None:
        raise SandboxError(
            "the backend bubblewrap was chosen, and the program bwrap is not installed",
            remedy="Install the package bubblewrap (apt install bubblewrap), or use --sandbox auto.",
        )
    arguments = [program, "--unshare-all", "--die-with-parent", "--as-pid-1", "--info-fd", str(report)]
    if profile.network:
        arguments.append("--share-net")
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/dev/shm"]  # noqa: S108 - the sandbox's own, not the host's
    for path in ("/tmp", "/var/tmp"):  # noqa: S108 - where programs look for it, inside
        arguments += ["--bind", profile.private_tmp, path]
    for path in profile.readable:
        arguments += _same_place("--ro-bind", path)
    for path in profile.writable:
        arguments += ["--bind", profile.place(path), path]
    arguments += [word for path in profile.lent for word in ("--ro-bind", path, path)]
    for (
        path
    ) in profile.readable:  # our own code and interpreter, where they lie in the workspace: never the tools' to change
        if any(path.startswith(f"{writable}/") for writable in profile.writable):
            arguments += _same_place("--ro-bind", path)
    for path in profile.hidden:
        shown = any(path.startswith(f"{folder}/") for folder in (*profile.readable, *profile.writable))
        if shown and os.path.exists(path):
            arguments += ["--ro-bind", "/dev/null", path]
    return [*arguments, "--chdir", profile.workspace, "--"]


def _same_place(option: str, path: str) -> list[str]:
    """Show a path where it is; a link (such as /bin on many systems) as the link it is, with what it points to."""
    if os.path.islink(path):
        real = os.path.realpath(path)
        return [*_same_place(option, real), "--symlink", os.readlink(path), path]
    return [option, path, path] if os.path.exists(path) else []
