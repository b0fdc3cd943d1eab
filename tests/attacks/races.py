"""Swaps between the look and the act."""

from typing import Any

from tests.attacks.model import Attack, Step, World, outside_changed, shows
from tests.attacks.paths import LOOKS

FLIP = """
import time
end = time.monotonic() + {seconds}
os.mkdir("real")
open("real/target.txt", "w").write("original\\n")
while time.monotonic() < end:
    for source in ("real", "@OUT@"):
        os.symlink(source, "next")
        os.rename("next", "x")
        time.sleep(0.0002)
"""


def beside(flip: str, tool: str, arguments: dict[str, Any], times: int) -> tuple[Step, ...]:
    """A program that swaps in the background, and a tool called again and again meanwhile."""
    command = f"exec -a @MARK@ @PY@ -I -S - <<'EOF'\nimport os\n{flip}\nEOF"
    started: Step = ("shell", {"command": command, "background": True})
    return (
        started,
        ("@pause", {"seconds": 0.3}),
        *((tool, arguments) for _ in range(times)),
        ("@pause", {"seconds": 0.1}),
    )


def keys_changed(world: World) -> bool:
    """The key store is not what the agent wrote, or was read."""
    return (
        world.text(world.path("@WS@/.keys.enc")) != world.tokens["keys"] + "\n" or world.tokens["keys"] in world.output
    )


RACES = (
    Attack(
        "race-write", "swap a folder for a link while write_file writes", outside_changed, timeout_s=10, held_off=LOOKS,
        steps=beside(FLIP.format(seconds=1.2), "write_file", {"path": "x/target.txt", "content": "taken"}, 150),
    ),
    Attack(
        "race-edit", "swap a folder for a link while edit_file edits", outside_changed, timeout_s=10, held_off=LOOKS,
        steps=beside(FLIP.format(seconds=1.2), "edit_file",
                     {"path": "x/target.txt", "old_content": "original", "new_content": "taken"}, 150),
    ),
    Attack(
        "race-read", "swap a file for a link while read_file reads", shows("file"), timeout_s=10, held_off=LOOKS,
        steps=beside(FLIP.format(seconds=1.2).replace("target", "secret"), "read_file", {"path": "x/secret.txt"}, 150),
    ),
    Attack(
        "race-keys", "take or replace the key store in a fast loop", keys_changed, open_without="namespaces", timeout_s=10,
        python="""
import time
end = time.monotonic() + 1.0
while time.monotonic() < end:
    for act in (lambda: os.write(1, open(".keys.enc", "rb").read()), lambda: os.rename(".keys.enc", "taken"),
                lambda: os.link(".keys.enc", "second"), lambda: os.write(1, open("second", "rb").read()),
                lambda: (open("mine", "w").write("x"), os.rename("mine", ".keys.enc"))):
        try:
            act()
        except OSError:
            pass
""",
    ),
)  # fmt: skip
