"""What went wrong with a cloud's model, as the field's errors: one table over statuses and words.

The status and the body are those of the wire, not LiteLLM's classes: these change between releases, and several of them
are subclasses of each other. Sources: the error pages of OpenAI, Anthropic, Groq, OpenRouter and the Gemini API.
"""

import difflib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from py_mono.llm.clouds import said as told
from py_mono.llm.clouds.models import NO_KEY, Model
from py_mono.llm.http.connection import TlsFailure, tls_remedy
from py_mono.llm.retrying import LONGEST_WAIT_S, Failure, limited
from py_mono.llm.window.refused import says_too_long
from py_mono.protocol.errors import (
    AccessDenied,
    BadResponse,
    ContentFiltered,
    ContextTooLong,
    MalformedCall,
    ModelNotFound,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    ToolsUnsupported,
)
from py_mono.protocol.messages import Usage

if TYPE_CHECKING:
    from py_mono.llm.clouds.transport import Seen

_OK = 200

_NO_TOOLS = re.compile(
    r"does not support (?:tools|tool|function|parameters: \[[^]]*'tools')|support tool use|tool choice requires|tools param requires"
    r"|(?:tool|function) calling`? is not (?:supported|enabled)|tools are not supported",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model_not_found|model_decommissioned|not a valid model|no such model|model .{0,120}(?:not found|does not exist)"
    r"|models?/\S+ is not found|unknown model|not_found_error",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(
    r"api[ _-]key (?:not valid|expired|invalid)|invalid[ _]api[ _-]key|API_KEY_INVALID", re.IGNORECASE
)
_NO_MONEY = re.compile(r"insufficient[ _](?:quota|credits|funds)|credit balance|billing_hard_limit", re.IGNORECASE)
_OVERLOADED = re.compile(r"overloaded|over capacity|temporarily unavailable|high demand", re.IGNORECASE)
_LIMITED = re.compile(r"rate[ _-]limit|too many requests|RESOURCE_EXHAUSTED", re.IGNORECASE)
_SHORTER = "/clear starts afresh; or choose a model with a longer window with --model"


def from_failure(error: BaseException, seen: "Seen", model: Model) -> Exception:  # noqa: PLR0911 - a table
    """What a failed request comes to: a ``ProviderError``, or a ``Failure`` where another attempt may help.

    Args:
        error: What LiteLLM raised.
        seen: What was on the wire.
        model: Whom it was asked of.
    """
    if seen.endless:
        return BadResponse(f"{_who(model)} sent a reply longer than any reply is", remedy="choose another model")
    if seen.garbled:
        return garbled(seen.garbled, model)
    if seen.refused:
        return Failure(
            ProviderUnavailable(
                f"{model.place} cannot be reached: {seen.broken}",
                remedy=_unreachable_remedy(seen.broken, model),
            )
        )
    if seen.status > _OK:
        return _from_status(seen.status, told.message(seen.body, model), told.wait_s(seen), model)
    if seen.broken:
        return cut(model, seen.broken)
    said = told.plain(told.innermost(error), model)
    status = getattr(error, "status_code", None)
    if not seen.status and isinstance(status, int) and status > _OK:  # a provider with a client of its own
        return _from_status(status, said, told.wait_in(said), model)
    if "html" in seen.content_type:
        return not_an_api(model)
    return _from_words(said, model) or _from_stream(error, said, model)


def _unreachable_remedy(why: str, model: Model) -> str:
    """What mends a way that leads nowhere; TLS that fails is told by OpenSSL's words."""
    variable = url_variable(model)
    if "[SSL: " not in why:
        return f"is the network up, and {variable} right?"
    kind: TlsFailure = "untrusted" if "CERTIFICATE_VERIFY_FAILED" in why else "no_tls"
    if "has expired" in why or "not yet valid" in why:
        kind = "expired"
    elif "mismatch" in why:
        kind = "other_name"
    return tls_remedy(kind, model.place, variable)


def took_nothing(error: ProviderError, seen: "Seen") -> bool:
    """Whether a request that came to this cost nothing, for no model was asked: it did not get there, or was refused.

    Where the connection broke before the answer's head, that is not known: no.
    """
    refused = isinstance(error, AccessDenied | ContextTooLong | ModelNotFound | RateLimited | ToolsUnsupported)
    return refused or seen.refused or seen.status > _OK or "html" in seen.content_type


def unknown_provider(model: Model, known: Iterable[str]) -> ModelNotFound:
    """The part before the slash is no provider of LiteLLM's; ``known`` are those that are."""
    near = difflib.get_close_matches(model.provider.lower(), sorted(known), 1, 0.75)
    meant = f"; is it {near[0]}/{model.name.partition('/')[2]}?" if near else ""
    return ModelNotFound(
        f"LiteLLM knows no provider {model.provider!r}{meant}",
        remedy="write PROVIDER/MODEL, like groq/qwen/qwen3-32b; https://docs.litellm.ai/docs/providers lists their names",
    )


def cut(model: Model, why: str = "") -> Failure:
    """The reply stopped before its end."""
    text = f"{_who(model)}: the reply was cut before its end{f' ({why})' if why else ''}"
    return Failure(ProviderUnavailable(text, remedy="ask again; a shorter reply is cut less often"))


def garbled(what: str, model: Model) -> Failure:
    """A line of the reply is not what it should be."""
    return Failure(
        BadResponse(
            f"{_who(model)} sent {what}", remedy=f"is {url_variable(model)} the API's address? or choose another model"
        ),
        at_most=2,
    )


def not_an_api(model: Model) -> BadResponse:
    """A web page, or something else that is no model."""
    return BadResponse(
        f"{model.place} answered with a web page: that is not a model's address",
        remedy=f"set {url_variable(model)} to the API's address; most of them end in /v1",
    )


def silent(model: Model, seconds: float) -> ProviderUnavailable:
    """No byte came in time."""
    return ProviderUnavailable(
        f"{_who(model)} sent nothing for {seconds:g} s", remedy="ask again, or choose another model with --model"
    )


def idle(model: Model, seconds: float) -> Failure:
    """The reply stopped coming."""
    text = f"{_who(model)}: the reply stopped: nothing more for {seconds:g} s"
    return Failure(ProviderUnavailable(text, remedy="ask again, or choose another model with --model"))


def empty(model: Model, *, cut_short: bool, thought: bool) -> Failure:
    """The reply held neither text nor calls."""
    if cut_short:
        what = "spent its whole output on thinking" if thought else "was cut before it said anything"
        return Failure(BadResponse(f"{_who(model)} {what}", remedy=_SHORTER), at_most=2, wait_s=0.0)
    return Failure(
        BadResponse(f"{_who(model)} answered with nothing", remedy="ask again in other words, or choose another model"),
        at_most=2,
        wait_s=0.0,
    )


def refused_to_say(model: Model) -> ContentFiltered:
    """The provider's filter held the reply back."""
    return ContentFiltered(
        f"{_who(model)}: the provider's content filter held the reply back",
        remedy="ask in other words, or choose another model",
    )


def _from_status(status: int, text: str, wait_s: float | None, model: Model) -> Exception:  # noqa: PLR0911 - a table
    """A status other than 200; ``wait_s`` is how long the server wants us to wait, where it says so."""
    if status < 400:  # noqa: PLR2004 - the class of statuses
        return BadResponse(
            f"{_who(model)} redirects ({status}), which is not followed",
            remedy=f"set {url_variable(model)} to the final address",
        )
    if plain := _from_words(text, model):
        return plain
    if status == 401:  # noqa: PLR2004 - RFC 9110
        return bad_key(text, model)
    if status == 402:  # noqa: PLR2004 - OpenRouter's and DeepSeek's word for an empty account
        return _no_money(text, model)
    if status == 403:  # noqa: PLR2004 - RFC 9110
        return AccessDenied(
            f"{_who(model)} forbids this request (403): {text}",
            remedy=f"may {model.key_named} use this model, and from this country?",
        )
    if status == 404:  # noqa: PLR2004 - RFC 9110
        return BadResponse(
            f"{_who(model)} knows no such address (404): {text}",
            remedy=f"is {url_variable(model)} the API's address? most of them end in /v1",
        )
    if status == 413:  # noqa: PLR2004 - RFC 9110
        return ContextTooLong(f"the prompt is too long for {_who(model)}: {text}", remedy=_SHORTER)
    if status == 429:  # noqa: PLR2004 - RFC 6585
        return _limited(text, wait_s, model)
    if status >= 500 or status in {408, 409}:  # noqa: PLR2004 - worth another try
        failed = ProviderUnavailable(f"{_who(model)} failed ({status}): {text}", remedy="ask again in a while")
        return Failure(failed, wait_s=wait_s if wait_s is not None and wait_s <= LONGEST_WAIT_S else None)
    return BadResponse(f"{_who(model)} refused the request ({status}): {text}", remedy="choose another model")


def _from_words(text: str, model: Model) -> ProviderError | None:  # noqa: PLR0911 - a table
    """An error that the words make plain, whatever the status; trying again would not help."""
    if _BAD_KEY.search(text):
        return bad_key(text, model)
    if _NO_MONEY.search(text):
        return _no_money(text, model)
    if "tool_use_failed" in text or "failed_generation" in text:
        return MalformedCall(
            f"the model {model.name} wrote a tool call that cannot be read: {text}",
            remedy="ask for smaller steps, or change the model",
            raw=text.partition("failed_generation: ")[2],
            usage=Usage(),
        )
    if _NO_TOOLS.search(text):
        return ToolsUnsupported(
            f"the model {model.name} cannot call tools here: {text}",
            remedy="choose one that can with /model or --model",
        )
    if says_too_long(text):
        return ContextTooLong(f"the prompt does not fit the model's window: {text}", remedy=_SHORTER)
    if _NO_MODEL.search(text):
        return ModelNotFound(
            f"{model.provider} has no model {model.name.partition('/')[2]!r}: {text}",
            remedy="name another with /model or --model, as the provider's list of models writes it",
        )
    return None


def _from_stream(error: BaseException, said: str, model: Model) -> Exception:
    """An error in the middle of a reply, or one that never reached the wire."""
    status = getattr(error, "status_code", None)
    if _LIMITED.search(said):
        return _limited(said, told.wait_in(said), model)
    if _OVERLOADED.search(said) or (isinstance(status, int) and status >= 500):  # noqa: PLR2004 - worth another try
        return Failure(ProviderUnavailable(f"{_who(model)} broke off: {said}", remedy="ask again in a while"))
    return Failure(
        BadResponse(f"{_who(model)} sent what is no reply: {said}", remedy="choose another model"), at_most=2
    )


def bad_key(text: str, model: Model) -> AccessDenied:
    """The key is not accepted, or there is none."""
    if not model.key_variable:
        return AccessDenied(f"{_who(model)} refused the request: {text}", remedy="are its keys in the environment?")
    if model.key == NO_KEY:
        return AccessDenied(f"{model.place} asks for a key, and there is none: {text}", remedy=model.key_remedy)
    return AccessDenied(
        f"{_who(model)} does not accept {model.key_named}: {text}",
        remedy=f"set one that is valid: {model.key_remedy}",
    )


def _no_money(text: str, model: Model) -> AccessDenied:
    return AccessDenied(
        f"the account at {model.provider} has no credit left: {text}",
        remedy=f"add some there, choose another provider, or set another key: {model.key_remedy}",
    )


def _limited(text: str, wait_s: float | None, model: Model) -> Exception:
    return limited(f"{_who(model)} limits requests: {text}", wait_s)


def _who(model: Model) -> str:
    return model.provider


def url_variable(model: Model) -> str:
    """Which variable says where it is asked."""
    provider = "ollama" if model.provider == "ollama_chat" else model.provider
    return f"{provider.upper().replace('-', '_')}_BASE_URL"
