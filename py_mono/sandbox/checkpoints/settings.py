"""HOST. What is kept of a workspace, and for how long."""

from msgspec import Struct

_DAY_S = 86_400
_MB = 1_000_000

LEFT_OUT = frozenset({
    ".venv", "venv", "node_modules", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".tox",
    ".nox", ".cache",
})  # fmt: skip
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
