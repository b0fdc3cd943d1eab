"""The model's text as it comes."""

from py_mono.ui.terminal import Screen, Style, harmless


class StreamedText:
    """Text that comes in pieces: whole lines are committed to the screen, the last one stays open.

    Markdown, when it comes, replaces what a committed line looks like; nothing else knows how text is shown.

    Attributes:
        open_line: What was received after the last newline, harmless.
        style: Of the open line.
        shown: The styles in which anything was shown since ``begin``; None is plain text.
    """

    def __init__(self, screen: Screen, *, live: bool) -> None:
        """Take a screen; ``live`` where somebody else shows ``open_line``, so that only whole lines are written."""
        self._screen = screen
        self._live = live
        self.style: Style | None = None
        self.open_line = ""
        self.shown: set[Style | None] = set()

    def begin(self) -> None:
        """A new reply."""
        self.end()
        self.shown = set()

    def feed(self, text: str, style: Style | None = None) -> None:
        """Take a piece; one in another style than the last one's starts a new line."""
        if style != self.style:
            self.end()
        self.style = style
        text = harmless(text)
        if style not in self.shown:
            text = text.lstrip("\n")  # many models begin with empty lines
        if not text:
            return
        self.shown.add(style)
        *lines, rest = (self.open_line + text).split("\n")
        if self._live:
            self._screen.write("".join(self._screen.paint(line, style) + "\n" for line in lines))
        else:
            self._screen.write(self._screen.paint(text, style))
        self.open_line = rest

    def end(self) -> None:
        """Close the open line."""
        if self.open_line:
            line = self._screen.paint(self.open_line, self.style) if self._live else ""
            self._screen.write(line + "\n")
            self.open_line = ""
