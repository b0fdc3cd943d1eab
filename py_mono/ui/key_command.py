"""``py-mono key``: what ``/key`` does, without a session."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from py_mono.protocol.errors import ConfigError
from py_mono.ui.keys import StoredKeys, listing, provider_named, removed_text, rotated_text, stored_text
from py_mono.ui.terminal import Screen
from py_mono.utils.lazy import load
from py_mono.utils.stdout import lost

if TYPE_CHECKING:
    from py_mono.security.redact import Redactor
    from py_mono.ui.arguments import Arguments

_LONGEST = 8 << 10
"""Bytes of a key that is piped in, with the end of its line."""


def run(keys: StoredKeys, arguments: "Arguments", environment: Mapping[str, str], redact: "Redactor") -> int:
    """Do what the command line asked for; returns the exit status.

    Raises:
        ConfigError: There is no such provider, no key was given, or the keys cannot be opened or written.
    """
    screen = Screen(sys.stdout, environment, redact=redact)
    trouble = None
    match arguments.action:
        case "set":
            provider = provider_named(arguments.name)
            keys.check()
            key = _read(provider)
            redact.add(key)
            keys.set(provider, key)
            text = stored_text(provider, environment)
        case "remove":
            provider = provider_named(arguments.name)
            text = removed_text(keys, provider, removed=keys.remove(provider))
        case "rotate":
            text = rotated_text(keys.rotate())
        case _:
            text, trouble = listing(keys, environment)
    if text:
        screen.write(screen.fold(text) + "\n")
    if trouble is not None:
        raise trouble
    return lost(screen.failure)


def _read(provider: str) -> str:
    """The key: asked for where a person is there, without showing it, else the first line of stdin.

    Raises:
        ConfigError: There is none, or what there is is longer than any key or no text.
    """
    if sys.stdin.isatty():
        try:
            key: str = load("getpass:getpass")(f"The key for {provider} (it is not shown): ")
        except EOFError:
            key = ""
    else:
        line = sys.stdin.buffer.readline(_LONGEST + 2)
        if len(line) > _LONGEST + 1:
            raise ConfigError(f"the key is longer than any ({_LONGEST:,} bytes)", remedy="pipe in the key alone")
        try:
            key = line.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ConfigError("what is piped in is no text, and so no key", remedy="pipe in the key alone") from None
    if not key.strip():
        raise ConfigError(
            "no key was given; nothing was stored", remedy=f"pipe it in: py-mono key set {provider} < FILE"
        )
    return key.strip()
