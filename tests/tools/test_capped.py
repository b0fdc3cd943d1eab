"""Results held to a size: what is left out is always said."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.tools.capped import CappedTools

LIMIT = 1_024


class Fixed:
    """A source with one result, which a cancellation may bring."""

    def __init__(self, result: ToolResult, *, cancelled: bool = False) -> None:
        self._result = result
        self._cancelled = cancelled

    async def specs(self) -> Sequence[ToolSpec]:
        return (ToolSpec("shell", "Run.", {}),)

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        assert call.id == "1"
        on_output("as it comes")
        if self._cancelled:
            raise asyncio.CancelledError(self._result)
        return self._result


async def fitted(
    name: str,
    content: str,
    *,
    limit: int = LIMIT,
    is_error: bool = False,
    details: dict[str, Any] | None = None,
    **arguments: Any,
) -> ToolResult:
    seen: list[str] = []
    source = CappedTools(Fixed(ToolResult("1", name, content, is_error, details or {})), limit)
    result = await source.call(ToolCall("1", name, arguments), seen.append)
    assert seen == ["as it comes"]
    assert await source.specs() == (ToolSpec("shell", "Run.", {}),)
    return result


@pytest.mark.parametrize(("content", "limit"), [("x" * LIMIT, LIMIT), ("", LIMIT), ("x" * 99_999, 0)])
async def test_what_fits_is_left_as_it_is(content: str, limit: int) -> None:
    assert await fitted("shell", content, limit=limit) == ToolResult("1", "shell", content)


async def test_output_keeps_its_beginning_and_its_end_and_says_what_is_gone() -> None:
    content = "\n".join(f"line {n:04}" for n in range(1, 1001)) + "\n[exit code 1]"
    result = await fitted("shell", content, is_error=True, details={"exit_code": 1})
    head, note, tail = result.content.partition("\n[…")[0], re.search(r"\[….*…\]", result.content), result.content[-24:]
    assert head.splitlines() == [f"line {n:04}" for n in range(1, 27)]
    assert note is not None
    assert note[0] == (
        "[… 9,239 bytes, 924 lines left out to fit the context window; to see them: print less (grep, head, tail, "
        "sed -n), or write it to a file and read_file that in pages …]"
    )
    assert tail == "\nline 1000\n[exit code 1]"
    assert result.details == {"exit_code": 1, "truncated": True}
    assert result.is_error


async def test_what_a_tool_had_left_out_itself_is_not_counted_away() -> None:
    content = "x" * 5_000 + "\n[… 984,000 characters, 1 lines left out …]\n" + "y" * 5_000
    assert "[… at least 9," in (await fitted("shell", content, details={"truncated": True})).content


@pytest.mark.parametrize(
    ("name", "how"), [("grep", "narrow pattern"), ("list_files", "list one folder"), ("edit_file", "ask for less")]
)
async def test_each_tool_says_how_to_get_the_rest(name: str, how: str) -> None:
    assert f"to see them: {how}" in (await fitted(name, "word " * 2_000)).content


async def test_a_page_ends_with_a_whole_line_and_says_with_which_to_go_on() -> None:
    lines = [f"line {n:04}" for n in range(101, 301)]
    content = "\n".join(lines) + "\n[lines 101-300 of 900; continue with offset=301]"
    result = await fitted("read_file", content, details={"lines": 900, "truncated": True}, path="a", offset=101)
    *shown, note = result.content.splitlines()
    assert shown == lines[:78]
    assert note == "[lines 101-178 of 900: cut to fit the context window; continue with offset=179]"


async def test_a_refusal_to_read_keeps_its_beginning_and_its_end() -> None:
    result = await fitted("read_file", "refused because " + "x" * 3_000 + " and here is what to do", is_error=True)
    assert result.content.startswith("refused because xxx")
    assert result.content.endswith("xxx and here is what to do")
    assert "[… 2,255 bytes left out to fit the context window; to see them: ask for less at a time …]" in result.content


async def test_the_end_of_a_file_that_just_fits_is_not_gone_on_from() -> None:
    content = "\n".join(["x" * 49] * 15) + "\n[" + "note " * 60 + "]"
    result = await fitted("read_file", content, details={"lines": 15}, path="a")
    assert result.content.splitlines()[-1] == "[lines 1-15 of 15: cut to fit the context window]"


async def test_a_line_longer_than_all_room_is_shown_in_part_and_said_to_be() -> None:
    content = "é" * 3_000 + "\nsecond"
    result = await fitted("read_file", content, details={"lines": 2}, path="a")
    beginning, note = result.content.splitlines()
    assert beginning == "é" * 392
    assert note == (
        "[the beginning of line 1; its rest with shell and cut -c: cut to fit the context window; continue with offset=2]"
    )


async def test_what_a_cancelled_call_came_to_is_held_to_the_size_too() -> None:
    source = CappedTools(Fixed(ToolResult("1", "shell", "x" * 9_999), cancelled=True), LIMIT)
    with pytest.raises(asyncio.CancelledError) as caught:
        await source.call(ToolCall("1", "shell", {}), lambda _: None)
    assert len(caught.value.args[0].content) <= LIMIT


@given(
    st.sampled_from(["shell", "read_file", "grep"]),
    st.text(st.sampled_from("a é\n漢\ud800\N{PILE OF POO}"), min_size=300, max_size=900),
    st.booleans(),
)
def test_no_result_is_longer_than_allowed_or_cut_without_a_word(name: str, text: str, known: bool) -> None:  # noqa: FBT001 - drawn
    details = {"lines": text.count("\n") + 1} if known else {}
    result = asyncio.run(fitted(name, text, limit=700, details=details))
    assert len(result.content.encode(errors="replace")) <= 700
    if result.content != text:
        assert "to fit the context window" in result.content
        assert result.details["truncated"]
