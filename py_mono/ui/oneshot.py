"""``-p``: one turn; the answer (or JSON) on stdout, progress on stderr."""

import asyncio
import sys
from typing import Any

from py_mono.protocol.errors import ConfigError
from py_mono.ui.app import App
from py_mono.ui.json_mode import FAILED, LIMIT, EventLines, TurnRecord, denial, exit_status, print_object, result_object
from py_mono.ui.just_this import hear
from py_mono.ui.line.mentions import spelled_out
from py_mono.ui.line.secret import key_line
from py_mono.ui.lines import LineReader
from py_mono.ui.output import Output
from py_mono.ui.piped import STDIN_LIMIT, combine
from py_mono.ui.render import Renderer
from py_mono.ui.secretless import Secretless
from py_mono.ui.terminal import Screen
from py_mono.utils.lazy import load

_PATIENCE_S = 1.0


async def run(app: App, prompt: str | None, output_format: str) -> int:
    """Run one turn and print it as ``text``, ``json`` or ``stream-json``; returns the exit status.

    Raises:
        ConfigError: There is no prompt, or what is piped in is no text or too long.
    """
    screen = Screen(sys.stderr, app.environment, redact=app.redact)
    task = _task(app, combine(spelled_out(prompt or "", app.workspace), await _piped(screen)))
    output = Output(sys.stdout.buffer)
    record = TurnRecord()
    app.agent.subscribe(record)
    if output_format == "stream-json":
        app.agent.subscribe(Secretless(EventLines(output), app.redact))
    else:
        app.agent.subscribe(Secretless(Renderer(screen, final_text=False), app.redact))
    if app.review is not None:
        terminal = load("py_mono.ui.review:Terminal")(app.environment, app.redact)
        app.review.ask = load("py_mono.ui.review:Reviewer")(terminal.screen, terminal.line, terminal.read)
    app.on_shown()
    warning = asyncio.ensure_future(_warn(app, screen))
    with app.signals.to(app.agent.interrupt):
        finished = await app.ask(task)
        await warning
    status = app.signals.status if app.signals.terminated else exit_status(finished, record.denied)
    if output_format == "json":
        result = result_object(record, finished, session=app.session_id, version=app.version)
        print_object(output, {**result, "status": status, **_dry_run(app)}, app.redact)
    elif output_format == "text":
        if record.answer and finished.stop_reason != "error":
            output.answer(app.redact(record.answer))
        if diff := _dry_run(app).get("diff"):
            output.answer(app.redact(diff))
    refused = denial(record.denied)
    if refused is not None and output_format != "stream-json":
        screen.write(f"{refused.message}\n  {refused.remedy}\n")
    if status == LIMIT and output_format != "stream-json" and app.session_id and not _used_up(app):
        said = "do this instead: …" if finished.stop_reason == "repeated_calls" else "go on"
        screen.write(f'go on with: py-mono -r {app.session_id} -p "{said}"\n')
    return FAILED if output.lost and not status else status


def _used_up(app: App) -> bool:
    """Whether the session's budget is: it cannot go on as things are, and the error says what would let it."""
    budget = app.agent.limits.session_budget_usd
    return budget is not None and app.account.session.total.known_usd >= budget


def _task(app: App, text: str) -> str:
    """What goes to the model, and to whichever it is for.

    Raises:
        ConfigError: It looks like a key, the model cannot be had, or there is nothing for it.
    """
    if key_line(text) is not None:
        raise ConfigError(
            "that looks like /key, and -p would send it to the model",
            remedy="store a key with: py-mono key set PROVIDER",
        )
    heard = hear(app, text)
    if not heard.task:
        raise ConfigError(heard.said if heard.failed else "there is no task: it only says who is to answer")
    return heard.task


def _dry_run(app: App) -> dict[str, Any]:
    """What a dry run adds to the result."""
    if not app.dry_run:
        return {}
    return {"dry_run": True, "diff": load("py_mono.ui.dry_run:unified")(app.agent)}


async def _piped(screen: Screen) -> bytes:
    """What is piped in; where that takes long, a person at the terminal is told what is waited for."""
    if sys.stdin.isatty():
        return b""
    reading = asyncio.ensure_future(LineReader(sys.stdin.fileno()).read_all(STDIN_LIMIT + 1))
    await asyncio.wait({reading}, timeout=_PATIENCE_S)
    if not reading.done() and screen.terminal:
        screen.write("py-mono: reading stdin until it ends (Ctrl-D; < /dev/null for none)\n")
    return await reading


async def _warn(app: App, screen: Screen) -> None:
    """Say what the lock leaves open; nothing where nothing is missing."""
    lock = await app.lock()
    if lock.gaps:
        screen.write(screen.paint(lock.text, "yellow") + "\n")
