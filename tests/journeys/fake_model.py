"""The real program against a server that plays a model, small or large."""

from tests.journeys.program import Played, Program
from tests.servers.fake_ollama import SHOW, Answer, FakeOllama, as_json, call, say


def shows(window: int) -> Answer:
    """What a server says of a model whose window is so large."""
    return as_json(SHOW | {"model_info": {**SHOW["model_info"], "llama.context_length": window}})


def ask(program: Program, server: FakeOllama, *arguments: str, prompt: str = "go") -> Played:
    return program.run("-p", prompt, "--provider", "ollama", "-m", "fake", *arguments, OLLAMA_BASE_URL=server.url)


def play(program: Program, *answers: Answer, repeat: bool = False, window: int = 32_768) -> tuple[Played, list[str]]:
    """A run with these replies, and what the model was told by the tools."""
    with FakeOllama(answers, repeat=repeat, show=shows(window)) as server:
        played = ask(program, server, "--json")
    last = server.chats[-1].json["messages"]
    return played, [message["content"] for message in last if message["role"] == "tool"]


def calls(name: str, arguments: object) -> Answer:
    return say("", calls=[call(name, arguments)])


def stop_of(played: Played) -> str:
    return str(played.events[-1]["stop_reason"])
