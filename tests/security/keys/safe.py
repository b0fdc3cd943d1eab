"""A workspace with keys, and what was learned of them."""

import os
from collections.abc import Mapping
from pathlib import Path

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.manager import KeyManager
from py_mono.security.keys.places import KeyPlaces

FERNET = "0" * 42 + "A="
OTHER_FERNET = "1" * 42 + "A="
PASSPHRASE = "correct horse battery"


class Safe:
    """The keys of one workspace below ``base``; ``env`` may be changed at any time."""

    def __init__(self, base: Path, **env: str) -> None:
        self.base = base
        self.workspace = base / "w"
        self.workspace.mkdir(exist_ok=True)
        self.file = self.workspace / ".keys.enc"
        self.secrets = base / "secrets"
        self.secrets.mkdir(exist_ok=True)
        self.env: dict[str, str] = {"LLM_MASTER_KEY": FERNET, **env}
        self.learned: list[str] = []
        self.places = KeyPlaces(str(self.workspace), str(base / "state"))

    def open(self, env: Mapping[str, str] | None = None) -> KeyManager:
        """As another process would."""
        return KeyManager(
            str(self.workspace),
            str(self.base / "state"),
            self.env if env is None else env,
            learned=self.learned.append,
            secrets_folder=str(self.secrets),
        )

    @property
    def content(self) -> bytes | None:
        """The bytes of the file."""
        return self.file.read_bytes() if os.path.lexists(self.file) else None


def told(error: ConfigError) -> str:
    """All that a person is shown."""
    assert error.remedy
    return f"{error}\n{error.remedy}"
