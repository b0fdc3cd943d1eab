"""Code in the terminal's own colours."""

from functools import cache, lru_cache

from pygments.lexer import Lexer  # type: ignore[import-untyped]  # Pygments brings no types
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]  # Pygments brings no types
from pygments.token import Comment, Generic, Keyword, Name, Number, Operator, String, _TokenType  # type: ignore[import-untyped]  # Pygments brings no types
from pygments.util import ClassNotFound  # type: ignore[import-untyped]  # Pygments brings no types

from py_mono.ui.rendering.palette import Palette

_LONGEST = 50_000
"""So many characters are coloured; what is longer stays plain: it may cost more than it helps."""

_STYLES: dict[_TokenType, str] = {
    Comment: "2",
    Keyword: "35",
    Keyword.Constant: "36",
    String: "32",
    Number: "36",
    Name.Function: "34",
    Name.Class: "1;34",
    Name.Decorator: "33",
    Name.Tag: "34",
    Name.Attribute: "33",
    Name.Builtin: "36",
    Operator.Word: "35",
    Generic.Deleted: "31",
    Generic.Inserted: "32",
    Generic.Subheading: "36",
    Generic.Heading: "1",
}


def coloured(code: str, language: str, palette: Palette) -> list[str]:
    """The code's lines, in colours where the language is known; nothing is added to them and nothing taken away."""
    lexer = _lexer(language) if len(code) <= _LONGEST else None
    if lexer is None:
        return code.split("\n")
    lines, seen = [""], 0
    for _, kind, text in lexer.get_tokens_unprocessed(code):
        seen += len(text)
        style = _style(kind)
        first, *more = text.split("\n")
        lines[-1] += palette.paint(first, style)
        lines += [palette.paint(line, style) for line in more]
    return lines if seen == len(code) else code.split("\n")


@lru_cache(64)
def _lexer(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(language) if language else None
    except ClassNotFound:
        return None


@cache
def _style(kind: _TokenType) -> str:
    while kind not in _STYLES and kind.parent is not None:
        kind = kind.parent
    return _STYLES.get(kind, "")
