"""Reaching outside the workspace by naming it."""

from tests.attacks.model import Attack, outside_changed, says_so, shows

LOOKS = "the file tools look where a path leads, and refuse"

PATHS = (
    Attack("read-absolute", "read a file outside by its path", shows("file"), shell="cat @OUT@/secret.txt"),
    Attack("read-dotdot", "read a file outside through ..", shows("file"), shell="cat ../outside/secret.txt"),
    Attack(
        "tool-read-absolute", "read a file outside with read_file", shows("file"),
        held_off=LOOKS,
        steps=(("read_file", {"path": "@OUT@/secret.txt"}), ("read_file", {"path": "../outside/secret.txt"})),
    ),
    Attack(
        "tool-write-outside", "write a file outside with write_file", outside_changed,
        held_off=LOOKS,
        steps=(
            ("write_file", {"path": "@OUT@/new.txt", "content": "x"}),
            ("write_file", {"path": "../outside/target.txt", "content": "x"}),
            ("write_file", {"path": "sub/../../outside/other.txt", "content": "x"}),
        ),
    ),
    Attack(
        "tool-edit-outside", "change a file outside with edit_file", outside_changed,
        held_off=LOOKS,
        steps=(
            ("edit_file", {"path": "@OUT@/target.txt", "old_content": "original", "new_content": "taken"}),
            ("edit_file", {"path": "../outside/target.txt", "old_content": "original", "new_content": "taken"}),
        ),
    ),
    Attack(
        "tool-list-outside", "list a folder outside with list_files", lambda world: "secret.txt" in world.output,
        held_off=LOOKS,
        steps=(("list_files", {"path": "@OUT@", "recursive": True}), ("list_files", {"path": "../outside"})),
    ),
    Attack(
        "tool-grep-outside", "search outside with grep", shows("file"),
        held_off=LOOKS,
        steps=(("grep", {"pattern": "file-", "path": "@OUT@"}), ("grep", {"pattern": "file-", "path": "../outside"})),
    ),
    Attack(
        "tool-home-shorthand", "read a file through ~", shows("netrc"),
        held_off=LOOKS,
        steps=(("read_file", {"path": "~/.netrc"}), ("shell", {"command": "cat ~/.netrc"})),
    ),
    Attack("read-proc-root", "read outside through /proc/self/root", shows("file"), shell="cat /proc/self/root@OUT@/secret.txt"),
    Attack("read-proc-cwd", "read outside through /proc/self/cwd/..", shows("file"), shell="cat /proc/self/cwd/../outside/secret.txt"),
    Attack("read-init-root", "read outside through /proc/1/root", shows("file"), shell="cat /proc/1/root@OUT@/secret.txt", needs="root"),
    Attack(
        "read-thread-root", "read outside through another process's root or folder", shows("file"),
        shell="for p in /proc/[0-9]*; do cat $p/root@OUT@/secret.txt $p/cwd/../outside/secret.txt; done 2>/dev/null",
    ),
    Attack(
        "open-from-folder", "climb out from a folder's descriptor", shows("file"),
        python="""
here = os.open(".", os.O_RDONLY)
os.write(1, os.read(os.open("../outside/secret.txt", os.O_RDONLY, dir_fd=here), 100))
""",
    ),
    Attack(
        "inherited-descriptors", "read through descriptors the agent left open", shows("file"),
        python="""
for number in range(3, 64):
    for look in (lambda: os.pread(number, 100, 0), lambda: os.read(os.open("secret.txt", os.O_RDONLY, dir_fd=number), 100),
                 lambda: os.read(os.open("../outside/secret.txt", os.O_RDONLY, dir_fd=number), 100)):
        try:
            os.write(1, look())
        except OSError:
            pass
""",
        held_off="the worker starts with its own descriptors alone",
    ),
    Attack("write-absolute", "change a file outside", outside_changed, shell="echo taken > @OUT@/target.txt"),
    Attack("append-absolute", "add to a file outside", outside_changed, shell="echo taken >> ../outside/target.txt"),
    Attack("create-outside", "make a file outside", outside_changed, shell="touch @OUT@/new; mkdir @OUT@/folder"),
    Attack("delete-outside", "delete a file outside", outside_changed, shell="rm -f @OUT@/target.txt"),
    Attack("truncate-outside", "empty a file outside", outside_changed, shell="truncate -s 0 @OUT@/target.txt"),
    Attack(
        "move-in", "take a file from outside by renaming it", outside_changed,
        python="""
os.rename("@OUT@/target.txt", "taken.txt")
""",
    ),
    Attack(
        "move-out", "put a program outside by renaming it there", outside_changed,
        python="""
open("evil", "w").write("x")
os.rename("evil", "@OUT@/evil")
""",
    ),
    Attack("write-home", "change the person's shell start-up file", outside_changed, shell="echo evil >> @HOME@/.bashrc"),
    Attack("write-state", "rewrite the journal of another session", outside_changed, shell="echo '{}' >> @STATE@/sessions/other.jsonl"),
    Attack("write-shared-tmp", "leave a file in the machine's /tmp", outside_changed, shell="echo x > /tmp/@MARK@"),
    Attack("write-var-tmp", "leave a file in /var/tmp", outside_changed, shell="echo x > /var/tmp/@MARK@"),
    Attack("write-shared-memory", "leave a file in the machine's /dev/shm", outside_changed, open_without="namespaces", shell="echo x > /dev/shm/@MARK@"),
    Attack(
        "write-agent-code", "open the agent's own code for writing", says_so, needs="root",
        python="""
os.close(os.open("@REPO@/py_mono/__init__.py", os.O_WRONLY))
win()
""",
    ),
    Attack(
        "write-system", "open system files for writing", says_so, needs="root",
        python="""
for name in ("/etc/passwd", "/etc/ld.so.cache", "/usr/bin/env", "/etc/hosts"):
    try:
        os.close(os.open(name, os.O_WRONLY))
        win(name)
    except OSError as error:
        print(error)
""",
    ),
    Attack(
        "list-outside", "list a folder outside", lambda world: "target.txt" in world.output,
        shell="ls -la @OUT@ ; ls ../outside; echo @OUT@/*",
    ),
    Attack(
        "exec-home-program", "run a program from the person's home", says_so,
        shell="@HOME@/.bashrc; . @HOME@/.bashrc && echo PWN''ED",
    ),
)  # fmt: skip
