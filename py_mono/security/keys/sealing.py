"""Fernet and scrypt: the one module that imports ``cryptography``, 40 ms; loaded with the first file that is opened."""

import base64
import os
from collections.abc import Mapping, Sequence

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt as Derivation

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.header import SALT_BYTES, Scrypt, Sealed, check_of, damaged
from py_mono.security.keys.master import LOST, MasterKey

_MOST_DERIVED = 8
_payload = msgspec.json.Decoder(dict[str, str])


class Opened:
    """What a file held.

    Attributes:
        keys: Provider -> key.
        master: What opened it.
        token_key: What its token is sealed with.
    """

    __slots__ = ("keys", "master", "token_key")

    def __init__(self, keys: dict[str, str], master: MasterKey, token_key: bytes) -> None:
        self.keys = keys
        self.master = master
        self.token_key = token_key

    def __repr__(self) -> str:
        return f"Opened({', '.join(sorted(self.keys))})"


class Sealing:
    """Opens and seals; what was derived from a passphrase is kept, for the next time."""

    def __init__(self) -> None:
        self._derived: dict[tuple[bytes, Scrypt], bytes] = {}

    def open(self, sealed: Sealed, masters: Sequence[MasterKey], path: str) -> Opened:
        """What ``sealed`` holds, by the first of ``masters`` that opens it.

        Raises:
            ConfigError: None of them does, or the token is damaged.
        """
        fitting = [master for master in masters if master.is_fernet == (sealed.scrypt is None)]
        if not fitting:
            kinds = ("a passphrase", "a Fernet key")
            raise ConfigError(
                f"{path} was sealed with {kinds[sealed.scrypt is None]}, and {masters[0].origin} is "
                f"{kinds[masters[0].is_fernet]}",
                remedy=f"set {masters[0].origin} to the master key that the keys were stored with",
            )
        for master in fitting:
            token_key = self._token_key(master, sealed.scrypt)
            if check_of(token_key) != sealed.check:
                continue
            try:
                keys = _payload.decode(Fernet(token_key).decrypt(sealed.token))
            except (InvalidToken, ValueError):  # the second is msgspec's
                raise damaged(path) from None
            return Opened(keys, master, token_key)
        raise ConfigError(
            f"{' and '.join(master.origin for master in masters)} cannot open {path}: the keys were stored with "
            "another master key",
            remedy=f"set {masters[0].origin} to the one they were stored with; {LOST}",
        )

    def seal(self, keys: Mapping[str, str], master: MasterKey, like: Scrypt | None) -> Sealed:
        """Keys under a master key; a passphrase is derived as ``like`` says, or with a fresh salt."""
        scrypt = None if master.is_fernet else like or Scrypt(os.urandom(SALT_BYTES))
        token_key = self._token_key(master, scrypt)
        token = Fernet(token_key).encrypt(msgspec.json.encode(dict(sorted(keys.items()))))
        return Sealed(scrypt, check_of(token_key), token)

    def rotate(self, sealed: Sealed, opened: Opened, master: MasterKey) -> Sealed:
        """What was opened, under a master key; a passphrase gets a fresh salt."""
        scrypt = None if master.is_fernet else Scrypt(os.urandom(SALT_BYTES))
        token_key = self._token_key(master, scrypt)
        token = MultiFernet([Fernet(token_key), Fernet(opened.token_key)]).rotate(sealed.token)
        return Sealed(scrypt, check_of(token_key), token)

    def _token_key(self, master: MasterKey, scrypt: Scrypt | None) -> bytes:
        if scrypt is None:
            return master.secret
        known = self._derived.get((master.secret, scrypt))
        if known is not None:
            return known
        try:
            derivation = Derivation(salt=scrypt.salt, length=32, n=scrypt.n, r=scrypt.r, p=scrypt.p)
            token_key = base64.urlsafe_b64encode(derivation.derive(master.secret))
        except MemoryError:
            raise ConfigError(
                f"there is not enough memory to open the stored keys: a passphrase takes "
                f"{128 * scrypt.n * scrypt.r >> 20} MiB",
                remedy="free some, or take a Fernet key as the master key: it needs none",
            ) from None
        if len(self._derived) >= _MOST_DERIVED:
            self._derived.clear()
        self._derived[master.secret, scrypt] = token_key
        return token_key
