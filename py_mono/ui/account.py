"""What a session took so far, and how full the window is: a fold of its facts."""

from collections.abc import Iterable

from py_mono.protocol.events import ContextChecked, Envelope, HistoryCleared, MessageFinished
from py_mono.protocol.history import History
from py_mono.protocol.messages import Usage
from py_mono.ui.terminal import one_line

_BYTES_PER_TOKEN = 4


class Account:
    """A subscriber that adds up.

    Attributes:
        requests: How many replies came, by model.
        usage: What they took, by model.
        context: What the last one's server said of the prompt; None before any, and after the conversation was cleared.
    """

    def __init__(self, past: Iterable[Envelope] = ()) -> None:
        """``past`` holds the facts of a session that goes on."""
        self.requests: dict[str, int] = {}
        self.usage: dict[str, Usage] = {}
        self.context: ContextChecked | None = None
        for envelope in past:
            self(envelope)

    def __call__(self, envelope: Envelope) -> None:
        """Take one event in."""
        match envelope.event:
            case MessageFinished(message=message):
                self.requests[message.model] = self.requests.get(message.model, 0) + 1
                self.usage[message.model] = self.usage.get(message.model, Usage(cost_usd=0.0)) + message.usage
            case ContextChecked() as checked:
                self.context = checked
            case HistoryCleared():
                self.context = None
            case _:
                pass


def cost_lines(account: Account) -> str:
    """What the session took, by model and in all."""
    rows = [(one_line(model) or "the model", account.requests[model], usage) for model, usage in account.usage.items()]
    if not rows:
        return "Nothing was asked in this session yet."
    if len(rows) > 1:
        total = sum((usage for _, _, usage in rows), Usage(cost_usd=0.0))
        rows.append(("in all", sum(requests for _, requests, _ in rows), total))
    width = max(len(name) for name, _, _ in rows)
    return "\n".join(f"{name:{width}}  {_spent(requests, usage)}" for name, requests, usage in rows)


def _spent(requests: int, usage: Usage) -> str:
    cached = f" ({usage.cached_tokens:,} from the cache)" if usage.cached_tokens else ""
    money = "price not known" if usage.cost_usd is None else f"${usage.cost_usd:.4f}"
    plural = "" if requests == 1 else "s"
    return f"{requests} request{plural}, {usage.input_tokens:,} tokens in{cached}, {usage.output_tokens:,} out, {money}"


def context_lines(account: Account, history: History) -> str:
    """How much of the window the last prompt took, and what a next one is made of."""
    lines = [_fullness(account.context)]
    if history.prompt is not None:
        tools = sum(len(f"{tool.name}{tool.description}{tool.parameters}") for tool in history.prompt.tools)
        lines.append(f"  system prompt   {_about(len(history.prompt.system))}")
        lines.append(f"  {len(history.prompt.tools):2} tools        {_about(tools)}")
    said = sum(len(str(message)) for message in history.messages)
    lines.append(f"  {len(history.messages):2} messages     {_about(said)}")
    return "\n".join(lines)


def _about(characters: int) -> str:
    return f"about {characters // _BYTES_PER_TOKEN:,} tokens"


def _fullness(context: ContextChecked | None) -> str:
    if context is None:
        return "No request was made yet: how full the window is will be known after the first."
    seen = context.verdict == "seen"
    tokens = context.counted_tokens if seen else context.sent_tokens
    by = "counted by the server" if seen else f"our own estimate: {one_line(context.reason)}"
    if not context.window:
        return f"The last prompt took {tokens:,} tokens ({by}); how large the window is is not known."
    return f"The last prompt took {tokens:,} of {context.window:,} tokens, {100 * tokens / context.window:.0f}% ({by})."
