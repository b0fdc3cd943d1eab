"""The keys of providers: stored ones first, then those of the environment, then secret files."""

import os
import stat
import threading
from collections.abc import Callable, Mapping, Sequence

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.elsewhere import Elsewhere
from py_mono.security.keys.places import KEYS_FILE, KeyPlaces
from py_mono.utils.lazy import load

TYPE_CHECKING = False  # spelled out: what it names is loaded with the first file that is opened
if TYPE_CHECKING:
    from py_mono.security.keys.vault import Vault

_VAULT = "py_mono.security.keys.vault:Vault"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
_LONGEST_NAME = 32
_LONGEST = 8 << 10
_FIRST, _LAST = "!", "~"
"""The characters of keys: ASCII that can be seen."""


class Found:
    """What a look for a key came to.

    Attributes:
        key: Empty where there is none.
        origin: ``stored``, the variable, or the path of the secret file that has it.
        trouble: Why the stored keys could not be looked at; None where they could, or there are none.
    """

    __slots__ = ("key", "origin", "trouble")

    def __init__(self, key: str, origin: str, trouble: ConfigError | None) -> None:
        self.key = key
        self.origin = origin
        self.trouble = trouble

    def __repr__(self) -> str:
        return f"Found({self.origin or 'nothing'})"


class KeyManager:
    """Finds and keeps keys; it is an ``llm`` provider's ``Keys``. Made at once, touches nothing before it is asked.

    It may be used by several threads and processes at a time. To open stored keys takes a millisecond with a Fernet
    key as the master key, half a second with a passphrase (the first time), and 40 ms to load what opens them (once).
    """

    def __init__(
        self,
        workspace: str,
        state: str,
        environment: Mapping[str, str],
        *,
        learned: Callable[[str], None],
        secrets_folder: str = "/run/secrets",
    ) -> None:
        """Take where to look.

        Args:
            workspace: The folder with the stored keys.
            state: The program's folder for what it keeps.
            environment: With the keys' variables, and that of the master key; looked at anew each time.
            learned: Is given each secret before anything else is done with it.
            secrets_folder: Of a container.
        """
        self._workspace = workspace
        self._state = state
        self._elsewhere = Elsewhere(environment, secrets_folder)
        self._learned = learned
        self._told: set[str] = set()
        self._mutex = threading.Lock()
        self._made: Vault | None = None

    def __repr__(self) -> str:
        return f"KeyManager({self._workspace})"

    def may_have(self, provider: str, variables: Sequence[str]) -> bool:  # noqa: ARG002 - any may be stored
        """Whether there may be a key: opens nothing, and is never wrongly no."""
        return self.exists() or self._elsewhere.may_have(variables)

    def look(self, provider: str, variables: Sequence[str]) -> Found:
        """The key of a provider; ``variables`` may hold it. Not for the event loop: see the class.

        Raises:
            ConfigError: There are stored keys that cannot be opened, and no other place has one; or a secret file
                cannot be read.
        """
        with self._mutex:
            trouble = None
            try:
                stored = self._keys().get(provider, "")
            except ConfigError as error:
                stored, trouble = "", error
            if stored:
                return Found(stored, "stored", None)
            try:
                key, origin = self._elsewhere.find(variables)
            except ConfigError as error:
                raise trouble or error from None
            if trouble is not None and not key:
                raise trouble
            self._learn(key)
            return Found(key, origin, trouble)

    def exists(self) -> bool:
        """Whether keys are stored, or something else has their file's name; an empty file is none, as before the first."""
        try:
            seen = os.lstat(os.path.join(self._workspace, KEYS_FILE))
        except OSError:
            return False
        is_empty = stat.S_ISREG(seen.st_mode) and not seen.st_size
        return not is_empty or os.path.lexists(KeyPlaces(self._workspace, self._state).ahead)

    def stored(self) -> tuple[str, ...]:
        """The names of the providers with a stored key, sorted.

        Raises:
            ConfigError: They cannot be opened.
        """
        with self._mutex:
            return tuple(sorted(self._keys()))

    def check(self) -> None:
        """Nothing where a key could be stored, as far as the master key goes: to be asked before a person is asked for one.

        Raises:
            ConfigError: There is no master key, or it does not open what is stored.
        """
        with self._mutex:
            self._vault().check()

    def set(self, provider: str, key: str) -> None:
        """Store a key, in place of the provider's former one; blanks around it are taken off.

        Raises:
            ConfigError: It cannot be a key, the name not a provider's, or the file cannot be opened or written.
        """
        key = key.strip()
        with self._mutex:
            self._learn(key)
            _check_name(provider)
            _check_key(key)
            self._vault().change(lambda keys: {**keys, provider: key})

    def remove(self, provider: str) -> bool:
        """Forget a stored key; whether there was one. The file stays, also without keys: sessions cover it.

        Raises:
            ConfigError: The file cannot be opened or written.
        """
        _check_name(provider)
        removed = False

        def without(keys: dict[str, str]) -> dict[str, str] | None:
            nonlocal removed
            removed = keys.pop(provider, None) is not None
            return keys if removed else None

        with self._mutex:
            if self.exists():
                self._vault().change(without)
        return removed

    def rotate(self) -> int:
        """Seal the stored keys anew, under the master key; how many there are.

        They are opened with ``LLM_MASTER_KEY``, or with ``LLM_MASTER_KEY_OLD``. A passphrase gets a fresh salt.

        Raises:
            ConfigError: Neither opens them, or the file cannot be written.
        """
        with self._mutex:
            return self._vault().rotate() if self.exists() else 0

    def _learn(self, secret: str) -> None:
        if secret and secret not in self._told:
            self._learned(secret)
            self._told.add(secret)

    def _keys(self) -> dict[str, str]:
        return self._vault().keys() if self.exists() else {}

    def _vault(self) -> "Vault":
        if self._made is None:
            self._made = load(_VAULT)(KeyPlaces(self._workspace, self._state), self._elsewhere, self._learn)
        return self._made


def _check_name(provider: str) -> None:
    if not provider or len(provider) > _LONGEST_NAME or not _LETTERS.issuperset(provider):
        raise ConfigError(
            "that cannot be a provider's name; it is not repeated here, for it may be a key",
            remedy="a name has small letters, digits and _, such as groq or openai; /providers lists them",
        )


def _check_key(key: str) -> None:
    """Nothing of the key is in what is raised, but for a character that no key has."""
    odd = next((char for char in key if not _FIRST <= char <= _LAST), None)
    if not key:
        raise ConfigError("the key is empty", remedy="give the key as the provider shows it")
    if len(key) > _LONGEST:
        raise ConfigError(f"the key is longer than any ({_LONGEST} characters)", remedy="give the key alone")
    if odd is not None:
        raise ConfigError(
            f"the key holds a character that no key has (U+{ord(odd):04X})",
            remedy="copy it again, without blanks, line ends and what stands around it",
        )
    if len(key) > 1 and key[0] == key[-1] and key[0] in "'\"":
        raise ConfigError("the key stands between quotes", remedy="give it without them")
