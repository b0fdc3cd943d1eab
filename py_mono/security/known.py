"""The secrets that are known, and the forms in which they turn up."""

import binascii
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

from py_mono.protocol.codec import encode
from py_mono.protocol.events import Envelope
from py_mono.utils.lazy import load

_SECRET_NAMES = (
    "_KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "_PASS", "_PAT", "MYSQL_PWD", "SSHPASS",
    "SECRET_KEY_BASE", "_KEY_OLD", "TOKEN_BEDROCK",
)  # fmt: skip
_NO_SECRETS = frozenset(
    ("password", "postgres", "changeme", "changeit", "minioadmin", "disabled", "required", "undefined", "redacted")
)
_SHORTEST = 8
_SHORTEST_TOKEN = 20
_SHORTEST_LINE = 24
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def secrets_in(environment: Mapping[str, str]) -> Iterator[str]:
    """The values of those variables whose names say that they are secret, and the passwords in URLs."""
    for name, value in environment.items():
        if f"_{name.upper()}".endswith(_SECRET_NAMES):
            yield value
        elif "://" in value and "@" in value:
            account, _, _ = value.partition("://")[2].rpartition("@")
            user, colon, password = account.partition(":")
            if not colon and len(user) >= _SHORTEST_TOKEN and not user.isalpha():
                password = user  # a token in the place of a name
            yield password
            if "%" in password:  # what is sent is what it stands for
                yield load("urllib.parse:unquote")(password)


def worth_hiding(secret: str) -> Iterator[str]:
    """What of a secret to look for: itself, and where it has several lines each long one.

    Nothing under 8 characters, no word that everybody uses as a stand-in, and none that the protocol itself is
    written in: a line that says ``assistant`` must go on saying so.
    """
    secret = secret.strip()
    if len(secret) < _SHORTEST or secret in _NO_SECRETS or "[redacted:" in secret:
        return
    if secret.isascii() and not secret.strip("abcdefghijklmnopqrstuvwxyz_") and secret in _vocabulary():
        return
    yield secret
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (
            line
            for line in map(str.strip, lines)
            if len(line) >= _SHORTEST_LINE and " " not in line and not line.startswith("-----")
        )


def forms(secret: str) -> set[str]:
    """The secret as it may stand in a text: plain, in a URL, in base64 at any offset, quoted in JSON, also twice."""
    plain = {secret, _percent(secret), _percent(secret).replace("%20", "+"), secret.replace("/", "\\/")}
    plain |= {_lower_escapes(form) for form in plain}
    plain |= {quote(secret), _ascii(secret), quote(quote(secret)), quote(_ascii(secret))}
    return plain | set(_base64(secret.encode("utf-8", "surrogateescape")))


def quote(text: str) -> str:
    """The text as it stands between the quotes of a JSON string."""
    return encode(text)[1:-1].decode() if text.isprintable() or _encodable(text) else text


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ascii(text: str) -> str:
    units = (quote(char) if char.isascii() else _utf16(char) for char in text)
    return "".join(units)


def _utf16(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _percent(text: str) -> str:
    octets = text.encode("utf-8", "surrogateescape")
    return "".join(chr(octet) if octet in _UNRESERVED else f"%{octet:02X}" for octet in octets)


def _lower_escapes(text: str) -> str:
    """``%2F`` as ``%2f``."""
    parts = text.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def _base64(secret: bytes) -> Iterator[str]:
    """The characters that stay the same whatever stands before and after the secret, for each of three offsets."""
    for offset in range(3):
        whole = binascii.b2a_base64(bytes(offset) + secret, newline=False).decode()
        start = -(-offset * 8 // 6)
        core = whole[start : (offset + len(secret)) * 8 // 6]
        yield core
        yield core.replace("+", "-").replace("/", "_")


def _vocabulary() -> frozenset[str]:
    """Every field name, tag and literal that an envelope can hold."""
    return frozenset(_words(Envelope))


def _words(kind: object) -> Iterator[str]:
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    elif isinstance(kind, type) and hasattr(kind, "__struct_fields__"):
        yield from kind.__struct_fields__
        yield str(kind.__struct_config__.tag)  # type: ignore[attr-defined]  # hasattr above says it is a struct
        for hint in get_type_hints(kind).values():
            yield from _words(hint)
    elif get_origin(kind) in {Union, UnionType, tuple, list, dict}:
        for part in get_args(kind):
            yield from _words(part)
