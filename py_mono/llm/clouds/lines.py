"""Whether the lines of a reply can be read: LiteLLM leaves out what it cannot read, and ends as if all had been said.

Sources: "Server-sent events" in the HTML standard for the fields, the references of the providers for what is in them.
"""

from typing import Any

import msgspec

from py_mono.utils.text import beginning

_FIELDS = frozenset((b"data", b"event", b"id", b"retry", b""))
"""Those of an event stream; the empty one is a comment."""

_object = msgspec.json.Decoder(dict[str, Any])


class Lines:
    """Checks a body as it comes, line by line; a body of a type that is not known is let through."""

    def __init__(self, content_type: str) -> None:
        self._events = "event-stream" in content_type
        self._known = self._events or "ndjson" in content_type
        self._rest: list[bytes] = []

    def check(self, piece: bytes) -> None:
        """Take the next piece.

        Raises:
            ValueError: A line that it completes cannot be read; the message says why, and shows its beginning.
        """
        if not self._known:
            return
        first, *others = piece.split(b"\n")
        self._rest.append(first)
        for begun in others:
            self._check(b"".join(self._rest).strip())
            self._rest = [begun]

    def _check(self, line: bytes) -> None:
        if self._events:
            field, _, line = line.partition(b":")
            if field not in _FIELDS:
                raise ValueError(_shown("a line that is no field of an event", field + line))
            if field != b"data" or line.strip() == b"[DONE]":
                return
        if line.strip():
            try:
                _object.decode(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(_shown("a line that is no JSON object", line)) from error


def _shown(what: str, line: bytes) -> str:
    return f"{what}: {beginning(line.decode(errors='replace'), 80)!r}"
