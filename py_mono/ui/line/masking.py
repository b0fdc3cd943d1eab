"""Draws dots for what is typed as a key: the line keeps it, the terminal is never sent it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from prompt_toolkit.layout.controls import SearchBufferControl
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

from py_mono.ui.line.completion import Words
from py_mono.ui.line.secret import TypedKeys, dots, masked

if TYPE_CHECKING:
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.layout.layout import Layout


class HiddenKeys:
    """What of the line is a key, and so neither drawn nor kept nor given away.

    Attributes:
        typed: What was typed as a key so far.
    """

    def __init__(self, buffer: "Callable[[], Buffer]", hidden: Callable[[], bool], whole: Callable[[str], str]) -> None:
        """Take the line.

        Args:
            buffer: Gives it.
            hidden: Whether all of it answers a question for a key.
            whole: Gives the text that it stands for.
        """
        self.typed = TypedKeys()
        self.hidden = hidden
        self._buffer = buffer
        self._whole = whole

    def watch(self) -> None:
        """The line has changed."""
        self.typed.watch(self._buffer().text, hidden=self.hidden())

    def in_line(self) -> bool:
        """Whether there is any in it."""
        text = self._whole(self._buffer().text)
        return self.hidden() or masked(text) != text or self.typed.pieces_in(text)

    def completes(self) -> bool:
        """Whether anything might complete where the cursor is."""
        return not self.hidden() and Words.offers(self._buffer().document)

    def mask(self, layout: "Layout") -> None:
        """Draw dots also for what is typed into the search of the history."""
        for control in layout.find_all_controls():
            if isinstance(control, SearchBufferControl):
                control.input_processors = [Masking(self), *(control.input_processors or [])]


class Masking(Processor):
    """The last of a line's processors, so that what any other one made of the key is drawn as dots, too."""

    def __init__(self, keys: HiddenKeys) -> None:
        self._keys = keys

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """See ``Processor``: as many characters as before, so that the cursor stands where it stood."""
        text = transformation_input.document.text
        start = self._keys.typed.start(text, hidden=self._keys.hidden())
        if start == len(text):
            return Transformation(transformation_input.fragments)
        row, column = transformation_input.document.translate_index_to_position(start)
        if transformation_input.lineno < row:
            return Transformation(transformation_input.fragments)
        left = transformation_input.source_to_display(column) if transformation_input.lineno == row else 0
        drawn: StyleAndTextTuples = []
        for style, piece, *_ in transformation_input.fragments:
            drawn.append((style, piece[:left] + dots(piece[left:])))
            left = max(left - len(piece), 0)
        return Transformation(drawn)
