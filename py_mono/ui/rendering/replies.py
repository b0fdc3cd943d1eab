"""Events of a turn and of the model's replies."""

from py_mono.protocol.attempts import ModelFellBack
from py_mono.protocol.events import (
    ContextChecked,
    MessageFinished,
    MessageSteered,
    ModelRetried,
    ModelWaiting,
    Notice,
    PrefixBroken,
    ReasoningDelta,
    StepStarted,
    TextDelta,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.spending import Spending
from py_mono.ui.rendering.jobs import jobs_go_on
from py_mono.ui.rendering.view import View
from py_mono.ui.rendering.words import PHASES, STOPS, counted, fullness
from py_mono.ui.terminal import Style, clip, duration, harmless, one_line
from py_mono.utils.lazy import load


def turn_started(view: View, event: TurnStarted) -> None:
    """A person's message."""
    view.started_at = view.at
    view.waited = False
    view.context = None
    view.spending = Spending()
    if view.echo:
        view.line("> " + harmless(event.message.text), "bold")


def message_steered(view: View, event: MessageSteered) -> None:
    """A message between two steps."""
    if event.origin == "job":
        return  # the person was told when it happened
    if event.origin == "guard":
        view.say("note to the model: " + one_line(event.message.text).removeprefix("Note: "), "yellow")
    elif view.echo:
        view.line("> " + harmless(event.message.text), "bold")
    else:
        view.line(clip("the model now reads: " + one_line(event.message.text), view.screen.width), "dim")


def step_started(view: View, _: StepStarted) -> None:
    """A request is about to go out."""
    view.text.begin(view.at)
    view.wait("thinking")


def model_waiting(view: View, event: ModelWaiting) -> None:
    """What the request waits for."""
    view.wait(PHASES[event.phase])
    if not (view.waited or view.final_text or view.screen.terminal):
        view.line(view.status)  # once a turn, among the progress: a log should say what took so long
    view.waited = True


def text_delta(view: View, event: TextDelta) -> None:
    """A piece of text."""
    view.wait("writing")
    if view.final_text:
        view.text.feed(event.text, "text", view.at)


def reasoning_delta(view: View, event: ReasoningDelta) -> None:
    """A piece of thinking."""
    view.wait("thinking")
    if view.reasoning:
        view.text.feed(event.text, "thinking", view.at)


def context_checked(view: View, event: ContextChecked) -> None:
    """How much of the window was used."""
    view.context = event


def message_finished(view: View, event: MessageFinished) -> None:
    """The whole reply: what of it did not come in pieces is shown now."""
    message = event.message
    wanted = view.final_text or message.tool_calls
    if message.reasoning.strip() and view.reasoning and "thinking" not in view.text.shown:
        view.text.feed(message.reasoning.rstrip("\n"), "thinking", view.at)
    if message.text.strip() and wanted and "text" not in view.text.shown:
        view.text.feed(message.text.rstrip("\n"), "text", view.at)
    view.text.end(view.at)
    view.wait("")


def model_retried(view: View, event: ModelRetried) -> None:
    """A request is sent again."""
    view.text.end(view.at)
    void = "what it said above does not count; " if view.text.shown else ""
    after = f" in {event.wait_s:g} s" if event.wait_s else ""
    view.say(f"{one_line(event.reason)}; {void}asking again{after}", "yellow")
    view.text.begin(view.at)
    view.wait("waiting to ask again")


def model_fell_back(view: View, event: ModelFellBack) -> None:
    """The request goes to another model."""
    view.text.end(view.at)
    void = "what it said above does not count; " if view.text.shown else ""
    spoken = load("py_mono.utils.text:spoken")
    before, after = spoken(event.provider, event.model), spoken(event.to_provider, event.to_model)
    view.say(
        one_line(f"{before} did not answer ({event.reason}); {void}{after} answers for the rest of this turn"), "yellow"
    )
    view.text.begin(view.at)
    view.wait("thinking")


def prefix_broken(view: View, event: PrefixBroken) -> None:
    """The server reads the whole prompt again."""
    view.say(f"the model reads its prompt anew: {one_line(event.cause)}", "dim")


def notice(view: View, event: Notice) -> None:
    """Something to know."""
    view.say(harmless(event.text), "yellow")


def turn_finished(view: View, event: TurnFinished) -> None:
    """The turn in one line, and what went wrong."""
    view.text.end(view.at)
    view.running.clear()
    view.wait("")
    usage = event.usage
    parts = [
        counted(event.steps, "step"),
        f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out",
        *([fullness(view.context)] if view.context and view.context.window else []),
        *([one_line(view.spending.cost)] if view.spending.total.requests else []),
        duration(max(view.at - view.started_at, 0.0)),
    ]
    style: Style = "dim" if event.stop_reason == "end" else "yellow"
    view.say(f"{STOPS[event.stop_reason]} · {' · '.join(parts)}", style)
    if view.context and view.context.reason:
        view.say(f"unverified whether the model saw the whole prompt: {one_line(view.context.reason)}", "dim")
    if event.stop_reason == "cancelled":
        jobs_go_on(view)
    if event.error is not None:
        view.say(harmless(event.error.message), "red")
        if event.error.remedy:
            view.say(harmless(event.error.remedy), "cyan")
