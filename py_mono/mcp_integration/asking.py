"""What a server asks the person in the middle of a call (elicitation): a message and some flat fields."""

from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

FieldKind = Literal["text", "number", "integer", "yes_no", "one_of", "some_of"]
Value = str | int | float | bool | list[str]


class Choice(Struct, frozen=True):
    """One value that a field can have.

    Attributes:
        value: What the server gets.
        title: What the person reads.
    """

    value: str
    title: str


class Field(Struct, frozen=True):
    """One value that the server wants. Its words are free of control characters; its name and values are as it gave them.

    Attributes:
        name: The server's own name for it.
        title: What it is, in a few words.
        kind: What it can be.
        description: More about it; or empty.
        required: Whether the form cannot be given without it.
        default: What is given where the person says nothing; UNSET where there is no such value.
        choices: What ``one_of`` and ``some_of`` can be.
        form: Of a text: ``email``, ``uri``, ``date``, ``date-time``; else empty.
    """

    name: str
    title: str
    kind: FieldKind
    description: str = ""
    required: bool = False
    default: Value | UnsetType = UNSET
    choices: tuple[Choice, ...] = ()
    form: str = ""


class Question(Struct, frozen=True):
    """A form.

    Attributes:
        server: Who asks, as configured.
        message: What for: its words, not ours.
        fields: What is wanted; none where only a yes or no is.
    """

    server: str
    message: str
    fields: tuple[Field, ...]


class Answer(Struct, frozen=True):
    """What the person said.

    Attributes:
        action: ``accept`` sends the values; ``decline`` is a no; ``cancel``: they looked away.
        values: By field name; what is left out gets its default.
    """

    action: Literal["accept", "decline", "cancel"]
    values: dict[str, Value] = {}


Ask = Callable[[Question], Awaitable[Answer]]
"""Puts a question to the person. When its task is cancelled the question goes away."""
