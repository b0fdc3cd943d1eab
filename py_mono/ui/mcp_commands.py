"""``/mcp``: the servers, what they offer, and what the person says of them."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from py_mono.protocol.errors import PyMonoError
from py_mono.ui.commands import is_command
from py_mono.ui.mcp_lines import NONE, differences, explained, one, table

if TYPE_CHECKING:
    from py_mono.mcp_integration.listing import Prompt
    from py_mono.ui.app import App
    from py_mono.ui.mcp import Mcp

_WORDS = {
    "trust": "agree to servers of .mcp.json, and to tools that changed",
    "reconnect": "connect again, now",
    "prompt": "a text that a server writes, put into the line",
    "read": "one of a server's resources",
}
_USAGE = (
    "/mcp lists the servers, /mcp NAME shows one. /mcp trust [NAME [yes|no]], /mcp reconnect NAME, "
    "/mcp prompt NAME PROMPT [key:value …], /mcp read NAME URI."
)
_YES, _NO = "yes", "no"


async def mcp(app: "App", arguments: str) -> str:
    """What ``/mcp`` says."""
    if app.mcp is None:
        return NONE
    try:
        words = shlex.split(arguments)
    except ValueError:
        words = arguments.split()
    try:
        return await _done(app, app.mcp, words)
    except PyMonoError as error:
        return error.told


async def _done(app: "App", mcp: "Mcp", words: list[str]) -> str:
    if not words:
        return table(mcp.hub.states(), mcp.problems) or NONE
    run = _RUN.get(words[0])
    if run is not None and len(words) >= run[0]:
        return await run[1](app, mcp, words[1:])
    return await _one(mcp, words[0]) if run is None and len(words) == 1 else _USAGE


def choices(app: "App") -> Sequence[tuple[str, str]]:
    """What may stand after ``/mcp``."""
    if app.mcp is None:
        return ()
    return [*((state.name, state.phase) for state in app.mcp.hub.states()), *_WORDS.items()]


def names(app: "App") -> Sequence[tuple[str, str]]:
    """What may stand after a word of it."""
    return [(state.name, state.phase) for state in app.mcp.hub.states()] if app.mcp is not None else ()


async def _one(mcp: "Mcp", name: str) -> str:
    state = mcp.state(name)
    tools = await mcp.tools(name)
    if state.phase not in {"ready", "changed"}:
        return one(state, tools, (), ())
    resources = [f"{each.uri}  {each.name}".rstrip() for each in await mcp.hub.resources(name)]
    return one(state, tools, resources, [_prompt_line(each) for each in await mcp.hub.prompts(name)])


def _prompt_line(prompt: "Prompt") -> str:
    wanted = " ".join(f"{each.name}:…" if each.required else f"[{each.name}:…]" for each in prompt.arguments)
    return "  ".join(filter(None, (f"{prompt.name} {wanted}".rstrip(), prompt.description)))


def _all_trust(app: "App", mcp: "Mcp") -> str:
    waiting = [*mcp.untrusted(), *(server for server in mcp.servers if mcp.hub.changed(server.name))]
    if not waiting:
        return "Nothing waits for your consent."
    return "\n\n".join(_trust(app, mcp, server.name) for server in waiting)


def _trust(app: "App", mcp: "Mcp", name: str) -> str:
    """What there is to agree to, and how; what was shown is what a yes means."""
    mcp.state(name)
    server = next(each for each in mcp.servers if each.name == name)
    meant = ""
    if not mcp.trust(server):
        meant = mcp.trust.meant(server)
        shown = explained(server, mcp.trust.files(server), workspace=app.workspace, confined=mcp.programs.confined)
    elif held := mcp.hub.changed(name):
        shown = differences(name, held)
    else:
        return f"{name} is trusted, and what its tools say has not changed."
    mcp.shown[name] = shown, meant
    return f"{shown}\nTo agree: /mcp trust {name} yes. Not to be asked again: /mcp trust {name} no."


async def _said(app: "App", mcp: "Mcp", name: str, said: str) -> str:
    before = mcp.shown.pop(name, None)
    now = _trust(app, mcp, name)
    if before is None or mcp.shown.get(name) != before:
        return now  # nothing to agree to, or something else than what was shown
    server = next(each for each in mcp.servers if each.name == name)
    del mcp.shown[name]
    try:
        if mcp.trust(server):
            return _agree_to_tools(mcp, name, said)
        if said == _YES:
            mcp.trust.agree(server, before[1])
        else:
            mcp.trust.refuse(server)
    except OSError as error:
        return f"That cannot be kept: {error.strerror}."
    if said == _NO:
        return f"{name} is not used, and you are not asked again until its entry changes."
    return await _connected(mcp, name)


def _agree_to_tools(mcp: "Mcp", name: str, said: str) -> str:
    if said == _NO:
        return "Those tools stay held back."
    mcp.hub.agree(name)
    return f"The tools of {name} can be called as they are now."


async def _connected(mcp: "Mcp", name: str) -> str:
    await mcp.hub.reconnect(name)
    return table([mcp.state(name)], ())


async def _consent(app: "App", mcp: "Mcp", words: Sequence[str]) -> str:
    match words:
        case []:
            return _all_trust(app, mcp)
        case [name]:
            return _trust(app, mcp, name)
        case [name, ("yes" | "no") as said]:
            return await _said(app, mcp, name, said)
        case _:
            return _USAGE


async def _reconnect(_: "App", mcp: "Mcp", words: Sequence[str]) -> str:
    return await _connected(mcp, words[0]) if len(words) == 1 else _USAGE


async def _read(_: "App", mcp: "Mcp", words: Sequence[str]) -> str:
    name, *uris = words
    return await mcp.hub.resource(name, uris[0]) if len(uris) == 1 else _USAGE


async def _prompt(app: "App", mcp: "Mcp", words: Sequence[str]) -> str:
    """The text is put into the line, where there is one: it is the person who sends it, or does not."""
    name, prompt, *pairs = words
    wrong = next((pair for pair in pairs if ":" not in pair), None)
    if wrong is not None:
        return f"{wrong!r} is no key:value pair."
    text = await mcp.hub.prompt(name, prompt, dict(pair.split(":", 1) for pair in pairs))
    if app.put_back is None:
        return text
    said = text if not is_command(text) else f"{name} says: {text}"  # a server writes no commands
    if is_command(said):
        return f"It reads as a command, and is not put into the line:\n{text}"
    app.put_back(said)
    return "It is in the line: Enter sends it."


_RUN = {"trust": (1, _consent), "reconnect": (2, _reconnect), "read": (3, _read), "prompt": (3, _prompt)}
"""What the words of ``/mcp`` do, and how many words that takes at least."""
