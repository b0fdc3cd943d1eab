"""What a person agreed to by its content: another content is another question.

One small file for each, in the state folder; it is there, or it is not, so there is nothing to merge. Light: a workspace's
``.env`` is asked about before anything else is loaded.
"""

import os
from contextlib import suppress

from py_mono.security.approvals.folder import FOLDER, workspace_name
from py_mono.utils.digests import blake2b
from py_mono.utils.private_files import write_private

TYPE_CHECKING = False  # spelled out: typing is not free, and this comes before the worker
if TYPE_CHECKING:
    from collections.abc import Iterator

_AGREED, _REFUSED = "agreed", "refused"
_LARGEST = 4096


class Consents:
    """The consents of one workspace.

    Each is to a thing of a ``kind`` (``env``), with a ``name`` (``.env``) and a ``digest`` of all that it says.
    """

    def __init__(self, state_folder: str, workspace: str) -> None:
        self._folder = os.path.join(state_folder, FOLDER)
        self._prefix = f"{workspace_name(workspace)}-"

    def agreed(self, kind: str, name: str, digest: str) -> bool:
        """Whether a person agreed to exactly this."""
        return self._said(self._path(kind, name, digest))[:1] == [_AGREED]

    def refused(self, kind: str, name: str, digest: str) -> bool:
        """Whether a person said no to exactly this."""
        return self._said(self._path(kind, name, digest))[:1] == [_REFUSED]

    def agree(self, kind: str, name: str, digest: str) -> None:
        """Remember a yes. Raises OSError where it cannot be kept."""
        self._remember(_AGREED, kind, name, digest)

    def refuse(self, kind: str, name: str, digest: str) -> None:
        """Remember a no, so that it is not asked again. Raises OSError where it cannot be kept."""
        self._remember(_REFUSED, kind, name, digest)

    def forget(self, kind: str, name: str) -> None:
        """Forget what was said about a thing, whatever it said."""
        for path, (_, *thing) in self._all():
            if thing == [kind, name]:
                with suppress(FileNotFoundError):
                    os.unlink(path)

    def known(self) -> list[tuple[str, str, bool]]:
        """What was said, sorted: kind and name of each thing, and whether it was a yes."""
        return sorted({(kind, name, said == _AGREED) for _, (said, kind, name) in self._all()})

    def _all(self) -> "Iterator[tuple[str, list[str]]]":
        try:
            names = os.listdir(self._folder)
        except OSError:
            return
        for name in sorted(names):
            said = self._said(path := os.path.join(self._folder, name)) if name.startswith(self._prefix) else []
            if len(said) == 3:  # noqa: PLR2004 - what was said, the kind, the name
                yield path, said

    def _path(self, kind: str, name: str, digest: str) -> str:
        whole = f"{kind}\0{name}\0{digest}".encode("utf-8", "surrogateescape")
        return os.path.join(self._folder, self._prefix + blake2b(whole, digest_size=16).hexdigest())

    def _remember(self, said: str, kind: str, name: str, digest: str) -> None:
        write_private(self._path(kind, name, digest), f"{said}\n{kind}\n{name}".encode("utf-8", "surrogateescape"))

    @staticmethod
    def _said(path: str) -> list[str]:
        """The lines of a consent; none where there is no such file, or it holds something else."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:
                return file.read(_LARGEST).decode("utf-8", "surrogateescape").split("\n")
        except OSError:
            return []
