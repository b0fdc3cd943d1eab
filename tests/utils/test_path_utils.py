from pathlib import Path

import pytest

from py_mono.utils.path_utils import resolve_safe_path


def test_a_relative_path_is_resolved_below_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSPACE_ROOT", str(tmp_path))
    assert resolve_safe_path("a/../b.txt") == tmp_path.resolve() / "b.txt"
    assert resolve_safe_path(tmp_path / "c") == tmp_path.resolve() / "c"


@pytest.mark.parametrize("path", ["", " ", "a\0b", "../x", "/etc/passwd", "link/passwd"])
def test_what_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(ValueError, match=r"path|outside"):
        resolve_safe_path(path, tmp_path)
