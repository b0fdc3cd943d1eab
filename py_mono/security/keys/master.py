"""The master key: what the stored keys are sealed with. Never stored, never in the workspace."""

import re
import unicodedata

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.elsewhere import Elsewhere

MASTER = "LLM_MASTER_KEY"
PREVIOUS = "LLM_MASTER_KEY_OLD"
_FERNET = re.compile(r"[A-Za-z0-9+/_-]{43}=")
_URL_SAFE = str.maketrans("+/", "-_")
_SHORTEST = 12
_LONGEST = 4096
LOST = "where it is lost, move the file elsewhere and store the keys again with /key PROVIDER"
"""What is left to do about a master key that is gone."""

_MAKE_ONE = f'export {MASTER}="$(openssl rand -base64 32 | tee /dev/stderr)"'


class MasterKey:
    """One master key.

    Attributes:
        origin: The variable or the file that holds it.
        secret: A Fernet key in its usual spelling, or the bytes of a passphrase.
        is_fernet: Which of the two.
        spellings: As it was given and as it is used: what must be hidden.
    """

    __slots__ = ("is_fernet", "origin", "secret", "spellings")

    def __init__(self, text: str, origin: str) -> None:
        """Read one as people write it: between blanks or quotes, or as Python prints bytes (``b'...'``).

        32 bytes in base64 are a Fernet key, also in the alphabet of ``openssl rand -base64 32``. All else is a
        passphrase, which is normalized (NFC), so that it is the same one on every keyboard.

        Raises:
            ConfigError: It is too short or too long to be one.
        """
        self.origin = origin
        bare = _unquoted(text)
        self.is_fernet = _FERNET.fullmatch(bare) is not None
        bare = bare.translate(_URL_SAFE) if self.is_fernet else unicodedata.normalize("NFC", bare)
        self.secret = bare.encode("utf-8", "surrogateescape")
        self.spellings = (text, bare)
        if len(bare) < _SHORTEST:
            raise ConfigError(
                f"{origin} is too short: whoever has a copy of the stored keys could guess it",
                remedy=f"take {_SHORTEST} characters or more, better a key that nobody can guess: {_MAKE_ONE}",
            )
        if len(bare) > _LONGEST:
            raise ConfigError(
                f"{origin} is longer than any passphrase ({_LONGEST} characters)",
                remedy="see whether it names the right file",
            )

    def __repr__(self) -> str:
        return f"MasterKey({self.origin})"


def master_key(elsewhere: Elsewhere, sealed: str = "") -> MasterKey:
    """The one that is used from now on; ``sealed`` is the path of what it has to open, where there is such a file.

    Raises:
        ConfigError: There is none, or what there is cannot be one.
    """
    text, origin = elsewhere.find((MASTER,))
    if not text and sealed:
        raise ConfigError(
            f"there is no master key: {MASTER} is not set, so the keys in {sealed} cannot be opened",
            remedy=f"start py-mono with {MASTER} set to the one they were stored with; {LOST}; or set the key's own "
            "variable instead",
        )
    if not text:
        raise ConfigError(
            f"there is no master key: {MASTER} is not set, so keys can neither be stored nor opened",
            remedy=f"before you start, {_MAKE_ONE}, and keep what that prints in a safe place; or set the key's own "
            "variable instead",
        )
    return MasterKey(text, origin)


def previous_master_key(elsewhere: Elsewhere) -> MasterKey | None:
    """The one before, where it is still given. Raises ConfigError where it cannot be one."""
    text, origin = elsewhere.find((PREVIOUS,))
    return MasterKey(text, origin) if text else None


def _unquoted(text: str) -> str:
    """Without surrounding blanks, one pair of quotes, and the ``b`` before them."""
    bare = text.strip()
    for mark in ("'", '"'):
        for opening in (mark, f"b{mark}"):
            if bare.startswith(opening) and bare.endswith(mark) and len(bare) > len(opening):
                return bare[len(opening) : -1].strip()
    return bare
