"""What ends a turn that does not end by itself: limits of steps, tokens and money, and calls that go round in circles."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from py_mono.agent.progress import STOP_AT, WARN_AT, Progress, signature
from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.codec import encode
from py_mono.protocol.events import ErrorInfo, MessageFinished, TurnStop
from py_mono.protocol.messages import Usage
from py_mono.protocol.ports import Redact
from py_mono.protocol.spending import Spending
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.utils.money import exact, money

LONGEST_CYCLE = 8
WARN_AFTER = 3
STOP_AFTER = 5
_SHOWN = 3


class Limits(Struct, frozen=True):
    """What one turn may take, and the session.

    Attributes:
        max_steps: Requests to the model.
        max_tokens: Input and output of all its requests together, cached ones included; None is no limit.
        max_budget_usd: US dollars; None is no limit. Requests whose price is not known cannot be held against it.
        session_budget_usd: The same for all turns of the session together, its past included.
        warn_at: The part of either budget from which on the person is told, above 0 and up to 1.
    """

    max_steps: int = 200
    max_tokens: int | None = None
    max_budget_usd: float | None = None
    session_budget_usd: float | None = None
    warn_at: float = 0.8


class Stop(Struct, frozen=True):
    """A guard's verdict: end the turn, and say this."""

    reason: TurnStop
    report: ErrorInfo


class LimitGuard:
    """Counts what a turn takes, and says when it is too much. Asked before each step: not between the attempts of one.

    Attributes:
        steps: Requests so far, those that failed included; attempts at the same one count once.
        spending: What they took.
    """

    def __init__(self, limits: Limits, session: Spending) -> None:
        """``session`` is what the session took; it counts by itself, this turn's requests too, each before ``count`` does."""
        self._limits = limits
        self._session = session
        self._told_of_price = False
        self.steps = 0
        self.spending = Spending()

    @property
    def usage(self) -> Usage:
        """What the turn took; its cost is None as soon as the price of one request is not known."""
        return self.spending.total.usage

    def before_turn(self) -> Stop | None:
        """Asked before anything is done at all."""
        budget, spent = self._limits.session_budget_usd, self._session.total.known_usd
        if budget is None or spent < budget:
            return None
        said = f"this session has spent {money(spent)}; its budget is {money(budget)}"
        remedy = "raise session_usd under [budget] in config.toml, or start a new session"
        return Stop("max_budget", ErrorInfo("max_budget", said, remedy))

    def before_step(self) -> Stop | None:
        """Asked before each request, the first too."""
        limits, usage = self._limits, self.usage
        tokens = usage.input_tokens + usage.output_tokens
        spent = self.spending.total.known_usd
        if self.steps >= limits.max_steps:
            return _limit("max_steps", f"the limit of {limits.max_steps} steps was reached", "--max-steps")
        if limits.max_tokens is not None and tokens >= limits.max_tokens:
            return _limit("max_tokens", f"{tokens} tokens were used; the limit is {limits.max_tokens}", "--max-tokens")
        if limits.max_budget_usd is not None and spent >= limits.max_budget_usd:
            said = f"{money(spent)} was spent; the budget is {money(limits.max_budget_usd)}"
            return _limit("max_budget", said, "--max-budget-usd")
        return self.before_turn()

    def start_step(self) -> int:
        """Count a request that is about to be made, and return its number."""
        self.steps += 1
        return self.steps

    def count(self, fact: MessageFinished | AttemptFailed) -> Sequence[str]:
        """Take in what one request took; what to tell the person about it."""
        limits = self._limits
        before = self.spending.total.known_usd
        self.spending.apply(fact)
        spent, session = self.spending.total.known_usd, self._session.total.known_usd
        notes = (
            self._of_price(fact),
            self._warning("this turn", before, spent, limits.max_budget_usd),
            self._warning("this session", exact(session - (spent - before)) or 0.0, session, limits.session_budget_usd),
        )
        return [note for note in notes if note]

    def _of_price(self, fact: MessageFinished | AttemptFailed) -> str:
        """That a budget cannot hold, once."""
        usage = fact.message.usage if isinstance(fact, MessageFinished) else fact.usage
        budgets = self._limits.max_budget_usd, self._limits.session_budget_usd
        if usage.cost_usd is not None or budgets == (None, None) or self._told_of_price:
            return ""
        self._told_of_price = True
        budget = "--max-budget-usd" if budgets[0] is not None else "the session's budget"
        return f"what this model costs is not known, so {budget} cannot end the turn; --max-tokens can"

    def _warning(self, whose: str, before: float, spent: float, budget: float | None) -> str:
        """Said by the request that gets there, and so once."""
        if budget is None or not before < self._limits.warn_at * budget <= spent:
            return ""
        return f"{whose} has spent {money(spent)}, {100 * spent / budget:.0f}% of its budget of {money(budget)}"


def _limit(reason: TurnStop, message: str, flag: str) -> Stop:
    return Stop(reason, ErrorInfo(reason, message, f"continue the session, or raise {flag}"))


class StepGuard(Protocol):
    """Judges each step of a turn once its calls have run; made anew for each turn."""

    def after_step(self, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> str | Stop | None:
        """Take in one step: None to go on, a note for the model, or the end."""


class RepeatGuard:
    """Notices steps that repeat, alone or as a cycle of several steps, and steps that bring nothing new in any order.

    Calls that amount to the same with the same results are repeated (``progress.signature``); one that brings something
    new is work (a poll, a test run) and is left alone. The first time a cycle of up to ``LONGEST_CYCLE`` steps came
    ``WARN_AFTER`` times in a row the model is told, once a turn; when one comes ``STOP_AFTER`` times the turn ends with a
    report. So it is with a row of steps none of which brought anything new (``progress.Progress``), however they differ.
    No call is ever dropped.
    """

    def __init__(self, redact: Redact) -> None:
        """What it says of calls goes through ``redact`` before it is shortened: half a secret is not known for one."""
        self._redact = redact
        self._steps: list[bytes] = []
        self._calls: list[str] = []
        self._progress = Progress()
        self._told_of_cycle = False
        self._told_at = 0

    def after_step(self, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> str | Stop | None:
        """See ``StepGuard``."""
        self._steps.append(signature(calls, results))
        self._calls.append(", ".join(map(self._shown, calls)))
        self._progress.take(calls, results)
        length, times = self._cycle()
        if times >= STOP_AFTER:
            return self._circling(length, times)
        if self._progress.points >= STOP_AT:
            return self._stuck()
        if times >= WARN_AFTER and not self._told_of_cycle:
            self._told_of_cycle = True
            return self._told(
                f"Note: you made the same call{'s' if length > 1 else ''} {times} times and got the same result each time "
                f"({self._recent(length)}). Repeating brings nothing new. Try another way, or answer with what you know."
            )
        if self._progress.points >= WARN_AT and self._told_at <= len(self._steps) - self._progress.steps:
            return self._told(
                f"Note: your last {self._progress.steps} steps brought nothing that you had not seen before. Do what is "
                "missing in another way and look at what it did, or answer with what you know."
            )
        return None

    def _told(self, note: str) -> str:
        self._told_at = len(self._steps)
        return note

    def _cycle(self) -> tuple[int, int]:
        """The cycle that the newest steps make: its length in steps, and how often it came in a row."""
        best = (1, 1)
        for length in range(1, min(LONGEST_CYCLE, len(self._steps)) + 1):
            unit, times, end = self._steps[-length:], 1, len(self._steps) - length
            while end >= length and self._steps[end - length : end] == unit:
                times, end = times + 1, end - length
            if times > best[1]:
                best = (length, times)
        return best

    def _shown(self, call: ToolCall) -> str:
        return f"{call.name} {self._redact(encode(call.arguments).decode())[:200]}"

    def _recent(self, length: int) -> str:
        return "; ".join(self._calls[-length:])

    def _circling(self, length: int, times: int) -> Stop:
        what = "the same call" if length == 1 else f"the same {length} steps"
        return _repeated(f"the model made {what} {times} times with the same result: {self._recent(length)}")

    def _stuck(self) -> Stop:
        steps = self._progress.steps
        return _repeated(
            f"the model made {steps} steps that brought nothing new; the last were: {self._recent(_SHOWN)}"
        )


def _repeated(message: str) -> Stop:
    return Stop("repeated_calls", ErrorInfo("repeated_calls", message, "say what it should do instead"))
