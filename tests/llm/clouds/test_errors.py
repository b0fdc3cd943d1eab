"""Each way in which a cloud says no, from HTTP bytes to an error with a remedy."""

import json

import pytest

from py_mono.llm.clouds.said import wait_in
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
from py_mono.protocol.events import ModelRetried
from tests.llm.clouds.serving import KEY, play, provider_at, reply, serving
from tests.servers import fake_anthropic, fake_gemini, fake_ollama, fake_openai
from tests.servers.fake_http import Answer, Pause
from tests.servers.fake_openai import chunk, data, refuse, stream

GROQ, GPT, CLAUDE, GEMINI = "groq/m", "openai/gpt-4o", "anthropic/m", "gemini/m"
RETRY_INFO = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.02s"}]
BAD_KEY = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]

FINAL: list[tuple[str, Answer, type[ProviderError], str]] = [
    (GROQ, refuse(401, "Invalid API Key", code="invalid_api_key"), AccessDenied, "GROQ_API_KEY"),
    (GPT, refuse(401, f"Incorrect API key provided: {KEY}.", code="invalid_api_key"), AccessDenied, "OPENAI_API_KEY"),
    (
        CLAUDE,
        fake_anthropic.refuse(401, "authentication_error", "invalid x-api-key"),
        AccessDenied,
        "ANTHROPIC_API_KEY",
    ),
    (
        GEMINI,
        fake_gemini.refuse(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", details=BAD_KEY),
        AccessDenied,
        "GEMINI_API_KEY",
    ),
    ("openrouter/m", refuse(401, "User not found."), AccessDenied, "OPENROUTER_API_KEY"),
    ("openrouter/m", refuse(402, "Insufficient credits"), AccessDenied, "credit"),
    (GPT, refuse(429, "You exceeded your current quota", code="insufficient_quota"), AccessDenied, "credit"),
    (
        CLAUDE,
        fake_anthropic.refuse(400, "invalid_request_error", "Your credit balance is too low"),
        AccessDenied,
        "credit",
    ),
    (GROQ, refuse(403, "Country not supported"), AccessDenied, "403"),
    (GROQ, refuse(404, "The model `m` does not exist", code="model_not_found"), ModelNotFound, "--model"),
    (GROQ, refuse(400, "The model `m` has been decommissioned", code="model_decommissioned"), ModelNotFound, "'m'"),
    (CLAUDE, fake_anthropic.refuse(404, "not_found_error", "model: m"), ModelNotFound, "--model"),
    (
        GEMINI,
        fake_gemini.refuse(404, "NOT_FOUND", "models/m is not found for API version v1beta"),
        ModelNotFound,
        "'m'",
    ),
    ("openrouter/m", refuse(400, "m is not a valid model ID"), ModelNotFound, "'m'"),
    ("ollama/m", fake_ollama.refuse(404, "model 'm' not found"), ModelNotFound, "'m'"),
    (GPT, Answer([b"404 page not found"], 404, "text/plain"), BadResponse, "OPENAI_BASE_URL"),
    (
        GPT,
        refuse(400, "maximum context length is 8192 tokens", code="context_length_exceeded"),
        ContextTooLong,
        "/clear",
    ),
    (
        CLAUDE,
        fake_anthropic.refuse(400, "invalid_request_error", "prompt is too long: 3 > 2"),
        ContextTooLong,
        "/clear",
    ),
    (
        GEMINI,
        fake_gemini.refuse(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum"),
        ContextTooLong,
        "",
    ),
    (
        GPT,
        refuse(400, "the request exceeds the available context size", type_="exceed_context_size_error"),
        ContextTooLong,
        "",
    ),
    (GROQ, refuse(413, "Request too large for model on tokens per minute (TPM)"), ContextTooLong, "--model"),
    (GROQ, refuse(400, "`tool calling` is not supported with this model"), ToolsUnsupported, "--model"),
    ("openrouter/m", refuse(404, "No endpoints found that support tool use."), ToolsUnsupported, "--model"),
    ("ollama/m", fake_ollama.refuse(400, "m does not support tools"), ToolsUnsupported, "--model"),
    (GPT, refuse(500, "tools param requires --jinja flag"), ToolsUnsupported, "--model"),
    (GROQ, refuse(422, "messages.0: bad"), BadResponse, "422"),
    (GPT, Answer([], 308, headers={"Location": "http://127.0.0.1:1/x"}), BadResponse, "redirects"),
    (GPT, Answer([b"<html>Log in</html>"], content_type="text/html"), BadResponse, "web page"),
    (GPT, Answer([b"{}"], content_type="application/json"), ProviderUnavailable, "cut"),
    (GPT, stream(chunk("content_filter"), fake_openai.DONE), ContentFiltered, "filter"),
    (CLAUDE, fake_anthropic.say(), BadResponse, "nothing"),
    (GPT, fake_openai.say(calls=[("c", "read_file", '{"p')], finish="length"), BadResponse, "not run"),
]

PASSING: list[tuple[str, Answer, str]] = [
    (GROQ, refuse(429, "Rate limit reached. Please try again in 20ms."), "limits"),
    (GPT, refuse(429, "Rate limit reached", headers={"retry-after-ms": "20"}), "limits"),
    (CLAUDE, fake_anthropic.refuse(429, "rate_limit_error", "Too many", headers={"retry-after": "0"}), "limits"),
    (GEMINI, fake_gemini.refuse(429, "RESOURCE_EXHAUSTED", "Quota exceeded", details=RETRY_INFO), "limits"),
    (CLAUDE, fake_anthropic.refuse(529, "overloaded_error", "Overloaded"), "529"),
    (GEMINI, fake_gemini.refuse(503, "UNAVAILABLE", "The model is overloaded."), "503"),
    (GROQ, refuse(500, "Internal Server Error"), "500"),
    (GPT, Answer([b"<html>Bad gateway</html>"], 502, "text/html"), "502"),
    ("ollama/m", fake_ollama.refuse(500, "llama runner process has terminated"), "500"),
    (GPT, refuse(408, "Request timeout"), "408"),
    (GPT, stream(chunk(content="lost"), data({"error": {"message": "Server had an error", "code": 500}})), "error"),
    (
        CLAUDE,
        fake_anthropic.stream(
            fake_anthropic.start(),
            fake_anthropic.event("error", error={"type": "overloaded_error", "message": "Overloaded"}),
        ),
        "Overloaded",
    ),
    (GPT, Answer(raw=b"not http at all\r\n\r\n"), "cut"),
    (GPT, stream(chunk(content="lost"), b"data: {garbage\n\n"), ""),
]

WHOLE = {
    "anthropic": fake_anthropic.say("Whole."),
    "gemini": fake_gemini.say("Whole."),
    "ollama": fake_ollama.say("Whole."),
}


def shown(error: ProviderError) -> str:
    return f"{error} | {error.remedy}"


@pytest.mark.parametrize(("model", "answer", "kind", "words"), FINAL)
async def test_what_will_not_pass_is_an_error_with_a_remedy(
    model: str, answer: Answer, kind: type[ProviderError], words: str
) -> None:
    with serving(model, [answer], repeat=True) as (provider, server):
        with pytest.raises(ProviderError) as caught:
            await play(provider)
        await provider.close()
    assert type(caught.value) is kind, shown(caught.value)
    assert words.lower() in shown(caught.value).lower()
    assert caught.value.remedy
    assert KEY not in shown(caught.value)
    assert "litellm" not in shown(caught.value).lower()
    assert "\n" not in str(caught.value)
    assert len(server.requests) <= 3


@pytest.mark.parametrize(("model", "answer", "words"), PASSING)
async def test_what_may_pass_is_asked_again(model: str, answer: Answer, words: str) -> None:
    whole = WHOLE.get(model.partition("/")[0], fake_openai.say("Whole."))
    with serving(model, [answer, whole]) as (provider, server):
        chunks = await play(provider)
        await provider.close()
    retries = [one for one in chunks if isinstance(one, ModelRetried)]
    assert len(retries) == 1
    assert words.lower() in retries[0].reason.lower()
    assert "litellm" not in retries[0].reason.lower()
    assert (chunks[-1].text, len(server.requests)) == ("Whole.", 2)  # type: ignore[union-attr]  # a message is last


async def test_a_wait_that_is_too_long_is_left_to_the_person() -> None:
    with serving(GROQ, [refuse(429, "Slow down", headers={"retry-after": "7200"})], repeat=True) as (provider, server):
        with pytest.raises(RateLimited) as caught:
            await play(provider)
        await provider.close()
    assert (caught.value.retry_after, len(server.requests)) == (7200.0, 1)
    assert "7200" in caught.value.remedy


async def test_a_call_that_the_server_could_not_read_is_shown() -> None:
    body = {"error": {"message": "Failed to call a function.", "code": "tool_use_failed", "failed_generation": "<f=x>"}}
    with serving(GROQ, [Answer([json.dumps(body).encode()], 400, "application/json")]) as (provider, _):
        with pytest.raises(MalformedCall) as caught:
            await play(provider)
        await provider.close()
    assert caught.value.raw == "<f=x>"


@pytest.mark.parametrize(
    ("name", "meant"), [("antropic/claude-9", "anthropic/claude-9"), ("OpenAI/gpt-4o", "openai/gpt-4o"), ("zzzz/m", "")]
)
async def test_a_provider_that_litellm_does_not_know_is_named_and_the_one_that_was_meant(name: str, meant: str) -> None:
    provider = provider_at(name, "")
    with pytest.raises(ModelNotFound) as caught:
        await provider.prepare()
    await provider.close()
    told = f"LiteLLM knows no provider {name.partition('/')[0]!r}"
    assert str(caught.value) == (f"{told}; is it {meant}?" if meant else told)
    assert "PROVIDER/MODEL" in caught.value.remedy


async def test_nobody_there_names_the_address() -> None:
    with serving(GPT, []) as (_, server):
        url = server.url
    provider = provider_at(GPT, url, attempts=2)
    with pytest.raises(ProviderUnavailable) as caught:
        await play(provider)
    await provider.close()
    assert url in str(caught.value)
    assert "OPENAI_BASE_URL" in caught.value.remedy


async def test_silence_and_a_reply_that_stops_are_not_waited_for_without_end() -> None:
    stops = stream(chunk(content="Half"), Pause())
    with serving(
        GPT, [Answer(before=Pause()), stops, fake_openai.say("Whole.")], first_token_s=0.3, notice_s=0.1, idle_s=0.2
    ) as (
        provider,
        _,
    ):
        with pytest.raises(ProviderUnavailable, match="nothing for"):
            await play(provider)
        assert (await reply(provider)).text == "Whole."
        await provider.close()


async def test_a_line_without_end_is_cut_off() -> None:
    flood = stream(b"data: " + b"x" * (9 << 20), b"x" * (9 << 20), Pause())
    with serving(GPT, [flood], repeat=True) as (provider, server):
        with pytest.raises(BadResponse, match="longer than any"):
            await play(provider)
        await provider.close()
    assert len(server.requests) == 1


async def test_nothing_is_printed_whatever_goes_wrong(capfd: pytest.CaptureFixture[str]) -> None:
    for model, answer in [(GPT, FINAL[1][1]), (CLAUDE, FINAL[2][1]), (GEMINI, FINAL[3][1]), (GPT, PASSING[10][1])]:
        with serving(model, [answer], repeat=True) as (provider, _):
            with pytest.raises(ProviderError):
                await play(provider)
            await provider.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please try again in 7.66s.", 7.66),
        ("try again in 2m5.5s", 125.5),
        ("Please retry in 20ms", 0.02),
        ("retry in 1h2m", 3720.0),
        ('"retryDelay": "34s"', 34.0),
        ("try again later", None),
        ("in 3s", None),
        ("", None),
    ],
)
def test_how_long_to_wait_is_read_from_a_sentence(text: str, seconds: float | None) -> None:
    assert wait_in(text) == seconds
