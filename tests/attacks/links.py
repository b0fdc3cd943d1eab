"""Links and odd files planted in the workspace, then used by a tool that means well."""

from tests.attacks.model import Attack, outside_changed, shows
from tests.attacks.paths import LOOKS

LINKS = (
    Attack("link-read", "read outside through a symbolic link", shows("file"), shell="ln -s @OUT@/secret.txt l; cat l"),
    Attack("link-write", "write outside through a symbolic link", outside_changed, shell="ln -s @OUT@/target.txt l; echo taken > l"),
    Attack("hard-link-read", "read outside through a hard link", shows("file"), shell="ln @OUT@/secret.txt h && cat h"),
    Attack("hard-link-write", "write outside through a hard link", outside_changed, shell="ln @OUT@/target.txt h && echo taken > h"),
    Attack(
        "hard-link-descriptor", "link an outside file from its descriptor", outside_changed,
        python="""
held = os.open("@OUT@/target.txt", os.O_PATH)
if libc.linkat(-100, b"/proc/self/fd/%d" % held, -100, b"h", 0x400):
    raise OSError(ctypes.get_errno(), "link")
open("h", "w").write("taken")
""",
    ),
    Attack(
        "tool-read-link", "have read_file follow a link", shows("file"),
        held_off=LOOKS,
        steps=(("shell", {"command": "ln -s @OUT@/secret.txt l; ln -s ../outside d"}),
               ("read_file", {"path": "l"}), ("read_file", {"path": "d/secret.txt"})),
    ),
    Attack(
        "tool-write-link", "have write_file follow a link", outside_changed,
        held_off=LOOKS,
        steps=(("shell", {"command": "ln -s @OUT@/target.txt l; ln -s @OUT@/not-yet n; ln -s @OUT@ d"}),
               ("write_file", {"path": "l", "content": "taken"}), ("write_file", {"path": "n", "content": "taken"}),
               ("write_file", {"path": "d/new.txt", "content": "taken"}),
               ("write_file", {"path": "d/sub/new.txt", "content": "taken"})),
    ),
    Attack(
        "tool-edit-link", "have edit_file follow a link", outside_changed,
        held_off=LOOKS,
        steps=(("shell", {"command": "ln -s @OUT@/target.txt l; ln -s @OUT@ d"}),
               ("edit_file", {"path": "l", "old_content": "original", "new_content": "taken"}),
               ("edit_file", {"path": "d/target.txt", "old_content": "original", "new_content": "taken"})),
    ),
    Attack(
        "tool-walk-link", "have list_files and grep walk out through a linked folder", lambda world: "target.txt" in world.output,
        held_off=LOOKS,
        steps=(("shell", {"command": "ln -s @OUT@ d"}), ("list_files", {"path": "d", "recursive": True}),
               ("list_files", {"path": ".", "recursive": True, "max_depth": 5}), ("grep", {"pattern": "original", "path": "d"})),
    ),
    Attack(
        "tool-chain-of-links", "read outside through a chain of links", shows("file"),
        steps=(("shell", {"command": "mkdir -p a/b; ln -s ../../../outside a/b/c; ln -s a/b/c z; ln -s z/secret.txt y"}),
               ("read_file", {"path": "y"}), ("shell", {"command": "cat y"})),
    ),
    Attack(
        "tool-proc-link", "read outside through a link into /proc", shows("file"),
        held_off=LOOKS,
        steps=(("shell", {"command": "ln -s /proc/self/root p"}), ("read_file", {"path": "p@OUT@/secret.txt"}),
               ("read_file", {"path": "/proc/self/root@OUT@/secret.txt"})),
    ),
    Attack(
        "workspace-swapped", "replace the workspace by a link, then have write_file write", outside_changed,
        held_off=LOOKS,
        steps=(("shell", {"command": "cd ..; mv ws gone && ln -s outside ws"}),
               ("write_file", {"path": "new.txt", "content": "taken"}),
               ("write_file", {"path": "@WS@/new.txt", "content": "taken"})),
    ),
    Attack(
        "folder-swapped", "replace a folder by a link between two writes", outside_changed,
        held_off=LOOKS,
        steps=(("write_file", {"path": "d/a.txt", "content": "mine"}),
               ("shell", {"command": "mv d e; ln -s @OUT@ d"}),
               ("write_file", {"path": "d/a.txt", "content": "taken"})),
    ),
    Attack(
        "home-swapped",
        "replace the tools' home by a link, for the next worker to be set up through", outside_changed,
        held_off=LOOKS,
        steps=(("shell", {"command": "d=${TMPDIR:-.}; mv $d/home $d/old; ln -s @OUT@ $d/home"}),
               ("@restart", {}), ("shell", {"command": "true"})),
    ),
    Attack(
        "home-closed",
        "close the tools' home, so that no further worker can be set up", lambda world: "well-again" not in world.output,
        needs="user", held_off=LOOKS,
        steps=(("shell", {"command": "d=${TMPDIR:-@WS@}; chmod 0 $d/home $d"}),
               ("@restart", {}), ("shell", {"command": "cd @WS@ && echo well-'again'"})),
    ),
    Attack(
        "changes-walk-out", "have the agent's own look at changes walk out", lambda world: "target.txt" in world.output,
        steps=(("shell", {"command": "ln -s @OUT@ d; ln -s . loop"}), ("@changes", {})),
        held_off="changes are found without following links",
    ),
    Attack(
        "changes-hang", "have the agent hang over a pipe or an endless link", lambda world: "answered" not in world.output, timeout_s=1,
        steps=(("shell", {"command": "mkfifo p .gitignore; ln -s . a; ln -s loop loop"}), ("@changes", {}),
               ("list_files", {"path": ".", "recursive": True}), ("shell", {"command": "echo answer''ed"})),
        held_off="nothing is opened that is not a regular file",
    ),
)  # fmt: skip
