"""``/providers``, ``/provider`` and ``/model``: who answers, who else could, and how that is changed."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from py_mono.protocol.errors import ConfigError, ProviderError, PyMonoError
from py_mono.session.manager import kind_of
from py_mono.ui.terminal import one_line
from py_mono.utils.lazy import load

if TYPE_CHECKING:
    from py_mono.protocol.ports import Provider
    from py_mono.ui.app import App

_READY_S = 2.0
"""Who takes longer to say whether it is ready is not."""

_LIST_S = 8.0
_MENU_S = 1.0
_SHOWN = 60
"""So many models are listed; the others complete."""

_WORDS = 2


async def providers(app: "App", arguments: str) -> str:
    """What ``/providers`` says."""
    if arguments:
        return "/providers takes nothing: /provider NAME [MODEL] chooses one."
    manager, names = app.providers, app.providers.providers.names()
    found = await asyncio.gather(*(_state(app, name) for name in names))
    width = max(map(len, names))
    rows = [
        f"{'*' if name == manager.active.name else ' '} {name:{width}}  {'ready    ' if ready else 'not ready'}  {text}".rstrip()
        for name, (ready, text) in zip(names, found, strict=True)
    ]
    return "\n".join([_active(app), "", *rows])


async def provider(app: "App", arguments: str) -> str:
    """What ``/provider`` says."""
    words = arguments.split()
    if not words:
        return _active(app)
    if len(words) > _WORDS:
        return "/provider takes a name, and the model if you like: /provider groq qwen/qwen3-32b"
    name, _, model = words[0].partition("/")
    return await _switch(app, name, words[1] if len(words) == _WORDS else model, "/provider")


async def model(app: "App", arguments: str) -> str:
    """What ``/model`` says."""
    words = arguments.split()
    active = app.providers.active
    if not words:
        return await _models(app)
    if len(words) > 1:
        return "/model takes the name of one model; /provider NAME MODEL changes both."
    name, _, rest = words[0].partition("/")
    if rest and name != active.name and active.name == "ollama" and name in app.providers.providers.names():
        return await _switch(app, name, rest, "/model")  # the models of a cloud may be called openai/…, too
    return await _switch(app, active.name, words[0], "/model")


def choices(app: "App") -> Sequence[tuple[str, str]]:
    """What may stand after ``/provider``."""
    active = app.providers.active.name
    return [(name, "active" if name == active else "") for name in app.providers.providers.names()]


def model_choices(app: "App", name: str = "") -> Sequence[tuple[str, str]]:
    """What may stand after ``/model``, or after ``/provider NAME``, as far as it is known."""
    active = app.providers.active
    name = name or active.name
    found = app.providers.known_models(name) if name in app.providers.providers.names() else ()
    return [
        (found_one.removeprefix(f"{name}/"), "active" if name == active.name and _same(found_one, active.model) else "")
        for found_one in found
    ]


async def awaited(app: "App", start: str) -> None:
    """Wait a moment for the models that may stand after ``start``, where they are being listed."""
    words = start.split()
    name = (
        app.providers.active.name
        if words == ["/model"]
        else words[1]
        if words[:1] == ["/provider"] and words[1:]
        else ""
    )
    if name in app.providers.providers.names():
        await app.providers.listed(name, _MENU_S)


def switched(made: "Provider") -> str:
    """What is said once another provider is bound."""
    return f"Switched provider to {kind_of(made)} ({made.name}) using model '{one_line(made.model)}'."


async def _switch(app: "App", name: str, model: str, command: str) -> str:
    if app.agent.running:
        return f"A turn is running: press Esc first, then {command}."
    if app.redact(model) != model:
        return f"What stands there for a model looks like a key; nothing was changed. A key is stored with /key {name}."
    try:
        made = app.providers.switch(name, model)
    except ConfigError as error:
        return f"{error.told}\nNothing was changed: {_who(app)} answers."
    listed = app.providers.last_listed(name)
    if not listed or any(_same(one, made.model) for one in listed):
        return switched(made)
    near = load("difflib:get_close_matches")(made.model, listed, 1)
    return f"{switched(made)}\nIts server does not list that model" + (f"; is it {near[0]}?" if near else ".")


async def _models(app: "App") -> str:
    active = app.providers.active
    head = f"Active model: {one_line(active.model)}"
    try:
        async with asyncio.timeout(_LIST_S):
            found = await app.providers.list_models(active.name)
    except TimeoutError:
        return f"{head}\nWhat else there is could not be listed: no answer within {_LIST_S:g} s."
    except (ConfigError, ProviderError) as error:
        return f"{head}\nWhat else there is could not be listed: {error.told}"
    rows = [f"{'*' if _same(one, active.model) else ' '} {one_line(one)}" for one in found[:_SHOWN]]
    if len(found) > _SHOWN:
        rows.append(f"  … and {len(found) - _SHOWN} more: they complete after /model")
    if found and not any(_same(one, active.model) for one in found):
        rows.append("The active one is not among them.")
    elif not found:
        rows.append("Its server lists none.")
    return "\n".join([head, *rows])


async def _state(app: "App", name: str) -> tuple[bool, str]:
    active = app.providers.active
    try:
        async with asyncio.timeout(_READY_S):
            found = await app.providers.providers.ready(name, active.model if name == active.name else "")
    except TimeoutError:
        return False, f"no answer within {_READY_S:g} s"
    except PyMonoError as error:
        return False, one_line("; ".join(filter(None, (str(error), error.remedy))))
    return found.ready, one_line(found.text)


def _active(app: "App") -> str:
    manager = app.providers
    lines = [
        f"Active provider: {kind_of(manager.active)}",
        f"Active model: {one_line(manager.active.model)}",
        f"Available providers: {', '.join(manager.providers.names())}",
    ]
    if manager.once is not None:
        lines.insert(2, f"For the next message alone: {one_line(manager.once.model)} ({manager.once.name})")
    return "\n".join(lines)


def _who(app: "App") -> str:
    active = app.providers.active
    return f"{one_line(active.model)} ({active.name})"


def _same(one: str, other: str) -> bool:
    """Whether two names are of the same model: Ollama's tag ``latest`` goes without saying."""
    return one.removesuffix(":latest") == other.removesuffix(":latest")
