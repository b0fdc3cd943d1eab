"""``py-mono demo``: the main job with no model on the machine. The replies are scripted; all else is real."""

import difflib
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable

from py_mono.ui.app import App
from py_mono.ui.json_mode import FAILED, exit_status
from py_mono.ui.render import Renderer
from py_mono.ui.terminal import Screen
from py_mono.utils.stdout import lost

_HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE = os.path.join(_HERE, "sample_project")
SCRIPT = os.path.join(_HERE, "demo_script.txt")
PROMPT = "Two tests fail. Find out why, and fix the code, not the tests."

_INTRODUCTION = """\
py-mono demo: fix a failing test in a small project.
No model is needed: the model's replies are scripted.
The loop, the tools, the lock and pytest are real.
The project is a fresh copy in {workspace}
{lock}

> {prompt}"""

RunTests = Callable[[], Awaitable[tuple[bool, str]]]
"""Runs the sample's tests in the lock: whether they pass, and what they print."""


def fresh_copy() -> str:
    """Copy the sample project to a new folder that nothing else uses; returns its path."""
    folder = os.path.join(tempfile.mkdtemp(prefix="py-mono-demo-"), "invoice")
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def difference(before: str, after: str) -> str:
    """A unified diff of all text files below two folders."""
    names = sorted({*_files(before), *_files(after)})
    lines: list[str] = []
    for name in names:
        old, new = _lines(os.path.join(before, name)), _lines(os.path.join(after, name))
        lines += difflib.unified_diff(old, new, f"a/{name}", f"b/{name}")
    return "".join(lines)


def _files(folder: str) -> list[str]:
    found = []
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in {"__pycache__", ".pytest_cache"}]
        found += [os.path.relpath(os.path.join(path, name), folder) for name in names]
    return found


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.readlines()
    except FileNotFoundError:
        return []


async def run(app: App, run_tests: RunTests) -> int:
    """Let the scripted model do its work, then show the diff and the passing run; returns the exit status."""
    screen = Screen(sys.stdout, app.environment, redact=app.redact)
    lock = await app.lock()
    introduction = _INTRODUCTION.format(workspace=app.workspace, lock=lock.text, prompt=PROMPT)
    screen.write(screen.fold(introduction) + "\n\n")
    app.agent.subscribe(Renderer(screen))
    with app.signals.to(app.agent.interrupt):
        finished = await app.agent.prompt(PROMPT)
    status = exit_status(finished)
    if status:
        return status
    passed, printed = await run_tests()
    screen.write("\n" + screen.paint("What changed:", "bold") + "\n")
    for line in difference(SAMPLE, app.workspace).splitlines():
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        screen.write(screen.paint(line, style) + "\n")  # type: ignore[arg-type]  # the three are styles
    screen.write("\n" + screen.paint("$ pytest", "bold") + f"\n{printed.strip()}\n")
    screen.write(f"\nThe project is yours to look at: {app.workspace}\n")
    return lost(screen.failure) or (status if passed else FAILED)
