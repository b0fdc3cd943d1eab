"""Keeps secrets out of journal and screen."""

import re
import threading
from collections.abc import Iterable

import msgspec

from py_mono.protocol.codec import encode
from py_mono.security.known import forms, quote, worth_hiding
from py_mono.security.shapes import begun, shapes_in

_JSON_STARTS = ("{", "[", '"')
_JSON_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_JSON_STRINGS = rf"(?P<first>{_JSON_STRING})(?:(?P<colon>\s*+:\s*+)(?P<second>{_JSON_STRING}))?"
_KNOWN = "[redacted:known]"
_BEGINS = 4
"""So many characters of a secret may be shown before it is known to be one: no more than its issuer's mark."""
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
        self._adding = threading.Lock()
        self._forms: list[str] = []
        self._quoted_forms: list[str] = []
        for secret in known:
            self.add(secret)

    def add(self, secret: str) -> None:
        """From here on hide this one too; ignored where it is too short or too common to be a secret (``known``)."""
        found = {form for part in worth_hiding(secret) for form in forms(part)}
        with self._adding:  # keys are opened in threads
            self._forms = sorted(found.union(self._forms), key=lambda form: (-len(form), form))
            self._quoted_forms = [*self._forms, *({quote(form) for form in self._forms} - set(self._forms))]

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if not self._suspect(text):
            return text
        if text.startswith(_JSON_STARTS) and _is_json(text):
            return re.sub(_JSON_STRINGS, self._json_strings, text)
        return self._plain(text)

    def unfinished(self, text: str) -> int:
        """Where at the end of a text that goes on a secret may have begun; its length where none has."""
        at = begun(text)
        for form in self._forms:
            start = form[:_BEGINS]
            found = text.find(start, max(len(text) - len(form), 0), at + _BEGINS)
            while 0 <= found < at:
                if form.startswith(text[found:]):
                    at = found
                found = text.find(start, found + 1, at + _BEGINS)
        return at

    def _suspect(self, text: str) -> bool:
        return any(form in text for form in self._quoted_forms) or bool(shapes_in(text))

    def _json_strings(self, match: re.Match[str]) -> str:
        """One string of a JSON text, or a name with the string it names, which may say that it is a secret."""
        name = self._plain(first := _string.decode(match["first"]))
        new = _requoted(match["first"], first, name)
        if match["second"] is None:
            return new
        value = self._plain(second := _string.decode(match["second"]))
        both = self._plain(f"{first}: {second}")
        if both.startswith(f"{name}: "):
            value = both[len(name) + 2 :]
        return new + match["colon"] + _requoted(match["second"], second, value)

    def _plain(self, text: str) -> str:
        for _ in range(_ROUNDS):
            before = text
            for form in self._forms:
                if form in text:
                    text = text.replace(form, _KNOWN)
            for shape in shapes_in(text):
                text = shape.replace_in(text)
            if text == before:
                break
        return text


def _requoted(quoted: str, old: str, new: str) -> str:
    return quoted if new == old else encode(new).decode()


def _is_json(text: str) -> bool:
    try:
        _whole_json.decode(text)
    except (ValueError, RecursionError):  # nested too deeply: nothing of ours
        return False
    return True
