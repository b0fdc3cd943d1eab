"""``@file`` in a message: how it is written, and what the model reads of it."""

import os
import re

_MENTION = re.compile(r'(?:^|(?<=[\s(]))@(?:"(?P<quoted>[^"\n]+)"|(?P<plain>[^\s"]+))')
_AFTER = ".,;:!?)]}'`"


def written(path: str) -> str:
    """How a path is mentioned; empty where it cannot be."""
    if any(character.isspace() for character in path):
        return "" if '"' in path else f'@"{path}"'
    return "" if '"' in path else f"@{path}"


def spelled_out(text: str, workspace: str) -> str:
    """The message with the path alone where a file of the workspace is mentioned: the model reads it if it wants to.

    A file's content would cost its tokens whether it is needed or not, and a small window is soon full. What names no
    file (``@decorator``, ``@somebody``) stays as it is.
    """

    def path(match: re.Match[str]) -> str:
        quoted, plain = match["quoted"], match["plain"]
        if quoted is not None:
            return f'"{quoted}"' if _exists(workspace, quoted) else match[0]
        for name in (plain, plain.rstrip(_AFTER)):
            if name and _exists(workspace, name):
                return name + plain[len(name) :]
        return match[0]

    return _MENTION.sub(path, text) if "@" in text else text


def _exists(workspace: str, name: str) -> bool:
    if os.path.isabs(name) or ".." in name.split("/"):
        return False
    try:
        return os.path.lexists(os.path.join(workspace, name))
    except (OSError, ValueError):
        return False
