"""Keeps secrets out of journal and screen."""

import re
from collections.abc import Iterable

import msgspec

from py_mono.protocol.codec import encode
from py_mono.security.known import forms, quote, worth_hiding
from py_mono.security.shapes import Shape, shapes_in

_JSON_STARTS = ("{", "[", '"')
_JSON_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_KNOWN = "[redacted:known]"
_ROUNDS = 8  # a replacement seldom uncovers more; the bound is for secrets made to do so

_whole_json = msgspec.json.Decoder(msgspec.Raw)
_string = msgspec.json.Decoder(str)


class Redactor:
    """Replaces known secrets, and what has the shape of a key, by ``[redacted:KIND]``. It is a ``ports.Redact``.

    A text that is JSON is redacted string by string, each as if it stood alone: it stays valid JSON of the same
    structure, and a value is redacted to the same bytes wherever it is embedded. Numbers are left alone. Applying it
    again changes nothing.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._forms: list[str] = []
        self._quoted_forms: list[str] = []
        for secret in known:
            self.add(secret)

    def add(self, secret: str) -> None:
        """From here on hide this one too; ignored where it is too short or too common to be a secret (``known``)."""
        found = {form for part in worth_hiding(secret) for form in forms(part)}
        self._forms = sorted(found.union(self._forms), key=lambda form: (-len(form), form))
        self._quoted_forms = [*self._forms, *({quote(form) for form in self._forms} - set(self._forms))]

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        shapes = shapes_in(text)
        if not shapes and not any(form in text for form in self._quoted_forms):
            return text
        if text.startswith(_JSON_STARTS) and _is_json(text):
            return re.sub(_JSON_STRING, lambda match: self._json_string(match[0], shapes), text)
        return self._plain(text, shapes)

    def _json_string(self, quoted: str, shapes: list[Shape]) -> str:
        text = _string.decode(quoted)
        redacted = self._plain(text, shapes)
        return quoted if redacted == text else encode(redacted).decode()

    def _plain(self, text: str, shapes: list[Shape]) -> str:
        for _ in range(_ROUNDS):
            before = text
            for form in self._forms:
                if form in text:
                    text = text.replace(form, _KNOWN)
            for shape in shapes:
                if shape.may_stand_in(text):
                    text = shape.replace_in(text)
            if text == before:
                break
        return text


def _is_json(text: str) -> bool:
    try:
        _whole_json.decode(text)
    except ValueError:
        return False
    return True
