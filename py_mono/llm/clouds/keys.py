"""Keys that the environment holds."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from py_mono.protocol.errors import ConfigError

STORED = "stored"
"""What ``FoundKey.origin`` says of a key that is kept encrypted."""


class _Found(NamedTuple):
    """See ``settings.FoundKey``."""

    key: str
    origin: str
    trouble: ConfigError | None = None


class EnvironmentKeys:
    """The keys in an environment; it is ``settings.Keys``."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def may_have(self, provider: str, variables: Sequence[str]) -> bool:
        """See ``Keys``."""
        return bool(self.look(provider, variables).key)

    def look(self, provider: str, variables: Sequence[str]) -> _Found:
        """See ``Keys``; without the spaces round it."""
        del provider
        origin = next((name for name in variables if self._environment.get(name, "").strip()), "")
        return _Found(self._environment.get(origin, "").strip(), origin)
