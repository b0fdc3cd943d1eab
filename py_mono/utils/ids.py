"""Names for things that are made one after the other."""

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing that reads like something else
_TICKS_PER_S = 32


def new_id() -> str:
    """A fresh id: 12 lower-case letters and digits that sort by time (in steps of 1/32 s) and end in 20 random bits."""
    ticks = int(time.time() * _TICKS_PER_S) & (1 << 40) - 1
    return _base32(ticks, 8) + _base32(int.from_bytes(os.urandom(3)) & (1 << 20) - 1, 4)


def _base32(number: int, width: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(width)))
