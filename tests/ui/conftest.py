from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ui.screens import Start, Terminal


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    terminals: list[Terminal] = []

    def begin(columns: int = 80, rows: int = 24, **environment: str) -> Terminal:
        terminal = Terminal(tmp_path, columns, rows, **environment)
        terminals.append(terminal)
        terminal.wait_input(">")
        if environment.get("TERM") != "dumb":
            terminal.wait_for("/help")
        return terminal

    yield begin
    for terminal in terminals:
        terminal.child.close(force=True)
