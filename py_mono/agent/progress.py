"""Does a turn get anywhere? Steps are compared by what their calls amount to and what came of them."""

import re
from collections.abc import Sequence

from py_mono.protocol.codec import encode
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.utils.digests import blake2b

WARN_AT = 18
STOP_AT = 30
"""Points: the model is told after 6 clear steps in a row, or 18 doubtful ones; the turn ends after 10, or 30."""
_PATH_BLANKS = r"(?<![\w.])(?:\./+)+|(?<=/)/+|/+(?=\s|$)"  # compiled when first used, not at the start
"""What stands in a path and does not change where it leads: ``./a``, ``a//b``, ``a/``."""
_CLEAR = 3
_DOUBTFUL = 1
_SAYS_LITTLE = 40
"""Characters. A result as short as ``[no output]`` is what many commands say that did something."""
_NOTHING = frozenset({"", ".", "0", "1", "true", "false", "null"})
"""Values that say what would hold without them (here, from the first, none), or that make the result another."""


def signature(calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> bytes:
    """Equal for calls that amount to the same, in the same order, with equal results.

    How a name is spelled, blanks, ``./``, the order and the names of arguments, switches and the commonest defaults do
    not count: where one of them matters, the result is another.
    """
    return _digest([(_amount(call), _outcome(result)) for call, result in zip(calls, results, strict=True)])


class Progress:
    """Counts the steps in a row that brought nothing new in this turn.

    New is a result that the turn has not seen, whatever was called: a file not read before, other output, a change that
    was not made before. A refused call brings nothing, whatever its message says. A step that is not new is clear where
    it was refused, was made before, or brought much text for the second time. It is doubtful where another call said as
    little as one before (``mkdir`` says nothing each time, and a search may find nothing in many places), and where it
    comes right after such a one, which may have changed something: a test run after an edit with ``sed``.

    Attributes:
        steps: Those since the last one that brought something new.
        points: What they amount to; see ``WARN_AT``.
    """

    def __init__(self) -> None:
        self._outcomes: set[bytes] = set()
        self._amounts: set[bytes] = set()
        self._after_little = False
        self.steps = 0
        self.points = 0

    def take(self, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> None:
        """One more step."""
        amounts = [_digest(_amount(call)) for call in calls]
        outcomes = [_digest((result.name, _outcome(result))) for result in results]
        ran = [outcome for outcome, result in zip(outcomes, results, strict=True) if not _refused(result)]
        new = not self._outcomes.issuperset(ran)
        little = len(ran) == len(results) and all(len(result.content) <= _SAYS_LITTLE for result in results)
        doubtful = self._amounts.isdisjoint(amounts) and little
        if new:
            self.steps = self.points = 0
        else:
            lenient = doubtful or (self._after_little and len(ran) == len(results))
            self.points += _DOUBTFUL if lenient else _CLEAR
            self.steps += 1
        self._after_little = doubtful
        self._outcomes.update(outcomes)
        self._amounts.update(amounts)


def _amount(call: ToolCall) -> tuple[str, list[str], str]:
    """What a call amounts to: its name without spelling, and its texts without what a shell or a path would not see."""
    name = re.sub(r"[^a-z0-9]", "", call.name.casefold())
    return name, sorted(_texts(call.arguments)), " ".join(call.malformed.split())


def _texts(value: object) -> list[str]:
    """The texts and numbers in a value, in some fixed order; those left out that say nothing."""
    found, waiting = list[str](), [value]
    while waiting:  # no recursion: a model's arguments may be nested as deeply as a decoder lets them
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list | tuple):
            waiting += item
        elif isinstance(item, str | int | float):
            text = " ".join(re.sub(_PATH_BLANKS, "", str(item)).split())
            found += [] if text.casefold() in _NOTHING else [text]
    return found


def _outcome(result: ToolResult) -> tuple[bool, str, object]:
    return result.is_error, result.content, result.details


def _refused(result: ToolResult) -> bool:
    """Nothing was run: a tool that ran and failed says how it ended."""
    return result.is_error and not result.details


def _digest(value: object) -> bytes:
    return blake2b(encode(value), digest_size=16).digest()
