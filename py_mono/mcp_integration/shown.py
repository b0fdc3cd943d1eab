"""A server as a person may see it: without what its address, headers and arguments keep secret."""

import re
import shlex
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from py_mono.mcp_integration.server import Server
from py_mono.mcp_integration.words import line

SECRET = re.compile(r"(?i)key|token|secret|passw|auth|credential")
"""In a name: its value is not shown."""
_SHORTEST = 4
"""Characters; shorter values stand in every text."""
_HIDDEN = "***"
_LONGEST = 200


def where(server: Server) -> str:
    """Its URL without query and credentials, or its command line without what looks like a secret."""
    if server.url:
        parts = urlsplit(server.url)
        host = parts.netloc.rpartition("@")[2]
        return line(concealing(server)(f"{parts.scheme}://{host}{parts.path}"), _LONGEST)
    return line(concealing(server)(command_line(server)), _LONGEST)


def command_line(server: Server) -> str:
    """What is typed to start it, with all its secrets."""
    return " ".join(shlex.quote(word) for word in (server.command, *server.args))


def concealing(server: Server) -> Callable[[str], str]:
    """What takes the server's own secrets out of a text."""
    secrets = sorted({text for text in _secrets(server) if len(text) >= _SHORTEST}, key=len, reverse=True)
    if not secrets:
        return str
    pattern = re.compile("|".join(map(re.escape, secrets)))
    return lambda text: pattern.sub(_HIDDEN, text)


def _secrets(server: Server) -> list[str]:
    """Of a repository's entry only what of the person's is filled in: what it says itself must be seen to be agreed to."""
    if not server.own:
        return list(server.secrets)
    parts = urlsplit(server.url)
    found = [*server.secrets, parts.password or "", parts.query, *(value for _, value in parse_qsl(parts.query))]
    for value in server.headers.values():
        found += [value, value.partition(" ")[2]]
    found += [value for name, value in server.env.items() if SECRET.search(name)]
    for before, word in zip(("", *server.args), server.args, strict=False):
        name, given, value = word.partition("=")
        if given and SECRET.search(name):
            found.append(value)
        elif before.startswith("-") and "=" not in before and SECRET.search(before):
            found.append(word)
    return found
