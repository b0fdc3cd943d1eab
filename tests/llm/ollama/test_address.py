"""The variable that says where Ollama is."""

import pytest

from py_mono.llm.ollama.address import address_variable, written_address


@pytest.mark.parametrize(
    ("environment", "variable", "address"),
    [
        ({}, "OLLAMA_BASE_URL", ""),
        ({"OLLAMA_BASE_URL": " "}, "OLLAMA_BASE_URL", ""),
        ({"OLLAMA_HOST": " gpu:1 "}, "OLLAMA_HOST", "gpu:1"),
        ({"OLLAMA_API_BASE": "http://a"}, "OLLAMA_API_BASE", "http://a"),
        ({"OLLAMA_API_BASE": "http://a", "OLLAMA_BASE_URL": " ", "OLLAMA_HOST": "b"}, "OLLAMA_HOST", "b"),
        ({"OLLAMA_HOST": "b", "OLLAMA_BASE_URL": "http://c"}, "OLLAMA_BASE_URL", "http://c"),
    ],
)
def test_the_first_that_is_set_wins(environment: dict[str, str], variable: str, address: str) -> None:
    assert (address_variable(environment), written_address(environment)) == (variable, address)
