"""The input line: its keys, and text that appears above it while a person types."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TextIO

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts.prompt import PromptSession

from py_mono.ui.above import BATCH_S, AbovePrompt, StrayText
from py_mono.ui.completion import Words
from py_mono.ui.line_history import LineHistory
from py_mono.ui.terminal import clip, wrap

_OPEN_ROWS = 6
"""How many rows of an open line are shown; it is all there once the line is whole."""


class InputLine:
    """One line (or several) from a person, with text appearing above while they type.

    Attributes:
        above: Where that text goes.
        pending: Gives what stands above the line for now: the open line, its style, and what is waited for.
        busy: Whether a turn runs.
        interrupt: Ends it.
    """

    def __init__(
        self, stdin: TextIO, stdout: TextIO, *, history_file: str, workspace: str, term: str, colour: bool = True
    ) -> None:
        """Take a terminal.

        Args:
            stdin: Keys come from here.
            stdout: The line is drawn here.
            history_file: What was typed before; empty keeps nothing.
            workspace: Where ``@file`` looks.
            term: ``TERM``.
            colour: Whether to use colours.
        """
        self.above = AbovePrompt(stdout, self._erase, self._draw)
        self.pending: Callable[[], tuple[str, str, str]] = lambda: ("", "", "")
        self.busy: Callable[[], bool] = lambda: False
        self.interrupt: Callable[[], None] = lambda: None
        self._leaving = False
        self._stdout = stdout
        self._typed: asyncio.Queue[str] = asyncio.Queue()
        depth = None if colour else ColorDepth.DEPTH_1_BIT
        self._session: PromptSession[str] = PromptSession(
            self._message,
            input=Vt100Input(stdin),
            # No cursor position requests: on a slow line each would hold up what appears above.
            output=Vt100_Output(stdout, lambda: _size(stdout), term=term, default_color_depth=depth, enable_cpr=False),
            history=LineHistory(history_file) if history_file else None,
            completer=Words(workspace),
            complete_while_typing=False,
            key_bindings=self._bindings(),
            prompt_continuation="  ",
            erase_when_done=True,
            enable_suspend=True,
        )
        app = self._session.app
        app.ttimeoutlen = 0.1  # an escape that nothing follows for so long is the Esc key
        app.timeoutlen = 0.3  # and Esc that Enter does not follow is a key of its own
        app.min_redraw_interval = BATCH_S
        self._session.default_buffer.on_text_changed += lambda _: self._stay()
        self._session.default_buffer.accept_handler = self._accept
        self._running: asyncio.Future[str]

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Within the block the line is on the screen, and whatever prints does so above it."""
        stray = StrayText(self.above)
        session = self._session.prompt_async(handle_sigint=False, set_exception_handler=False)
        self._running = asyncio.ensure_future(session)
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
        """What ``pending`` gives has changed."""
        self._session.app.invalidate()

    def submit(self, text: str) -> None:
        """Let ``read`` give this, as if it had been typed."""
        self._typed.put_nowait(text)

    def put_back(self, text: str) -> None:
        """Put text into the line, before what stands there."""
        buffer = self._session.default_buffer
        buffer.text = f"{text}\n{buffer.text}" if buffer.text else text
        buffer.cursor_position = len(buffer.text)

    def leave(self) -> None:
        """End ``read`` with ``EOFError``."""
        app = self._session.app
        if app.is_running and not app.is_done:
            app.exit(exception=EOFError())

    def press_interrupt(self) -> None:
        """What Ctrl-C does: clear the line, else end the turn, else (the second time) leave."""
        buffer = self._session.default_buffer
        if buffer.text:
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
        self._typed.put_nowait(buffer.text)
        return False  # and empty the line

    def _erase(self) -> None:
        if self._session.app.is_running:
            self._session.app.renderer.erase()

    def _draw(self) -> None:
        app = self._session.app
        if app.is_running and not app.is_done:
            app.renderer.render(app, app.layout)

    def _stay(self) -> None:
        self._leaving = False

    def _message(self) -> StyleAndTextTuples:
        """What stands above the line, and the line's own mark."""
        columns = _size(self._stdout).columns
        text, style, status = self.pending()
        if self._leaving:
            status = "Ctrl-C again leaves"
        skipped = max(len(text) // columns - _OPEN_ROWS + 1, 0) * columns  # whole rows: the rest must not jump about
        rows = [(style, row) for row in wrap(text[skipped:], columns)[-_OPEN_ROWS:]] if text else []
        if status:
            rows.append(("fg:ansibrightblack", clip(status, columns)))
        return [*((style, row + "\n") for style, row in rows), ("bold", "> ")]

    def _bindings(self) -> KeyBindings:
        keys = KeyBindings()
        typing = has_focus(DEFAULT_BUFFER)

        @keys.add("c-c", filter=typing)
        def _(_: KeyPressEvent) -> None:
            self.press_interrupt()

        @keys.add("escape", filter=typing & Condition(lambda: self.busy()))  # noqa: PLW0108 - it is set after the keys are bound
        def _(_: KeyPressEvent) -> None:
            self.interrupt()

        @keys.add("c-j", filter=typing)
        @keys.add("escape", "enter", filter=typing)
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.newline(copy_margin=False)

        return keys


def _size(stdout: TextIO) -> Size:
    try:
        columns, rows = os.get_terminal_size(stdout.fileno())
    except OSError:
        columns, rows = 80, 24
    return Size(rows=rows or 24, columns=columns or 80)
