"""Long pastes: one character stands for each in the line, shown as ``[pasted 120 lines]``, until it is sent.

So the cursor, undo and every key that deletes take the whole of it, and a line stays as quick as a short one.
"""

import re

from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

_FIRST = 0x10F000
_LAST = 0x10FFFD
_STANDS = re.compile(f"[{chr(_FIRST)}-{chr(_LAST)}]")  # private use, and none that fonts for terminals use
_LINES = 10
_CHARACTERS = 1_000
"""A paste of as many lines or characters is folded."""


class Pastes(Processor):
    """The pastes of one session, and how a line shows them."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def fold(self, text: str) -> str:
        """What stands in the line for pasted text: the text, where it is short."""
        if text.count("\n") < _LINES and len(text) < _CHARACTERS:
            return text
        stand_in = chr(_FIRST + len(self._texts))
        if ord(stand_in) > _LAST:
            return text
        self._texts[stand_in] = text
        return stand_in

    def unfold(self, line: str) -> str:
        """The line with every paste in full."""
        return _STANDS.sub(lambda match: self._texts.get(match[0], match[0]), line)

    def shown(self, line: str) -> str:
        """The line as it is shown."""
        return _STANDS.sub(lambda match: self._label(match[0]), line)

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """See ``Processor``: labels instead of characters, and where the cursor stands among them."""
        line = transformation_input.document.lines[transformation_input.lineno]
        if not _STANDS.search(line):
            return Transformation(transformation_input.fragments)
        labels = [self._label(character) if character in self._texts else character for character in line]
        starts = [0]
        for label in labels:
            starts.append(starts[-1] + len(label))
        styled = [
            ("fg:ansicyan" if character in self._texts else "", label)
            for character, label in zip(line, labels, strict=True)
        ]

        def to_source(position: int) -> int:
            return max(index for index, start in enumerate(starts) if start <= max(position, 0))

        return Transformation(
            [(style, text) for style, text in styled],
            source_to_display=lambda index: starts[min(index, len(starts) - 1)],
            display_to_source=to_source,
        )

    def _label(self, character: str) -> str:
        text = self._texts.get(character)
        if text is None:
            return character
        lines = text.rstrip("\n").count("\n") + 1
        return f"[pasted {lines:,} lines]" if lines > 1 else f"[pasted {len(text):,} characters]"
