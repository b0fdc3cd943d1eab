"""Keys that the environment holds."""

from collections.abc import Mapping, Sequence

STORED = "stored"
"""What ``Keys.source`` says of a key that is kept encrypted."""


class EnvironmentKeys:
    """The keys in an environment; it is ``settings.Keys``."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def may_have(self, provider: str, variables: Sequence[str]) -> bool:
        """See ``Keys``."""
        return bool(self.source(provider, variables))

    def find(self, provider: str, variables: Sequence[str]) -> str:
        """See ``Keys``; without the spaces round it."""
        return self._environment.get(self.source(provider, variables), "").strip()

    def source(self, provider: str, variables: Sequence[str]) -> str:
        """See ``Keys``."""
        del provider
        return next((name for name in variables if self._environment.get(name, "").strip()), "")
