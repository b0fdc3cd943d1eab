from pathlib import Path

import pytest

from py_mono.tools.builtin.context import Context, ToolFailure
from py_mono.tools.builtin.paths import resolve, shown


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "path is empty"),
        (" ", "path is empty"),
        ("a\0b", "NUL"),
        ("~/x", "~ is not expanded"),
        ("../x", "is outside the workspace"),
        ("a/../../x", "is outside the workspace"),
        ("/etc/passwd", "outside the workspace"),
        ("out/passwd", "leads outside the workspace"),
        ("chain", "leads outside the workspace"),
        ("\ud800", "not a usable path"),
        (".keys.enc", "no tool reads or writes it"),
        ("a/../.keys.enc", "no tool reads or writes it"),
        ("alias", "no tool reads or writes it"),
        ("hard", "no tool reads or writes it"),
        ("x" * 5000, ""),
    ],
)
def test_a_path_that_may_not_be_used_is_refused(context: Context, workspace: Path, path: str, said: str) -> None:
    keys = workspace / ".keys.enc"
    keys.write_text("secret")
    (workspace / "alias").symlink_to(keys)
    (workspace / "hard").hardlink_to(keys)
    (workspace / "out").symlink_to("/etc")
    (workspace / "chain").symlink_to("out/passwd")
    if path.startswith("xx"):
        assert resolve(context, path).endswith(path)
        return
    with pytest.raises(ToolFailure, match=said):
        resolve(context, path)


def test_paths_inside_are_resolved_and_shown_relative(context: Context, workspace: Path) -> None:
    (workspace / "sub").mkdir()
    (workspace / "link").symlink_to("sub")
    assert resolve(context, "link/new") == str(workspace / "sub/new")
    assert resolve(context, str(workspace / "sub")) == str(workspace / "sub")
    assert shown(context, str(workspace / "sub/new")) == "sub/new"
    assert shown(context, str(workspace)) == "."
    assert resolve(context, context.private_tmp) == context.private_tmp
