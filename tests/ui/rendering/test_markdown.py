"""Replies in markdown, as a terminal shows them."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from py_mono.ui.rendering.markdown import Markdown
from py_mono.ui.terminal import cell_width

ANSWER = """\
# Two *causes*

The tests fail because `total()` adds **strings**; see [the docs](https://x.org/a) or
<https://y.org>.\x20\x20
A second ~~one~~ cause:

1. first, which is long enough to be wrapped at forty columns
1. second
   - nested, with `code`

     ```python
     def f(x):
         return "文"   # kept\x20\x20
     ```

> quoted
> text

| name | amount | what it is for |
|:-----|-------:|----------------|
| 文字 | 12 | a long text that does not fit into its column |
| b | 3 | |

---

```
plain   code
	tab
```

<details>
as it stands
</details>

![picture](a.png) and [unknown][ref]

[ref]: https://z.org "title"

Later [known][ref].
"""
SGR = re.compile(r"\x1b\[[\d;]*m")


def shown(text: str, columns: int = 80, *, colour: bool = True, pieces: tuple[int, ...] = ()) -> str:
    """What a terminal gets of a text that comes in pieces of these lengths, and the rest at once."""
    markdown, said, at = Markdown(colour=colour), "", 0
    for length in pieces:
        said += markdown.feed(text[at : at + length], columns)
        at += length
    return said + markdown.feed(text[at:], columns) + markdown.end(columns)


def plain(text: str, columns: int = 80) -> str:
    return SGR.sub("", shown(text, columns))


def test_an_answer_at_eighty_columns() -> None:
    assert plain(ANSWER) == snapshot("""\
Two causes

The tests fail because total() adds strings; see the docs (https://x.org/a) or
https://y.org.
A second one cause:

1. first, which is long enough to be wrapped at forty columns
2. second
   - nested, with code

     def f(x):
         return "文"   # kept  \n\

│ quoted text

name  amount  what it is for
────  ──────  ─────────────────────────────────────────────
文字      12  a long text that does not fit into its column
b          3

───

plain   code
	tab

<details>
as it stands
</details>

[picture] (a.png) and [unknown][ref]

[ref]: https://z.org "title"

Later known (https://z.org).
""")


def test_an_answer_at_forty_columns() -> None:
    assert plain(ANSWER, 40) == snapshot("""\
Two causes

The tests fail because total() adds
strings; see the docs (https://x.org/a)
or https://y.org.
A second one cause:

1. first, which is long enough to be
   wrapped at forty columns
2. second
   - nested, with code

     def f(x):
         return "文"   # kept  \n\

│ quoted text

name  amount  what it is for
────  ──────  ──────────────────────────
文字      12  a long text that does not
              fit into its column
b          3

───

plain   code
	tab

<details>
as it stands
</details>

[picture] (a.png) and [unknown][ref]

[ref]: https://z.org "title"

Later known (https://z.org).
""")


def test_prose_is_no_wider_than_anybody_reads_and_tables_are() -> None:
    wide = plain("word " * 60 + "\n\n| a | b |\n|---|---|\n| " + "x" * 120 + " | y |", 200).splitlines()
    assert [len(line) for line in wide] == snapshot([99, 99, 99, 0, 123, 123, 123])


def test_colours_are_the_terminals_own() -> None:
    assert shown("# A *b*\n\n`c` **d** [e](f)\n\n```py\nif x: 'y'  # z\n```") == snapshot("""\
\x1b[1;4mA \x1b[0m\x1b[1;4;3mb\x1b[0m

\x1b[36mc\x1b[0m \x1b[1md\x1b[0m \x1b[4me\x1b[0m\x1b[2m (f)\x1b[0m

\x1b[35mif\x1b[0m x: \x1b[32m'\x1b[0m\x1b[32my\x1b[0m\x1b[32m'\x1b[0m  \x1b[2m# z\x1b[0m
""")


def test_without_colour_what_is_bold_stays_so_and_code_keeps_its_marks() -> None:
    assert shown("# A\n\n`c` **d**\n\n```py\nif x: 'y'  # z\n```", colour=False) == snapshot("""\
\x1b[1;4mA\x1b[0m

`c` \x1b[1md\x1b[0m

if x: 'y'  \x1b[2m# z\x1b[0m
""")


MARKDOWN = st.lists(
    st.sampled_from(
        ["# h\n", "a *b* ", "文字", "\n", "\n\n", "- x\n", "1. y\n", "  ", "    ", "```py\n", "```\n", "~~~", "> q\n", "|a|b|\n|-|-|\n",
         "`", "**", "[x](y)", "[r]: z\n", "<b>\n", "<!--", "-->", "\t", "\r\n", "\r", "\x1b[31m", "\x1b]0;", "\x07", "\x1b", "[2J", "\x9b", "e\u0301", "👩\u200d💻",
         "\\", "&amp;", "&#x202e;", "&#13;", "&#27;[2J", "&#155;", "&#10;", "---\n", "===\n", "x" * 50]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@settings(deadline=None)
@given(text=MARKDOWN, pieces=st.lists(st.integers(1, 9), max_size=40), columns=st.sampled_from([12, 40, 200]))
def test_it_does_not_matter_where_the_pieces_were_cut(text: str, pieces: list[int], columns: int) -> None:
    assert shown(text, columns, pieces=tuple(pieces)) == shown(text, columns)


@settings(deadline=None)
@given(st.one_of(MARKDOWN, st.text()))
def test_nothing_acts_on_the_terminal_but_our_own_colours(text: str) -> None:
    said = SGR.sub("", shown(text))
    assert not [c for c in said if unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t"]
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") & set(said)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["文字", "ab", "e\u0301", "👩‍💻", "*x*", "`y z`", "\\", "1.", "--"])), st.integers(20, 60)
)
def test_prose_fits_into_its_columns(words: list[str], columns: int) -> None:
    assert all(cell_width(line) <= columns for line in plain(" ".join(words), columns).split("\n"))


@pytest.mark.parametrize(
    "code", ["a = 1", "  indented\n\n\n  more  \n", "\ttab\n", 'x = """\n\n"""', "no newline", "\\", "文字 = '文'"]
)
@pytest.mark.parametrize("language", ["", "python", "no such", "json", "diff", "html"])
def test_code_is_copied_as_it_was_written(code: str, language: str) -> None:
    assert plain(f"```{language}\n{code}\n```") == (code or "") + "\n"


def test_a_secret_is_taken_out_before_its_block_is_taken_apart() -> None:
    secret = "one two"
    markdown = Markdown(colour=True, redact=lambda text: text.replace(secret, "[gone]"))
    said = markdown.feed("word " * 7 + "one", 40)
    assert secret not in markdown.open_text(100) + said
    said = markdown.feed(" two\n\n```py\none two = 1\n```\n", 40)
    assert "[gone]" in said
    assert "two" not in SGR.sub("", said)


def test_what_is_open_is_the_end_of_what_was_not_shown() -> None:
    markdown = Markdown(colour=True)
    markdown.feed("done\n\n- open\n  more\n\x1b[2Jlast", 40)
    assert markdown.open_text(1000) == "- open\n  more\nlast"
    assert markdown.open_text(8) == "  more\nlast"


def test_the_second_first_item_of_a_list_is_number_two() -> None:
    assert plain("1. a\n1. b\n\n1. c\n\ntext\n\n1. d\n2) e\n7. f") == snapshot("""\
1. a
2. b

3. c

text

1. d
2) e
7. f
""")
