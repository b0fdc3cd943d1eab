"""The REPL: read, dispatch, show; at a terminal a turn runs while the person types on."""

import asyncio
import contextlib
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from py_mono.protocol.errors import PyMonoError
from py_mono.ui.asking import Asker
from py_mono.ui.banner import banner
from py_mono.ui.commands import COMPLETIONS, Leave, choices, is_command, run_command
from py_mono.ui.json_mode import DONE
from py_mono.ui.just_this import hear, understood
from py_mono.ui.line.completion import Words
from py_mono.ui.line.files import Files
from py_mono.ui.line.mentions import spelled_out
from py_mono.ui.line.queued import Queued
from py_mono.ui.line.secret import held_secrets, masked
from py_mono.ui.own_commands import run_own
from py_mono.ui.plain import run_plain
from py_mono.ui.prompt import InputLine
from py_mono.ui.providers_commands import awaited
from py_mono.ui.render import Renderer
from py_mono.ui.rendering.live import Live
from py_mono.ui.rendering.meter import Meter
from py_mono.ui.secretless import Secretless
from py_mono.ui.terminal import Screen, harmless, one_line
from py_mono.utils.lazy import load

if TYPE_CHECKING:
    from py_mono.ui.app import App

_INDEX_AFTER_S = 0.5
"""The list of files is made once the first message had time to be sent; who mentions a file earlier waits for it."""


async def run(app: "App", prompt: str | None) -> int:
    """Talk to a person until they leave; returns the exit status.

    Args:
        app: The wired objects.
        prompt: The first message, or None. Where stdin is piped, that is its context.

    Raises:
        ConfigError: What is piped in is no text, or too long.
    """
    smart = app.environment.get("TERM", "") not in {"", "dumb"}
    if smart and sys.stdin.isatty() and sys.stdout.isatty():
        files = Files(app.workspace)
        line = InputLine(
            sys.stdin,
            sys.stdout,
            history_file=app.history_file,
            completer=Words(COMPLETIONS, lambda start: choices(app, start), files, lambda start: awaited(app, start)),
            term=app.environment.get("TERM", ""),
            colour=not app.environment.get("NO_COLOR"),
            redact=app.redact,
        )
        return await Repl(app, line, Screen(line.above, app.environment, redact=app.redact), files).run(prompt)
    return await run_plain(app, prompt)


class Repl:
    """One conversation at a terminal."""

    def __init__(self, app: "App", line: InputLine, screen: Screen, files: Files) -> None:
        self._app = app
        self._line = line
        self._files = files
        self._view = Renderer(screen, on_change=line.redraw)
        self._live = Live(self._view, Meter(lambda: app.provider.model, app.account), line.redraw)
        self._turn: asyncio.Task[None] | None = None
        self._prepared: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._leaving = False
        self._queued = Queued()
        line.queued = lambda: [app.redact(text) for text in self._queued.lines]
        line.editing.unfold_above = self._view.unfold
        line.pending = self._live.rows
        line.numbers = self._live.numbers
        line.busy = lambda: self._turn is not None
        line.interrupt = self._interrupt
        app.gate.ask = Asker(screen, self._view.line, line.questions.ask)
        app.ask_key = line.questions.ask_hidden
        app.put_back = line.editing.put_back
        if app.mcp is not None:
            app.mcp.hub.ask = load("py_mono.ui.elicitation:Elicitor")(screen, self._view.line, line.questions.ask)
        if app.review is not None:
            app.review.ask = load("py_mono.ui.review:Reviewer")(screen, self._view.line, line.questions.ask)
        app.agent.subscribe(Secretless(self._view, app.redact))
        app.agent.subscribe(self._live)
        app.agent.subscribe(self._queued)

    async def run(self, prompt: str | None) -> int:
        """Read lines until the person leaves; returns the exit status.

        Raises:
            PyMonoError: The session cannot go on.
        """
        self._line.on_drawn(lambda: self._greet(prompt))
        with self._app.signals.to(self._signalled):
            async with self._line.shown():
                try:
                    with contextlib.suppress(EOFError, Leave):
                        while True:
                            await self._take(await self._line.read())
                finally:
                    await self._end()
        if self._failure is not None:
            raise self._failure
        return self._app.signals.status if self._app.signals.terminated else DONE

    def _greet(self, prompt: str | None) -> None:
        self._view.line(banner(self._app), "dim")
        self._app.on_shown()
        asyncio.get_running_loop().call_later(_INDEX_AFTER_S, self._files.refresh)
        self._prepared = asyncio.ensure_future(self._tell_lock())
        self._prepared.add_done_callback(self._check)
        if prompt:
            self._prepared.add_done_callback(lambda _: self._line.submit(prompt))

    async def _tell_lock(self) -> None:
        """How the tools are confined, said before the first turn."""
        lock = await self._app.lock()
        self._view.say(lock.summary, "yellow" if lock.gaps else "dim")
        for gap in lock.gaps:
            self._view.say(gap, "dim")

    async def _take(self, text: str) -> None:
        """Do what a line says."""
        if not text.strip():
            return
        self._echo(text)
        if text.startswith("!") and self._turn is not None:
            self._view.say("A turn is running: press Esc first, then Up brings the command back.")
        elif text.startswith("!"):
            self._start(self._run_own(text))
        elif is_command(text):
            self._view.answer(await run_command(self._app, text))
            self._line.above.drain()  # somebody pressed Enter and looks for it
        elif not await self._may_send(text):
            self._view.say("It was not sent.")
        elif self._turn is not None and understood(text, self._app.providers.providers.names()):
            self._view.say("A turn is running, and goes on as it began: once it is over, Up brings the message back.")
        elif self._turn is not None:
            self._queued.lines.append(text.strip())
            self._app.agent.steer(spelled_out(text.strip(), self._app.workspace))
            self._line.redraw()
        else:
            heard = hear(self._app, text.strip())
            if heard.said:
                self._view.answer(heard.said)
            if heard.task:
                self._start(self._run_turns(spelled_out(heard.task, self._app.workspace)))

    async def _may_send(self, text: str) -> bool:
        """Whether a message may go to the model: where it seems to hold a key, only a person's yes says so."""
        found = held_secrets(text, self._app.redact)
        if not found and masked(text) == text and not self._line.keys.typed.pieces_in(text):
            return True
        what = f" ({', '.join(found)})" if found else ""
        self._view.say(f"That holds what looks like a key or a password{what}, and the model's provider would read it.")
        answer = await self._line.questions.ask("send it? yes or no", goes_on=True)
        return answer.strip().lower() in {"y", "yes"}

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._turn = asyncio.ensure_future(work)
        self._turn.add_done_callback(self._turn_over)

    async def _run_own(self, text: str) -> None:
        """Run a command of the person's own."""
        if self._prepared is not None:
            await self._prepared
        self._view.wait(f"running {one_line(self._app.redact(text.lstrip('!')))}")
        self._live.changed()
        await run_own(self._app, self._view, text)
        if self._app.dry_run:
            load("py_mono.ui.dry_run:show")(self._app.agent, self._view.screen, self._view.line)
        self._view.wait("")

    async def _run_turns(self, text: str) -> None:
        """Run a turn, and another one for what was typed too late to steer it."""
        if self._prepared is not None:
            await self._prepared
        while text:
            finished = await self._app.ask(text)
            if self._app.dry_run:
                load("py_mono.ui.dry_run:show")(self._app.agent, self._view.screen, self._view.line)
            text = "\n".join(self._app.agent.take_queued())
            self._queued.lines.clear()
            if text and finished.stop_reason == "cancelled":
                self._line.editing.put_back(text)
                return
            if text:
                self._echo(text)

    def _turn_over(self, turn: asyncio.Task[None]) -> None:
        self._turn = None
        self._queued.lines.clear()
        self._files.changed()
        self._check(turn)
        late = "\n".join(self._app.agent.take_queued())  # typed after the last look at the queue
        if late and not self._leaving and self._failure is None:
            self._start(self._run_turns(late))
        self._line.redraw()

    def _check(self, task: asyncio.Task[None]) -> None:
        """What goes wrong beside the line ends the program, and is not lost."""
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._line.leave()

    def _interrupt(self) -> None:
        self._view.wait("interrupting")
        self._app.agent.interrupt()
        self._live.changed()

    def _signalled(self) -> None:
        if self._app.signals.terminated:
            self._line.leave()
        else:
            self._line.press_interrupt()

    async def _end(self) -> None:
        """Let a running turn close its calls."""
        self._leaving = True
        if self._turn is not None:
            self._app.agent.interrupt()
            with contextlib.suppress(PyMonoError):  # _check keeps it
                await self._turn

    def _echo(self, text: str) -> None:
        self._view.line("> " + harmless(masked(text)))
