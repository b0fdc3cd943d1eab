"""GUEST and host. The frames between host and worker: one JSON object a line.

``hello{tools,lock,error,remedy}`` comes first and once, from the worker; ``call{id,tool,arguments}`` and
``cancel{id}`` go to it; ``output{id,text}`` and ``result{id,content,is_error,details}`` come back.

Of background commands the worker tells ``job_started{job,command,output}``, before the result of the call that started
it, and, whenever it comes, ``job_ended{job,status,reason,size,tail}``. To it go ``count_jobs{last}`` (the next one's
number is greater) and ``ask_job{id,job,action}`` (``show`` or ``kill``), which gets a ``result``.
"""

import json

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MAX_LINE = 64 * 1024 * 1024
"""The longest frame, in bytes, newline included."""

FIELDS: "dict[str, dict[str, type]]" = {
    "hello": {"tools": list, "lock": dict, "error": str, "remedy": str},
    "call": {"id": str, "tool": str, "arguments": dict},
    "output": {"id": str, "text": str},
    "result": {"id": str, "content": str, "is_error": bool, "details": dict},
    "cancel": {"id": str},
    "job_started": {"job": int, "command": str, "output": str},
    "job_ended": {"job": int, "status": int, "reason": str, "size": int, "tail": str},
    "count_jobs": {"last": int},
    "ask_job": {"id": str, "job": int, "action": str},
}


class WireError(ValueError):
    """What came is not a frame; the message says what is wrong with it."""


def _refuse_constant(name: str) -> float:
    raise WireError(f"a frame is JSON, and {name} is not")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def encode(kind: str, **fields: object) -> bytes:
    """One frame as a line; lone surrogates, which UTF-8 cannot hold, become ``?``.

    Raises:
        WireError: It is longer than ``MAX_LINE``, or holds what JSON cannot.
    """
    try:
        line = (_encoder.encode({"frame": kind, **fields}) + "\n").encode("utf-8", "replace")
    except (ValueError, TypeError, RecursionError) as error:
        raise WireError(f"a {kind} frame cannot be written as JSON: {error}") from error
    if len(line) > MAX_LINE:
        raise WireError(f"a {kind} frame of {len(line)} bytes is longer than the {MAX_LINE} allowed")
    return line


def decode(line: bytes) -> "dict[str, Any]":
    """The frame in one line: ``frame`` and the fields of that kind, all present, each of its type.

    Raises:
        WireError: The line is not such a frame.
    """
    try:
        frame = _decoder.decode(line.decode("utf-8"))
        if b"\\u" in line:  # an escape can spell half of a surrogate pair, which nothing behind us could write down
            frame = _decoder.decode(_encoder.encode(frame).encode("utf-8", "replace").decode("utf-8"))
    except WireError:
        raise
    except (ValueError, RecursionError) as error:
        raise WireError(f"not a line of JSON: {error}") from error
    if not isinstance(frame, dict):
        raise WireError(f"a frame is a JSON object, not {type(frame).__name__}")
    kind = frame.get("frame")
    fields = FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise WireError(f"unknown frame {str(kind)[:40]!r}; there are {', '.join(FIELDS)}")
    for name, wanted in fields.items():
        if type(frame.get(name)) is not wanted:
            raise WireError(f"{kind}.{name} must be {wanted.__name__}, not {type(frame.get(name)).__name__}")
    return frame


class FrameReader:
    """Puts frames together from the pieces a stream comes in."""

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self._max_line = max_line
        self._pieces: list[bytes] = []
        self._length = 0

    def feed(self, piece: bytes) -> "Iterator[dict[str, Any]]":
        """The frames that ``piece`` completes. Raises WireError; the stream is then of no more use."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._check(len(end))
            line = b"".join((*self._pieces, end))
            self._pieces.clear()
            self._length = 0
            yield decode(line)
        if rest:
            self._check(len(rest))
            self._pieces.append(rest)
            self._length += len(rest)

    def _check(self, more: int) -> None:
        if self._length + more >= self._max_line:
            raise WireError(f"a frame longer than {self._max_line} bytes")
