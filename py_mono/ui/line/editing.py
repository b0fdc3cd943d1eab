"""What is done to the line as a whole: long pastes, the person's editor, text put back."""

import asyncio
import os
from collections.abc import Callable

from prompt_toolkit.application.run_in_terminal import in_terminal
from prompt_toolkit.buffer import Buffer

from py_mono.ui.above import AbovePrompt
from py_mono.ui.line.editor import EditorFailed, edit, editor
from py_mono.ui.line.pastes import Pastes
from py_mono.ui.terminal import harmless


class Editing:
    """Changes the line's text.

    Attributes:
        pastes: Its long pastes.
        unfold_above: Shows in full what is folded above the line.
    """

    def __init__(self, buffer: Callable[[], Buffer], above: AbovePrompt, has_key: Callable[[], bool]) -> None:
        """``buffer`` gives the line's text; ``has_key`` says whether a key is in it."""
        self.pastes = Pastes()
        self.unfold_above: Callable[[], None] = lambda: None
        self._buffer = buffer
        self._above = above
        self._has_key = has_key
        self._editor: asyncio.Task[None] | None = None

    def paste(self, text: str) -> None:
        """Put pasted text where the cursor is, folded where it is long; no newline in it sends the line."""
        self._buffer().insert_text(self.pastes.fold(text))

    def unfold(self) -> None:
        """Show in full what was pasted into the line, or else what is folded above it."""
        text = self._buffer().text
        whole = self.pastes.unfold(text)
        if whole == text:
            self.unfold_above()
        else:
            self._replace(whole)

    def put_back(self, text: str) -> None:
        """Put text into the line, before what stands there."""
        after = self._buffer().text
        text = self.pastes.fold(text)
        self._replace(f"{text}\n{after}" if after else text)

    def open_editor(self) -> None:
        """Give the line to the person's editor, and take what it makes of it; not a key: it would lie in a file."""
        if self._has_key():
            self._above.write("A line with a key is not given to an editor, which would write it to the disk.\n")
        elif self._editor is None or self._editor.done():
            self._editor = asyncio.ensure_future(self._edit())

    async def _edit(self) -> None:
        try:
            # Of the program's own environment: what a workspace says must not start programs outside the lock.
            command = editor(os.environ)
            text = self.pastes.unfold(self._buffer().text)
            async with in_terminal():
                self._above.held = True
                edited = await edit(text, command)
            self._replace(self.pastes.fold(edited))
        except EditorFailed as failed:
            self._above.write(harmless(str(failed)) + "\n")
        finally:
            self._above.held = False
            self._above.drain()

    def _replace(self, text: str) -> None:
        buffer = self._buffer()
        buffer.save_to_undo_stack()
        buffer.text = text
        buffer.cursor_position = len(text)
