"""One entry of ``mcpServers``, as several clients write it, made a ``Server``."""

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from py_mono.mcp_integration.server import CALL_S, Origin, Server
from py_mono.mcp_integration.shown import SECRET
from py_mono.mcp_integration.words import line
from py_mono.utils.digests import blake2b

Lookup = Callable[[str], str | None]
"""Gives the value of an environment's variable; None where there is none, or it is not for this entry."""

KEYS = {
    "command": "the program of a server that is started, and speaks over stdin and stdout",
    "args": "its arguments",
    "env": "its environment, beyond a clean one",
    "cwd": "the folder it starts in (default: the workspace)",
    "network": "whether a program reaches the network (default: true)",
    "write": "whether a program may change the workspace (default: false)",
    "url": "the address of a server that speaks streamable HTTP",
    "headers": "what each request to it carries",
    "oauth": "whether it is logged in to with OAuth (default: false)",
    "type": "`stdio` or `http`; follows from `command` or `url`",
    "timeout": "seconds a call may take (default: 60); from 1,000 up it is milliseconds, as some clients write it",
    "alwaysAllow": "tools that are called without asking; only in files of your own",
    "disabled": "whether the entry is passed over (default: false)",
}
"""What may stand in an entry; ``docs/mcp.md`` says it."""
_ALIASES = {"transport": "type", "autoApprove": "alwaysAllow"}
_STDIO = frozenset({"stdio", "local"})
_HTTP = frozenset({"http", "streamable-http", "streamable_http", "streamableHttp", "remote"})
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A field name is a token: RFC 9110, section 5.1."""
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""What JSON can write, and neither a path nor an argument can hold: NUL, and halves of surrogate pairs."""
_MILLISECONDS = 1_000
_LONGEST_S = 3_600.0
_LARGEST = 16_384
"""Characters of an entry: a person has to read what they agree to."""


class EntryError(ValueError):
    """An entry that cannot be used; says why, and what would be right."""


def read_entry(name: str, entry: object, origin: Origin, lookup: Lookup) -> tuple[Server | None, list[str]]:
    """The server of an entry (None: it is disabled), and what was odd about it.

    Raises:
        EntryError: It cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise EntryError("a name has 1 to 32 letters, digits, - and _")
    if not isinstance(entry, dict):
        raise EntryError('it is no object, such as {"url": "http://localhost:8000/mcp"}')
    digest = _digest(entry)
    given: dict[str, Any] = {_ALIASES.get(str(key), str(key)): value for key, value in entry.items()}
    odd = [f"{line(key, 40)!r} is not known, and passed over" for key in given if key not in KEYS]
    if _flag(given, "disabled"):
        return None, odd
    fill = _Filling(lookup)
    kind = _kind(given)
    made = Server(
        name=name,
        origin=origin,
        digest=digest,
        timeout_s=_seconds(given.get("timeout")),
        always_allow=_words(given, "alwaysAllow", str),
        **(_program(given, fill) if kind == "stdio" else _address(given, fill)),
        variables=tuple(sorted(fill.used)),
        secrets=tuple(sorted(fill.secrets)),
    )
    if fill.missing:
        what = ", ".join(sorted(fill.missing))
        raise EntryError(
            f"it needs {what}, which the environment does not have for it; ${{{min(fill.missing)}:-}} would be empty"
        )
    if made.always_allow and not made.own:
        odd.append("alwaysAllow counts only in files of your own, and is passed over")
    return made, odd


def _digest(entry: Mapping[str, Any]) -> str:
    """BLAKE2b-128, hex, over the entry as it is written, its keys sorted. Raises EntryError."""
    try:
        whole = json.dumps(entry, sort_keys=True)
    except RecursionError as error:
        raise EntryError("it is nested too deeply") from error
    if len(whole) > _LARGEST:
        raise EntryError(f"it is longer than {_LARGEST:,} characters")
    return blake2b(whole.encode(), digest_size=16).hexdigest()


class _Filling:
    """Puts the environment's values in the place of ``${NAME}`` and ``${NAME:-default}``."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self.used: set[str] = set()
        self.missing: set[str] = set()
        self.secrets: set[str] = set()

    def __call__(self, text: str) -> str:
        return _VARIABLE.sub(self._value, text)

    def _value(self, match: re.Match[str]) -> str:
        value = self._lookup(match["name"])
        if value is not None:
            self.used.add(match["name"])
            self.secrets |= {value} if SECRET.search(match["name"]) else set()
            return value
        if match["default"] is None:
            self.missing.add(match["name"])
        return match["default"] or ""


def _kind(given: Mapping[str, Any]) -> str:
    said, has_command, has_url = given.get("type"), bool(given.get("command")), bool(given.get("url"))
    if said == "sse":
        raise EntryError(
            'it is of type sse, which MCP gave up in 2025; most of these servers also speak "http", often at /mcp'
        )
    if said is not None and (not isinstance(said, str) or said not in _STDIO | _HTTP):
        raise EntryError(f"there is no type {line(str(said), 40)!r}; there are stdio and http")
    if has_command == has_url:
        raise EntryError("it should have a command or a url" + (", not both" if has_url else ""))
    if said is not None and (said in _STDIO) != has_command:
        raise EntryError(f"it is of type {said}, which goes with a {'command' if said in _STDIO else 'url'}")
    return "stdio" if has_command else "http"


def _program(given: Mapping[str, Any], fill: _Filling) -> dict[str, Any]:
    for key in ("headers", "oauth"):
        if key in given:
            raise EntryError(f"{key} goes with a url")
    cwd = os.path.expanduser(fill(_text(given, "cwd")))
    if cwd and not os.path.isabs(cwd):
        raise EntryError("cwd should be an absolute path")
    return {
        "command": fill(_text(given, "command")),
        "args": _words(given, "args", fill),
        "env": _texts(given, "env", fill),
        "cwd": cwd,
        "network": _flag(given, "network", default=True),
        "write": _flag(given, "write"),
    }


def _address(given: Mapping[str, Any], fill: _Filling) -> dict[str, Any]:
    for key in ("args", "env", "cwd", "network", "write"):
        if key in given:
            raise EntryError(f"{key} goes with a command")
    url = fill(_text(given, "url"))
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise EntryError("url should be an address such as http://localhost:8000/mcp")
    headers = _texts(given, "headers", fill)
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or not value.isprintable() or not value.isascii():
            raise EntryError(
                f"the header {line(name, 40)!r} cannot be sent: a name is a token, a value is printable ASCII"
            )
    return {"url": url, "headers": headers, "oauth": _flag(given, "oauth")}


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key, "")
    if not isinstance(value, str) or _NO_TEXT.search(value):
        raise EntryError(f"{key} should be a text")
    return value


def _words(given: Mapping[str, Any], key: str, fill: Callable[[str], str]) -> tuple[str, ...]:
    value = given.get(key, [])
    if not isinstance(value, list) or not all(isinstance(word, str) and not _NO_TEXT.search(word) for word in value):
        raise EntryError(f"{key} should be a list of texts")
    return tuple(fill(word) for word in value)


def _texts(given: Mapping[str, Any], key: str, fill: _Filling) -> dict[str, str]:
    value = given.get(key, {})
    if not isinstance(value, dict):
        raise EntryError(f"{key} should be an object of texts by name")
    for name, text in value.items():
        if (
            isinstance(text, bool)
            or not isinstance(text, str | int | float)
            or not name
            or _NO_TEXT.search(f"{name}{text}")
        ):
            raise EntryError(f"{key}: {line(name, 40)!r} should be a text")
        if key == "env" and "=" in name:
            raise EntryError(f"env: {line(name, 40)!r} is no name of a variable")
    return {name: fill(str(text)) for name, text in value.items()}


def _flag(given: Mapping[str, Any], key: str, *, default: bool = False) -> bool:
    value = given.get(key, default)
    if not isinstance(value, bool):
        raise EntryError(f"{key} should be true or false")
    return value


def _seconds(value: object) -> float:
    if value is None:
        return CALL_S
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise EntryError("timeout should be a number of seconds above 0")
    value = min(value, _LONGEST_S * _MILLISECONDS)  # first: an integer can be larger than any float
    return value / _MILLISECONDS if value >= _MILLISECONDS else float(value)
