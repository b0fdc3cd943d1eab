"""What is installed beside us."""

import sysconfig
from pathlib import Path

KNOWN = {
    "__editable__.py_coding_agent.pth",
    "_py_coding_agent.pth",
    "_virtualenv.pth",
    "a1_coverage.pth",
    "distutils-precedence.pth",
    "py_coding_agent.pth",
}


def test_nothing_installed_runs_by_itself_at_every_start_of_python() -> None:
    """A stolen release of LiteLLM (1.82.8) sent secrets out of such a file."""
    folders = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}
    found = {path.name for folder in folders for path in folder.glob("*.pth")}
    assert found <= KNOWN
