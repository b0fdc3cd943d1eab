"""What a server says while it works: progress, log lines, questions, lists that changed."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import mcp_types
import msgspec
from fastmcp.client.elicitation import ElicitResult

from py_mono.mcp_integration.asking import Answer, Ask, Choice, Field, FieldKind, Question, Value
from py_mono.mcp_integration.words import cleaned, line

_LONGEST_LINE = 500
_LONGEST_MESSAGE = 2_000
_MOST_FIELDS = 20
_MOST_CHOICES = 100
_BETWEEN_S = 0.2
"""Between two lines of progress: a person cannot read faster, and a journal should not be filled."""
_LOUD = frozenset({"warning", "error", "critical", "alert", "emergency"})
_MOST_WARNINGS = 50
"""Of one call; more are in the server's log alone."""
_KINDS: dict[str, FieldKind] = {"string": "text", "number": "number", "integer": "integer", "boolean": "yes_no"}


class CallOutput:
    """What is told of one call while it runs."""

    def __init__(self, on_output: Callable[[str], None]) -> None:
        self._on_output = on_output
        self._next = 0.0
        self._warnings = 0

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """One notification of progress; shown where the last was not just now, or where it is the end."""
        now = time.monotonic()
        if now < self._next and progress != total:
            return
        self._next = now + _BETWEEN_S
        done = f"{100 * progress / total:.0f}%" if total and total > 0 else f"{progress:g}"
        self._on_output(f"{done} {line(message or '', _LONGEST_LINE)}".rstrip() + "\n")

    def warn(self, text: str) -> None:
        """A log line that the person should see now."""
        self._warnings += 1
        if self._warnings <= _MOST_WARNINGS:
            self._on_output(text + "\n")


class Ears:
    """The handlers of one connection.

    Attributes:
        stale: Set when the server says that its lists changed.
        asking: How many questions stand before the person: no time of a call passes meanwhile.
    """

    def __init__(self, server: str, ask: Callable[[], Ask | None], hear: Callable[[str], None]) -> None:
        self._server = server
        self._ask = ask
        self._hear = hear
        self._calls: list[CallOutput] = []
        self.stale = asyncio.Event()
        self.asking = 0

    def begin(self, on_output: Callable[[str], None]) -> CallOutput:
        """A call starts."""
        output = CallOutput(on_output)
        self._calls.append(output)
        return output

    def end(self, output: CallOutput) -> None:
        """It is over."""
        self._calls.remove(output)

    async def log(self, message: mcp_types.LoggingMessageNotificationParams) -> None:
        """A log line: kept, and shown where it is a warning while one call runs; of several nobody knows whose it is."""
        text = f"{message.level}: {line(_spelled(message.data), _LONGEST_LINE)}"
        self._hear(text)
        if message.level in _LOUD and len(self._calls) == 1:
            self._calls[0].warn(text)

    async def message(self, message: object) -> None:
        """Any notification; see ``stale``."""
        changed = (
            mcp_types.ToolListChangedNotification,
            mcp_types.ResourceListChangedNotification,
            mcp_types.PromptListChangedNotification,
        )
        if isinstance(message, changed):
            self.stale.set()

    async def elicit(
        self,
        message: str,
        response_type: type[Any] | None,
        params: mcp_types.ElicitRequestParams,
        context: object,
    ) -> ElicitResult[dict[str, Any]]:
        """A question to the person. Nobody to ask is a no; so is a web page that they are to be sent to."""
        del response_type, context
        ask = self._ask()
        if ask is None or not isinstance(params, mcp_types.ElicitRequestFormParams):
            return ElicitResult(action="decline")
        fields = _fields(params.requested_schema)
        self.asking += 1
        try:
            answer = await ask(Question(self._server, cleaned(message, _LONGEST_MESSAGE), fields))
        finally:
            self.asking -= 1
        if answer.action != "accept":
            return ElicitResult(action=answer.action)
        values = _given(fields, answer)
        missing = [field.name for field in fields if field.required and field.name not in values]
        return ElicitResult(action="cancel") if missing else ElicitResult(action="accept", content=values)


def _given(fields: tuple[Field, ...], answer: Answer) -> dict[str, Value]:
    """The values of a form, with defaults where nothing was said (SEP-1034)."""
    values: dict[str, Value] = {}
    for field in fields:
        value = answer.values.get(field.name, field.default)
        if value is not msgspec.UNSET:
            values[field.name] = value
    return values


def _fields(schema: dict[str, Any]) -> tuple[Field, ...]:
    """The flat fields of a form; what is no such field is not asked for."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return ()
    needed = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    found = (_field(name, part, name in needed) for name, part in list(properties.items())[:_MOST_FIELDS])
    return tuple(field for field in found if field is not None)


def _field(name: str, part: Any, needed: bool) -> Field | None:  # noqa: ANN401, FBT001 - what a server wrote
    if not isinstance(part, dict):
        return None
    some = part.get("type") == "array"
    choices = _choices(part.get("items", {}) if some else part)
    kind: FieldKind | None = _KINDS.get(str(part.get("type")))
    if choices:
        kind = "some_of" if some else "one_of"
    if kind is None:
        return None
    return Field(
        name=name,
        title=line(str(part.get("title") or name), 80),
        kind=kind,
        description=line(str(part.get("description") or ""), _LONGEST_LINE),
        required=needed,
        default=_default(part.get("default"), kind),
        choices=choices,
        form=line(str(part.get("format") or ""), 20),
    )


def _default(value: object, kind: FieldKind) -> Value | msgspec.UnsetType:
    """A default that is of the kind; any other is none."""
    if kind == "some_of":
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else msgspec.UNSET
    if kind == "yes_no":
        return value if isinstance(value, bool) else msgspec.UNSET
    if kind in {"number", "integer"}:
        return value if isinstance(value, int | float) and not isinstance(value, bool) else msgspec.UNSET
    return value if isinstance(value, str) else msgspec.UNSET


def _choices(part: Any) -> tuple[Choice, ...]:  # noqa: ANN401 - what a server wrote
    """Both ways to write an enumeration: ``enum`` with or without ``enumNames``, ``oneOf`` or ``anyOf`` of ``const``."""
    if not isinstance(part, dict):
        return ()
    values, titles = part.get("enum"), part.get("enumNames")
    if isinstance(values, list):
        named = titles if isinstance(titles, list) and len(titles) == len(values) else values
        pairs = list(zip(values, named, strict=True))
    else:
        options = part.get("oneOf") or part.get("anyOf") or []
        options = [option for option in options if isinstance(option, dict)] if isinstance(options, list) else []
        pairs = [(option.get("const"), option.get("title") or option.get("const")) for option in options]
    return tuple(
        Choice(value, line(str(title), 80)) for value, title in pairs[:_MOST_CHOICES] if isinstance(value, str)
    )


def _spelled(data: object) -> str:
    """Any JSON as text; of the form that servers made with fastmcp send, its message."""
    if isinstance(data, dict) and isinstance(data.get("msg"), str) and not data.get("extra"):
        return str(data["msg"])
    if isinstance(data, str):
        return data
    try:
        return msgspec.json.encode(data).decode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError):
        return type(data).__name__
