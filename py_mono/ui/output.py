"""Standard output, for programs and for pipes."""

import os
from typing import BinaryIO

from py_mono.ui.terminal import harmless
from py_mono.utils.stdout import lost


class Output:
    """A byte stream that is flushed at each write and never raises: whoever reads it may go away. A disk that is full is said on stderr.

    Attributes:
        failure: What the first failed write said, or None; nothing is written after it.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        _make_blocking(stream)

    def write(self, data: bytes) -> None:
        """Write and flush."""
        if self.failure is not None:
            return
        try:
            self._stream.write(data)
            self._stream.flush()
        except OSError as error:
            self.failure = error
            lost(error)
            _discard_the_rest(self._stream)

    def answer(self, text: str) -> None:
        """Write an answer and a newline; on a terminal without anything a terminal acts on, elsewhere as it is."""
        text = harmless(text) if self._stream.isatty() else text
        self.write(text.removesuffix("\n").encode("utf-8", "replace") + b"\n")

    @property
    def lost(self) -> bool:
        """Whether something was lost to anything but a reader that had enough (a full disk, for one)."""
        return self.failure is not None and not isinstance(self.failure, BrokenPipeError)


def _make_blocking(stream: BinaryIO) -> None:
    """A pipe shared with a program that made it non-blocking would lose what does not fit at once."""
    try:
        os.set_blocking(stream.fileno(), True)
    except (OSError, ValueError):  # no descriptor: a stream in memory
        return


def _discard_the_rest(stream: BinaryIO) -> None:
    """Point the descriptor at nothing, so that what is buffered does not fail once more when Python exits."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
    except (OSError, ValueError):
        return
