"""GUEST. What a call prints, on its way to the screen."""

import time
from threading import Lock

from py_mono.sandbox.wire import encode

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL_S = 0.03
"""Between two output frames of a call."""

_PENDING_LIMIT = 16_384  # characters of output a call may have waiting for the screen


class CallScreen:
    """The output of one call on its way to the screen: frames at most every 30 ms, and of a flood only its end."""

    def __init__(self, identifier: str, write: "Callable[[bytes], None]", remind: "Callable[[], None]") -> None:
        """``write`` sends frames; ``remind`` has whoever reads call ``flush`` a moment later."""
        self._id = identifier
        self._write = write
        self._remind = remind
        self._lock = Lock()
        self._pending = ""
        self._dropped = 0
        self._sent_at = time.monotonic()
        self._reminded = True  # whoever reads looks at it 30 ms after the call came

    def emit(self, text: str) -> None:
        """Take a piece; show it now where the last one is long enough ago."""
        with self._lock:
            self._pending += text
            over = len(self._pending) - _PENDING_LIMIT
            if over > 0:
                self._pending = self._pending[over:]
                self._dropped += over
            if time.monotonic() - self._sent_at >= INTERVAL_S:
                self._write(self._frame())
                return
            reminded, self._reminded = self._reminded, True
        if not reminded:
            self._remind()

    def flush(self) -> None:
        """Show what is there."""
        with self._lock:
            self._write(self._frame())

    def rest(self) -> bytes:
        """What is left, as a frame, or nothing."""
        with self._lock:
            return self._frame()

    def _frame(self) -> bytes:
        self._reminded = False
        if not self._pending:
            return b""
        text, self._pending = self._pending, ""
        if self._dropped:
            text = f"\n[{self._dropped} characters not shown]\n{text}"
            self._dropped = 0
        self._sent_at = time.monotonic()
        return encode("output", id=self._id, text=text)
