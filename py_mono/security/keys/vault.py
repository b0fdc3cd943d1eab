"""The stored keys as they are used: opened with the master key, changed, sealed anew."""

import os
from collections.abc import Callable

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys import git, header
from py_mono.security.keys.elsewhere import Elsewhere
from py_mono.security.keys.header import Sealed
from py_mono.security.keys.master import MasterKey, master_key, previous_master_key
from py_mono.security.keys.places import KeyPlaces
from py_mono.security.keys.store import Store
from py_mono.utils.lazy import load

TYPE_CHECKING = False  # spelled out: what it names loads ``cryptography``
if TYPE_CHECKING:
    from py_mono.security.keys.sealing import Opened, Sealing

_SEALING = "py_mono.security.keys.sealing:Sealing"

Change = Callable[[dict[str, str]], "dict[str, str] | None"]


class Vault:
    """The stored keys of one workspace; one thread at a time. ``learned`` gets master keys and keys as they are met.

    Each look reads the file anew, so that processes side by side see each other's changes; what takes long, a key
    derived from a passphrase, is kept.
    """

    def __init__(self, places: KeyPlaces, elsewhere: Elsewhere, learned: Callable[[str], None]) -> None:
        self._path = places.file
        self._store = Store(places)
        self._elsewhere = elsewhere
        self._learned = learned
        self._loaded: Sealing | None = None

    def keys(self) -> dict[str, str]:
        """Provider -> key; none where there is no file. Raises ConfigError."""
        data = self._store.read()
        return self._opened(data)[1].keys if data else {}

    def change(self, change: Change) -> None:
        """Store what ``change`` makes of the keys; None leaves them. Always under the master key. Raises ConfigError."""

        def changed(before: bytes | None) -> bytes | None:
            master = self._masters(sealed=bool(before))[0]
            like, keys = None, {}
            if before:
                sealed, opened = self._opened(before)
                like = sealed.scrypt if opened.master.secret == master.secret else None
                keys = opened.keys
            new = change(keys)
            return None if new is None else self._ready(self._sealing().seal(new, master, like))

        self._store.change(changed)

    def rotate(self) -> int:
        """Seal the keys anew, with a fresh salt where the master key is a passphrase; how many. Raises ConfigError."""
        count = 0

        def rotated(before: bytes | None) -> bytes | None:
            nonlocal count
            if not before:
                return None
            sealed, opened = self._opened(before)
            count = len(opened.keys)
            return self._ready(self._sealing().rotate(sealed, opened, self._masters(sealed=True)[0]))

        self._store.change(rotated)
        return count

    def _opened(self, data: bytes) -> "tuple[Sealed, Opened]":
        sealed = header.parse(data, self._path)
        opened = self._sealing().open(sealed, self._masters(sealed=True), self._path)
        for key in opened.keys.values():
            self._learned(key)
        return sealed, opened

    def check(self) -> None:
        """Whether a key could be stored, as far as the master key goes. Raises ConfigError where not."""
        if not self.keys():
            self._masters(sealed=False)

    def _masters(self, *, sealed: bool) -> list[MasterKey]:
        """The master key, then the one before where it is given; ``sealed``: there is a file that it has to open."""
        found = [master_key(self._elsewhere, self._path if sealed else ""), previous_master_key(self._elsewhere)]
        masters = [master for master in found if master is not None]
        for master in masters:
            for spelling in master.spellings:
                self._learned(spelling)
        return masters

    def _ready(self, sealed: Sealed) -> bytes:
        """What is written, once it is sure that it may be."""
        data = sealed.written()
        if len(data) > header.LARGEST:
            raise ConfigError(
                "these are more keys than can be stored", remedy="remove some that you do not use: /key remove PROVIDER"
            )
        git.keep_out(os.path.dirname(self._path))
        return data

    def _sealing(self) -> "Sealing":
        if self._loaded is None:
            self._loaded = load(_SEALING)()
        return self._loaded
