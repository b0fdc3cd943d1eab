"""Which variable says where Ollama is. Read by the configuration too, before the prompt: nothing heavy is imported here."""

from collections.abc import Mapping

VARIABLES = ("OLLAMA_BASE_URL", "OLLAMA_HOST", "OLLAMA_API_BASE")
"""In the order in which they win."""


def written_address(environment: Mapping[str, str]) -> str:
    """The server's address in whatever form it was written; empty where none is."""
    return environment.get(address_variable(environment), "").strip()


def address_variable(environment: Mapping[str, str]) -> str:
    """The variable that wins, or would: what has to be set for another address."""
    return next((name for name in VARIABLES if environment.get(name, "").strip()), VARIABLES[0])
