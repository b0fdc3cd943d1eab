"""Record sessions with the real program in a real terminal as the pictures of the docs: ``record.py docs/pictures``.

The replies come from a script (``scenes/``); the program, its lock, the tools and the project are real.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pexpect
import pyte
from pyte.screens import Char
from rich.console import Console
from rich.style import Style
from rich.text import Text

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "py_mono" / "ui" / "sample_project"
COLUMNS, ROWS = 96, 40
LIMIT_S = 60
_COLOURS = {"brown": "yellow", "brightbrown": "bright_yellow", "default": None}


@dataclass(frozen=True)
class Scene:
    """One picture.

    Attributes:
        name: Of the picture, and of its script in ``scenes/``.
        title: In the window's bar.
        arguments: Of ``py-mono``.
        keys: What is typed, each once the text before it stands on the screen.
        end: What stands on the screen when it is over; empty where the program ends by itself.
    """

    name: str
    title: str
    arguments: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    end: str = ""


PROMPT = "Two tests fail. Find out why, and fix the code, not the tests."
SCENES = (
    Scene(
        "session",
        "py-mono",
        keys=(("lock:", f"{PROMPT}\r"), ("All four tests pass.", "/undo\r"), ("Turn 1 is undone", "/redo\r")),
        end="Turn 1 is redone",
    ),
    Scene(
        "undo",
        "py-mono",
        keys=(("lock:", "Tidy up this project.\r"), ("tidy now", "/undo\r")),
        end="Turn 1 is undone",
    ),
    Scene(
        "review",
        "py-mono --review",
        ("--review",),
        keys=(("lock:", "Fix the discount.\r"), ("f>", "2\r")),
        end="done ·",
    ),
    Scene("dry_run", "py-mono -p --dry-run", ("-p", "Fix the discount.", "--dry-run")),
    Scene(
        "approve",
        "py-mono",
        keys=(("lock:", "Push it.\r"), ("1 to 5>", "5\r"), ("why>", "not before the tests ran\r")),
        end="done ·",
    ),
    Scene(
        "keys",
        "py-mono",
        keys=(
            ("lock:", f"/key groq gsk_{'0123456789' * 5}\r"),
            ("is stored", "/key list\r"),
            ("stored", "/provider groq\r"),
            ("Switched provider", "/provider\r"),
        ),
        end="Available providers",
    ),
)


class Terminal:
    """The program in a terminal, with the screen and all that scrolled off it."""

    def __init__(self, argv: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.screen = pyte.HistoryScreen(COLUMNS, ROWS, history=2000)
        self._stream = pyte.Stream(self.screen)
        self._child = pexpect.spawn(
            argv[0],
            argv[1:],
            dimensions=(ROWS, COLUMNS),
            cwd=folder,
            env=environment,
            encoding="utf-8",
        )

    def wait(self, seen: Callable[[str], bool], what: str) -> None:
        """Read until the screen is right, or end with an error that shows it."""
        end = time.monotonic() + LIMIT_S
        while not seen(self.text()):
            if time.monotonic() > end:
                sys.exit(f"{what} did not come; the screen is:\n{self.text()}")
            if not self._read():
                return

    def settle(self) -> None:
        """Read until nothing comes any more."""
        shown = ""
        while shown != self.text():
            shown = self.text()
            self._read()

    def type(self, keys: str) -> None:
        """Press keys, and let the program answer."""
        self._child.send(keys)

    def close(self) -> None:
        """End the program."""
        self._child.close(force=True)

    def rows(self) -> list[Text]:
        """Everything there is to see, oldest first, blanks at the ends of rows left out."""
        buffer = [self.screen.buffer[row] for row in range(self.screen.lines)]
        rows = [_row(line[column] for column in range(COLUMNS)) for line in (*self.screen.history.top, *buffer)]
        while rows and not rows[-1].plain:
            rows.pop()
        return rows

    def text(self) -> str:
        """The same without colours."""
        return "\n".join(row.plain for row in self.rows())

    def _read(self) -> bool:
        """Take what came; False once the program has ended."""
        try:
            # pyte knows no faint text; bright black looks much the same
            self._stream.feed(self._child.read_nonblocking(65536, timeout=0.2).replace("\x1b[2m", "\x1b[90m"))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        return True


def record(scene: Scene, folder: Path) -> str:
    """Play a scene in a new copy of the sample project; the picture."""
    project = folder / "invoice"
    shutil.copytree(SAMPLE, project, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "PY_MONO_HOME": str(folder / "home"),
        "LLM_MASTER_KEY": "no secret: the key in the picture is none",
        "PY_MONO_SCRIPT": str(HERE / "scenes" / f"{scene.name}.txt"),
    }
    program = str(Path(sys.executable).with_name("py-mono"))
    terminal = Terminal([program, "--provider", "scripted", *scene.arguments], project, environment)
    for before, keys in scene.keys:
        terminal.wait(lambda text, before=before: before in text, repr(before))  # type: ignore[misc]  # mypy cannot infer a default's type
        terminal.type(keys)
    terminal.wait(lambda text: bool(scene.end) and scene.end in text, repr(scene.end))
    terminal.settle()
    rows = terminal.rows()
    terminal.close()
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for the whole process
    for row in rows:
        console.print(row, soft_wrap=True)
    picture = console.export_svg(title=scene.title, unique_id=scene.name).replace(str(folder), "~")
    return picture.replace("<svg ", '<svg xml:space="preserve" ', 1)  # else some viewers take blanks away


def _row(cells: Iterable[Char]) -> Text:
    row = Text()
    for style, run in groupby(cells, _style):
        row.append("".join(cell.data for cell in run), style)  # the second half of a wide character is empty
    row.rstrip()
    return row


def _style(cell: Char) -> Style:
    return Style(
        color=_colour(cell.fg),
        bgcolor=_colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def _colour(name: str) -> str | None:
    if name in _COLOURS:
        return _COLOURS[name]
    if name.startswith("bright"):
        return f"bright_{name.removeprefix('bright')}"
    return name if name.isalpha() else f"#{name}"


def main() -> int:
    """Entry point."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for scene in SCENES:
        with tempfile.TemporaryDirectory(prefix="py-mono-") as folder:
            picture = record(scene, Path(folder))
        (target / f"{scene.name}.svg").write_text(picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
