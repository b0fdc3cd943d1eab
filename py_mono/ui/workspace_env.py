"""A workspace's ``.env``: read once its operator has agreed to what it says, and never more than that.

Light, and before the worker: whoever has no such file, or one without anything for py-mono, pays next to nothing.
"""

import os
import re
import stat
import sys
import termios
from contextlib import suppress

from py_mono.security.approvals.consents import Consents
from py_mono.ui.rendering.exact import spelled
from py_mono.utils.digests import blake2b
from py_mono.utils.lazy import load

TYPE_CHECKING = False  # spelled out: typing is not free, and this comes before the worker
if TYPE_CHECKING:
    from collections.abc import Mapping

_READ = r"(?:LLM_PROVIDER|OLLAMA_MODEL|LITELLM_MODEL|OLLAMA_CONTEXT_LENGTH|OLLAMA_KEEP_ALIVE|[A-Z][A-Z0-9_]*_API_KEY)"
"""What such a file can set: who answers, and with which key. No address, no folder, nothing of the lock, no master key."""
_KEY = "_API_KEY"
_LARGEST = 65_536
_SHOWN = 60
_KIND, _NAME = "env", ".env"


def agreed_variables(workspace: str, state_folder: str, *, may_ask: bool) -> dict[str, str]:
    """What the workspace's ``.env`` sets, where a person agreed to it; they are asked where that can be.

    Args:
        workspace: Its absolute path.
        state_folder: Where it is kept what they said.
        may_ask: Whether this is a run in which a person can be asked, if they are at a terminal.
    """
    data = _content(os.path.join(workspace, _NAME))
    if not re.search(_READ.encode(), data):
        return {}
    found = _variables(data)
    if not found:
        return {}
    consents, digest = Consents(state_folder, workspace), blake2b(data, digest_size=32).hexdigest()
    if consents.agreed(_KIND, _NAME, digest):
        return found
    if consents.refused(_KIND, _NAME, digest):
        return {}
    if not (may_ask and sys.stdin.isatty() and sys.stderr.isatty()):
        sys.stderr.write(
            f"py-mono: this workspace's .env is not read, for nobody agreed to what it says ({', '.join(found)})\n"
            "  start py-mono there at a terminal once, and say yes\n"
        )
        return {}
    agrees = _asked(found)
    try:
        (consents.agree if agrees else consents.refuse)(_KIND, _NAME, digest)
    except OSError as error:
        sys.stderr.write(f"py-mono: what you said about .env cannot be kept: {error}\n")
    return found if agrees else {}


def _content(path: str) -> bytes:
    """What a regular file holds that is not too long; of anything else, nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        data = file.read(_LARGEST + 1)
    return data if len(data) <= _LARGEST else b""


def _variables(data: bytes) -> dict[str, str]:
    """Those of its variables that such a file can set."""
    text = load("io:StringIO")(data.decode("utf-8", "replace"))
    bindings = load("dotenv.parser:parse_stream")(text)
    return {
        binding.key: binding.value
        for binding in bindings
        if binding.key and binding.value and re.fullmatch(_READ, binding.key)
    }


def _asked(found: "Mapping[str, str]") -> bool:
    """Whether the person at the terminal wants it read; only yes is a yes."""
    said = [name if name.endswith(_KEY) else f"{name}={_shown(value)}" for name, value in found.items()]
    sys.stderr.write(
        f"This workspace's .env sets {', '.join(said)}.\n"
        "It decides who is sent what you work on, and with whose key; you are asked again when it changes.\n"
    )
    with suppress(termios.error):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)  # what was typed before this was asked is no answer
    sys.stderr.write("Read it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _shown(value: str) -> str:
    text = spelled(value.replace("\n", " "))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
