"""``!COMMAND``: a command of the person's own, in the sandbox, and what they see of it."""

import time
from typing import TYPE_CHECKING

from py_mono.protocol.commands import CommandRun
from py_mono.protocol.errors import SandboxError
from py_mono.protocol.events import Envelope
from py_mono.protocol.tools import ToolResult
from py_mono.ui.render import Renderer
from py_mono.ui.terminal import duration, harmless, last_lines

if TYPE_CHECKING:
    from py_mono.ui.app import App

_MOST_SHOWN = 200_000
"""So many characters of the output are shown as they come; of more, the last lines follow at the end."""

_LAST_LINES = 20


async def run_own(app: "App", view: Renderer, line: str) -> None:
    """Run what stands behind ``!`` (the model reads it with the next message) or ``!!`` (it does not); show what it says."""
    told = not line.startswith("!!")
    command = line.removeprefix("!").removeprefix("!").strip()
    if not command:
        view.say("!COMMAND runs a command in the sandbox; !!COMMAND does so without telling the model.")
        return
    shown, began = _Shown(view), time.monotonic()
    unsubscribe = app.agent.subscribe(shown)
    try:
        result = await app.agent.run_command(command, told=told, on_output=shown.feed)
    except SandboxError as error:
        view.say("\n".join(filter(None, (harmless(str(error)), harmless(error.remedy)))), "red")
        return
    finally:
        unsubscribe()
    shown.end(result, time.monotonic() - began)


class _Shown:
    """Output as it comes, line by line."""

    def __init__(self, view: Renderer) -> None:
        self._view = view
        self._open = ""
        self._length = 0

    def feed(self, text: str) -> None:
        """Take a piece."""
        if self._length > _MOST_SHOWN:
            return
        self._length += len(text)
        lines, newline, self._open = (self._open + text).rpartition("\n")
        if newline:
            self._view.line(harmless(lines))
        if self._length > _MOST_SHOWN:
            self._view.say("… more than is shown; its end follows when it is over", "dim")

    def __call__(self, envelope: Envelope) -> None:
        """The command is over: what it changed comes after all that it said."""
        if isinstance(envelope.event, CommandRun) and self._open:
            self._view.line(harmless(self._open))
            self._open = ""

    def end(self, result: ToolResult, seconds: float) -> None:
        """Say how it ended."""
        if self._length > _MOST_SHOWN or (result.is_error and not self._length):
            for line in last_lines(result.content, _LAST_LINES):
                self._view.line(line)
        code = result.details.get("exit_code")
        failed = f"exit code {code} · " if code else "ended · " if result.is_error else ""
        self._view.line(
            f"{'✗' if result.is_error else '✓'} {failed}{duration(seconds)}", "red" if result.is_error else "green"
        )
