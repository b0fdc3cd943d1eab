"""What a request that failed took at a cloud: nothing where it was refused, what the server counted, else unknown."""

import pytest

from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.errors import ProviderError
from py_mono.protocol.messages import Usage
from tests.llm.clouds.serving import provider_at, serving
from tests.llm.players import play
from tests.servers import fake_anthropic, fake_openai
from tests.servers.fake_http import Answer, Reaction
from tests.servers.fake_openai import chunk, refuse, stream

UNPRICED, PRICED = "openai/m", "openai/gpt-4o"
NOTHING, UNKNOWN = Usage(cost_usd=0.0), Usage(cost_usd=None)


def ending(*pieces: bytes, finish: str = "stop") -> Answer:
    """A reply that ends as it should, with the server's count."""
    return stream(*pieces, chunk(finish), fake_openai.usage(100, 20), fake_openai.DONE)


CASES: dict[str, tuple[str, Reaction, Usage]] = {
    "a bad key": (PRICED, refuse(401, "no", code="invalid_api_key"), NOTHING),
    "a limit": (PRICED, refuse(429, "slow down", headers={"Retry-After": "9999"}), NOTHING),
    "too long": (PRICED, refuse(400, "maximum context length is 9 tokens"), NOTHING),
    "a server that failed": (PRICED, refuse(500, "boom"), NOTHING),
    "a web page": (PRICED, Answer([b"<html></html>"], content_type="text/html"), NOTHING),
    "an overload at another": ("anthropic/m", fake_anthropic.refuse(529, "overloaded_error", "Overloaded"), NOTHING),
    "a cut": (PRICED, stream(chunk(content="half")), UNKNOWN),
    "a reset before the head": (PRICED, Answer(raw=b""), UNKNOWN),
    "nothing said": (UNPRICED, ending(), Usage(100, 20, 0, None)),
    "thinking alone, at a price": (PRICED, ending(chunk(reasoning_content="hm")), Usage(100, 20, 0, 0.00045)),
    "held back by a filter": (PRICED, ending(finish="content_filter"), Usage(100, 20, 0, 0.00045)),
}


@pytest.mark.parametrize(("model", "answer", "usage"), CASES.values(), ids=CASES)
async def test_what_a_failed_attempt_took(model: str, answer: Reaction, usage: Usage) -> None:
    with serving(model, [answer], repeat=True) as (provider, _):
        seen = await play(provider)
        await provider.close()
    assert isinstance(seen.error, ProviderError)
    failed = [chunk for chunk in seen.chunks if isinstance(chunk, AttemptFailed)]
    assert failed
    for one in failed:
        cost = one.usage.cost_usd
        known = usage.cost_usd
        assert (cost is None) == (known is None)
        assert cost == pytest.approx(known) if known else cost == known
        assert (one.usage.input_tokens, one.usage.output_tokens) == (usage.input_tokens, usage.output_tokens)


async def test_nobody_there_takes_nothing() -> None:
    provider = provider_at(PRICED, "http://127.0.0.1:9", attempts=1)
    seen = await play(provider)
    await provider.close()
    assert [chunk.usage for chunk in seen.chunks if isinstance(chunk, AttemptFailed)] == [NOTHING]
