"""HOST. What is kept of a workspace, and for how long."""

from collections.abc import Mapping
from difflib import get_close_matches

from msgspec import Struct

from py_mono.protocol.errors import ConfigError

_DAY_S = 86_400
_MB = 1_000_000
_MOST = 1e9

INSTALLED = frozenset({".venv", "venv", "node_modules", ".tox", ".nox"})
"""Folders of what was installed: a copy of the workspace shows them, and a person misses what an undo leaves of them."""

CACHES = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".cache"})
"""Folders of which nobody wants to know that they changed."""

LEFT_OUT = INSTALLED | CACHES
"""Folders that something else makes again. ``.git`` is none of them: what a script did to it must be undone too."""


class CheckpointSettings(Struct, frozen=True):
    """What a checkpoint leaves out, and what is pruned.

    Attributes:
        left_out: Names of folders that are not looked into, wherever they are.
        max_file_bytes: Larger files are not kept.
        max_entries: A workspace of more gets no checkpoint.
        max_age_s: Older checkpoints are pruned.
        max_store_bytes: The oldest are pruned until the store of one workspace is no larger.
    """

    left_out: frozenset[str] = LEFT_OUT
    max_file_bytes: int = 100 * _MB
    max_entries: int = 200_000
    max_age_s: float = 30.0 * _DAY_S
    max_store_bytes: int = 2_000 * _MB


_PLAIN = CheckpointSettings()
KEYS = {
    "leave_out": "names of folders that no checkpoint looks into, wherever they are, instead of those named here: "
    + ", ".join(f"`{name}`" for name in sorted(LEFT_OUT)),
    "max_file_mb": f"a larger file is not kept (default {_PLAIN.max_file_bytes / _MB:g})",
    "max_age_days": f"an older checkpoint is dropped (default {_PLAIN.max_age_s / _DAY_S:g})",
    "max_store_mb": f"of one workspace's; the oldest checkpoints are dropped (default {_PLAIN.max_store_bytes / _MB:g})",
}
"""What may stand in ``[checkpoints]`` of ``config.toml``."""


def from_table(table: Mapping[str, object]) -> CheckpointSettings:
    """The settings that the table ``[checkpoints]`` of ``config.toml`` makes.

    Raises:
        ConfigError: A key is unknown, or its value is not what it should be; the file is not named.
    """
    for key in table:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, 1, 0.5)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(KEYS)}"
            raise ConfigError(f"[checkpoints] has no key {key!r}; {meant}")
    return CheckpointSettings(
        left_out=_names(table, "leave_out", _PLAIN.left_out),
        max_file_bytes=int(_amount(table, "max_file_mb", _MB, _PLAIN.max_file_bytes)),
        max_age_s=_amount(table, "max_age_days", _DAY_S, _PLAIN.max_age_s),
        max_store_bytes=int(_amount(table, "max_store_mb", _MB, _PLAIN.max_store_bytes)),
    )


def _amount(table: Mapping[str, object], key: str, unit: int, default: float) -> float:
    value = table.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _MOST:
        raise ConfigError(f"[checkpoints] {key} is {value!r}; it must be a number above 0, such as {default / unit:g}")
    return value * unit


def _names(table: Mapping[str, object], key: str, default: frozenset[str]) -> frozenset[str]:
    value = table.get(key)
    if value is None:
        return default
    names = value if isinstance(value, list) else [None]
    for name in names:
        if not isinstance(name, str) or name in {"", ".", ".."} or "/" in name or "\0" in name:
            said = repr(name) if isinstance(value, list) else repr(value)
            raise ConfigError(
                f'[checkpoints] {key} has {said}; it must be a list of names of folders, such as [".venv", "build"]'
            )
    return frozenset(names)
