"""What a failed request says: its words on one line, without keys, and how long it wants us to wait."""

import math
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from py_mono.llm.clouds.models import Model
from py_mono.llm.retrying import retry_after_s
from py_mono.utils.text import beginning, strip_escapes

if TYPE_CHECKING:
    from py_mono.llm.clouds.transport import Seen

_SHOWN = 400
_WAIT = re.compile(r"(?:again|retry) in ((?:[\d.]+(?:ms|s|m|h))+)|retryDelay\W+([\d.]+s)", re.IGNORECASE)
_RESET = re.compile(r'"X-RateLimit-Reset"\s*:\s*"?(\d{13})\b', re.IGNORECASE)
"""How OpenRouter writes it, in the body of its error."""

_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def wait_s(seen: "Seen") -> float | None:
    """How long the server wants us to wait, in seconds: by its headers, else by what it says; None where it does not."""
    try:
        exact = float(seen.headers.get("retry-after-ms", "")) / 1000
    except ValueError:
        exact = math.nan
    if math.isfinite(exact):
        return max(exact, 0.0)
    body = seen.body.decode(errors="replace")
    ways: tuple[Callable[[], float | None], ...] = (
        lambda: retry_after_s(seen.headers.get("retry-after", "")),
        lambda: wait_in(body),
        lambda: _until_reset(seen.headers),
        lambda: _until_moment(_RESET.search(body)),
    )
    return next((seconds for way in ways if (seconds := way()) is not None), None)


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """Until those limits are lifted that are used up, as OpenAI and Groq write it (``6m0s``); None where none is."""
    used_up = [what for what in ("requests", "tokens") if headers.get(f"x-ratelimit-remaining-{what}") == "0"]
    waits = [_duration(headers.get(f"x-ratelimit-reset-{what}", "")) for what in used_up]
    return max((seconds for seconds in waits if seconds is not None), default=None)


def _until_moment(found: re.Match[str] | None) -> float | None:
    """Until a time that is given in milliseconds since 1970."""
    return max(int(found[1]) / 1000 - time.time(), 0.0) if found else None


def wait_in(text: str) -> float | None:
    """How long a sentence says to wait (``Please try again in 7.66s``), in seconds; None where it does not."""
    found = _WAIT.search(text)
    return _duration(found[1] or found[2]) if found else None


def _duration(text: str) -> float | None:
    """Seconds of a duration like ``1m30.5s``; None where it is none."""
    parts = re.findall(r"([\d.]+)(ms|s|m|h)", text, re.IGNORECASE)
    try:
        seconds = sum(float(number) * _UNIT_S[unit.lower()] for number, unit in parts)
    except ValueError:
        return None
    return seconds if parts and math.isfinite(seconds) else None


def message(body: bytes, model: Model) -> str:
    """What the body of an error says, on one line, without keys."""
    try:
        said = _error_in(msgspec.json.decode(body))
    except (ValueError, RecursionError):
        said = body.decode(errors="replace")
    return plain(said, model) or "no reason given"


def _error_in(value: Any) -> str:  # noqa: ANN401 - whatever JSON
    if isinstance(value, list) and value:
        return _error_in(value[0])
    if not isinstance(value, dict):
        return value if isinstance(value, str) else ""
    inner = value.get("error") or value.get("detail")
    if inner:
        return _error_in(inner)
    said = [str(value.get("message") or "")]
    said += [str(value[name]) for name in ("code", "type", "status") if isinstance(value.get(name), str)]
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and isinstance(
        metadata.get("raw"), str
    ):  # what OpenRouter was told by the model's host
        said.append(metadata["raw"])
    if failed := value.get("failed_generation"):
        said.append(f"failed_generation: {failed}")
    return "; ".join(filter(None, said))


def innermost(error: BaseException) -> str:
    """What is at the heart of LiteLLM's layers of exceptions."""
    inner = getattr(error, "original_exception", None)
    if isinstance(inner, Exception):
        return innermost(inner)
    text = str(getattr(error, "message", "") or error or type(error).__name__)
    text = text.partition("Traceback (most recent")[0].partition(" To drop these, set")[0]  # LiteLLM's own advice
    return re.sub(r"^(?:(?:litellm\.)?\w*(?:Error|Exception)(?:: | - ))+", "", text)


def plain(text: str, model: Model) -> str:
    """On one line, short, without escapes and without the key."""
    for secret in model.secrets:
        text = text.replace(secret, "…")
    text = " ".join(strip_escapes(text).split())
    return beginning(text, _SHOWN)
