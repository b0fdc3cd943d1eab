"""A line for an answer, in place of the one that a person was typing; that one comes back afterwards."""

import asyncio
from collections.abc import Callable

from prompt_toolkit.buffer import Buffer

_QUIET_S = 0.4
"""Whoever types on is not answering yet."""


class Questions:
    """Reads answers, one at a time.

    Attributes:
        mark: What is waited for, in a few words; empty where nothing is.
        hidden: Whether it is a key: drawn as dots, and given up by Esc and Ctrl-C.
    """

    def __init__(
        self,
        buffer: Callable[[], Buffer],
        redraw: Callable[[], None],
        held: Callable[[], bool],
        whole: Callable[[str], str] = str,
    ) -> None:
        """``held`` says whether the line is being written elsewhere, in an editor; ``whole`` gives the text it stands for."""
        self.mark = ""
        self.hidden = False
        self._buffer = buffer
        self._redraw = redraw
        self._held = held
        self._whole = whole
        self._key = asyncio.Event()
        self._answer: asyncio.Future[str] | None = None
        self._one = asyncio.Lock()

    def typed(self) -> None:
        """A key has changed the line."""
        self._key.set()

    def take(self) -> bool:
        """Whether the line that was entered is an answer: then it is taken, and no history has it."""
        if self._answer is None or self._answer.done():
            return False
        buffer = self._buffer()
        text = self._whole(buffer.text)
        buffer.reset()
        self._answer.set_result(text)
        return True

    def give_up(self) -> None:
        """Answer a question for a key with nothing; any other one waits on."""
        if self.hidden and self._answer is not None and not self._answer.done():
            self._buffer().reset()
            self._answer.set_result("")

    async def ask(self, mark: str, goes_on: bool = False) -> str:  # noqa: FBT001, FBT002 - a callback's plain form
        """The next line that is entered, once nobody has typed for a moment, or at once where a question ``goes_on``."""
        async with self._one:
            while not goes_on:
                self._key.clear()
                try:
                    await asyncio.wait_for(self._key.wait(), _QUIET_S)
                except TimeoutError:
                    goes_on = not self._held()
            return await self._read(mark)

    async def ask_hidden(self, mark: str) -> str:
        """The next line that is entered, drawn as dots; empty where it was given up. It is asked at once: by a command."""
        async with self._one:
            self.hidden = True
            try:
                return await self._read(mark)
            finally:
                self.hidden = False
                self._redraw()

    async def _read(self, mark: str) -> str:
        buffer = self._buffer()
        began = buffer.document
        buffer.reset()
        self.mark, self._answer = mark, asyncio.get_running_loop().create_future()
        self._redraw()
        try:
            return await self._answer
        finally:
            self.mark, self._answer = "", None
            buffer.reset(began)
            self._redraw()
