"""What went wrong with Ollama, as the field's errors: each with what was wrong and what would mend it."""

import re
from typing import NamedTuple

from py_mono.llm.http.connection import TransportError, tls_remedy
from py_mono.llm.ollama.calls import gave_up
from py_mono.llm.retrying import Failure, limited, retry_after_s
from py_mono.llm.window.refused import says_too_long
from py_mono.llm.window.watch import OVERSIZE_REMEDY
from py_mono.protocol.errors import (
    AccessDenied,
    BadResponse,
    ContextTooLong,
    ModelNotFound,
    ProviderError,
    ProviderUnavailable,
    ToolsUnsupported,
)
from py_mono.utils.text import beginning

_TOO_MANY = 429

_CLOUDS = ("anthropic/", "gemini/", "groq/", "openai/", "openrouter/")
"""How the names of models begin that people mean for LiteLLM."""


class OnlyThought(Failure):
    """A reply held reasoning and nothing else; the next attempt is to go without thinking."""


class At(NamedTuple):
    """Where the server was looked for, as it may be shown, and the variable that says so."""

    url: str
    variable: str


def unreachable(error: TransportError, at: At, model: str) -> ProviderUnavailable:
    """Nothing listens there, or not with TLS that can be trusted."""
    if error.tls:
        return ProviderUnavailable(
            f"the Ollama server at {at.url} cannot be asked: {error}",
            remedy=tls_remedy(error.tls, at.url, at.variable),
        )
    return ProviderUnavailable(
        f"the Ollama server at {at.url} cannot be reached: {error}",
        remedy=f"start it with `ollama serve`, or set {at.variable} to where it runs; `py-mono doctor` says what is "
        f"wrong, and `py-mono demo` needs no model{_or_cloud(model)}",
    )


def broken(error: TransportError, at: At) -> Failure:
    """The connection broke, or what came over it is not HTTP."""
    if error.garbled:
        return Failure(
            BadResponse(
                f"{at.url} does not speak HTTP: {error}",
                remedy=f"is {at.variable} the address of an Ollama server?",
            )
        )
    return Failure(ProviderUnavailable(f"Ollama: {error}", remedy="the server's log says why (`ollama serve`)"))


def timed_out(phase: str, seconds: float) -> ProviderUnavailable:
    """No byte came in time."""
    what = "while the model was loading" if phase == "loading" else "for the first token"
    return ProviderUnavailable(
        f"Ollama sent nothing for {seconds:g} s {what}",
        remedy="a smaller model or prompt answers sooner; `ollama ps` shows what the server is doing",
    )


def idle(seconds: float) -> Failure:
    """The reply stopped coming."""
    return Failure(
        ProviderUnavailable(
            f"the reply stopped: nothing more for {seconds:g} s", remedy="`ollama ps` shows what the server is doing"
        )
    )


def garbage(what: str, line: bytes) -> Failure:
    """A line of the reply is not what it should be."""
    shown = beginning(line.decode(errors="replace"), 80)
    return Failure(
        BadResponse(f"Ollama sent a line that is no reply ({what}): {shown!r}", remedy="is it an Ollama server?"),
        at_most=2,
    )


def not_ollama(at: At, what: str) -> BadResponse:
    """Something else answers there."""
    return BadResponse(
        f"{at.url} answered with {what}: that is not an Ollama server", remedy=f"set {at.variable} to where Ollama runs"
    )


def encoded(at: At, coding: str) -> BadResponse:
    """The reply is compressed, though nobody asked for it."""
    return BadResponse(
        f"{at.url} answered in a coding that was not asked for ({coding[:40]})",
        remedy=f"something before the server compresses its replies: set {at.variable} to the server itself",
    )


def line_too_long(limit: int) -> BadResponse:
    """A line grew beyond all bounds."""
    return BadResponse(
        f"Ollama sent a line longer than {limit >> 20} MiB", remedy="no reply is so long: is it an Ollama server?"
    )


def reply_too_long(limit: int) -> BadResponse:
    """A reply went on and on."""
    return BadResponse(
        f"the reply went on for more than {limit >> 20} MiB",
        remedy="interrupt it sooner, or choose another model",
    )


def empty(*, cut: bool, thought: bool, may_think: bool) -> Failure:
    """The reply held neither text nor calls; ``cut``: by the output limit; ``thought``: it held reasoning."""
    if cut and thought:
        what = "the model spent its whole output on thinking"
        remedy = "raise OLLAMA_CONTEXT_LENGTH, /clear, or choose another model"
    elif cut:
        what = "the reply was cut before it said anything"
        remedy = "raise OLLAMA_CONTEXT_LENGTH, or /clear: the window is full"
    else:
        what = "the model answered with nothing"
        remedy = "ask again in other words, or choose another model"
    failure = OnlyThought if thought and may_think else Failure
    return failure(BadResponse(what, remedy=remedy), at_most=2, wait_s=0.0)


def model_missing(model: str, pulled: list[str] | None) -> ModelNotFound:
    """The server has not pulled the model; ``pulled`` None where it does not say which it has."""
    if pulled:
        there = f"; pulled are: {', '.join(pulled[:20])}{', …' if len(pulled) > 20 else ''}"  # noqa: PLR2004 - a screenful
    else:
        there = "; no model is pulled yet" if pulled is not None else ""
    other = f", or take one that is pulled: --model {_nearest(model, pulled)}" if pulled else ""
    return ModelNotFound(
        f"Ollama has no model {model!r}{there}", remedy=f"ollama pull {model}{other}{_or_cloud(model)}"
    )


def _nearest(model: str, pulled: list[str]) -> str:
    """The one that is probably meant: the same name with another tag, else the first; fit for a command line."""
    name = model.partition(":")[0]
    found = next((one for one in pulled if one.partition(":")[0] == name), pulled[0])
    return found if re.fullmatch(r"[\w./:-]+", found, re.ASCII) else repr(found)


def _or_cloud(model: str) -> str:
    return "; a cloud's model needs --provider litellm" if model.startswith(_CLOUDS) else ""


def no_tools(model: str) -> ToolsUnsupported:
    """The server sends no tools to this model."""
    return ToolsUnsupported(
        f"the model {model} has no tool calling of its own",
        remedy="choose one that has: https://ollama.com/search?c=tools",
    )


def from_text(text: str, model: str) -> ProviderError | None:
    """An error that the server's words make plain, whatever the status; trying again would not help."""
    if "does not support tools" in text:
        return no_tools(model)
    if "does not support chat" in text:
        return ProviderError(f"the model {model} is not a chat model", remedy="choose another with --model")
    if says_too_long(text):
        return ContextTooLong(f"the prompt does not fit the model's window: {text}", remedy=OVERSIZE_REMEDY)
    if "requires more system memory" in text:
        return ProviderError(
            f"the model does not fit into memory: {text}",
            remedy="choose a smaller model, or lower OLLAMA_CONTEXT_LENGTH",
        )
    return None


def from_stream(text: str, model: str) -> Exception:
    """An ``{"error": …}`` line in the middle of a reply: a ``ProviderError``, or a ``Failure``."""
    return gave_up(text) or from_text(text, model) or _server_error(f"Ollama broke off: {text or 'no reason given'}")


def from_status(status: int, text: str, retry_after: str, model: str, at: At) -> Exception:
    """A status other than 200 and 404: a ``ProviderError``, or a ``Failure`` where another attempt may help."""
    broken = status >= 500  # noqa: PLR2004 - the class of statuses
    plain = (gave_up(text) if broken else None) or from_text(text, model)
    if plain:
        return plain
    if status == _TOO_MANY:
        return limited(f"the server limits requests: {text or 'it gave no reason'}", retry_after_s(retry_after))
    if broken:
        return _server_error(f"Ollama answered {status}: {text or 'no reason given'}")
    if status in {401, 403}:
        return AccessDenied(
            f"the server refused the request ({status}): {text}",
            remedy=f"sign in (`ollama signin`), or put user and password into {at.variable}",
        )
    if 300 <= status < 400:  # noqa: PLR2004 - the class of statuses
        return BadResponse(
            f"the server redirects ({status}), which is not followed", remedy=f"set {at.variable} to the final address"
        )
    return BadResponse(
        f"Ollama refused the request ({status}): {text or 'no reason given'}", remedy="is Ollama up to date?"
    )


def _server_error(message: str) -> Failure:
    return Failure(ProviderUnavailable(message, remedy="the server's log says why (`ollama serve`)"))
