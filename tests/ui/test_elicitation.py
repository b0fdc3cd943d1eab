"""A server's question, answered field by field."""

import io
from typing import Any

import pytest
from msgspec import UNSET

from py_mono.mcp_integration.asking import Answer, Choice, Field, Question, Value
from py_mono.ui.elicitation import Elicitor
from py_mono.ui.terminal import Screen

COLOURS = (Choice("#f00", "Red"), Choice("#0f0", "Green"))


async def asked(*fields: Field, said: tuple[str, ...]) -> tuple[Answer, str]:
    """What comes of these lines, and what was on the screen; each has to be wanted."""
    shown: list[str] = []
    lines = list(said)

    async def read(mark: str, goes_on: bool) -> str:  # noqa: FBT001 - a callback's plain form
        del goes_on
        shown.append(f"{mark}> {lines[0]}")
        return lines.pop(0)

    screen = Screen(io.StringIO(), {"COLUMNS": "200"}, redact=str)
    answer = await Elicitor(screen, shown.append, read)(Question("shop", "Which \x1b[2Jone?", fields))
    assert lines == []
    return answer, "\n".join(shown)


def field(kind: Any = "text", **more: Any) -> Field:
    return Field("f", "Field", kind, **{"required": True, **more})


async def test_it_says_who_asks_and_hides_nothing() -> None:
    answer, shown = await asked(field(description="of \u202eyou", form="email"), said=("a@b",))
    assert answer == Answer("accept", {"f": "a@b"})
    assert shown.splitlines() == [
        "The MCP server shop asks: Which \\x1b[2Jone?",
        "What you type here goes to that server. No secrets: - declines.",
        "  Field (of \\u202eyou): email",
        "Field> a@b",
    ]


@pytest.mark.parametrize(
    ("about", "said", "value"),
    [
        (field(), ("", "x"), "x"),
        (field("integer"), ("x", "1.5", "9" * 5_000, "-3"), -3),
        (field("number"), ("nan", "inf", "1e999", "1.5"), 1.5),
        (field("yes_no"), ("maybe", "No"), False),
        (field("yes_no"), ("y",), True),
        (field("one_of", choices=COLOURS), ("3", "0", "blue", "2"), "#0f0"),
        (field("one_of", choices=COLOURS), ("red",), "#f00"),
        (field("one_of", choices=COLOURS), ("#F00",), "#f00"),
        (field("some_of", choices=COLOURS), ("1, blue", "1, green"), ["#f00", "#0f0"]),
    ],
)
async def test_a_field_is_asked_for_until_its_value_is_one(about: Field, said: tuple[str, ...], value: Value) -> None:
    answer, shown = await asked(about, said=said)
    assert answer == Answer("accept", {"f": value})
    assert shown.count("That is no answer: ") == len(said) - 1


async def test_what_needs_no_answer_is_left_out() -> None:
    given = field("integer", default=3)
    answer, shown = await asked(given, field(required=False, default=UNSET), said=("", ""))
    assert answer == Answer("accept", {})
    assert "a whole number; Enter: 3" in shown
    assert "a text; Enter leaves it out" in shown


@pytest.mark.parametrize(
    "fields", [(field(),), (field("integer", default=1), field("yes_no")), (field(required=False),)]
)
async def test_a_dash_declines_all(fields: tuple[Field, ...]) -> None:
    said = ("",) * (len(fields) - 1) + ("-",)
    assert (await asked(*fields, said=said))[0] == Answer("decline")


@pytest.mark.parametrize(("said", "action"), [("y", "accept"), ("no", "decline"), ("", "decline"), ("-", "decline")])
async def test_without_fields_only_yes_is_a_yes(said: str, action: str) -> None:
    assert (await asked(said=(said,)))[0].action == action
