"""What stands between the quotes of a string, with its escapes undone; an escape with two readings is refused."""

import json
import re

from py_mono.llm.call_parser.cursor import Bad

_STRICT = json.JSONDecoder(strict=False)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)|\"", re.DOTALL)
_PYTHON = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\n": ""}
_LAST = 0x10FFFF


def decode_json(body: str, quote: str) -> str:
    r"""The text of a JSON string; line breaks and tabs in it may stand as they are.

    In single quotes Python's reading must agree, which is why ``\/`` is refused there.

    Raises:
        Bad: An escape that JSON does not know.
    """
    if "\\" not in body:
        return body
    if quote != '"':
        body = _ESCAPE.sub(lambda found: _as_json(found, quote), body)
    try:
        text: str = _STRICT.decode(f'"{body}"')
    except ValueError:
        raise Bad from None
    return text


def _as_json(found: re.Match[str], quote: str) -> str:
    whole, letter = found[0], found[1]
    if letter is None:
        return '\\"'
    if quote == "'" and letter == "/":
        raise Bad
    if letter == quote or (letter == "'" and quote == "'"):
        return letter
    return f"\\u00{letter[1:]}" if quote == "'" and len(letter) == len("x00") else str(whole)


def decode_python(body: str) -> str:
    """The text of a Python string without prefix; line breaks in it may stand as they are.

    Raises:
        Bad: An escape that is none.
    """
    if "\\" not in body:
        return body
    text = _PYTHON.sub(_character, body)
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # halves of a pair, written as JSON writes them
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text


def _character(found: re.Match[str]) -> str:
    code = found[1]
    if code in _LETTERS:
        return _LETTERS[code]
    if code in "\\'\"":
        return str(code)
    if code[0] in "01234567":
        return chr(int(code, 8))
    if len(code) > 1:
        number = int(code[1:], 16)
        if number > _LAST:
            raise Bad
        return chr(number)
    if code in "xuUN":
        raise Bad
    return str(found[0])
