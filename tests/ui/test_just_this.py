"""A message that says who is to answer it alone: what is understood, and what is not."""

import pytest

from py_mono.llm.registry import names
from py_mono.ui.just_this import JustThis, hear, understood
from tests.ui.repl_program import fake_app


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("use groq just for this task: write tests", ("groq", "", "write tests")),
        ("use groq just for this task:write", ("groq", "", "write")),
        ("Use Groq only for this task. Write tests.", ("groq", "", "Write tests.")),
        ("please use groq for just this one task - go", ("groq", "", "go")),
        ("use groq for this task only: go", ("groq", "", "go")),
        ("use the groq provider just for this message: go", ("groq", "", "go")),
        ("use groq qwen/qwen3-32b only for this request, go", ("groq", "qwen/qwen3-32b", "go")),
        ("use groq/qwen/qwen3-32b just for this task\ngo\non", ("groq", "qwen/qwen3-32b", "go\non")),
        ("use ollama with qwen3:8b just for this prompt: go", ("ollama", "qwen3:8b", "go")),
        ("just for this task use groq: go", ("groq", "", "go")),
        ("only for this turn, use ollama qwen3:8b: go", ("ollama", "qwen3:8b", "go")),
        ("just for this task use ollama/qwen3:8b: go", ("ollama", "qwen3:8b", "go")),
        ("write tests, use groq just for this task", ("groq", "", "write tests")),
        ("Write tests. Use groq only for this task.", ("groq", "", "Write tests.")),
        ("write tests\nuse groq just for this task", ("groq", "", "write tests")),
        ("use groq just for this task", ("groq", "", "")),
        ("  just for this task use groq  ", ("groq", "", "")),
        ("use groq just for this task:\n" + "x" * 5000, ("groq", "", "x" * 5000)),
        ("x" * 5000 + "\nuse groq just for this task", ("groq", "", "x" * 5000)),
    ],
)
def test_understood(text: str, means: tuple[str, str, str]) -> None:
    assert understood(text, names()) == JustThis(*means)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "use requests just for this task: fetch it",
        "use groq for this task: go",
        "use groq",
        "use openai just for this request handler",
        "use openai only for this task and groq for the others",
        "explain how to use openai just for this task",
        'add to the docs: "use groq just for this task"',
        "in the docs it says: use groq just for this task",
        "use ollama models just for this task: go",
        "do not use groq just for this task: go",
        "use groq just for this taskforce: go",
        "x" * 250 + " use groq just for this task",
        "use " + " " * 100_000,
        "use groq " + "a-" * 100_000,
        "\n" * 100_000,
        "please " * 30_000,
    ],
)
def test_not_understood(text: str) -> None:
    assert understood(text, names()) is None


async def test_what_is_heard_binds_the_message_or_the_next_one() -> None:
    app, _ = fake_app()
    assert hear(app, "use other quick:8b just for this task: go") == ("go", "", False)
    assert app.providers.once is not None
    assert (app.providers.once.name, app.providers.once.model) == ("other", "quick:8b")
    app.providers.bind_once(None)
    heard = hear(app, "use other just for this task")
    assert heard == ("", "usual (other) answers your next message; then none (fake) again.", False)
    assert hear(app, "anything else") == ("anything else", "", False)
    assert app.providers.once is not None
    await app.providers.close()


async def test_what_cannot_be_had_is_said_and_nothing_goes_to_anybody() -> None:
    app, _ = fake_app()
    said = "there is no key for locked\n/key locked\nNothing was sent."
    assert hear(app, "use locked just for this task: go") == ("", said, True)
    key = "sk-abcdefghijklmnopqrstuvwxyz0123456789abcdefghijkl"
    heard = hear(app, f"use other {key} just for this task: go")
    assert heard.failed
    assert key not in heard.said
    assert app.providers.once is None
