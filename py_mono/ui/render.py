"""Events as text for a person: one small function for each.

What goes to the screen for good is whole lines. The open line (text still coming) and the status (what is waited for)
are kept apart: a terminal that has an input line shows them above it, another one shows the open line as it grows.
"""

from collections.abc import Callable
from typing import Any

from py_mono.protocol.changes import ChangesStaged
from py_mono.protocol.events import (
    ContextChecked,
    Envelope,
    MessageFinished,
    MessageSteered,
    ModelRetried,
    ModelWaiting,
    Notice,
    PrefixBroken,
    ReasoningDelta,
    StepStarted,
    TextDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.ui.streamed import StreamedText
from py_mono.ui.terminal import Screen, Style, cell_width, clip, duration, first_lines, harmless, last_lines, one_line

_LONGEST = 500
"""How many characters of an argument or an output are looked at for one line."""

_ERROR_LINES = 5
_SAY_IT_LAST = {"shell"}
"""Tools whose output ends with what went wrong, as a test run's does."""

_DIFF_LINES = 60
_CHANGES = 12
_MAIN_ARGUMENTS = ("command", "pattern", "path", "package", "name", "query", "url")
_DIFF_STYLES: dict[str, Style] = {"+": "green", "-": "red", "@": "cyan"}
_STOPS = {
    "end": "done",
    "cancelled": "interrupted",
    "max_steps": "stopped: the limit of steps",
    "max_tokens": "stopped: the limit of tokens",
    "max_budget": "stopped: the limit of money",
    "repeated_calls": "stopped: the same calls again and again",
    "length": "stopped: the reply was cut by the output limit",
    "error": "failed",
}
_PHASES = {
    "connecting": "connecting to the model",
    "loading": "loading the model",
    "first_token": "the model reads",
}


class Renderer:
    """A subscriber that shows events.

    Attributes:
        screen: Where they go.
        text: The reply as it comes.
        status: What is being waited for, in a few words, or empty.
        running: The calls that run, by id.
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
            on_change: Called when ``status`` or the open line changed, for a caller that shows them; None where
                nobody does: then text is written as it comes.
            final_text: Whether to show the text of a reply that asks for no tools; off where it goes elsewhere.
            reasoning: Whether to show the model's thinking.
            echo: Whether to show what the person said (when a recorded session is shown).
        """
        self.screen = screen
        self.text = StreamedText(screen, live=on_change is not None)
        self.status = ""
        self.running: dict[str, ToolCall] = {}
        self.final_text = final_text
        self.reasoning = reasoning
        self.echo = echo
        self.started_at = 0.0
        self.at = 0.0
        self.waited = False
        self.context: ContextChecked | None = None
        self._on_change = on_change

    def __call__(self, envelope: Envelope) -> None:
        """Show one event."""
        self.at = envelope.at
        show = _SHOW.get(type(envelope.event))
        if show is not None:
            show(self, envelope.event)
            if self._on_change is not None:
                self._on_change()
            elif not self.text.open_line:
                self.screen.show_status(self.status)

    def line(self, text: str, style: Style | None = None) -> None:
        """Show a line of its own, already harmless."""
        self.text.end()
        self.screen.write(self.screen.paint(text, style) + "\n")

    def say(self, text: str, style: Style | None = None) -> None:
        """Show the program's own words, already harmless, broken at blanks."""
        self.line(self.screen.fold(text), style)


def _turn_started(view: Renderer, event: TurnStarted) -> None:
    view.started_at = view.at
    view.waited = False
    view.context = None
    if view.echo:
        view.line("> " + harmless(event.message.text), "bold")


def _message_steered(view: Renderer, event: MessageSteered) -> None:
    if event.origin == "guard":
        view.say("note to the model: " + one_line(event.message.text).removeprefix("Note: "), "yellow")
    elif view.echo:
        view.line("> " + harmless(event.message.text), "bold")
    else:
        view.line(clip("the model now reads: " + one_line(event.message.text), view.screen.width), "dim")


def _step_started(view: Renderer, _: StepStarted) -> None:
    view.text.begin()
    view.status = "thinking"


def _model_waiting(view: Renderer, event: ModelWaiting) -> None:
    view.status = _PHASES[event.phase]
    if not (view.waited or view.final_text or view.screen.terminal):
        view.line(view.status)  # once a turn, among the progress: a log should say what took so long
    view.waited = True


def _text_delta(view: Renderer, event: TextDelta) -> None:
    view.status = "writing"
    if view.final_text:
        view.text.feed(event.text)


def _reasoning_delta(view: Renderer, event: ReasoningDelta) -> None:
    view.status = "thinking"
    if view.reasoning:
        view.text.feed(event.text, "dim")


def _context_checked(view: Renderer, event: ContextChecked) -> None:
    view.context = event


def _message_finished(view: Renderer, event: MessageFinished) -> None:
    message = event.message
    wanted = view.final_text or message.tool_calls
    if message.reasoning.strip() and view.reasoning and "dim" not in view.text.shown:
        view.text.feed(message.reasoning.rstrip("\n"), "dim")
    if message.text.strip() and wanted and None not in view.text.shown:
        view.text.feed(message.text.rstrip("\n"))
    view.text.end()
    view.status = ""


def _model_retried(view: Renderer, event: ModelRetried) -> None:
    view.text.end()
    void = "what it said above does not count; " if view.text.shown else ""
    after = f" in {event.wait_s:g} s" if event.wait_s else ""
    view.say(f"{one_line(event.reason)}; {void}asking again{after}", "yellow")
    view.text.begin()
    view.status = "waiting to ask again"


def _tool_started(view: Renderer, event: ToolStarted) -> None:
    view.running[event.call.id] = event.call
    view.status = f"running {_heading(event.call)}"


def _tool_output(view: Renderer, event: ToolOutput) -> None:
    call = view.running.get(event.call_id)
    newest = one_line(event.text.rstrip("\n").rpartition("\n")[2][-_LONGEST:])
    if call is not None and newest:
        view.status = f"{one_line(call.name)}: {newest}"


def _tool_finished(view: Renderer, event: ToolFinished) -> None:
    result = event.result
    call = view.running.pop(result.call_id, None) or ToolCall(result.call_id, result.name, {})
    mark = "✗ " if result.is_error else "✓ "
    tail = f"  {duration(event.duration_ms / 1000)}" + ("  failed" if result.is_error else "")
    room = view.screen.width - cell_width(mark) - cell_width(tail)
    head = mark + clip(_heading(call), max(room, 8))
    view.line(head + tail, "red" if result.is_error else "green")
    if result.is_error:
        shown = last_lines if result.name in _SAY_IT_LAST else first_lines
        for line in shown(result.content, _ERROR_LINES):
            view.line("  " + line, "red")
    _diff(view, result)
    view.status = f"running {_heading(next(iter(view.running.values())))}" if view.running else ""


def _diff(view: Renderer, result: ToolResult) -> None:
    diff = result.details.get("diff")
    if isinstance(diff, str):
        for line in first_lines(diff, _DIFF_LINES):
            view.line(line, _diff_style(line))


def _diff_style(line: str) -> Style | None:
    return "bold" if line.startswith(("+++", "---")) else _DIFF_STYLES.get(line[:1])


def _changes_staged(view: Renderer, event: ChangesStaged) -> None:
    signs = {"added": "A", "modified": "M", "deleted": "D"}
    for change in event.changes[:_CHANGES]:
        view.line(f"{signs[change.kind]} {clip(one_line(change.path), view.screen.width - 2)}", "dim")
    if len(event.changes) > _CHANGES:
        view.line(f"… and {len(event.changes) - _CHANGES} more files changed", "dim")
    if event.note and not event.complete:  # what is always left out (caches) is for who reads the event
        view.line(one_line(event.note), "yellow")


def _prefix_broken(view: Renderer, event: PrefixBroken) -> None:
    view.say(f"the model reads its prompt anew: {one_line(event.cause)}", "dim")


def _notice(view: Renderer, event: Notice) -> None:
    view.say(harmless(event.text), "yellow")


def _turn_finished(view: Renderer, event: TurnFinished) -> None:
    view.running.clear()
    view.status = ""
    good = event.stop_reason == "end"
    usage = event.usage
    parts = [
        f"{event.steps} step{'' if event.steps == 1 else 's'}",
        f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out",
        *([_fullness(view.context)] if view.context and view.context.window else []),
        *([f"${usage.cost_usd:.4f}"] if usage.cost_usd else []),
        duration(max(view.at - view.started_at, 0.0)),
    ]
    view.say(f"{_STOPS[event.stop_reason]} · {' · '.join(parts)}", "dim" if good else "yellow")
    if view.context and view.context.reason:
        view.say(f"unverified whether the model saw the whole prompt: {one_line(view.context.reason)}", "dim")
    if event.error is not None:
        view.say(harmless(event.error.message), "red")
        if event.error.remedy:
            view.say(harmless(event.error.remedy), "cyan")


def _fullness(context: ContextChecked) -> str:
    """How much of the window the last prompt took."""
    seen = context.verdict == "seen"
    percent = round(100 * (context.counted_tokens if seen else context.sent_tokens) / context.window)
    return f"{'' if seen else 'about '}{percent or '<1'}% of a {context.window:,}-token window"


_SHOW: dict[type, Callable[[Renderer, Any], None]] = {
    TurnStarted: _turn_started,
    MessageSteered: _message_steered,
    StepStarted: _step_started,
    ModelWaiting: _model_waiting,
    ContextChecked: _context_checked,
    TextDelta: _text_delta,
    ReasoningDelta: _reasoning_delta,
    MessageFinished: _message_finished,
    ModelRetried: _model_retried,
    ToolStarted: _tool_started,
    ToolOutput: _tool_output,
    ToolFinished: _tool_finished,
    ChangesStaged: _changes_staged,
    PrefixBroken: _prefix_broken,
    Notice: _notice,
    TurnFinished: _turn_finished,
}


def _heading(call: ToolCall) -> str:
    """A call in one line: its name and the argument that matters."""
    if call.malformed:
        return one_line(f"{call.name} {call.malformed[:_LONGEST]}")
    texts = {key: value for key, value in call.arguments.items() if isinstance(value, str) and value}
    main = next((texts[key] for key in _MAIN_ARGUMENTS if key in texts), next(iter(texts.values()), ""))
    return one_line(f"{call.name} {main[:_LONGEST]}")
