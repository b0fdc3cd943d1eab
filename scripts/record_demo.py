"""Record ``py-mono demo`` in a real terminal as the picture in the README: ``record_demo.py docs/demo.svg``."""

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS, LINES = 100, 60


def recorded(argv: list[str]) -> str:
    """What a program writes to a terminal of its own, escape sequences included."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(LINES)}
    environment.pop("NO_COLOR", None)
    subprocess.run(["stty", "cols", str(COLUMNS), "rows", str(LINES)], stdin=slave, check=True)
    with subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=environment) as process:
        os.close(slave)
        pieces = []
        try:
            while piece := os.read(master, 65536):
                pieces.append(piece)
        except OSError:  # Linux's way to say that the other side is closed
            pass
        process.wait()
    os.close(master)
    if process.returncode:
        sys.exit(f"{argv[0]} ended with {process.returncode}")
    return b"".join(pieces).decode()


def committed(text: str) -> str:
    """The text as it stays on the screen: status lines that were taken away again are left out."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(re.split(r"\r\x1b\[2K", line)[-1] for line in lines)


def main() -> int:
    """Entry point."""
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        os.environ["TMPDIR"] = folder
        text = committed(recorded([str(Path(sys.executable).with_name("py-mono")), "demo"]))
    text = re.sub(re.escape(folder) + r"/[\w-]+", "/tmp/py-mono-demo", text)  # noqa: S108 - a path in a picture
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for the whole process
    console.print(Text.from_ansi(text.strip()))
    target.write_text(console.export_svg(title="py-mono demo"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
