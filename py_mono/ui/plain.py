"""The REPL without a terminal (or at a dumb one): plain lines in, plain text out."""

import asyncio
import sys
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from py_mono.ui.asking import Asker
from py_mono.ui.banner import banner
from py_mono.ui.commands import Leave, is_command, run_command
from py_mono.ui.json_mode import CANCELLED, CONFIGURATION, DONE, TurnRecord, exit_status
from py_mono.ui.just_this import hear
from py_mono.ui.line.mentions import spelled_out
from py_mono.ui.line.secret import held_secrets
from py_mono.ui.lines import LineReader, unechoed
from py_mono.ui.piped import STDIN_LIMIT, combine
from py_mono.ui.render import Renderer
from py_mono.ui.secretless import Secretless
from py_mono.ui.terminal import Screen
from py_mono.utils.lazy import load
from py_mono.utils.stdout import lost

if TYPE_CHECKING:
    from py_mono.ui.app import App

_T = TypeVar("_T")

_QUIET_S = 0.4


async def run_plain(app: "App", prompt: str | None) -> int:
    """Each line of stdin is a prompt; with a prompt of its own, all of stdin is its context.

    The exit status is that of the last turn that did not end well.
    """
    screen = Screen(sys.stdout, app.environment, redact=app.redact)
    typed = sys.stdin.isatty()
    app.agent.subscribe(Secretless(Renderer(screen, reasoning=typed), app.redact))
    record = TurnRecord()
    app.agent.subscribe(record)
    mark = "> " if typed and sys.stdout.isatty() else ""
    plain = _Plain(app, screen, LineReader(sys.stdin.fileno()), record, mark=mark)
    if mark:
        app.gate.ask = Asker(screen, lambda line: screen.write(line + "\n"), plain.answer)
        app.ask_key = plain.ask_hidden
        if app.mcp is not None:
            app.mcp.hub.ask = load("py_mono.ui.elicitation:Elicitor")(
                screen, lambda line: screen.write(line + "\n"), partial(plain.answer, gone="-")
            )
    if app.review is not None:
        terminal = load("py_mono.ui.review:Terminal")(app.environment, app.redact)
        app.review.ask = load("py_mono.ui.review:Reviewer")(terminal.screen, terminal.line, terminal.read)
    app.on_shown()
    lock = await app.lock()
    if typed or lock.gaps:
        shown = [banner(app)] if typed else []
        sys.stderr.write(app.redact("\n".join([*shown, lock.text])) + "\n")
    with app.signals.to(plain.signalled):
        await plain.run(prompt, typed=typed)
    failed = lost(screen.failure)
    return app.signals.status if app.signals.terminated else plain.status or failed


class _Plain:
    """A conversation in plain lines.

    Attributes:
        status: The exit status so far.
    """

    def __init__(self, app: "App", screen: Screen, reader: LineReader, record: TurnRecord, *, mark: str) -> None:
        self._record = record
        self._app = app
        self._screen = screen
        self._reader = reader
        self._mark = mark
        self._reading: asyncio.Task[Any] | None = None
        self.status = DONE

    async def run(self, prompt: str | None, *, typed: bool) -> None:
        """Take the prompt and then every line; where nobody types them, all of them at once as the prompt's context."""
        try:
            if prompt and not typed:
                await self.take(
                    combine(self._spelled(prompt), await self._wait(self._reader.read_all(STDIN_LIMIT + 1))),
                    typed=typed,
                )
                return
            await self.take(self._spelled(prompt or ""), typed=typed)
            while True:
                self._screen.write(self._mark)
                await self.take(self._spelled(await self._wait(self._reader.read_line())), typed=typed)
        except (EOFError, Leave):
            return
        except asyncio.CancelledError:
            self.status = CANCELLED

    def _spelled(self, text: str) -> str:
        return text if is_command(text) else spelled_out(text, self._app.workspace)

    async def take(self, text: str, *, typed: bool) -> None:
        """Do what a line says.

        Raises:
            Leave: The person wants to go, or nobody is there who could want anything else.
        """
        if not text.strip():
            return
        if is_command(text):
            self._screen.write(self._screen.fold(await run_command(self._app, text)) + "\n")
            return
        if self._mark and (found := held_secrets(text, self._app.redact)):
            what = f"That holds what looks like a key or a password ({', '.join(found)})"
            self._screen.write(self._screen.fold(f"{what}, and the model's provider would read it.") + "\n")
            if (await self.answer("send it? yes or no", goes_on=True)).strip().lower() not in {"y", "yes"}:
                self._screen.write("It was not sent.\n")
                return
        heard = hear(self._app, text.strip())
        if heard.said:
            self._screen.write(self._screen.fold(heard.said) + "\n")
        if heard.failed:
            self.status = CONFIGURATION
        if not heard.task:
            return
        finished = await self._app.ask(heard.task)
        if self._app.dry_run:
            line = load("py_mono.ui.dry_run:plainly")(self._screen)
            load("py_mono.ui.dry_run:show")(self._app.agent, self._screen, line)
        denied = () if self._app.gate.ask is not None else self._record.denied  # a person's own no is no failure
        self.status = exit_status(finished, denied) or self.status
        if finished.stop_reason == "cancelled" and (self._app.signals.terminated or not typed):
            raise Leave

    async def answer(self, mark: str, goes_on: bool, *, gone: str = "no") -> str:  # noqa: FBT001 - a callback's plain form
        """See ``asking.Read``; ``gone`` is the answer where stdin has ended; what was typed before the question is dropped, for nobody could give it back."""
        if not goes_on:
            await asyncio.sleep(_QUIET_S)
            self._reader.drop()
        self._screen.write(f"{mark}> ")
        try:
            return await self._wait(self._reader.read_line())
        except EOFError:
            return gone

    async def ask_hidden(self, mark: str) -> str:
        """What is typed next, which the terminal does not show; empty after Ctrl-C, Ctrl-D or an empty line."""
        try:
            with unechoed(sys.stdin.fileno()):  # before the question: who answers at once is not shown either
                self._screen.write(f"{mark}> ")
                return await self._wait(self._reader.read_line())
        except EOFError:
            return ""
        except asyncio.CancelledError:
            if self._app.signals.terminated:
                raise
            return ""
        finally:
            self._screen.write("\n")

    async def _wait(self, reading: Coroutine[Any, Any, _T]) -> _T:
        task: asyncio.Task[_T] = asyncio.ensure_future(reading)
        self._reading = task
        try:
            return await task
        finally:
            self._reading = None

    def signalled(self) -> None:
        """Ctrl-C: end the turn, or where none runs the conversation."""
        if self._reading is not None:
            self._reading.cancel()
        else:
            self._app.agent.interrupt()
