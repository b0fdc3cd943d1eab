"""Swaps between the look and the act.

A folder (or a file) of the workspace and a link to the outside are exchanged in one step, again and again, so that both
names lead somewhere at every moment; whether the swap falls between a tool's look and its act is chance, and there are
hundreds of calls. With the lock off each of these gets through well within its time: that is the proof that they run
long enough. ``ATTACK_RACE_S`` makes them longer.
"""

import os
from typing import Any

from tests.attacks.model import Attack, Step, World, outside_changed, shows

SECONDS = float(os.environ.get("ATTACK_RACE_S", "1.5"))
LONGEST = SECONDS * 2 + 8  # seconds an attack may take in all

PREPARE = """
import os, random, time
from ctypes import CDLL
exchange = CDLL(None).renameat2
os.mkdir("x")
for name in ("target.txt", "secret.txt"):
    open("x/" + name, "w").write("original\\n")
open("f", "w").write("original\\n")
os.symlink("@OUT@", "swap")
os.symlink("@OUT@/secret.txt", "g")
"""
SWAP = (
    PREPARE
    + f"""
end = time.monotonic() + {SECONDS + 1}
while time.monotonic() < end:
    exchange(-100, b"x", -100, b"swap", 2)
    exchange(-100, b"f", -100, b"g", 2)
    time.sleep(random.random() * 0.0003)  # who wakes up interrupts: in the other's act, on one processor too
"""
)
KEYS = f"""
import os, time
end = time.monotonic() + {SECONDS + 1}
os.mkdir("d")
os.symlink("@OUT@/target.txt", "d/target.txt")
while time.monotonic() < end:
    for make in (lambda: os.symlink("@OUT@/target.txt", "n"), lambda: os.rename("d", "n"), lambda: open("n", "w").close()):
        try:
            make()
            os.rename("n", ".keys.enc")
            os.rename(".keys.enc", "n")
        except OSError:
            pass
        for undo in (lambda: os.rename("n", "d"), lambda: os.unlink("n"), lambda: os.mkdir("d")):
            try:
                undo()
            except OSError:
                pass
"""


def beside(swap: str, tool: str, arguments: dict[str, Any]) -> tuple[Step, ...]:
    """A program that swaps in the background, and a tool called again and again meanwhile."""
    command = f"exec -a @MARK@ @PY@ -I -S - <<'EOF'\n{swap}\nEOF"
    started: Step = ("shell", {"command": command, "background": True})
    race: Step = ("@race", {"tool": tool, "arguments": arguments, "seconds": SECONDS})
    return started, ("@pause", {"seconds": 0.3}), race


def race(name: str, goal: str, proof: Any, tool: str, **arguments: Any) -> Attack:
    """One tool against the swapping."""
    return Attack(name, goal, proof, timeout_s=LONGEST, steps=beside(SWAP, tool, arguments))


def keys_changed(world: World) -> bool:
    """The key store is not what the agent wrote, or was read."""
    return (
        world.text(world.path("@WS@/.keys.enc")) != world.tokens["keys"] + "\n" or world.tokens["keys"] in world.output
    )


def names_outside(world: World) -> bool:
    """A folder outside was listed: its socket is in none of ours."""
    return "bait.sock" in world.contents


RACES = (
    race("race-write", "swap a folder for a link while write_file writes", outside_changed,
         "write_file", path="x/target.txt", content="taken @TURN@"),
    race("race-create", "swap a folder for a link while write_file makes a file", outside_changed,
         "write_file", path="x/@TURN@.txt", content="taken @TURN@"),
    race("race-folders", "swap a folder for a link while write_file makes folders", outside_changed,
         "write_file", path="x/@TURN@/a/b.txt", content="taken @TURN@"),
    race("race-edit", "swap a folder for a link while edit_file edits", outside_changed,
         "edit_file", path="x/target.txt", old_content="original", new_content="original!"),
    race("race-read", "swap a folder for a link while read_file reads", shows("file"), "read_file", path="x/secret.txt"),
    race("race-read-file", "swap a file for a link while read_file reads", shows("file"), "read_file", path="f"),
    race("race-list", "swap a folder for a link while list_files lists", names_outside, "list_files", path="x"),
    race("race-grep", "swap a folder for a link while grep searches", shows("file"), "grep", pattern="file-", path="x"),
    Attack(
        "race-changes", "swap a folder for a link while the agent itself looks at what changed", names_outside,
        held_off="the agent walks by descriptors and follows no link", timeout_s=LONGEST,
        steps=beside(SWAP, "@changes", {}),
    ),
    Attack(
        "race-plant", "swap what bears the key store's name while the agent clears it away", outside_changed,
        held_off="the agent removes a name, and follows no link", no_keys=True, timeout_s=LONGEST,
        steps=beside(KEYS, "@clear", {}),
    ),
    Attack(
        "race-keys", "take or replace the key store in a fast loop", keys_changed, open_without="namespaces",
        timeout_s=LONGEST,
        python=f"""
import time
end = time.monotonic() + {SECONDS}
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
