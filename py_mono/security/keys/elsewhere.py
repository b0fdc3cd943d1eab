"""Secrets that are not stored: in the environment, in a file it names (``NAME_FILE``), among the secrets of a container."""

import os
from collections.abc import Iterator, Mapping, Sequence

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.reading import read_small

_LARGEST = 16 << 10


class Elsewhere:
    """Looks secrets up by the names of variables, nothing kept: what changes is seen.

    Docker Compose and Swarm put a secret into a file of its name below ``/run/secrets``; Kubernetes likewise, with links.
    """

    def __init__(self, environment: Mapping[str, str], secrets_folder: str) -> None:
        self._environment = environment
        self._folder = secrets_folder

    def may_have(self, variables: Sequence[str]) -> bool:
        """Whether there may be one; no file is opened."""
        return (
            any(self._environment.get(name, "").strip() for name in variables)
            or any(True for _ in self._named(variables))
            or any(os.path.lexists(path) for path in self._mounted(variables))
        )

    def find(self, variables: Sequence[str]) -> tuple[str, str]:
        """The first there is, without surrounding blanks, and where it stands; two empty strings where there is none.

        Raises:
            ConfigError: A file that should hold it cannot be read, or holds no text.
        """
        for name in variables:
            if value := self._environment.get(name, "").strip():
                return value, name
        for variable, path in self._named(variables):
            if value := _read(path, f"{variable} names a file that"):
                return value, variable
        for path in self._mounted(variables):
            if os.path.lexists(path) and (value := _read(path, f"the secret {path}")):
                return value, path
        return "", ""

    def _named(self, variables: Sequence[str]) -> Iterator[tuple[str, str]]:
        for name in variables:
            if path := self._environment.get(f"{name}_FILE", "").strip():
                yield f"{name}_FILE", path

    def _mounted(self, variables: Sequence[str]) -> Iterator[str]:
        for name in variables:
            yield os.path.join(self._folder, name)
            yield os.path.join(self._folder, name.lower())


def _read(path: str, what: str) -> str:
    try:
        data = read_small(path, _LARGEST + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name holds a NUL"
        folder = "; Docker makes a folder where the file that it mounts is missing" if os.path.isdir(path) else ""
        raise ConfigError(
            f"{what} cannot be read: {why}", remedy=f"make {path} a file that you can read{folder}"
        ) from None
    if len(data) > _LARGEST:
        raise ConfigError(f"{what} is larger than any key", remedy=f"put nothing but the secret into {path}")
    try:
        return data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise ConfigError(f"{what} holds no text", remedy=f"put nothing but the secret into {path}") from None
