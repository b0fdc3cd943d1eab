"""HOST. Programs of the operator's own (servers that speak over stdin and stdout), each in a lock of its own.

``Programs`` gives what to start; whoever starts it keeps its stdin and stdout, and ends it with SIGTERM. What is started is
``program_guest``: it looks after the lock, and dies with the object here.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from py_mono.protocol.errors import SandboxBusy, SandboxError
from py_mono.sandbox import backends
from py_mono.sandbox.launch import private_folder
from py_mono.sandbox.leftovers import remove_tree
from py_mono.sandbox.profile import PASSED, PATH, PROGRAM, Profile, make_profile, secret_files
from py_mono.sandbox.tool_places import ToolPlaces, within
from py_mono.utils.digests import blake2b

FOLDER = "programs"
"""In the state folder: the homes."""
MACHINE = ("/proc", "/sys", "/dev", "/run")
"""What no entry may open: devices, and the sockets of services."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LARGEST = 120_000  # bytes of one argument or variable: MAX_ARG_STRLEN, execve(2), less its name
_ENDED_S = 3.0
_LOOK_S = 0.01
_REPORT = 4  # of bubblewrap, which nobody reads here


class Programs:
    """Those of one workspace. One object for a session; ``close`` ends what it started.

    Attributes:
        confined: Whether there is a lock: not with the backend ``off``, where a clean environment is all there is.
    """

    def __init__(
        self,
        *,
        workspace: str,
        state_folder: str,
        backend: str = "auto",
        sessions: str = "",
        closed: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        layers: Sequence[str] | None = None,
    ) -> None:
        """Nothing is made before the first ``command``.

        Args:
            workspace: Read by all, written by those that may.
            state_folder: The homes are below it; nothing else in it is seen by any.
            backend: See ``backends.NAMES``.
            sessions: See ``Presence``: each program shares that lock for as long as it lives.
            closed: Further folders that no entry may open, such as that of the configuration.
            environment: The operator's (default: this process's): where programs are, and which files hold keys.
            layers: Of the lock; only tests leave one out.
        """
        self.confined = backend != "off"
        self._workspace = os.path.realpath(workspace)
        self._state = os.path.realpath(state_folder)
        self._backend = backend
        self._sessions = sessions
        self._closed = (self._state, *map(os.path.realpath, closed))
        self._environment = dict(os.environ if environment is None else environment)
        self._layers = layers
        self._private = ""
        self._claim = self._line = -1
        self._held_up = False

    def command(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        cwd: str = "",
        network: bool = True,
        write: bool = False,
        reads: Sequence[str] = (),
    ) -> tuple[list[str], dict[str, str]]:
        """What to start, and its environment, for the program ``argv`` of the server ``name``.

        For one start; ask again for the next. ``env`` goes beyond the clean environment, ``cwd`` is the workspace where empty
        (it has to be something that it may read), ``reads`` are further files and folders that it may read. Blocks for a
        millisecond or two.

        Raises:
            SandboxBusy: Not at this moment; see ``ended``.
            SandboxError: It cannot be started like this; says why, and what would be right.
        """
        self._check(name, argv, env)
        if self._held_up:
            raise SandboxBusy("a key is being stored, and no server is started meanwhile", remedy="Try again.")
        try:
            folder = self._begin(name)
            profile, home = self._profile(name, folder, argv[0], network=network, write=write, reads=reads)
        except OSError as error:
            raise SandboxError(
                f"no folders can be made for the server {name}: {error.filename}: {error.strerror}",
                remedy="Make room there, or look at its permissions.",
            ) from error
        order = {
            "cwd": cwd or self._workspace,
            "home": home,
            "line": os.path.join(self._private, "line"),
            "claim": self._private,
            "sessions": self._sessions,
            "covered": [path for path in profile.hidden if os.path.lexists(path)],
        }
        if self._backend == "bubblewrap":
            inner = backends.python("program_guest", "inner", profile.to_json(), json.dumps(order), *argv)
            order["bubblewrap"] = backends.command(profile, _REPORT, inner)
        else:
            backends.command(profile, _REPORT)  # for its errors
        started = backends.python("program_guest", "main", profile.to_json(), json.dumps(order), *argv)
        environment = json.dumps(self._environment_for(profile, home, env))
        _check_size(name, (*map(os.fsencode, started), environment))
        return started, {PROGRAM: environment}

    @asynccontextmanager
    async def ended(self) -> AsyncIterator[None]:
        """A time without any: all that run are ended, and ``command`` raises. For when the first key is stored.

        Raises:
            SandboxError: One does not end.
        """
        self._held_up = True
        try:
            await self._end()
            yield
        finally:
            self._held_up = False

    def close(self) -> None:
        """End them all, and remove what they had in /tmp; their homes stay. May be called twice."""
        self._hang_up()
        if self._private:
            remove_tree(self._private)
            os.close(self._claim)
            self._private, self._claim = "", -1

    async def _end(self) -> None:
        """Hang up, and wait until nobody is at the other end any more. Raises SandboxError."""
        if self._line < 0:
            return
        line = os.open(f"/proc/self/fd/{self._line}", os.O_PATH | os.O_CLOEXEC)
        try:
            self._hang_up()
            until = time.monotonic() + _ENDED_S
            while _is_read(line):
                if time.monotonic() > until:
                    raise SandboxError("a server that was started does not end", remedy="Try again in a moment.")
                await asyncio.sleep(_LOOK_S)
        finally:
            os.close(line)

    def _hang_up(self) -> None:
        if self._line >= 0:
            with suppress(FileNotFoundError):  # first: who opens it later would wait for ever
                os.unlink(os.path.join(self._private, "line"))
            os.close(self._line)
            self._line = -1

    def _check(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        if not _NAME.fullmatch(name):
            raise SandboxError(f"{name!r} cannot be a server's name", remedy="Use up to 64 of A-Z a-z 0-9 _ -.")
        if not argv or not argv[0]:
            raise SandboxError(f"the server {name} has no command", remedy="Name its program in `command`.")
        for text in (*argv, *env, *env.values()):
            if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
                raise SandboxError(
                    f"the command line or environment of the server {name} holds a character that none can hold",
                    remedy=f"Look at {text[:60]!r}.",
                )
        wrong = next((key for key in env if not key or "=" in key), None)
        if wrong is not None:
            raise SandboxError(f"the server {name} cannot have a variable called {wrong!r}")

    def _begin(self, name: str) -> str:
        """The server's own /tmp; made with the line that ends all of them when it is closed. Raises OSError, SandboxError."""
        if not self._private:
            self._private, self._claim = private_folder()
            os.chmod(self._private, 0o711)  # noqa: S103 - who becomes the workspace's owner must come through
        if self._line < 0:
            line = os.path.join(self._private, "line")
            os.mkfifo(line, 0o600)
            self._line = os.open(line, os.O_RDWR | os.O_CLOEXEC)
        folder = os.path.join(self._private, name)
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        return folder

    def _profile(
        self, name: str, folder: str, program: str, *, network: bool, write: bool, reads: Sequence[str]
    ) -> tuple[Profile, str]:
        """What it may read, write and reach, and its home. Raises OSError, SandboxError."""
        profile = make_profile(self._workspace, folder, network=network, backend=self._backend)
        home = self._home(name, profile)
        tools = self._tools(profile)
        places = [os.path.abspath(path) for path in reads if path and not within(path, self._workspace)]
        for path in places:
            real = os.path.realpath(path)
            if any(within(real, folder) for folder in MACHINE):
                raise SandboxError(
                    f"the server {name} names {path}, which belongs to the machine", remedy="No server is shown that."
                )
            if any(within(closed, real) or within(real, closed) for closed in self._closed):
                raise SandboxError(
                    f"the server {name} names {path}, which holds what py-mono keeps for itself",
                    remedy="Name a folder further down.",
                )
        profile.readable = (*profile.readable, *tools.of(program), *places)
        profile.extra_roots = (home,)
        profile.hidden = (*profile.hidden, *secret_files(self._environment))
        if not write:
            profile.fixed, profile.readable = True, (*profile.readable, self._workspace)
        if self._layers is not None:
            profile.layers = tuple(self._layers)
        return profile, home

    def _tools(self, profile: Profile) -> ToolPlaces:
        return ToolPlaces(
            self._environment.get("PATH", ""),
            home=self._environment.get("HOME") or os.path.expanduser("~"),
            workspace=self._workspace,
            shown=profile.readable,
            never=self._closed,
        )

    def _home(self, name: str, profile: Profile) -> str:
        """The server's folder, which stays. Raises OSError."""
        workspace = blake2b(os.fsencode(self._workspace), digest_size=16).hexdigest()
        home = os.path.join(self._state, FOLDER, workspace, name)
        os.makedirs(home, 0o700, exist_ok=True)
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if profile.uid is not None and profile.gid is not None:
                os.fchown(descriptor, profile.uid, profile.gid)
        finally:
            os.close(descriptor)
        return home

    def _environment_for(self, profile: Profile, home: str, env: Mapping[str, str]) -> dict[str, str]:
        own = self._environment
        passed = {key: own[key] for key in own if key in PASSED or key.startswith("LC_")}
        if self.confined:
            path = [*self._tools(profile).path(()), *PATH, os.path.join(sys.prefix, "bin")]
        else:
            path = own.get("PATH", os.defpath).split(os.pathsep)
        clean = {"LANG": "C.UTF-8", **passed, "HOME": home, "TMPDIR": profile.private_tmp}
        return {**clean, "PATH": os.pathsep.join(dict.fromkeys(path)), **env}


def _is_read(line: int) -> bool:
    """Whether anybody has the other end of it open. Source: fifo(7), ENXIO."""
    try:
        os.close(os.open(f"/proc/self/fd/{line}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _check_size(name: str, texts: Sequence[bytes | str]) -> None:
    """Raises SandboxError where the kernel would not take one of them."""
    if max(map(len, texts)) > _LARGEST:
        raise SandboxError(
            f"the command line or the environment of the server {name} is too long",
            remedy=f"Keep each below {_LARGEST} bytes.",
        )
