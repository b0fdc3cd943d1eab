from pathlib import Path

import pytest

from py_mono.utils import shell
from py_mono.utils.shell import shell_path


@pytest.mark.parametrize(("mode", "name"), [(0o755, "bash"), (0o644, "sh"), (None, "sh")])
def test_bash_is_taken_where_it_can_be_run(
    mode: int | None, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bash = tmp_path / "bash"
    if mode is not None:
        bash.touch(mode)
    monkeypatch.setattr(shell, "_BASH", str(bash))
    assert Path(shell_path()).name == name
