"""Whether the model saw the whole prompt, judged by a server's own numbers (ADR 030). Nothing is asked or sent here.

A prompt is called cut only where the numbers leave no other way: a smaller window that the server itself shows, or counts
that no whole prompt can have. Everything else that looks odd (a low count, or none) is *unverified*: servers count in
many ways, and some leave out what they had cached.
"""

from msgspec import Struct
from msgspec.structs import replace

from py_mono.llm.window.bounds import CHARS_PER_TOKEN, droppable, least_of_request, most_of, most_of_request, sure_chars
from py_mono.protocol.errors import ContextTruncated
from py_mono.protocol.events import ContextChecked
from py_mono.protocol.messages import Message
from py_mono.protocol.ports import ModelRequest

RELOAD_S = 1.0
"""A load time from here on means that the model was loaded for this request: nothing of it can have been cached."""

_EDGE = 1024
"""Windows, and the halves that servers cut to, are multiples of this."""

_EDGE_SLACK = 4
"""Servers that cut keep a few tokens of the front on top (``num_keep``), or leave the last place free."""

_SLACK = 32
"""How much a template's own words may differ between two requests of a conversation (a switch for thinking)."""

_GROWN = 16
"""Characters of a person's or a tool's words: at least one token, which no template leaves out."""

_COUNTS_WHOLE_FROM = (0, 4, 0)
_COUNTED_UNCACHED_ONLY = (0, 30, 0)
_REFUSES_OVERSIZE_FROM = (0, 12, 6)


class Sent(Struct, frozen=True):
    """What went to the server.

    Attributes:
        request: As the agent asked it.
        size: Bytes on the wire.
        tokens: Our own estimate.
    """

    request: ModelRequest
    size: int
    tokens: int


class Counted(Struct, frozen=True):
    """What the server said with its reply.

    Attributes:
        prompt: Tokens of the prompt; 0 where it gave no number.
        reply: Tokens of the reply.
        cached: Tokens that it had cached, where it counts them apart from ``prompt``; None where it does not say.
        load_s: Seconds that loading the model took.
    """

    prompt: int
    reply: int = 0
    cached: int | None = None
    load_s: float = 0.0

    @property
    def total(self) -> int:
        """Tokens of the prompt, cached ones included where they are known."""
        return self.prompt + (self.cached or 0)

    @property
    def cold(self) -> bool:
        """Whether nothing that it counts can have been left out because it was cached."""
        return self.cached is not None or self.load_s >= RELOAD_S


class Shown(Struct, frozen=True):
    """What the server shows of itself while the model is loaded.

    Attributes:
        window: The window of this model as it is loaded, in tokens; 0 where it is not shown.
        binding: False where the runner takes longer prompts than that, or refuses them (Ollama's MLX models).
        version: Of Ollama; empty where unknown.
        refuses: Whether it refuses what is too long, where that is known of servers of its kind.
        whole: Whether servers of its kind count every token of the prompt that reached the model, cached or not.
    """

    window: int = 0
    binding: bool = True
    version: tuple[int, ...] = ()
    refuses: bool | None = None
    whole: bool = False

    @property
    def counts_whole(self) -> bool:
        """Whether this version, or kind, counts every token of the prompt that reached the model, cached or not."""
        by_version = self.version >= _COUNTS_WHOLE_FROM and self.version[:3] != _COUNTED_UNCACHED_ONLY
        return by_version or self.whole

    @property
    def refuses_oversize(self) -> bool | None:
        """Whether it refuses what is too long (Ollama: knows ``truncate: false``); None where that is not known."""
        return self.version >= _REFUSES_OVERSIZE_FROM if self.version else self.refuses


class Advice(Struct, frozen=True):
    """What to do where part of a prompt was dropped, in the words of the server's own settings.

    Attributes:
        smaller: Where the server shows a smaller window; ``{has}`` and ``{expected}`` stand for the two numbers.
        cut: Where its counts prove it.
        origin: Where the number that was expected comes from.
    """

    smaller: str
    cut: str
    origin: str


OLLAMA_ADVICE = Advice(
    smaller="start py-mono with OLLAMA_CONTEXT_LENGTH={has} to keep to that; "
    "another program that uses the model, or a proxy, may have made it so small",
    cut="/clear starts afresh; set OLLAMA_CONTEXT_LENGTH to the window that the server really has, "
    "or bring Ollama up to date: 0.12.6 and later refuse what does not fit",
    origin="that were asked for",
)


class _Before(Struct, frozen=True):
    request: ModelRequest
    count: int


class ContextTruth:
    """One server's numbers over a session with one model."""

    def __init__(self, model: str, window: int, *, advice: Advice = OLLAMA_ADVICE, shown: Shown | None = None) -> None:
        """``window``, in tokens, is what each request counts on, 0 where that is not known; ``shown`` what it comes from."""
        self._model = model
        self._window = window
        self._advice = advice
        self._shown = shown or Shown()
        self._looked = shown is not None
        self._suspected = False
        self._stood = False
        self._before: _Before | None = None
        self._grows = False

    @property
    def shown(self) -> Shown:
        """What the server last showed."""
        return self._shown

    @property
    def never_looked(self) -> bool:
        """Whether nobody has asked the server for its window yet."""
        return not self._looked

    def take_version(self, shown: Shown) -> None:
        """Take the version alone: before a request the model may be loaded for somebody else."""
        self._shown = replace(self._shown, version=shown.version)

    def wants_look(self, sent: Sent, counted: Counted) -> bool:
        """Whether to ask the server for its window now: at first, after a reload, and once when counts become odd."""
        odd = bool(self._doubt(sent, counted.total))
        due = not self._looked or counted.load_s >= RELOAD_S or (odd and not self._suspected)
        self._suspected = odd
        return due

    def check(self, sent: Sent, counted: Counted, shown: Shown | None) -> ContextChecked:
        """Judge one reply, whose request followed those judged before.

        Args:
            sent: What it answers.
            counted: What came with it.
            shown: What the server showed of itself while it answered or right after; None where it was not asked.

        Raises:
            ContextTruncated: Part of the prompt was dropped, or will be: the window is smaller than the one asked for.
        """
        if shown is not None:
            self._looked = True
            refuses = self._shown.refuses if shown.refuses is None else shown.refuses
            version, whole = shown.version or self._shown.version, shown.whole or self._shown.whole
            self._shown = replace(shown, version=version, refuses=refuses, whole=whole)
            if shown.binding and 0 < shown.window < self._window:
                self._looked = False  # the server may be mended before the next
                raise self._smaller(shown.window)
        proof = self._proof(sent, counted)
        if proof:
            raise self._cut(proof)
        doubt = self._doubt(sent, counted.total)
        self._stood = self._stands(sent, counted.total)
        self._remember(sent, counted)
        return ContextChecked("unverified" if doubt else "seen", sent.tokens, counted.total, self._window, doubt)

    def believes(self, sent: Sent, counted: Counted) -> bool:
        """Whether the count of the reply judged last may be taken as the size of the whole prompt."""
        count = counted.total
        plausible = 0 < count <= most_of_request(sent.request, sent.size)
        return plausible and not self._stood and (2 * count >= sent.tokens or self._whole(counted))

    def _whole(self, counted: Counted) -> bool:
        """Whether its count is known to be of all that the model read.

        A version alone is not believed: other servers give themselves Ollama's. It has to have shown it once.
        """
        return counted.cold or (self._grows and self._shown.counts_whole)

    def _remember(self, sent: Sent, counted: Counted) -> None:
        added = self._added(sent)
        if added and self._before and 0 < self._before.count < counted.total > most_of(added):
            self._grows = True
        count = counted.total if counted.total <= most_of_request(sent.request, sent.size) else 0
        self._before = _Before(sent.request, count)

    def _added(self, sent: Sent) -> tuple[Message, ...]:
        """The messages that came since the request before; none where this one does not extend it."""
        if self._before is None:
            return ()
        old, new = self._before.request, sent.request
        known = len(old.messages)
        same = old.system == new.system and old.tools == new.tools and old.messages == new.messages[:known]
        return new.messages[known:] if same else ()

    def _proof(self, sent: Sent, counted: Counted) -> str:
        """Why the prompt cannot have arrived whole, or nothing."""
        count, whole, before, added = counted.total, self._whole(counted), self._before, self._added(sent)
        if not count:
            return ""
        edge = _at_edge(count, self._window)
        if whole and edge and count * CHARS_PER_TOKEN < sent.size and count < (least := least_of_request(sent.request)):
            return f"the server counted {count:,} tokens of a prompt that has {least:,} at the very least"
        if before and before.count and sure_chars(added) >= _GROWN:
            if whole and count <= before.count and count + _SLACK + droppable(before.request) <= before.count:
                return f"the server counted {before.count:,} tokens, and {count:,} for a prompt that continues that one"
            if edge and count == before.count and count > most_of(added):
                return f"the server counted {count:,} tokens twice, although the prompt had grown"
        old = self._shown.counts_whole and self._shown.refuses_oversize is False
        if old and self._shown.window == self._window and count + counted.reply > self._window + _SLACK:
            return (
                f"prompt and reply came to {count + counted.reply:,} tokens, more than the window of {self._window:,}"
            )
        return ""

    def _doubt(self, sent: Sent, count: int) -> str:
        """Why the count does not show that the whole prompt was seen, or nothing."""
        if not count:
            return "the server gave no count of the prompt"
        if count > most_of_request(sent.request, sent.size):
            return f"the server counted {count:,} tokens, more than the request has bytes"
        if 2 * count < sent.tokens:
            return f"the server counted {count:,} of about {sent.tokens:,} tokens; some count only what is new to them"
        if self._stands(sent, count):
            return f"the server counted {count:,} tokens, no more than before, although the prompt had grown"
        if self._window and count >= self._window - 1:
            return f"the server counted {count:,} tokens: the window is full to its edge"
        return ""

    def _stands(self, sent: Sent, count: int) -> bool:
        """Whether a count of the whole prompt would have had to grow, and did not."""
        before = self._before
        if before is None or not 0 < count <= before.count or sure_chars(self._added(sent)) < _GROWN:
            return False
        same = count == before.count and _at_edge(count, self._window)
        return same or count + _SLACK + droppable(before.request) <= before.count

    def _smaller(self, window: int) -> ContextTruncated:
        return ContextTruncated(
            f"the server runs {self._model} with a window of {window:,} tokens, not the {self._window:,} "
            f"{self._advice.origin}: it reads no more at once, and drops the rest without a word. The reply was not used",
            remedy=self._advice.smaller.format(has=window, expected=self._window),
        )

    def _cut(self, proof: str) -> ContextTruncated:
        return ContextTruncated(
            f"the server dropped part of the prompt: {proof}. The reply was not used",
            remedy=self._advice.cut,
        )


def _at_edge(count: int, window: int) -> bool:
    """Whether a server that cuts would come out at such a number."""
    near = any(-1 <= count - edge <= _EDGE_SLACK for edge in (window, window // 2) if edge)
    inside = count + 1 >= _EDGE and (not window or count <= window)
    return near or (inside and (count + 1) % _EDGE <= _EDGE_SLACK + 1)
