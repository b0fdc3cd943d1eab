"""What ``/cost`` says: requests, tokens and money by model, of the last turn and the last request; budgets, and what is left."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from py_mono.protocol.spending import Spending, Spent
from py_mono.ui.account import Account
from py_mono.ui.rendering.words import short_count
from py_mono.ui.terminal import cell_width, clip, one_line
from py_mono.utils.money import money

if TYPE_CHECKING:
    from py_mono.agent.guards import Limits

_WIDTH = 80
_LEAST_ROOM = 12
_HEAD = ("", "requests", "failed", "in", "cached", "out", "cost")
_LEGEND = (
    "Tokens: in (cached: those of them that the server took from its cache) and out,",
    "as the servers count them. Prices: what the server says, else LiteLLM's table.",
)


def cost_lines(account: Account, limits: "Limits") -> str:
    """The whole text, no line longer than 80 columns."""
    if not account.session.total.requests:
        return "\n".join(["Nothing was asked in this session yet.", *_budgets(account, limits)])
    rows = [(one_line(model) or "the model", spent) for model, spent in account.session.models.items()]
    rows.append(("this session", account.session.total))
    if account.turn.total.requests:
        rows.append(("the last turn", account.turn.total))
    if account.last.total.requests:
        rows.append((f"the last request{' (failed)' if account.last.total.failed else ''}", account.last.total))
    return "\n".join([*_table(rows), *_unknown(account.session), *_budgets(account, limits), *_LEGEND])


def _table(rows: list[tuple[str, Spent]]) -> Iterator[str]:
    """Numbers in columns; a name that finds no room beside them has a line of its own."""
    cells, widths, room = _cells(rows, "{:,}".format)
    if room < _LEAST_ROOM:
        cells, widths, room = _cells(rows, short_count)
    names = min(max(room, 0), max(cell_width(row[0]) for row in cells))
    for name, *numbers in cells:
        start = name
        if cell_width(name) > names:
            yield clip(name, _WIDTH)
            start = ""
        padded = (f"{number:>{width}}" for number, width in zip(numbers, widths, strict=True))
        yield "  ".join([start + " " * (names - cell_width(start)), *padded])


def _cells(rows: list[tuple[str, Spent]], said: Callable[[int], str]) -> tuple[list[tuple[str, ...]], list[int], int]:
    """The texts, how wide their columns are but for the first, and how much room these leave it."""
    cells: list[tuple[str, ...]] = [_HEAD]
    for name, spent in rows:
        usage = spent.usage
        counts = spent.requests, spent.failed, usage.input_tokens, usage.cached_tokens, usage.output_tokens
        cells.append((name, *map(said, counts), spent.short_cost))
    widths = [max(len(row[at]) for row in cells) for at in range(1, len(_HEAD))]
    return cells, widths, _WIDTH - sum(widths) - 2 * len(widths)


def _unknown(session: Spending) -> Iterator[str]:
    """What is said where a price is not known."""
    unpriced = [one_line(model) or "the model" for model, spent in session.models.items() if spent.unpriced]
    if unpriced:
        yield clip(f"No price is known for: {', '.join(unpriced)}", _WIDTH)


def _budgets(account: Account, limits: "Limits") -> Iterator[str]:
    """What there is, and what is left of it; of requests whose price is not known nobody can say what they took."""
    if limits.session_budget_usd is not None:
        yield f"Budget of this session: {_left(limits.session_budget_usd, account.session.total, '')}"
    turn = account.turn.total
    if limits.max_budget_usd is not None:
        yield f"Budget of a turn: {_left(limits.max_budget_usd, turn, ' by the last' if turn.requests else '')}"
    if limits.max_tokens is not None:
        taken = turn.usage.input_tokens + turn.usage.output_tokens
        yield f"Tokens of a turn: at most {limits.max_tokens:,}{f'; the last took {taken:,}' if taken else ''}"


def _left(budget: float, spent: Spent, by_whom: str) -> str:
    left = budget - spent.known_usd
    if left <= 0:
        return f"{money(budget)}, used up{by_whom}"
    return f"{money(budget)}, {'at most ' if spent.unpriced else ''}{money(left)} left{by_whom}"
