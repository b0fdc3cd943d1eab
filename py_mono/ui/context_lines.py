"""What ``/context`` says: how full the window is, and of what."""

from py_mono.protocol.events import ContextChecked
from py_mono.protocol.history import History
from py_mono.ui.account import Account
from py_mono.ui.terminal import one_line

_BYTES_PER_TOKEN = 4


def context_lines(account: Account, history: History) -> str:
    """How much of the window the last prompt took, and what a next one is made of."""
    lines = [_fullness(account.context)]
    if history.prompt is not None:
        tools = sum(len(f"{tool.name}{tool.description}{tool.parameters}") for tool in history.prompt.tools)
        lines.append(f"  system prompt   {_about(len(history.prompt.system))}")
        lines.append(f"  {len(history.prompt.tools):2} tools        {_about(tools)}")
    if history.told:
        lines.append(f"  {len(history.told):2} more tools, told of in the messages")
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
