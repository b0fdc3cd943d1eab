"""The input line, and text that appears above it while a person types."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING, TextIO

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts.prompt import PromptSession
from prompt_toolkit.styles import Style

from py_mono.ui.above import BATCH_S, AbovePrompt, StrayText
from py_mono.ui.line.editing import Editing
from py_mono.ui.line.history import LineHistory
from py_mono.ui.line.keys import bindings
from py_mono.ui.line.masking import HiddenKeys, Masking
from py_mono.ui.line.question import Questions
from py_mono.ui.terminal import clip, one_line

if TYPE_CHECKING:
    from py_mono.ui.rendering.live import Rows

_QUEUED = 3
_MENU = {
    "completion-menu": "bg:default fg:default",
    "completion-menu.completion.current": "reverse",
    "completion-menu.meta.completion": "bg:default fg:ansibrightblack",
    "completion-menu.meta.completion.current": "bg:default fg:default",
    "scrollbar.background": "bg:default",
    "scrollbar.button": "bg:ansibrightblack",
}


class InputLine:
    """One line (or several) from a person, with text appearing above while they type.

    Attributes:
        above: Where that text goes.
        pending: Gives the rows that stand above the line for now, each with its style, none wider than so many columns.
        numbers: Gives those right above the line.
        queued: Gives what was typed and waits for the running turn to look at it.
        busy: Whether a turn runs.
        interrupt: Ends it.
        editing: What is done to the line as a whole.
        questions: Takes the line for an answer.
        keys: What of it must not be drawn.
    """

    pending: "Callable[[int], Rows]"
    numbers: "Callable[[int], Rows]"
    _running: asyncio.Future[str]
    _leaving = False
    _redrawing = False

    def __init__(
        self,
        stdin: TextIO,
        stdout: TextIO,
        *,
        history_file: str,
        completer: Completer,
        term: str,
        colour: bool = True,
        redact: Callable[[str], str] = str,
    ) -> None:
        """Take a terminal.

        Args:
            stdin: Keys come from here.
            stdout: The line is drawn here.
            history_file: What was typed before; empty keeps nothing on the disk.
            completer: What Tab asks.
            term: ``TERM``.
            colour: Whether to use colours.
            redact: Takes secrets out of what is kept on the disk.
        """
        self.above = AbovePrompt(stdout, self._erase, self._draw)
        self.pending = self.numbers = lambda _: []
        self.queued: Callable[[], Sequence[str]] = lambda: ()
        self.busy: Callable[[], bool] = lambda: False
        self.interrupt: Callable[[], None] = lambda: None
        self.editing = Editing(self._buffer, self.above, lambda: self.keys.in_line())  # noqa: PLW0108 - they come next
        whole = self.editing.pastes.unfold
        self.keys = HiddenKeys(self._buffer, lambda: self.questions.hidden, whole)
        self.questions = Questions(self._buffer, self.redraw, lambda: self.above.held, whole)
        self._stdout, self._redact = stdout, redact
        self._typed: asyncio.Queue[str] = asyncio.Queue()
        self._session: PromptSession[str] = PromptSession(
            self._message,
            input=Vt100Input(stdin),
            output=_output(stdout, term, colour=colour),
            history=LineHistory(history_file, whole=whole, redact=redact, secret=self.keys.typed.pieces_in),
            completer=completer,
            complete_while_typing=Condition(self.keys.completes),
            input_processors=[self.editing.pastes, Masking(self.keys)],
            key_bindings=bindings(self),
            prompt_continuation="  ",
            erase_when_done=True,
            enable_suspend=True,
            style=Style.from_dict(_MENU),
        )
        self.keys.mask(_hurried(self._session.app).layout)
        self._buffer().on_text_changed += lambda _: self._stay()
        self._buffer().accept_handler = self._accept

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Within the block the line is on the screen, and whatever prints does so above it."""
        stray = StrayText(self.above, self._redact)
        session = self._session.prompt_async(handle_sigint=False, set_exception_handler=False)
        self._running = asyncio.ensure_future(session)
        self._running.add_done_callback(lambda _: self.questions.give_up())
        try:
            with redirect_stdout(stray), redirect_stderr(stray):
                yield
        finally:
            self.leave()
            if not self._session.app.is_running:  # not yet, or no longer
                self._running.cancel()
            with suppress(EOFError, asyncio.CancelledError):
                await self._running
            self.above.drain()

    async def read(self) -> str:
        """What the person typed next. The line stays on the screen, and takes what they type after it.

        Raises:
            EOFError: They want to go.
        """
        typed = asyncio.ensure_future(self._typed.get())
        await asyncio.wait({typed, self._running}, return_when=asyncio.FIRST_COMPLETED)
        if typed.done():
            return typed.result()
        typed.cancel()
        return self._running.result()  # it only ends with EOFError, or with what went wrong

    def on_drawn(self, action: Callable[[], None]) -> None:
        """Do something once, right after the line was drawn for the first time."""
        rendered = self._session.app.after_render

        def first(_: object) -> None:
            rendered.remove_handler(first)
            action()

        rendered.add_handler(first)

    def redraw(self) -> None:
        """What ``pending`` gives has changed; it is shown a moment later, with what else changes until then."""
        if not self._redrawing:
            self._redrawing = True
            asyncio.get_running_loop().call_later(BATCH_S, self._redraw)

    def submit(self, text: str) -> None:
        """Let ``read`` give this, as if it had been typed."""
        self._typed.put_nowait(text)

    def leave(self) -> None:
        """End ``read`` with ``EOFError``."""
        app = self._session.app
        if app.is_running and not app.is_done:
            app.exit(exception=EOFError())

    def press_interrupt(self) -> None:
        """What Ctrl-C does: clear the line, else end the turn, else (the second time) leave."""
        buffer = self._session.default_buffer
        if self.above.held:  # it is meant for the editor
            return
        if self.questions.hidden:
            self.questions.give_up()
        elif buffer.text and not self.questions.mark:
            buffer.reset()
        elif self.busy():
            self.interrupt()
        elif self._leaving:
            self.leave()
        else:
            self._leaving = True
            self.redraw()

    def _accept(self, buffer: Buffer) -> bool:
        """Take a line without ending the prompt: what is typed right after it would meet no one who reads keys."""
        if not self.questions.take():
            self._typed.put_nowait(self.editing.pastes.unfold(buffer.text))
        return False  # and empty the line

    def _erase(self) -> None:
        if self._session.app.is_running:
            self._session.app.renderer.erase()

    def _draw(self) -> None:
        app = self._session.app
        if app.is_running and not app.is_done:
            app.render_counter += 1  # it is the key of what is remembered of the rows above the line
            app._redraw()  # noqa: SLF001 - as ``invalidate`` does, but now: the renderer alone draws what it drew before

    def _redraw(self) -> None:
        self._redrawing = False
        if not self.above.drain():
            self._session.app.invalidate()

    def _stay(self) -> None:
        self._leaving = False
        self.questions.typed()
        self.keys.watch()

    def _buffer(self) -> Buffer:
        return self._session.default_buffer

    def _message(self) -> StyleAndTextTuples:
        """What stands above the line, and the line's own mark."""
        columns = _size(self._stdout).columns
        queued = [f"queued: {one_line(self.editing.pastes.shown(line))}" for line in self.queued()[-_QUEUED:]]
        rows = [*self.pending(columns), *(("dim", clip(line, columns)) for line in queued)]
        rows += [("dim", clip("Ctrl-C again leaves", columns))] if self._leaving else self.numbers(columns)
        return [*((style, row + "\n") for style, row in rows), ("bold", f"{self.questions.mark}> ")]


def _hurried(app: Application[str]) -> Application[str]:
    app.ttimeoutlen = 0.1  # an escape that nothing follows for so long is the Esc key
    app.timeoutlen = 0.3  # and Esc that Enter does not follow is a key of its own
    app.max_render_postpone_time = 0  # a key is shown at once, whatever else there is to do
    return app


def _output(stdout: TextIO, term: str, *, colour: bool) -> Vt100_Output:
    """Without cursor position requests: on a slow line each would hold up what appears above."""
    depth = None if colour else ColorDepth.DEPTH_1_BIT
    return Vt100_Output(stdout, lambda: _size(stdout), term=term, default_color_depth=depth, enable_cpr=False)


def _size(stdout: TextIO) -> Size:
    try:
        columns, rows = os.get_terminal_size(stdout.fileno())
    except OSError:
        columns, rows = 80, 24
    return Size(rows=rows or 24, columns=columns or 80)
