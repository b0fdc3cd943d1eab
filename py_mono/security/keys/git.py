"""That stored keys never get into a repository: said to git where it looks, and refused where it is too late.

Git itself is not asked: a repository's settings name programs that git runs (``core.fsmonitor``), and whoever wrote
the workspace wrote them. The layout is that of gitrepository-layout(5), the index that of gitformat-index(5).
"""


def keep_out(workspace: str) -> None:
    """Placeholder."""
