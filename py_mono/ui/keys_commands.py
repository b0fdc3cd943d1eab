"""``/key``: the keys of providers, set, listed, removed and encrypted anew; no character of one is ever said."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from py_mono.protocol.errors import ConfigError, SandboxError
from py_mono.ui.keys import listing, looks_like_a_name, provider_named, removed_text, rotated_text, stored_text
from py_mono.ui.line.secret import secret_start
from py_mono.ui.terminal import one_line
from py_mono.utils.lazy import load
from py_mono.utils.threads import in_thread

if TYPE_CHECKING:
    from py_mono.ui.app import App

_HELP = """\
/key PROVIDER KEY     store a key, encrypted; without KEY it is asked for, and not shown
/key list             whose keys there are, and where each comes from
/key remove PROVIDER  forget a stored key
/key rotate           encrypt the stored keys anew, after LLM_MASTER_KEY was changed
A stored key is used before one in the environment, that before a Docker secret.
How to make a master key, and all else: docs/HOW-TO-SETUP-KEYS.md"""

_SET = ("set", "add")
_NOT_SENT = """\
That line looks like /key, spelled otherwise. It may hold a key: so it was not sent to the model, and is kept nowhere.
To store a key: /key PROVIDER KEY, with nothing before the slash. To say it to the model, say it in other words."""


async def key(app: "App", arguments: str) -> str:
    """What ``/key`` says."""
    words = arguments.split()
    app.learn(arguments[secret_start(f"/key {arguments}") - len("/key ") :].strip())
    _learn(app, words)
    try:
        return await _done(app, words)
    except (ConfigError, SandboxError) as error:
        return error.told


def meant(app: "App", text: str) -> str:
    """What is said to a line that was meant to be ``/key``."""
    words = text.split()
    _learn(app, words)
    return _NOT_SENT if len(words) > 1 else f"There is no {one_line(text.strip())}: /key help shows what there is."


def _learn(app: "App", words: Sequence[str]) -> None:
    """Make known whatever may be a key, also as it is without the quotes round it."""
    for word in words:
        for spelled in {word, word.strip("\"'`<>/\\")}:
            if not looks_like_a_name(spelled):
                app.learn(spelled)


async def _done(app: "App", words: Sequence[str]) -> str:
    action, *rest = words or ["help"]
    alone = _ALONE.get(action)
    if alone is not None:
        return f"/key {action} takes nothing more; nothing was done." if rest else await alone(app)
    if action == "remove":
        return await _remove(app, rest)
    return await _set(app, rest if action in _SET else words)


async def _list(app: "App") -> str:
    text, trouble = await in_thread(lambda: listing(app.keys, app.environment), "keys")
    return "\n".join(filter(None, (text, trouble.told if trouble else "")))


async def _rotate(app: "App") -> str:
    return rotated_text(await in_thread(app.keys.rotate, "keys"))


async def _help(_: "App") -> str:
    return _HELP


_ALONE = {"help": _help, "list": _list, "rotate": _rotate}


async def _remove(app: "App", words: Sequence[str]) -> str:
    if len(words) != 1:
        return "/key remove takes the name of one provider: /key remove groq"
    provider = provider_named(words[0])

    def remove() -> str:
        return removed_text(app.keys, provider, removed=app.keys.remove(provider))

    text = await in_thread(remove, "keys")
    _taken_up(app, provider)
    return text


async def _set(app: "App", words: Sequence[str]) -> str:
    if not words:
        return "/key takes the name of a provider, and the key: /key groq KEY"
    provider = provider_named(words[0])
    if len(words) > 2:  # noqa: PLR2004 - a provider and its key
        return f"A key has no blanks in it; nothing was stored. Write /key {provider} KEY."
    typed = words[1] if len(words) > 1 else await _asked(app, provider)
    if not typed:
        return "Nothing was stored."
    app.learn(typed)
    await _store(app, provider, typed)
    app.key_names = sorted({*app.key_names, provider})
    used = " It is used from the next message on." if _taken_up(app, provider) else ""
    return stored_text(provider, app.environment) + used


def _taken_up(app: "App", provider: str) -> bool:
    """Whether who answers, or who stands in, is opened by the key that has changed: then all are made anew before the next turn."""
    active = app.providers.active
    changed = provider in app.providers.providers.clouds(active.name, active.model)
    app.keys_changed = app.keys_changed or changed
    return changed


async def _asked(app: "App", provider: str) -> str:
    if app.ask_key is None:
        raise ConfigError(
            f"there is no terminal at which the key for {provider} could be asked for",
            remedy=f"pipe it in: py-mono key set {provider} < FILE",
        )
    await in_thread(app.keys.check, "keys")
    return (await app.ask_key(f"the key for {provider}; it is not shown; Esc gives up")).strip()


async def _store(app: "App", provider: str, typed: str) -> None:
    """Store it. The first one makes the file, which no tool may be there to see: see ``WorkerSandbox.uncovered``."""

    def store() -> None:
        app.keys.set(provider, typed)

    if app.keys.exists() and app.covered():
        await in_thread(store, "keys")
    elif app.agent.running:
        raise ConfigError(
            f"a turn is running, and its tools could read the file of keys that {provider}'s would be the first in",
            remedy=f"press Esc first, then /key {provider}",
        )
    else:
        async with app.uncovered():
            await in_thread(store, "keys")


def choices(app: "App") -> Sequence[tuple[str, str]]:
    """What may stand after ``/key``. Whose keys are stored is looked up meanwhile, for what may come next."""
    _prefetch(app)
    clouds: tuple[str, ...] = load("py_mono.llm.clouds.models:with_keys")()
    return [
        ("list", "whose keys there are"),
        ("remove", "forget a stored key"),
        ("rotate", "encrypt them anew"),
        ("help", "how to set one"),
        *((name, "its key") for name in clouds),
    ]


def removable(app: "App") -> Sequence[tuple[str, str]]:
    """What may stand after ``/key remove``: whose keys are stored, as a thread found at the last key that was pressed."""
    _prefetch(app)
    return [(name, "its stored key") for name in app.key_names]


def _prefetch(app: "App") -> None:
    """Open the stored keys in a thread: for the event loop that takes too long."""
    if app.keys.exists():
        asyncio.ensure_future(_look(app))  # noqa: RUF006 - nobody waits for it


async def _look(app: "App") -> None:
    with suppress(ConfigError):  # /key list says it
        app.key_names = await in_thread(app.keys.stored, "keys")
