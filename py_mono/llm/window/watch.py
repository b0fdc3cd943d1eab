"""What a provider of a local server does about its window: hold back what cannot fit, and judge what was counted."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from py_mono.llm.window.measure import PromptMeasure
from py_mono.llm.window.truth import OLLAMA_ADVICE, Advice, ContextTruth, Counted, Sent, Shown
from py_mono.protocol.errors import ContextTooLong
from py_mono.protocol.events import ContextChecked
from py_mono.protocol.ports import ModelRequest

GRACE_S = 0.25
"""How long a whole reply waits at most for what the server shows. What comes later proves nothing: by then another
client may have had the model loaded with another window, which takes the server longer than this."""

_LEAST_ROOM = 16
"""The reply has at least this part of the window (2,048 of 32,768 tokens): a full window leaves no room to answer."""


OVERSIZE_REMEDY = "send less, or /clear; or raise OLLAMA_CONTEXT_LENGTH, where model and memory allow"


class WindowWatch:
    """One session's window at one server; ``window`` in tokens is the one number for all of it, 0 where unknown."""

    def __init__(
        self,
        model: str,
        window: int,
        look: Callable[[], Coroutine[Any, Any, Shown]],
        *,
        advice: Advice = OLLAMA_ADVICE,
        oversize_remedy: str = OVERSIZE_REMEDY,
        shown: Shown | None = None,
    ) -> None:
        """Begin to watch.

        Args:
            model: As errors name it.
            window: What each request counts on.
            look: Asks the server how the model is loaded, on a connection of its own; it raises nothing.
            advice: What errors tell people to do.
            oversize_remedy: What they tell where a prompt does not fit.
            shown: What the server said before the first request, where that is what ``window`` comes from.
        """
        self._window = window
        self._oversize_remedy = oversize_remedy
        self._look = look
        self._measure = PromptMeasure()
        self._truth = ContextTruth(model, window, advice=advice, shown=shown)
        self._asked_version = False
        self._looking: asyncio.Task[Shown] | None = None

    async def hold_back(self, request: ModelRequest, size: int) -> None:
        """Let a request pass that fits beside its reply; ``size`` is its bytes.

        A server that refuses what is too long is sent what may fit; one that would cut it only what likely fits.

        Raises:
            ContextTooLong: It does not fit, and is not to be sent.
        """
        if not self._window:
            return
        room = self._window - min(self._window // _LEAST_ROOM, request.max_output_tokens or self._window)
        least, likely = self._measure.least(size), self._measure.likely(size)
        if least <= room < likely:
            if self._truth.shown.refuses_oversize is None and not (self._measure.learned or self._asked_version):
                self._asked_version = True
                self._truth.take_version(await self._look())
            knows = self._truth.shown.refuses_oversize
            tokens = least if knows or (knows is None and not self._measure.learned) else likely
        else:
            tokens = least
        if tokens > room:
            kept = self._window - room
            raise ContextTooLong(
                f"the conversation is about {tokens:,} tokens long and the window holds {self._window:,}, of which {kept:,} "
                "are kept for the reply; it was not sent, for its front would be lost",
                remedy=self._oversize_remedy,
            )

    def reply_began(self) -> None:
        """Ask the server beside the reply, where it was never asked: while it answers, its model cannot be exchanged."""
        if self._truth.never_looked and self._looking is None:
            self._looking = asyncio.ensure_future(self._look())

    async def judge(self, request: ModelRequest, size: int, counted: Counted) -> ContextChecked:
        """Judge a reply that came to its end.

        Raises:
            ContextTruncated: The server dropped part of the prompt.
        """
        sent = Sent(request, size, self._measure.likely(size))
        if self._truth.wants_look(sent, counted) and self._looking is None:
            self._looking = asyncio.ensure_future(self._look())
        checked = self._truth.check(sent, counted, await self._seen())
        if self._truth.believes(sent, counted):
            self._measure.learn(size, counted.total)
        return checked

    async def reply_ended(self) -> None:
        """Leave no question open, whatever became of the reply."""
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _seen(self) -> Shown | None:
        """What the server showed, as far as it did so in time."""
        if self._looking is None:
            return None
        done, _ = await asyncio.wait({self._looking}, timeout=GRACE_S)
        return self._looking.result() if done else Shown()
