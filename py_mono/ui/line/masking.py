"""Draws dots for what is typed as a key: the line keeps it, the terminal is never sent it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

from py_mono.ui.line.secret import TypedKeys, dots

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples


class Masking(Processor):
    """The last of a line's processors, so that what any other one made of the key is drawn as dots, too."""

    def __init__(self, typed: TypedKeys, hidden: Callable[[], bool]) -> None:
        """``hidden`` says whether all of the line answers a question for a key."""
        self._typed = typed
        self._hidden = hidden

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """See ``Processor``: as many characters as before, so that the cursor stands where it stood."""
        text = transformation_input.document.text
        start = self._typed.start(text, hidden=self._hidden())
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
