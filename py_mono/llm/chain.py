"""A chain of providers: where one fails, the next answers for the rest of the turn. ``docs/adr/037-fallbacks.md``.

Pieces of a reply that broke off are void, and the whole request goes to the next: nothing is pieced together.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from py_mono.llm.breaker import Breaker, Breakers
from py_mono.llm.retrying import failed
from py_mono.protocol.attempts import AttemptFailed, ModelFellBack
from py_mono.protocol.errors import (
    ConfigError,
    ContentFiltered,
    ContextTooLong,
    ContextTruncated,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    ReplayDiverged,
)
from py_mono.protocol.events import ModelRetried, Notice, ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest, Provider
from py_mono.utils.text import spoken
from py_mono.utils.threads import in_thread

PATIENCE_S = 10.0
"""A server that is to be waited for longer is not, where another can be asked."""

_TOO_LONG = (ContextTooLong, ContextTruncated)
_NOT_ELSEWHERE = (*_TOO_LONG, ContentFiltered, ReplayDiverged)
"""What the request itself came to, or what was decided about it: another provider is not asked to have it otherwise."""

_DELTAS = (TextDelta, ReasoningDelta)
"""Nearly all of a reply: there is nothing in them for the chain, and no time for it."""

Make = Callable[[], Provider]
"""Makes a provider; raises ``ConfigError`` where it cannot be had."""


def chained(first: Provider, others: Sequence[tuple[str, Make]], breakers: Breakers) -> "Chain":
    """A provider that asks ``first``, and where it fails the others in their order.

    Args:
        first: Who the chain is for the outside.
        others: ``NAME`` or ``NAME/MODEL`` of each, and what makes it; that is called in a thread when it is first needed.
        breakers: Those of the session.
    """
    return Chain(first, others, breakers)


class Chain:
    """See ``chained``. Its name and model are the first's: who answered is said by each message."""

    def __init__(self, first: Provider, others: Sequence[tuple[str, Make]], breakers: Breakers) -> None:
        self._links = [_Link(spoken(first.name, first.model), breakers, provider=first)]
        self._links += [_Link(label, breakers, make=make) for label, make in others]
        self._current = self._links[0]
        self._tried: list[_Link] = []
        self._told = set[str]()
        self._unsaid: list[ModelChunk] = []
        self._error: ProviderError | None = None
        self._reason: ProviderError | None = None
        self._window = 0
        self._prepared = self._noted = False

    @property
    def inner(self) -> Provider:
        """The first of the chain."""
        return self._links[0].ready

    @property
    def name(self) -> str:
        """See ``Provider``."""
        return self.inner.name

    @property
    def model(self) -> str:
        """See ``Provider``."""
        return self.inner.model

    @property
    def window(self) -> int:
        """That of whoever is to answer, as the last ``prepare`` found it."""
        return self._window

    async def prepare(self) -> None:
        """See ``Provider``: begin anew with the first, or where its breaker is open, with the next that can be asked.

        It raises nothing: where nobody can be asked the next ``stream`` says what was tried, and then why it was in vain.
        """
        self._prepared = False
        self._unsaid.clear()
        first = self._current = self._links[0]
        self._tried = []
        if first.breaker.lets_through or await self._candidate() is None:
            self._tried = [first]
            error = await self._get_ready()
        else:
            error = ProviderUnavailable(f"it kept failing, and is left alone for {first.breaker.left_s:.0f} s more")
        while error is not None and await self._falls_back(error):
            error = await self._get_ready()
        self._error = error
        self._window = self._current.ready.window
        self._prepared = True

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """See ``Provider``. Whoever answered last is asked first."""
        if not self._prepared:
            await self.prepare()
        self._reason = error = self._error
        self._error = None
        while True:
            falls_back = error is not None and await self._falls_back(error)
            for said in self._say():
                yield said
            if error is not None:
                error = await self._replaced(error, falls_back=falls_back)
                continue
            self._noted = False
            self._current.breaker.asked()
            try:
                async with aclosing(self._current.ready.stream(request)) as chunks:
                    async for chunk in chunks:
                        if type(chunk) not in _DELTAS:
                            error = await self._heed(chunk)
                            if error is not None:
                                break
                        yield chunk
            except ProviderError as caught:
                error = self._caught(caught)
            if error is None:
                return

    async def close(self) -> None:
        """Close all of them; may be called twice."""
        for link in self._links:
            if link.provider is not None:
                await link.provider.close()

    def _say(self) -> list[ModelChunk]:
        said, self._unsaid = self._unsaid, []
        return said

    async def _heed(self, chunk: ModelChunk) -> ProviderError | None:
        """Take in what a chunk tells of whoever is asked; why it is not to be asked any longer."""
        if isinstance(chunk, AttemptFailed):
            self._noted = True
            self._current.breaker.failed(chunk.kind)
        elif isinstance(chunk, AssistantMessage):
            self._current.breaker.succeeded()
            self._tried = [self._current]
        elif isinstance(chunk, ModelRetried) and chunk.wait_s > PATIENCE_S and await self._candidate() is not None:
            self._current.breaker.rest(chunk.wait_s)
            return ProviderUnavailable(chunk.reason, remedy=f"wait {chunk.wait_s:g} s and ask again")
        return None

    def _caught(self, error: ProviderError) -> ProviderError:
        """Take in what a request ended with; one that was not an attempt's becomes one here."""
        breaker = self._current.breaker
        if not self._noted:
            breaker.failed(error.kind)
            self._unsaid.append(failed(self._current.ready, 1, error))
        if isinstance(error, RateLimited) and error.retry_after:
            breaker.rest(error.retry_after)
        return error

    async def _falls_back(self, error: ProviderError) -> bool:
        """Choose another one because of ``error``; False where another would not mend it, or there is none.

        Another is chosen also where the prompt is too long for who only stands in: that alone is no reason to trouble a
        person with.
        """
        if not isinstance(error, _NOT_ELSEWHERE):
            self._reason = error
        elif self._current is self._links[0] or not isinstance(error, _TOO_LONG):
            return False
        link = await self._candidate() or await self._candidate(rested=False)
        if link is None:
            return False
        before, after = self._current.ready, link.ready
        self._unsaid.append(ModelFellBack(before.name, before.model, after.name, after.model, str(error)))
        self._current = link
        self._tried.append(link)
        return True

    async def _replaced(self, error: ProviderError, *, falls_back: bool) -> ProviderError | None:
        """Prepare whoever was chosen in place of who came to ``error``; raises where nobody was."""
        if falls_back:
            return await self._get_ready()
        self._tried = [self._current]
        raise self._reason if isinstance(error, _TOO_LONG) and self._reason is not None else error

    async def _get_ready(self) -> ProviderError | None:
        """Prepare whoever is to answer; the error that it came to."""
        self._noted = False
        try:
            await self._current.ready.prepare()
        except ProviderError as error:
            return self._caught(error)
        return None

    async def _candidate(self, *, rested: bool = True) -> "_Link | None":
        """The first that was not tried for this request and can be had; ``rested``: whose breaker lets it through."""
        for link in self._links:
            if link in self._tried or (rested and not link.breaker.lets_through):
                continue
            try:
                await link.make_ready()
            except ConfigError as error:
                text = f"{link.label} cannot stand in: {error}"
                if text not in self._told:
                    self._told.add(text)
                    self._unsaid.append(Notice(text))
            else:
                return link
        return None


class _Link:
    """One of the chain; ``provider`` is None until it is made."""

    def __init__(
        self, label: str, breakers: Breakers, *, provider: Provider | None = None, make: Make | None = None
    ) -> None:
        self.label = label
        self.provider = provider
        self._make = make
        self._breakers = breakers

    @property
    def breaker(self) -> Breaker:
        """Its breaker; the session has it under the name that the provider gives itself."""
        return self._breakers.of(
            self.label if self.provider is None else spoken(self.provider.name, self.provider.model)
        )

    @property
    def ready(self) -> Provider:
        """The provider, which was made."""
        if self.provider is None:
            raise RuntimeError(f"{self.label} was not made")
        return self.provider

    async def make_ready(self) -> None:
        """Make it where it was not yet made; raises ``ConfigError`` where that is not possible."""
        if self.provider is None and self._make is not None:
            self.provider = await in_thread(self._make, "fallback")
