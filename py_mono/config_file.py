"""The files of the configuration folder, ``.env`` and ``config.toml``; loaded where there is one."""

import sys
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches

from dotenv.parser import parse_stream

from py_mono.protocol.errors import ConfigError
from py_mono.sandbox.checkpoints.settings import CheckpointSettings, from_table

_TABLES = ("budget", "checkpoints", "fallback")
BUDGET = {
    "turn_usd": "US dollars that a turn may cost; `--max-budget-usd` comes first",
    "session_usd": "US dollars that a session may cost, all its turns together, also when it goes on later",
    "warn_at": "the part of either budget from which on you are told, up to 1 (default 0.8)",
}
FALLBACK = {
    "chain": "who is asked, in this order, where the provider fails: `NAME` or `NAME/MODEL`; `LLM_FALLBACK` comes first"
}
"""What may stand in ``[budget]`` and ``[fallback]``; ``docs/reference.md`` says it."""

_REMEDY = "mend it, or take the line out"


class Tables:
    """What ``config.toml`` says.

    Attributes:
        checkpoints: ``[checkpoints]``; None where it says nothing.
        fallback: ``chain`` of ``[fallback]``: ``NAME`` or ``NAME/MODEL``, in order.
        turn_usd: ``[budget]``: US dollars a turn may cost, or None.
        session_usd: The same of a session.
        warn_at: The part of either from which on the person is told, from 0 to 1.
    """

    __slots__ = ("checkpoints", "fallback", "session_usd", "turn_usd", "warn_at")

    def __init__(self, tables: Mapping[str, Mapping[str, object]]) -> None:
        """Raises ConfigError where a table has what it should not; the file is not named."""
        self.checkpoints: CheckpointSettings | None = (
            from_table(tables["checkpoints"]) if "checkpoints" in tables else None
        )
        self.fallback = _chain(tables.get("fallback", {}))
        budget = tables.get("budget", {})
        _only(budget, "budget", BUDGET)
        self.turn_usd = _above_zero(budget, "turn_usd")
        self.session_usd = _above_zero(budget, "session_usd")
        self.warn_at = _above_zero(budget, "warn_at") or 0.8
        if self.warn_at > 1:
            raise ConfigError(f"[budget] warn_at is {self.warn_at:g}; it is a part of the budget, such as 0.8")


def read_tables(path: str) -> Tables:
    """What ``config.toml`` at ``path`` says.

    Raises:
        ConfigError: It cannot be read, is no TOML, or holds what it should not.
    """
    try:
        with open(path, "rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", remedy=f"chmod 600 {path}") from error
    except ValueError as error:  # what tomllib raises, and text that is not UTF-8
        raise ConfigError(f"{path} is no TOML: {error}", remedy="mend it, or move it away") from error
    wrong = next((name for name, table in tables.items() if name not in _TABLES or not isinstance(table, dict)), None)
    if wrong is not None:
        what = f"{wrong} that is no table" if wrong in _TABLES else repr(wrong)
        there_are = ", ".join(f"[{name}]" for name in _TABLES)
        raise ConfigError(f"{path} has {what}; there are {there_are}", remedy="mend it, or move it away")
    try:
        return Tables(tables)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}", remedy=_REMEDY) from error


def read_dotenv(path: str) -> dict[str, str]:
    """What ``.env`` at ``path`` says; lines that make no sense are named on stderr and passed over.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            bindings = list(parse_stream(file))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", remedy=f"chmod 600 {path}") from error
    wrong = [str(binding.original.line) for binding in bindings if binding.error]
    if wrong:
        said = f"line{'s' if len(wrong) > 1 else ''} {', '.join(wrong)}"
        sys.stderr.write(f"py-mono: {path}: {said} cannot be understood, and what they say is passed over\n")
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}


def _only(table: Mapping[str, object], name: str, keys: Mapping[str, str]) -> None:
    for key in table:
        if key not in keys:
            near = get_close_matches(key, keys, 1, 0.5)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(keys)}"
            raise ConfigError(f"[{name}] has no key {key!r}; {meant}")


def _chain(table: Mapping[str, object]) -> tuple[str, ...]:
    _only(table, "fallback", FALLBACK)
    chain = table.get("chain", [])
    names = [name.strip() for name in chain if isinstance(name, str)] if isinstance(chain, list) else [""]
    if "" in names or len(names) != len(chain if isinstance(chain, list) else names):
        raise ConfigError(
            f'[fallback] chain is {chain!r}; it is a list like ["groq/qwen/qwen3-32b", "ollama/qwen3:8b"]'
        )
    return tuple(names)


def _above_zero(table: Mapping[str, object], key: str) -> float | None:
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise ConfigError(f"[budget] {key} is {value!r}; it must be a number above 0, such as 0.5")
    return float(value)
