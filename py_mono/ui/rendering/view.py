"""What the functions that show events share: the screen, the reply, and what is waited for."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from py_mono.protocol.spending import Spending
from py_mono.ui.rendering.diffs import DiffText, line_style
from py_mono.ui.rendering.folds import Folds
from py_mono.ui.rendering.streams import StreamedReply
from py_mono.ui.terminal import Screen, Style, harmless

if TYPE_CHECKING:
    from py_mono.protocol.events import ContextChecked
    from py_mono.protocol.tools import ToolCall

_UNFOLDED = 2000


class View:
    """The state of what is shown.

    Attributes:
        screen: Where events go.
        text: The reply as it comes.
        folds: What was folded, where somebody can open it.
        status: What is being waited for, in a few words, or empty.
        since: When that began, in seconds of the monotonic clock.
        running: The calls that run, by id.
        final_text: Whether the text of a reply that asks for no tools is shown.
        reasoning: Whether thinking is.
        echo: Whether what the person said is.
        at: The time of the event that is shown, in seconds since 1970.
        started_at: The same of the turn.
        waited: Whether it was said in this turn that the model is waited for.
        context: What is known of the last prompt.
        spending: What the turn took.
        on_change: Called when ``status`` or the open text changed; None where nobody shows them.
        told: Notes that are said once in a session.
        jobs: The background commands that run, by handle.
    """

    def __init__(
        self,
        screen: Screen,
        *,
        on_change: Callable[[], None] | None = None,
        final_text: bool = True,
        reasoning: bool = True,
        echo: bool = False,
    ) -> None:
        """Take a screen.

        Args:
            screen: Where events go.
            on_change: Called when ``status`` or the open text changed, for a caller that shows them, and lets the person
                unfold things; None where nobody does.
            final_text: Whether to show the text of a reply that asks for no tools; off where it goes elsewhere.
            reasoning: Whether to show the model's thinking.
            echo: Whether to show what the person said, and all thinking (when a recorded session is shown).
        """
        self.screen = screen
        self.folds = Folds() if on_change is not None else None
        self.text = StreamedReply(screen, self.folds, fold_thinking=screen.terminal and not echo)
        self.status = ""
        self.since = 0.0
        self.running: dict[str, ToolCall] = {}
        self.final_text = final_text
        self.reasoning = reasoning
        self.echo = echo
        self.at = 0.0
        self.started_at = 0.0
        self.waited = False
        self.context: ContextChecked | None = None
        self.spending = Spending()
        self.told: set[str] = set()
        self.jobs: dict[int, str] = {}
        self.on_change = on_change

    def changed(self) -> None:
        """Let ``status`` and the open text be shown, by whoever does that."""
        if self.on_change is not None:
            self.on_change()
        else:
            self.screen.show_status(self.status)

    def wait(self, status: str, *, goes_on: bool = False) -> None:
        """Say what is waited for; ``goes_on`` where it is what was waited for before, in other words."""
        if not goes_on and status != self.status:
            self.since = time.monotonic()
        self.status = status

    def line(self, text: str, style: Style | None = None) -> None:
        """Show a line of its own, already harmless; a reply that still comes goes on after it."""
        self.screen.write(self.screen.paint(text, style) + "\n")

    def say(self, text: str, style: Style | None = None) -> None:
        """Show the program's own words, already harmless, broken at blanks."""
        self.line(self.screen.fold(text), style)

    def answer(self, text: str) -> None:
        """Show what a command says."""
        if not isinstance(text, DiffText):
            self.say(text)
            return
        for line in text.split("\n"):
            self.line(line, line_style(line))

    def unfold(self) -> None:
        """Show in full what was folded last; asked for again, what was folded before that."""
        fold = self.folds.open() if self.folds is not None else None
        if fold is None:
            self.line("Nothing more is folded.", "dim")
            return
        self.line(fold.title, "bold")
        lines = harmless(fold.text).rstrip("\n").split("\n")
        self.line("\n".join(lines[:_UNFOLDED]))
        if len(lines) > _UNFOLDED:
            self.line(f"… {len(lines) - _UNFOLDED:,} more lines", "dim")
