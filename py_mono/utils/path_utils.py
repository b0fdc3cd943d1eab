"""GUEST. ``resolve_safe_path``, for tools people already have; a courtesy: the lock is what holds."""

import os
from pathlib import Path


def resolve_safe_path(path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> Path:
    """The absolute path, links resolved, of a path relative to the workspace; it need not exist.

    Args:
        path: Relative to the root, or absolute and inside it.
        root: By default ``WORKSPACE_ROOT`` of the environment, else the current directory.

    Raises:
        ValueError: It is empty, holds NUL, or lies outside the root, also through a link.
    """
    given = os.fspath(path)
    if not given.strip() or "\0" in given:
        raise ValueError(f"not a usable path: {given!r}; give one relative to the workspace")
    base = Path(root if root is not None else os.environ.get("WORKSPACE_ROOT") or os.curdir).resolve()
    resolved = (base / given).resolve()
    if not resolved.is_relative_to(base):
        raise ValueError(f"{given!r} is outside the workspace {base}; give a path inside it")
    return resolved
