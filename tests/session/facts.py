"""A small session, as facts."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from py_mono.protocol.digest import PrefixDigest
from py_mono.protocol.events import (
    Envelope,
    Event,
    MessageFinished,
    MessageSteered,
    ModelBound,
    PromptFrozen,
    SessionStarted,
    StepStarted,
    TextDelta,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.history import History
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelRequest, Redact
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.security.redact import Redactor
from py_mono.session.store import Session, Sessions

TOOLS = (ToolSpec("shell", "Runs a command.", {"type": "object"}, "write"),)
ONE, TWO = ToolCall("a", "shell", {"command": "ls"}), ToolCall("b", "shell", {"command": 'echo "ä\n"'})
SECRET = 'tr"icky\\pass'


def conversation(redact: Redact, *, workspace: str = "/w", session: str = "s") -> list[Envelope]:
    """Two turns, two calls at once, a steering message, and a secret here and there; signals in between."""
    history, digest = History(), PrefixDigest(redact)
    envelopes: list[Envelope] = []

    def say(event: Event) -> None:
        history.apply(event)
        envelopes.append(Envelope(len(envelopes) + 1, 1_700_000_000.25 + len(envelopes), event))

    def step(number: int) -> None:
        request = ModelRequest("You work.", tuple(history.messages), TOOLS)
        say(StepStarted(number, "m1", digest.extend(request, "m1")[0]))
        say(TextDelta("so"))

    say(SessionStarted(session, workspace, "0.1.0"))
    say(ModelBound("scripted", "m1"))
    say(TurnStarted(1, UserMessage(f"do it with {SECRET}, ü")))
    say(PromptFrozen("You work.", TOOLS))
    step(1)
    say(MessageFinished(AssistantMessage("so", "hm", (ONE, TWO), "m1", Usage(10, 5), "tool_use")))
    say(ToolStarted(ONE))
    say(ToolStarted(TWO))
    say(ToolFinished(ToolResult("a", "shell", f"{SECRET}\nline\n"), 3))
    say(ToolFinished(ToolResult("b", "shell", "ä", details={"exit_code": 0}), 4))
    say(MessageSteered(UserMessage("faster")))
    step(2)
    say(MessageFinished(AssistantMessage("done", model="m1", usage=Usage(30, 2))))
    say(TurnFinished("end", Usage(40, 7), 2))
    say(TurnStarted(2, UserMessage("thanks")))
    step(1)
    say(MessageFinished(AssistantMessage("welcome", model="m1")))
    say(TurnFinished("end", Usage(), 1))
    return envelopes


@contextmanager
def public_folder() -> Iterator[Path]:
    """A temporary folder that other users can enter, unlike those that pytest makes."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Notices(list[str]):
    """Keeps what the person would be told."""

    def __call__(self, text: str) -> None:
        self.append(text)


def store(folder: Path, notices: Notices | None = None) -> Sessions:
    return Sessions(folder, redact=Redactor([SECRET]), notice=Notices() if notices is None else notices)


def write(session: Session, envelopes: Iterable[Envelope]) -> None:
    for envelope in envelopes:
        session.append(envelope)


def saved(folder: Path, workspace: str = "/w") -> Session:
    """A whole session in ``folder``, closed again."""
    session = store(folder).new(workspace)
    write(session, conversation(Redactor([SECRET]), workspace=workspace, session=session.id))
    session.close()
    return session
