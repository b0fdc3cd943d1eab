"""What Gemini's ``generateContent`` refuses in a conversation: the texts are those of the 400s that people were answered with."""

import re
from base64 import b64encode
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Any

from tests.servers import fake_gemini
from tests.servers.fake_gemini import FakeGemini
from tests.servers.fake_http import Answer, Request
from tests.servers.strictness import Body, Rule, StrictServer, Violation, broken

_PLACEHOLDER = b64encode(b"skip_thought_signature_validator").decode()
"""Stands, says Google, for the signature of a call that another model made."""

_DATA = {"text", "functionCall", "functionResponse", "inlineData", "fileData", "executableCode"}
_FIELDS = _DATA | {"thought", "thoughtSignature"}
_SNAKE = {
    "function_call": "functionCall",
    "function_response": "functionResponse",
    "thought_signature": "thoughtSignature",
}
_NAME = (
    "[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be a-z, A-Z, 0-9, or contain "
    "underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64."
)


def _part(part: dict[str, Any]) -> dict[str, Any]:
    """In the spelling of the reference; the other one is taken too."""
    return {_SNAKE.get(key, key): value for key, value in part.items()}


def _parts(content: dict[str, Any], kind: str = "") -> list[dict[str, Any]]:
    return [part for part in map(_part, content.get("parts") or ()) if not kind or kind in part]


def _counts(body: Body) -> Iterator[str]:
    for before, after in pairwise([*body["contents"], {}]):
        calls, answers = len(_parts(before, "functionCall")), len(_parts(after, "functionResponse"))
        if calls and calls != answers:
            yield (
                "Please ensure that the number of function response parts is equal to the number of function call parts of "
                "the function call turn."
            )


def _call_turns(body: Body) -> Iterator[str]:
    for before, after in pairwise([{"role": ""}, *body["contents"]]):
        if _parts(after, "functionCall") and before["role"] not in {"user", "function"}:
            yield (
                "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
            )


def _answer_turns(body: Body) -> Iterator[str]:
    for before, after in pairwise([{"role": ""}, *body["contents"]]):
        calls = [part["functionCall"]["name"] for part in _parts(before, "functionCall")]
        answers = [part["functionResponse"]["name"] for part in _parts(after, "functionResponse")]
        if answers and sorted(calls) != sorted(answers):
            yield "Please ensure that function response turn comes immediately after a function call turn."


def _empty(body: Body) -> Iterator[str]:
    for at, content in enumerate(body["contents"]):
        if not content.get("parts"):
            yield f"* GenerateContentRequest.contents[{at}].parts: contents.parts must not be empty.\n"
        for number, part in enumerate(_parts(content)):
            if not _DATA & set(part) or part.get("text") == "":
                yield (
                    f"* GenerateContentRequest.contents[{at}].parts[{number}].data: required oneof field 'data' must have one "
                    "initialized field\n"
                )


def _names(body: Body) -> Iterator[str]:
    named = {
        f"tools[{at}].function_declarations[{number}].name": tool["name"]
        for at, group in enumerate(body.get("tools") or ())
        for number, tool in enumerate(group.get("function_declarations") or group.get("functionDeclarations") or ())
    }
    for at, content in enumerate(body["contents"]):
        for number, part in enumerate(_parts(content)):
            for kind in {"functionCall", "functionResponse"} & set(part):
                named[f"contents[{at}].parts[{number}].{kind}.name"] = part[kind]["name"]
    for where, name in named.items():
        if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}", name):
            yield f"* GenerateContentRequest.{where}: {_NAME}\n"


def _arguments(body: Body) -> Iterator[str]:
    for at, content in enumerate(body["contents"]):
        for number, part in enumerate(_parts(content, "functionCall")):
            if not isinstance(part["functionCall"].get("args", {}), dict):
                yield f"Invalid value at 'contents[{at}].parts[{number}].function_call.args' (type.googleapis.com/google.protobuf.Struct)"


def _roles(body: Body) -> Iterator[str]:
    roles = [content.get("role") for content in body["contents"]]
    if not set(roles) <= {"user", "model", "function"}:
        yield "Please use a valid role: user, model."
    if not roles:
        yield "* GenerateContentRequest.contents: contents is not specified\n"
    elif roles[-1] == "model":
        yield "Please ensure that single turn requests end with a user role or the role field is empty."


def _unknown(body: Body) -> Iterator[str]:
    for at, content in enumerate(body["contents"]):
        for number, part in enumerate(_parts(content)):
            for key in sorted(set(part) - _FIELDS):
                yield f"Invalid JSON payload received. Unknown name \"{key}\" at 'contents[{at}].parts[{number}]': Cannot find field."


def _unsigned(body: Body) -> Iterator[str]:
    contents = body["contents"]
    asked = [at for at, one in enumerate(contents) if one["role"] == "user" and _parts(one, "text")]
    for at in range(asked[-1] if asked else 0, len(contents)):
        calls = _parts(contents[at], "functionCall")
        if calls and not calls[0].get("thoughtSignature"):
            yield (
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
                "correctly, and missing thought_signature may lead to degraded model performance. Additional data, function "
                f"call `default_api:{calls[0]['functionCall']['name']}` , position {at + 1}. Please refer to "
                "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
            )


_REFERENCE = "https://ai.google.dev/api/generate-content"
_SIGNATURES = "https://ai.google.dev/gemini-api/docs/thought-signatures"
RULES = (
    Rule("as many answers as calls", "https://github.com/google-gemini/gemini-cli/issues/3814", _counts),
    Rule("calls after what was said", "https://ai.google.dev/gemini-api/docs/function-calling", _call_turns),
    Rule("answers after their calls", "https://ai.google.dev/gemini-api/docs/function-calling", _answer_turns),
    Rule("parts", "https://github.com/router-for-me/CLIProxyAPI/issues/1292", _empty),
    Rule("names", "https://github.com/kaitranntt/ccs/issues/25", _names),
    Rule("arguments are objects", _REFERENCE, _arguments),
    Rule("roles", _REFERENCE, _roles),
    Rule("no unknown field", _REFERENCE, _unknown),
)


def check(body: Body, signatures: Collection[str] = (), *, signed: bool = True) -> list[Violation]:
    """What Gemini would refuse.

    Args:
        body: The request's.
        signatures: Those that this model made.
        signed: Whether it insists on them, as Gemini 3 and later do.
    """

    def corrupted(body: Body) -> Iterator[str]:
        for content in body["contents"]:
            for part in _parts(content, "thoughtSignature"):
                if part["thoughtSignature"] not in {*signatures, _PLACEHOLDER}:
                    yield "Corrupted thought signature."

    rules = [*RULES, Rule("own signatures", "https://github.com/RooCodeInc/Roo-Code/pull/10743", corrupted)]
    return broken([*rules, Rule("signed calls", _SIGNATURES, _unsigned)] if signed else rules, body)


class StrictGemini(StrictServer, FakeGemini):
    """Gemini's wire with the rules of Gemini 3; it made the signature ``c2ln``."""

    def check(self, request: Request) -> list[Violation]:
        return check(request.json, {"c2ln"})

    def refusal(self, text: str) -> Answer:
        return fake_gemini.refuse(400, "INVALID_ARGUMENT", text)
