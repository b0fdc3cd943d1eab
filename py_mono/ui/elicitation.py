"""A server's question in the middle of a call, put to the person field by field."""

import asyncio
import math
from collections.abc import Callable

from msgspec import UNSET

from py_mono.mcp_integration.asking import Answer, Field, Question, Value
from py_mono.ui.asking import Read
from py_mono.ui.rendering.exact import spelled
from py_mono.ui.terminal import Screen, one_line

_WORDS = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}


class Elicitor:
    """Puts questions of servers to a person: it is ``McpServers.ask``. Says who asks, for it is not the model, nor py-mono."""

    def __init__(self, screen: Screen, line: Callable[[str], None], read: Read) -> None:
        """See ``asking.Asker``."""
        self._screen = screen
        self._line = line
        self._read = read
        self._one = asyncio.Lock()

    async def __call__(self, question: Question) -> Answer:
        """Ask until every field has a value that it can have, or the person declines."""
        async with self._one:
            self._say(f"The MCP server {question.server} asks: {question.message}")
            self._say("What you type here goes to that server. No secrets: - declines.")
            if not question.fields:
                said = (await self._read("yes or no", False)).strip().lower()  # noqa: FBT003 - a callback's plain form
                return Answer("accept" if _WORDS.get(said) else "decline")
            values: dict[str, Value] = {}
            for field in question.fields:
                if not await self._fill(field, values):
                    return Answer("decline")
            return Answer("accept", values)

    async def _fill(self, field: Field, values: dict[str, Value]) -> bool:
        """Put the field's value among the others where it has one; whether the person goes on."""
        self._describe(field)
        while True:
            said = (await self._read(one_line(spelled(field.title)), False)).strip()  # noqa: FBT003 - as above
            if said == "-":
                return False
            if not said and (field.default is not UNSET or not field.required):
                return True
            value = _value(field, said)
            if value is not None:
                values[field.name] = value
                return True
            self._say(f"That is no answer: {_wanted(field)}.")

    def _describe(self, field: Field) -> None:
        default = "" if field.default is UNSET else f"; Enter: {field.default}"
        leave = "" if field.required or default else "; Enter leaves it out"
        about = f" ({field.description})" if field.description else ""
        self._say(f"  {field.title}{about}: {_wanted(field)}{default}{leave}")

    def _say(self, text: str) -> None:
        self._line(self._screen.fold(spelled(text)))


def _wanted(field: Field) -> str:
    if field.choices:
        named = ", ".join(f"{number} {choice.title}" for number, choice in enumerate(field.choices, 1))
        return f"{'one of' if field.kind == 'one_of' else 'some of, with commas between them,'} {named}"
    words = {"text": field.form or "a text", "number": "a number", "integer": "a whole number", "yes_no": "yes or no"}
    return words.get(field.kind, "a text")


def _value(field: Field, said: str) -> Value | None:
    """What the line means; None where it means nothing that the field can be."""
    value: Value | None = said or None
    try:
        match field.kind:
            case "yes_no":
                value = _WORDS.get(said.lower())
            case "integer":
                value = int(said)
            case "number":
                value = float(said)
                if not math.isfinite(value):
                    return None
            case "one_of":
                value = _chosen(field, said)
            case "some_of":
                chosen = [_chosen(field, part.strip()) for part in said.split(",") if part.strip()]
                value = None if None in chosen else [each for each in chosen if each is not None]
            case _:
                pass
    except ValueError:
        return None
    return value


def _chosen(field: Field, said: str) -> str | None:
    """A choice by its number, its title or its value."""
    if said.isascii() and said.isdecimal() and 0 < int(said[:4]) <= len(field.choices):
        return field.choices[int(said[:4]) - 1].value
    wanted = said.casefold()
    return next(
        (each.value for each in field.choices if wanted in {each.value.casefold(), each.title.casefold()}), None
    )
