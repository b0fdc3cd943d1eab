"""What completes: commands, their arguments, and ``@file``."""

import re
import shlex
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from py_mono.ui.line.files import Files
from py_mono.ui.line.mentions import written
from py_mono.ui.line.secret import secret_start

_MENTION = re.compile(r'(?:^|(?<=[\s(]))@(?:"(?P<quoted>[^"\n]*)|(?P<plain>[^\s"]*))$')
_MOST = 50
_LOOKED_AT = 2_000
"""A mention is looked for in so many characters before the cursor."""

Choices = Callable[[str], Sequence[tuple[str, str]]]
"""The words that can stand after the beginning of a command (its name and a blank, or more), each with what it means."""


class Words(Completer):
    """Completes ``/commands`` and what comes after them, and ``@file`` in the workspace."""

    def __init__(
        self,
        commands: Sequence[tuple[str, str]],
        choices: Choices,
        files: Files,
        awaited: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """``commands`` are names with what they do; ``awaited`` returns once ``choices`` knows more, or soon after."""
        self._commands = commands
        self._choices = choices
        self._files = files
        self._awaited = awaited

    @staticmethod
    def offers(document: Document) -> bool:
        """Whether anything might complete where the cursor is."""
        before = document.text_before_cursor
        return secret_start(before) == len(before) and (_command(before) or _mention(before) is not None)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:  # noqa: ARG002 - the base class's
        """Commands and their arguments."""
        before = document.text_before_cursor
        if not _command(before):
            return
        start, blank, word = before.rpartition(" ")
        for name, help_text in self._choices(start) if blank else self._commands:
            if name.lower().startswith(word.lower()):
                yield Completion(name, -len(word), display_meta=help_text)

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """All of it; files are looked for in a thread, until the next key."""
        mention = _mention(document.text_before_cursor) if self.offers(document) else None
        if mention is None:
            start, blank, _ = document.text_before_cursor.rpartition(" ")
            if blank and self._awaited is not None and self.offers(document):
                await self._awaited(start)
            for completion in self.get_completions(document, complete_event):
                yield completion
            return
        said, letters = mention
        own = document.text.startswith("!")  # a shell reads it, to which @ means nothing, or something else
        for path in await self._files.search(letters, _MOST):
            text = shlex.quote(path) if own else written(path)
            if text:
                yield Completion(text, -len(said), display=path)


def _command(before: str) -> bool:
    return before.startswith("/") and "\n" not in before


def _mention(before: str) -> tuple[str, str] | None:
    """The mention that the cursor stands in, and what it says of a path."""
    match = _MENTION.search(before[-_LOOKED_AT:])
    if match is None:
        return None
    return match[0], match["quoted"] if match["quoted"] is not None else match["plain"]
