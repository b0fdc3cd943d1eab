import pytest

from py_mono.llm.window.refused import says_too_long


@pytest.mark.parametrize(
    "text",
    [
        "the request exceeds the available context size, try increasing it",
        "input length exceeds the context length",
        "exceed_context_size_error",
        "context_length_exceeded",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "the prompt is longer than the context of the model",
        "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).",
        "Please reduce the length of the messages or completion.",
        "Request too large for model",
        "too many input tokens",
    ],
)
def test_each_servers_word_for_a_prompt_that_is_too_long_is_known(text: str) -> None:
    assert says_too_long(text)


@pytest.mark.parametrize("text", ["", "rate limit reached", "context deadline exceeded", "unexpected EOF"])
def test_other_refusals_are_not_about_length(text: str) -> None:
    assert not says_too_long(text)
