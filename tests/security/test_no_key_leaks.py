"""No key in ten thousand errors, transcripts and exports: each case is a key, a text that holds it, and the real way out."""

import contextlib
import io
import json
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from py_mono.llm.clouds import errors as cloud_errors
from py_mono.llm.clouds.loader import LOADER
from py_mono.llm.clouds.models import Model
from py_mono.llm.clouds.transport import Seen
from py_mono.llm.http.endpoint import parse_endpoint, proxy_for
from py_mono.llm.ollama import errors as ollama_errors
from py_mono.llm.retrying import Failure
from py_mono.main import _report
from py_mono.protocol.attempts import AttemptFailed, ModelFellBack
from py_mono.protocol.codec import is_fact
from py_mono.protocol.commands import CommandRun
from py_mono.protocol.errors import ConfigError, ProviderError, PyMonoError
from py_mono.protocol.events import (
    Envelope,
    ErrorInfo,
    Event,
    MessageFinished,
    MessageSteered,
    ModelRetried,
    Notice,
    ReasoningDelta,
    SessionStarted,
    StepStarted,
    TextDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.security.keys.manager import KeyManager
from py_mono.security.known import secrets_in
from py_mono.security.redact import Redactor
from py_mono.session.export import json_lines
from py_mono.session.store import Sessions
from py_mono.ui.doctor.findings import Finding
from py_mono.ui.doctor.report import as_object, rows
from py_mono.ui.export_command import transcript as exported
from py_mono.ui.json_mode import EventLines, TurnRecord, print_object, result_object
from py_mono.ui.keys import listing, provider_named
from py_mono.ui.output import Output
from py_mono.ui.render import Renderer
from py_mono.ui.secretless import Secretless
from py_mono.ui.sessions_command import show
from py_mono.ui.terminal import Screen
from py_mono.utils.stderr import GuardedText
from tests.security.leaks import FORMS, TEXTS, Watcher, key, said, watched

CLOUDS, OLLAMA, TURNS, CRASHES, KEYS, PROXIES, DOCTORS = 3_000, 1_500, 300, 1_500, 400, 1_000, 1_000
TEXTS_OF_A_TURN = 13
assert CLOUDS + OLLAMA + TURNS * TEXTS_OF_A_TURN + CRASHES + KEYS + PROXIES + DOCTORS >= 10_000


_TURNS = 10
"""Of a session, each with a key of its own."""


def cases(count: int, seed: str) -> Iterator[tuple[random.Random, str, Watcher, Redactor]]:
    chance = random.Random(seed)
    for _ in range(count):
        yield chance, *watched(chance)


def shown(error: BaseException, redact: Redactor) -> str:
    """An error as a turn ends with it on the screen, and as the program does."""
    inner = error.final if isinstance(error, Failure) else error
    assert isinstance(inner, PyMonoError)
    stream = io.StringIO()
    view = Secretless(Renderer(Screen(stream, {}, columns=80, redact=redact)), redact)
    info = ErrorInfo(inner.kind, str(inner), inner.remedy)
    for event in (
        AttemptFailed("groq", "m", 1, inner.kind, str(inner), Usage()),
        ModelFellBack("groq", "m", "ollama", "n", str(inner)),
        ModelRetried(1, 1.0, str(inner)),
        TurnFinished("error", Usage(), 1, info),
    ):
        view(Envelope(1, 0.0, event))
    guarded = GuardedText(stream, lambda: redact)
    with contextlib.redirect_stderr(guarded):
        _report(inner)
    guarded.flush()
    return stream.getvalue()


def litellm_error(litellm: Any, chance: random.Random, text: str) -> BaseException:
    """What LiteLLM raises, with the layers that it puts round what it was told."""
    kind = chance.choice(
        (
            litellm.exceptions.AuthenticationError,
            litellm.exceptions.BadRequestError,
            litellm.exceptions.RateLimitError,
            litellm.exceptions.NotFoundError,
            litellm.exceptions.InternalServerError,
            litellm.exceptions.ServiceUnavailableError,
            litellm.exceptions.ContextWindowExceededError,
        )
    )
    error: BaseException = kind(message=text, llm_provider="groq", model="groq/m")
    if chance.random() < 0.3:
        error.original_exception = ValueError(text)  # type: ignore[attr-defined]  # as LiteLLM does
    if chance.random() < 0.3:
        error.__cause__ = RuntimeError(text)
    return error


def body(chance: random.Random, text: str) -> bytes:
    """A server's answer that says it."""
    shapes: tuple[object, ...] = (
        {"error": {"message": text, "type": "invalid_request_error", "code": "invalid_api_key"}},
        {"error": text},
        {"detail": {"error": {"message": "no", "metadata": {"raw": text}}}},
        [{"error": {"message": text, "status": "UNAUTHENTICATED"}}],
        {"error": {"message": "failed", "code": "tool_use_failed", "failed_generation": text}},
    )
    if chance.random() < 0.2:
        return text.encode()
    return json.dumps(chance.choice(shapes), ensure_ascii=chance.random() < 0.5).encode()


async def test_what_clouds_answer() -> None:
    found = []
    await LOADER.loaded("groq")  # which keeps LiteLLM off the network
    litellm = sys.modules["litellm"]
    for chance, secret, watcher, redact in cases(CLOUDS, "clouds"):
        text = said(chance, secret)
        model = Model("groq/m", "groq", secret, ("GROQ_API_KEY",), secrets=(secret,))
        seen = Seen()
        way = chance.randrange(4)
        if way == 0:
            seen.status, seen.body = (
                chance.choice((301, 400, 401, 402, 403, 404, 413, 429, 500, 503)),
                body(chance, text),
            )
        elif way == 1:
            seen.broken = text
            seen.refused = chance.random() < 0.5
        elif way == 2:
            seen.garbled = text
        found += watcher.leaks(
            shown(cloud_errors.from_failure(litellm_error(litellm, chance, text), seen, model), redact)
        )
    assert found == []


def test_who_looks_for_keys_finds_them() -> None:
    for chance, secret, watcher, redact in cases(500, "seen"):
        for text in TEXTS:
            whole = text.format(chance.choice(FORMS)(secret))
            assert watcher.leaks(whole), whole
            assert not watcher.leaks(redact(whole)), whole


def test_what_ollama_answers() -> None:
    found = []
    at = ollama_errors.At("http://127.0.0.1:11434", "OLLAMA_HOST")
    for chance, secret, watcher, redact in cases(OLLAMA, "ollama"):
        text = said(chance, secret)
        found += watcher.leaks(shown(of_ollama(chance, text, at), redact))
    assert found == []


def of_ollama(chance: random.Random, text: str, at: ollama_errors.At) -> BaseException:
    ways: tuple[Callable[[], BaseException], ...] = (
        lambda: ollama_errors.from_status(chance.choice((400, 401, 404, 429, 500)), text, "", "m", at),
        lambda: ollama_errors.from_stream(text, "m"),
        lambda: ollama_errors.garbage("what is no JSON", text.encode()),
        lambda: ollama_errors.not_ollama(at, text),
    )
    return chance.choice(ways)()


def pieces(chance: random.Random, text: str) -> Iterator[str]:
    while text:
        count = chance.randint(1, 30)
        yield text[:count]
        text = text[count:]


def turn(chance: random.Random, secret: str) -> Iterator[Event]:
    """A turn in which the key turns up wherever a person, a model or a tool can say something."""
    yield SessionStarted("id", "/work", "0")
    yield TurnStarted(1, UserMessage(said(chance, secret)))
    yield StepStarted(1, "m", "00")
    yield from map(ReasoningDelta, pieces(chance, said(chance, secret)))
    text = said(chance, secret)
    yield from map(TextDelta, pieces(chance, text))
    call = ToolCall(
        "1", chance.choice(("shell", "edit_file", "read_file")), {"command": said(chance, secret), "path": "a"}
    )
    yield MessageFinished(AssistantMessage(text, tool_calls=(call,)))
    yield ToolStarted(call)
    yield from (ToolOutput("1", piece) for piece in pieces(chance, said(chance, secret)))
    details: dict[str, Any] = {"exit_code": 1}
    if chance.random() < 0.3:
        details["diff"] = f"--- a\n+++ a\n@@ -1 +1 @@\n-{said(chance, secret)}\n+x\n"
    yield ToolFinished(
        ToolResult("1", call.name, said(chance, secret), is_error=chance.random() < 0.7, details=details), 3
    )
    yield MessageSteered(UserMessage(said(chance, secret)), chance.choice(("user", "guard")))
    yield Notice(said(chance, secret))
    yield MessageFinished(AssistantMessage(said(chance, secret)))
    yield TurnFinished("error", Usage(), 1, ErrorInfo("provider", said(chance, secret), said(chance, secret)))
    yield CommandRun(2, said(chance, secret), failed=False, duration_ms=3, message=UserMessage(said(chance, secret)))


def test_transcripts_and_exports(tmp_path: Path) -> None:
    found = []
    chance = random.Random("transcripts")
    for _ in range(TURNS // _TURNS):
        secrets = [key(chance) for _ in range(_TURNS)]
        text = transcript(chance, secrets, Redactor(secrets), tmp_path)
        for secret in secrets:
            found += Watcher(secret).leaks(text)
    assert found == []


def transcript(chance: random.Random, secrets: list[str], redact: Redactor, folder: Path) -> str:
    """Everything that a session comes to: the screen, the journal, both kinds of JSON, the session shown again."""
    screen, export = io.StringIO(), io.BytesIO()
    terminal, columns = chance.random() < 0.5, chance.choice((20, 40, 80, 200))
    store = Sessions(folder, redact=redact, notice=lambda _: None)
    session = store.new("/work")
    record = TurnRecord()
    envelopes: list[Envelope] = []
    ways: list[Callable[[Envelope], None]] = [
        session.append,
        envelopes.append,
        Secretless(Renderer(Screen(screen, {"TERM": "x"}, terminal=terminal, columns=columns, redact=redact)), redact),
        Secretless(EventLines(Output(export)), redact),
        record,
    ]
    finished = TurnFinished("end", Usage(), 1, None)
    for seq, event in enumerate((event for secret in secrets for event in turn(chance, secret)), 1):
        for way in ways:
            way(Envelope(seq, 0.0, event))
        if isinstance(event, TurnFinished):
            finished = event
            result = result_object(record, finished, session="id", version="0")
            print_object(Output(export), result, redact)
    session.close()
    shown_again = io.StringIO()
    show(store, session.id, Screen(shown_again, {"TERM": "x"}, terminal=True, columns=columns, redact=redact), redact)
    events = [json.loads(line).get("event", {}) for line in export.getvalue().splitlines()]
    deltas = "".join(event["text"] for event in events if event.get("type", "").endswith(("_delta", "_output")))
    journal = Path(session.path).read_text(encoding="utf-8")
    facts = [envelope for envelope in envelopes if is_fact(envelope.event)]
    exports = "".join((*exported(facts, redact), *json_lines(facts, redact)))
    return "\n".join((screen.getvalue(), journal, export.getvalue().decode(), shown_again.getvalue(), deltas, exports))


def crashed(chance: random.Random, text: str) -> BaseException:
    """An exception that nobody expected, with what led to it."""
    kinds = (ValueError, RuntimeError, OSError, KeyError, AttributeError, TypeError)

    def deepest() -> None:
        raise chance.choice(kinds)(text)

    def middle() -> None:
        try:
            deepest()
        except kinds as error:
            if chance.random() < 0.5:
                raise chance.choice(kinds)({"headers": {"authorization": text}}) from error
            raise chance.choice(kinds)(text.encode())  # noqa: B904 - a context and no cause

    try:
        middle()
    except kinds as error:
        if chance.random() < 0.3:
            error.add_note(text)
        if chance.random() < 0.2:
            return ExceptionGroup(text, [error, ConfigError(text, remedy=text)])
        return error
    raise AssertionError


def reported(chance: random.Random, error: BaseException, redact: Redactor) -> str:
    """As Python itself tells it, through what stands before stderr."""
    stream = io.StringIO()
    guarded = GuardedText(stream, lambda: redact)
    if chance.random() < 0.5:
        traceback.print_exception(error, file=guarded)
    else:
        with contextlib.redirect_stderr(guarded):
            sys.__excepthook__(type(error), error, error.__traceback__)
    guarded.flush()
    return stream.getvalue()


def test_crashes() -> None:
    found = []
    for chance, secret, watcher, redact in cases(CRASHES, "crashes"):
        text = reported(chance, crashed(chance, said(chance, secret)), redact)
        assert "Traceback" in text
        found += watcher.leaks(text)
    assert found == []


def test_errors_about_keys(tmp_path: Path) -> None:
    found = []
    for number, (chance, secret, watcher, redact) in enumerate(cases(KEYS, "keys")):
        (tmp_path / str(number)).mkdir()
        found += watcher.leaks(about_keys(chance, secret, redact, tmp_path / str(number)))
    assert found == []


def about_keys(chance: random.Random, secret: str, redact: Redactor, folder: Path) -> str:
    """What is said where a key cannot be stored, found or read."""
    master = "gAv0Yc9zQ2p4s6v8yBx1eRt3uWj5mPq7kZaNdFgHiLo="
    variables = {"LLM_MASTER_KEY": chance.choice(("", secret, master)), "GROQ_API_KEY": chance.choice(("", secret))}
    if chance.random() < 0.3:
        variables["GROQ_API_KEY_FILE"] = chance.choice((secret, str(folder), f"/nowhere/{secret}"))
    if chance.random() < 0.3:
        (folder / ".keys.enc").write_text(chance.choice((secret, f"py-mono-keys 1 fernet check=0\n{secret}", "")))
    keys = KeyManager(str(folder), str(folder / "state"), variables, learned=redact.add, secrets_folder=str(folder))
    typed = chance.choice((secret, f"{secret}\u00e9", f"{secret} x", f'"{secret}"', secret * 300))
    ways: tuple[Callable[[], object], ...] = (
        lambda: keys.set(chance.choice(("groq", secret)), typed),
        lambda: keys.remove(secret),
        lambda: provider_named(secret),
        lambda: bool(keys.look("groq", ("GROQ_API_KEY",)).key),
        keys.rotate,
        lambda: listing(keys, variables),
    )
    try:
        return str(chance.choice(ways)())
    except ConfigError as error:
        return reported(chance, error, redact) + shown(error, redact)


def test_proxies_with_passwords() -> None:
    found = []
    target = parse_endpoint("https://api.example/v1")
    for chance, secret, watcher, _ in cases(PROXIES, "proxies"):
        password = "".join(char if char.isalnum() or char in "-._~" else f"%{ord(char):02X}" for char in secret)
        address = chance.choice(
            ("http://me:{}@proxy.example:{}", "me:{}@proxy:{}", "socks5://me:{}@proxy:{}", "http://{}@p:{}")
        )
        environment = {"HTTPS_PROXY": address.format(password, chance.choice(("3128", "x", "99999", "")))}
        redact = Redactor(secrets_in(environment))
        try:
            proxy = proxy_for(target, environment)
            text = redact(f"{proxy.url if proxy else ''}")
        except ConfigError as error:
            text = shown(error, redact)
        failure = ProviderError(f"{environment['HTTPS_PROXY']} refused")
        if "://" in environment["HTTPS_PROXY"] and "me:" in environment["HTTPS_PROXY"]:
            text += shown(failure, redact)
        found += watcher.leaks(text)
    assert found == []


def test_the_doctor() -> None:
    found = []
    for chance, secret, watcher, redact in cases(DOCTORS, "doctors"):
        finding = Finding("key", chance.choice(("ok", "warning", "fault")), said(chance, secret), said(chance, secret))
        stream, export = io.StringIO(), io.BytesIO()
        screen = Screen(stream, {"TERM": "x"}, terminal=True, columns=chance.choice((40, 80, 200)), redact=redact)
        screen.write(rows(finding, screen))
        print_object(Output(export), as_object([finding], version="0"), redact)
        found += watcher.leaks(stream.getvalue() + export.getvalue().decode())
    assert found == []
