"""Output that wants to act on the person's terminal, or to mislead the reader."""

import re

from tests.attacks.model import Attack, World

STRIPPED = "output is stripped whatever the lock"
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")
_TURNED = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
NAMES = r"""
for name in (b"\x1b]0;owned\x07", b"\x1b[2J", "\x9b31m".encode(), b"a\rb", b"\x08\x08", b"\xff\xfe", "\u202egnp.exe".encode()):
    open(b"n" + name, "w").write("needle \x1b[8mhidden\x1b[0m\n")
"""


def controls(world: World) -> bool:
    """A control character other than tab and line ends got through, in a result or while it was shown."""
    return bool(_CONTROL.search(world.screen))


def turned(world: World) -> bool:
    """A character that turns the direction of text got through."""
    return bool(_TURNED.search(world.screen))


def fake_line(world: World) -> bool:
    """A carriage return is left that would overwrite what stands before it."""
    return "\r" in world.screen.replace("\r\n", "\n")


TERMINAL = (
    Attack("escape-sequences", "set title, clipboard and colours, clear the screen", controls, held_off=STRIPPED,
           shell=r"printf '\033]0;owned\007\033]52;c;ZXZpbA==\007\033[2J\033[31mred\033[0m\033P+q\033\\\033c\033_x\033\\\n'"),
    Attack("eight-bit-escapes", "the same in eight-bit and in UTF-8 spelling", controls, held_off=STRIPPED,
           shell=r"printf '\302\2332J \302\2350;owned\302\234 \233\062J\302\205\n'"),
    Attack("split-escapes", "the same in pieces, across reads", controls, held_off=STRIPPED,
           shell=r"for c in '\033' ']' '0' ';' 'o' 'w' 'n' '\007' '\302' '\233' '2J' '\033' '[3' '1m'; do printf $c; sleep 0.02; done"),
    Attack("unfinished-escape", "leave an escape open over what follows", controls, held_off=STRIPPED,
           steps=(("shell", {"command": r"printf 'a\033]0;'"}), ("shell", {"command": r"printf 'b\033['; printf '\033' >&2"}))),
    Attack("bell-and-backspace", "rub out what was printed", controls, held_off=STRIPPED,
           shell=r"printf 'rm -rf x\b\b\b\b\b\b\b\becho ok \a\a \177 \000 \013\014\n'"),
    Attack("overwritten-line", "hide a line behind a carriage return", fake_line, held_off=STRIPPED,
           shell=r"printf 'evil command here\rharmless             \n'"),
    Attack("names-listed", "carry escapes in file names through list_files and grep", controls, held_off=STRIPPED,
           steps=(("shell", {"command": f"@PY@ -I -S - <<'EOF'{NAMES}EOF"}), ("list_files", {"path": "."}),
                  ("grep", {"pattern": "needle", "path": "."}), ("list_files", {"path": "n\x1b[2J"}), ("@changes", {}))),
    Attack("content-read", "carry escapes in a file through read_file", controls, held_off=STRIPPED,
           files={"e.txt": "one\x1b[2J\x1b]52;c;eA==\x07\ntwo \x9b31m\x08\n"},
           steps=(("read_file", {"path": "e.txt"}), ("grep", {"pattern": "one", "path": "."}),
                  ("edit_file", {"path": "e.txt", "old_content": "nothing\x1b[2J", "new_content": "x"}),
                  ("edit_file", {"path": "e.txt", "old_content": "two", "new_content": "2\x1b[2J"}))),
    Attack("names-in-errors", "carry escapes in error messages", controls, held_off=STRIPPED,
           steps=(("read_file", {"path": "no\x1b]0;x\x07such"}), ("list_files", {"path": "\x1b[2J"}),
                  ("grep", {"pattern": "\x1b[2J(", "path": "."}), ("write_file", {"path": "\x1b[2J/\x00/x", "content": ""}),
                  ("shell", {"command": "\x1b[2J", "timeout": 2}), ("\x1b[2J", {}))),
    Attack("model-text", "carry escapes in what the model says", controls, held_off=STRIPPED,
           steps=(("@say", {"text": "done\x1b]52;c;eA==\x07 \x1b[2J\x9b31m\x08 \x1b"}), ("@say", {"text": "]0;owned\x07 end"}))),
    Attack("turned-text", "reverse the direction of text, so that it reads otherwise", turned, held_off=STRIPPED,
           shell="printf 'access \u202e\u2066// check\u2069 \u2066 admin\\n'"),
)  # fmt: skip
