"""Markdown that comes in pieces: whole blocks, whatever the pieces are."""

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.ui.rendering.blocks import Blocks, parser

if TYPE_CHECKING:
    from markdown_it.token import Token

LINES = (
    "|a|b c|  d|    e|   f|# h|#no|---|===|-|- x|  - y|    - z|* * *|1. one|2. two|10) ten|   in|     deep|```|~~~|````|"
    "``` py|  ```|> q|>|> - x|> ```|>     c|a ¦ b|¦ a ¦ b ¦|¦---¦---¦|--¦--|<div>|</div>|<!-- c|-->|<b>|<script>|</script>x|"
    "[r]: /u|[r]|\tt| \t|-\tx|1.|*|+ p|\\|***|- ```|  > q|-     code|- # h|10. ten|    ```|<pre>|`c`"
).replace("¦", "\0")  # so that the bar of a table is none of this list
PIECES = tuple(line.replace("\0", "|") for line in LINES.split("|"))
TEXTS = st.lists(st.one_of(st.just(""), st.sampled_from(PIECES)), max_size=14).map("\n".join)


def cut(text: str) -> list[str]:
    """The sources of the blocks of a text."""
    blocks = Blocks()
    done = [block for line in text.split("\n") for block in blocks.line(line)]
    return [block.source for block in done + blocks.end()]


def kinds(text: str) -> list[str]:
    """The kinds of its tokens, but for the lists at the top: their items are cut apart."""
    tokens: list[Token] = []
    parser().block.parse(text, parser(), {}, tokens)
    return [token.type for token in tokens if token.level or not token.type.endswith(("list_open", "list_close"))]


@settings(deadline=None, max_examples=400)
@given(TEXTS)
def test_no_block_is_cut_in_two_and_none_is_lost(text: str) -> None:
    assert [kind for block in cut(text) for kind in kinds(block)] == kinds(text)


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("one\ntwo\n\n\nthree", ["one\ntwo", "three"]),
        ("# head\ntext\n# head", ["# head", "text", "# head"]),
        ("Title\n=====\ntext", ["Title\n=====\ntext"]),  # both are whole when the blank line comes
        ("````\n```\n\n````\nx", ["````\n```\n\n````", "x"]),
        ("~~~ py\n```\n~~~~  \nx", ["~~~ py\n```\n~~~~  ", "x"]),
        ("```\n\nnever closed\n\n", ["```\n\nnever closed"]),
        ("text\n```\ncode\n```\ntext", ["text", "```\ncode\n```", "text"]),
        ("- a\n- b\n\n- c\n\ntext", ["- a", "- b", "- c", "text"]),
        ("- a\n\n  - b\n\n    c\n- d", ["- a\n\n  - b\n\n    c", "- d"]),
        ("- a\ngoes on\n```\ncode\n```", ["- a\ngoes on", "```\ncode\n```"]),
        ("1. a\n\n   ```\n   x\n\n   y\n   ```\n2. b", ["1. a\n\n   ```\n   x\n\n   y\n   ```", "2. b"]),
        ("- - -\n---\n***", ["- - -", "---", "***"]),
        ("a | b\n--|--\n1 | 2\n\nafter", ["a | b\n--|--\n1 | 2", "after"]),
        ("> a\nb\n\n> c", ["> a\nb", "> c"]),
        ("    code\n\n    more\n\ntext", ["    code\n\n    more", "text"]),
        ("<!-- a\n\nb --> c\nd", ["<!-- a\n\nb --> c", "d"]),
        ("<div>\n# no head\n\n# head", ["<div>\n# no head", "# head"]),
        ("[a]: /x\n[b]: /y\n\ntext", ["[a]: /x\n[b]: /y", "text"]),
        ("", []),
        ("\n\n \t\n", []),
    ],
)
def test_each_kind_of_block_ends_where_it_ends(text: str, blocks: list[str]) -> None:
    assert cut(text) == blocks


@pytest.mark.parametrize("line", ["b", "  - b\nc", "    x\n2. y", "- b\n=\nx"])
def test_a_text_made_to_be_read_again_and_again_is_not(line: str) -> None:
    blocks = cut("- a\n" + f"{line}\n" * 20_000)
    assert sum(block.count("\n") + 1 for block in blocks) > 20_000  # all of it, before the test is stopped
