"""What the keys do; those that are not here are prompt_toolkit's own, which are Emacs's."""

from collections.abc import Callable
from typing import Protocol

from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer, CompletionState
from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, completion_is_selected, has_completions, has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.bindings.named_commands import get_by_name
from prompt_toolkit.keys import Keys

from py_mono.ui.line.completion import Words
from py_mono.ui.line.editing import Editing
from py_mono.ui.line.question import Questions


class Line(Protocol):
    """What keys act on: see ``InputLine``."""

    busy: Callable[[], bool]
    interrupt: Callable[[], None]
    editing: Editing
    questions: Questions

    def press_interrupt(self) -> None:
        """Ctrl-C."""


def bindings(line: Line) -> KeyBindings:
    """The keys of an input line."""
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)
    hidden = Condition(lambda: line.questions.hidden)

    @keys.add("c-c", filter=typing)
    def _(_: KeyPressEvent) -> None:
        line.press_interrupt()

    @keys.add("escape", filter=typing & hidden)
    def _(_: KeyPressEvent) -> None:
        line.questions.give_up()

    @keys.add("escape", filter=typing & ~hidden & ~has_completions & Condition(lambda: line.busy()))  # noqa: PLW0108 - it is set later
    def _(_: KeyPressEvent) -> None:
        line.interrupt()

    @keys.add("c-j", filter=typing)
    @keys.add("escape", "enter", filter=typing)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    @keys.add("c-o", filter=typing)
    def _(_: KeyPressEvent) -> None:
        line.editing.unfold()

    @keys.add("c-g", filter=typing)
    @keys.add("c-x", "c-e", filter=typing)
    def _(_: KeyPressEvent) -> None:
        line.editing.open_editor()

    @keys.add(Keys.BracketedPaste, filter=typing)
    def _(event: KeyPressEvent) -> None:
        line.editing.paste(event.data.replace("\r\n", "\n").replace("\r", "\n"))

    _completing(keys, hidden)
    return keys


def _completing(keys: KeyBindings, hidden: Condition) -> None:
    """Tab takes the next one, Enter the one of a file that is chosen, Esc none; for a key there is nothing to complete."""
    typing = has_focus(DEFAULT_BUFFER)

    @keys.add("tab", filter=typing & hidden)
    @keys.add("c-r", filter=typing & hidden)
    @keys.add("c-s", filter=typing & hidden)
    def _(_: KeyPressEvent) -> None:
        pass

    @keys.add("tab", filter=typing & ~hidden)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        state = buffer.complete_state
        if state is not None and state.completions and not (state.current_completion and len(state.completions) == 1):
            buffer.complete_next()
        elif Words.offers(buffer.document):
            _take_first(buffer)  # also where the only one was taken: what comes after it?

    @keys.add("escape", filter=typing & has_completions)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.cancel_completion()

    @keys.add("enter", filter=typing & completion_is_selected & Condition(_in_argument))
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        buffer.complete_state = None
        if not buffer.text.endswith("/"):
            buffer.insert_text(" ")

    @keys.add("backspace", filter=typing, save_before=lambda event: not event.is_repeat)
    def _(event: KeyPressEvent) -> None:
        get_by_name("backward-delete-char").call(event)
        if event.current_buffer.complete_while_typing():
            event.current_buffer.start_completion()


def _take_first(buffer: Buffer) -> None:
    """Ask anew and take the first that completes: what the last key began to ask for may not be there yet."""
    document, event = buffer.document, CompleteEvent(completion_requested=True)

    def show(found: list[Completion]) -> None:
        if found and buffer.document == document:
            buffer.complete_state = CompletionState(document, found)
            buffer.go_to_completion(0)

    async def ask() -> None:
        show([found async for found in buffer.completer.get_completions_async(document, event)])

    buffer.complete_state = None
    at_once = list(buffer.completer.get_completions(document, event))
    show(at_once)
    if not at_once:
        get_app().create_background_task(ask())


def _in_argument() -> bool:
    """Whether what completes is part of a message or a command, so that Enter need not send it at once."""
    return not get_app().current_buffer.text.startswith("/") or " " in get_app().current_buffer.text
