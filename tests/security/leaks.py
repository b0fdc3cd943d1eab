"""Keys of all shapes, the forms and texts in which they turn up, and how one is found that got out."""

import base64
import json
import random
import re
import string
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

from py_mono.security.redact import Redactor

PIECE = 12
"""So many characters of a key in a row are a leak; fewer say nothing."""

TOKEN = string.ascii_letters + string.digits + "-_"
PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in "\"'\\\\{}")
"""Without what is escaped anew by each layer of quotes."""


def key(chance: random.Random) -> str:
    """A key as providers make them, or any that may be stored."""

    def some(alphabet: str, count: int) -> str:
        return "".join(chance.choices(alphabet, k=count))

    alphanumeric = string.ascii_letters + string.digits
    shapes: tuple[Callable[[], str], ...] = (
        lambda: "sk-" + some(alphanumeric, 48),
        lambda: "sk-proj-" + some(TOKEN, 120),
        lambda: "sk-ant-api03-" + some(TOKEN, 95),
        lambda: "sk-or-v1-" + some("0123456789abcdef", 64),
        lambda: "gsk_" + some(alphanumeric, 52),
        lambda: "AIza" + some(TOKEN, 35),
        lambda: "hf_" + some(alphanumeric, 34),
        lambda: "xai-" + some(alphanumeric, 80),
        lambda: some("0123456789abcdef", 32),
        lambda: some(alphanumeric + "+/", 43) + "=",
        lambda: some(PRINTABLE, chance.randint(16, 60)),
        lambda: "eyJ" + some(TOKEN, 30) + "." + some(TOKEN, 60) + "." + some(TOKEN, 43),
    )
    return chance.choice(shapes)()


def _base64(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode()


FORMS: tuple[Callable[[str], str], ...] = (
    lambda secret: secret,
    lambda secret: json.dumps(secret)[1:-1],
    lambda secret: json.dumps(json.dumps(secret)[1:-1])[1:-1],
    lambda secret: quote(secret, safe=""),
    quote_plus,
    lambda secret: quote(secret, safe="").lower() if secret.islower() else quote(secret, safe=""),
    _base64,
    lambda secret: _base64(f"user:{secret}"),
    lambda secret: _base64(f"Bearer {secret}"),
    lambda secret: base64.urlsafe_b64encode(f"x{secret}".encode()).decode(),
)
"""How a key is written where others write it down."""

TEXTS = (
    "Incorrect API key provided: {}. You can find your API key at https://platform.openai.com/account/api-keys.",
    '{{"error": {{"message": "invalid x-api-key: {}", "type": "authentication_error"}}}}',
    "GET https://host.example/v1/models?key={} failed",
    "Authorization: Bearer {}",
    "{{'Authorization': 'Bearer {}', 'Accept': '*/*'}}",
    "curl -H 'Authorization: Bearer {}' https://host.example/v1",
    "{}",
    "api_key={}&model=x",
    "x" * 60 + " {}",
    *("word " * count + "{} and more" for count in (10, 30, 60, 70, 75, 78)),
    "headers: [(b'x-api-key', b'{}')]",
    "proxy http://me:{}@proxy.example:3128 refused",
    "- old = '{}'\n+ new = ''\n",
    "export GROQ_API_KEY={}\n",
    "line\n{}\nline",
    "\x1b[31m{}\x1b[0m",
    "```python\nclient = Client('{}')\n```\n",
    "| name | value |\n|---|---|\n| key | {} |\n",
    "# {}\n",
    "<b>{}</b>",
)
"""Where it stands."""


def said(chance: random.Random, secret: str) -> str:
    """A text with the key in it."""
    return chance.choice(TEXTS).format(chance.choice(FORMS)(secret))


def _pieces(secret: str) -> Iterator[str]:
    written = {form(secret) for form in FORMS}
    for form in written:
        if form == secret or "%" in form or "\\" in form:
            yield from (form[at : at + PIECE] for at in range(len(form) - PIECE + 1))
    for offset in range(3):  # what stays of its base64 whatever stands before and after it
        whole = base64.b64encode(bytes(offset) + secret.encode()).decode()
        core = whole[-(-offset * 8 // 6) : (offset + len(secret)) * 8 // 6]
        for text in (core, core.replace("+", "-").replace("/", "_")):
            yield from (text[at : at + PIECE + 4] for at in range(0, len(text) - PIECE - 3, 2))


class Watcher:
    """Looks for one key, whatever it is written as."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self._pieces = frozenset(_pieces(secret))

    def leaks(self, text: str) -> list[str]:
        """The pieces that stand in a text, also where the width of a screen or its colours split them."""
        if not text:
            return []
        flat = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
        joined = re.sub(r"\n[ │|]*", "", flat)
        return sorted(piece for piece in self._pieces if piece in flat or piece in joined)


def watched(chance: random.Random) -> tuple[str, Watcher, Redactor]:
    """A key, who looks for it, and the redactor of a session that has found it."""
    secret = key(chance)
    redact = Redactor(["another secret of this session"])
    redact.add(secret)
    return secret, Watcher(secret), redact
