r"""The format of the stored keys: a line that says how they are sealed, then one Fernet token.

::

    py-mono-keys 1 fernet check=HEX
    py-mono-keys 1 scrypt n=131072 r=8 p=1 salt=HEX check=HEX

The token holds a JSON object, provider -> key. *fernet*: the master key is the token's key. *scrypt* (RFC 7914): the
token's key is derived from the master key, a passphrase. ``check`` tells a wrong master key from a damaged token:
BLAKE2b of the token's key, 8 bytes; it says no more about the key than the token's own authentication does.
An empty file holds no keys: it is how a file begins that is about to be written.
"""

import re

import msgspec

from py_mono.protocol.errors import ConfigError
from py_mono.utils.digests import blake2b

LARGEST = 1 << 20
"""Bytes of the whole file: 64 providers with the longest key there may be."""
MAGIC = b"py-mono-keys "
SALT_BYTES = 16
_VERSION = "1"
_LONGEST_LINE = 256
_NUMBER = "[1-9][0-9]{0,8}"
_LINE = re.compile(
    rf"py-mono-keys 1 (?:fernet|scrypt n=(?P<n>{_NUMBER}) r=(?P<r>{_NUMBER}) p=(?P<p>{_NUMBER}) "
    rf"salt=(?P<salt>[0-9a-f]{{{2 * SALT_BYTES}}})) check=(?P<check>[0-9a-f]{{16}})"
)
_TOKEN = re.compile(rb"gAAAA[A-Za-z0-9_-]{93,}={0,2}")  # 0x80, a time of 32 bits, IV, a block at least, HMAC
_MOST_MEMORY = 512 << 20
_MOST_WORK = 1 << 23


class Scrypt(msgspec.Struct, frozen=True):
    """What a key is derived with.

    The defaults are what OWASP's Password Storage Cheat Sheet asks for at least: 128 MiB, and under half a second.
    """

    salt: bytes
    n: int = 1 << 17
    r: int = 8
    p: int = 1


class Sealed(msgspec.Struct, frozen=True):
    """What a file of stored keys says.

    Attributes:
        scrypt: How the token's key is derived; None where the master key is that key.
        check: Of the token's key, see ``check_of``.
        token: The Fernet token.
    """

    scrypt: Scrypt | None
    check: str
    token: bytes

    def written(self) -> bytes:
        """The bytes of the file."""
        kdf = "fernet"
        if self.scrypt is not None:
            kdf = f"scrypt n={self.scrypt.n} r={self.scrypt.r} p={self.scrypt.p} salt={self.scrypt.salt.hex()}"
        return f"py-mono-keys {_VERSION} {kdf} check={self.check}\n".encode() + self.token + b"\n"


def check_of(key: bytes) -> str:
    """What tells whether a token's key (44 bytes of base64) is the right one."""
    return blake2b(key, digest_size=8, person=b"py-mono check").hexdigest()


def parse(data: bytes, path: str) -> Sealed:
    """Read a file that is not empty; ``path`` is for the messages.

    Raises:
        ConfigError: It is not ours, of a newer version, damaged, or asks for more than any key needs.
    """
    if not data.startswith(MAGIC):
        raise ConfigError(
            f"{path} holds no keys that py-mono stored",
            remedy="it is left as it is; move it elsewhere, then store the keys again with /key PROVIDER",
        )
    line, _, rest = data.partition(b"\n")
    text = line[:_LONGEST_LINE].decode("ascii", "replace")
    version = text.split(" ")[1]
    if version.isascii() and version.isdigit() and len(version) < len(_NUMBER) and int(version) > int(_VERSION):
        raise ConfigError(
            f"{path} was written by a newer py-mono (format {version}; this one reads {_VERSION})",
            remedy="use that version, or move the file elsewhere and store the keys again with /key PROVIDER",
        )
    found = _LINE.fullmatch(text)
    token = rest.removesuffix(b"\n")
    if found is None or _TOKEN.fullmatch(token) is None:
        raise damaged(path)
    if found["n"] is None:
        return Sealed(None, found["check"], token)
    scrypt = Scrypt(bytes.fromhex(found["salt"]), int(found["n"]), int(found["r"]), int(found["p"]))
    if scrypt.n & (scrypt.n - 1) or scrypt.n == 1:
        raise damaged(path)
    work = scrypt.n * scrypt.r * scrypt.p
    if 128 * scrypt.r * max(scrypt.n, scrypt.p) > _MOST_MEMORY or work > _MOST_WORK:
        raise ConfigError(
            f"{path} asks for more work than any key needs (scrypt n={scrypt.n} r={scrypt.r} p={scrypt.p}): "
            "it was tampered with",
            remedy="take it from a backup, or move it elsewhere and store the keys again with /key PROVIDER",
        )
    return Sealed(scrypt, found["check"], token)


def damaged(path: str) -> ConfigError:
    """What is raised where a file began as ours and cannot be read."""
    return ConfigError(
        f"{path} is damaged; it is left as it is",
        remedy="take it from a backup, or move it elsewhere and store the keys again with /key PROVIDER",
    )
