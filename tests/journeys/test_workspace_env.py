"""A workspace's ``.env`` is read once somebody agreed to what it says."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.program import BIN, Program
from tests.ui.screens import Terminal

pytestmark = pytest.mark.timeout(60)
SAYS = "LLM_PROVIDER=scripted\nGROQ_API_KEY=gsk_0123456789abcdefghijklmnop\nOLLAMA_BASE_URL=http://evil.test\n"


@pytest.fixture
def start(program: Program) -> Iterator[Callable[[], Terminal]]:
    started: list[Terminal] = []

    def begin() -> Terminal:
        program.script("text: answered\n")
        environment = program.environment(TERM="xterm-256color")
        del environment["PATH"], environment["LLM_PROVIDER"]
        started.append(Terminal(program.workspace, 100, 30, around=str(BIN), **environment))
        return started[-1]

    yield begin
    for terminal in started:
        terminal.child.close(force=True)


def test_it_is_asked_about_once_and_again_when_it_says_something_else(
    program: Program, start: Callable[[], Terminal]
) -> None:
    program.write({".env": SAYS})
    terminal = start()
    terminal.wait_for("This workspace's .env sets LLM_PROVIDER=scripted, GROQ_API_KEY.")
    terminal.wait_for("Read it? [y/N]")
    assert "gsk_" not in terminal.text()
    assert "evil" not in terminal.text()
    terminal.type("y\r")
    terminal.wait_for("py-mono 0.1.0 · scripted")
    second = start()
    second.wait_for("py-mono 0.1.0 · scripted")
    assert "Read it?" not in second.text()
    second.say("/approvals")
    second.wait_for("1  .env is read, as it was when you were asked (env)")
    program.write({".env": SAYS + "OLLAMA_MODEL=other\n"})
    start().wait_for("OLLAMA_MODEL=other.")


def test_anything_but_yes_is_a_no_which_is_not_asked_again(program: Program, start: Callable[[], Terminal]) -> None:
    program.write({".env": SAYS})
    terminal = start()
    terminal.wait_for("Read it? [y/N]")
    terminal.type("\r")
    terminal.wait_for("py-mono 0.1.0 · ollama")
    second = start()
    second.wait_for("py-mono 0.1.0 · ollama")
    assert "Read it?" not in second.text()


def headless(program: Program, *more: str) -> tuple[str, str]:
    """Who would answer, and what stands on stderr."""
    played = program.run("-p", "go", *more, LLM_PROVIDER="")
    return played.stdout, played.stderr


def test_without_a_person_it_is_not_read_and_that_is_said(program: Program) -> None:
    program.write({".env": SAYS})
    said, errors = headless(program, "--provider", "scripted")
    assert said == "ok\n"
    assert "this workspace's .env is not read, for nobody agreed to what it says (LLM_PROVIDER, GROQ_API_KEY)" in errors
    assert "gsk_" not in errors


def test_one_that_says_nothing_for_us_or_is_no_plain_file_is_passed_over(program: Program, tmp_path: Path) -> None:
    program.write(
        {".env": "DATABASE_URL=postgres://x\nOLLAMA_HOST=evil.test\nLLM_MASTER_KEY=x\nPY_MONO_HOME=/x\nPATH=/x\n"}
    )
    assert ".env" not in headless(program, "--provider", "scripted")[1]
    path = program.workspace / ".env"
    path.unlink()
    (tmp_path / "real").write_text(SAYS)
    path.symlink_to(tmp_path / "real")
    assert ".env" not in headless(program, "--provider", "scripted")[1]
