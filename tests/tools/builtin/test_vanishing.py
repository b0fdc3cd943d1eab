"""A file that is there at one moment and not at the next, as beside a build or an editor."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from py_mono.tools.builtin import edit_file, grep, list_files, read_file, write_file
from py_mono.tools.builtin.context import Context, Output, ToolFailure

FLICKER = """
import os
while os.getppid() == PARENT:
    os.rename("x.txt", "y.txt")
    os.rename("y.txt", "x.txt")
"""


def test_a_file_that_comes_and_goes_is_refused_in_words(context: Context, workspace: Path) -> None:
    (workspace / "x.txt").write_text("text\n")
    asked: list[tuple[Any, dict[str, Any]]] = [
        (write_file, {"content": "text\n"}), (read_file, {}), (list_files, {}), (grep, {"pattern": "text"}),
        (edit_file, {"old_content": "nowhere", "new_content": "x"}),
    ]  # fmt: skip
    outcomes: set[type] = set()
    flicker = subprocess.Popen([sys.executable, "-c", f"import os; PARENT = os.getppid()\n{FLICKER}"], cwd=workspace)
    try:
        for number in range(1500):
            module, arguments = asked[number % len(asked)]
            try:
                outcomes.add(type(module.run(context, path="x.txt", **arguments)))
            except ToolFailure:
                outcomes.add(ToolFailure)
    finally:
        flicker.kill()
        flicker.wait()
    assert outcomes == {Output, ToolFailure}
