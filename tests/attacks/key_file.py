"""The key file as the program really writes it: read, replaced or planted around the moment when it comes to be.

``@key`` stores a key. The bare agent writes as who thinks no harm would; the confined one as ``/key`` does, after its
person ended what was in the way.
"""

import hashlib
import re
from pathlib import Path

from tests.attacks.keys_and_secrets import any_shown
from tests.attacks.model import Attack, Proof, Step, World, shows

ENDED = "the agent ends every worker before the first key is written"
CLEARED = "the agent clears that name before it writes"
_TOKEN = re.compile(r"gAAAA[\w-]{60}")
_SAID = re.compile(r"\[sealed ([0-9a-f]{64})\]")


def stolen(world: World) -> bool:
    """A sealed key came out."""
    return _TOKEN.search(world.output) is not None


def forged(world: World) -> bool:
    """What bears the name is not what the agent wrote last."""
    said = _SAID.findall(world.output)
    try:
        return bool(said) and hashlib.sha256(Path(world.path("@WS@/.keys.enc")).read_bytes()).hexdigest() != said[-1]
    except OSError:
        return True


def either(world: World) -> bool:
    """The one or the other."""
    return stolen(world) or forged(world)


FIRST: Step = ("@key", {"name": "groq"})
LOOT: Step = ("shell", {"command": "cat loot k; true"})


def late(plant: str, *then: Step) -> tuple[Step, ...]:
    """A command that runs in the background, and acts between two calls; then the key is stored."""
    started: Step = ("shell", {"command": f"exec -a @MARK@ bash -c 'sleep 0.8; {plant}'", "background": True})
    return started, ("@pause", {"seconds": 1.2}), *then, FIRST, ("@pause", {"seconds": 0.6}), LOOT


def after(name: str, goal: str, proof: Proof, command: str = "", *, python: str = "", needs: str = "") -> Attack:
    """What a command does once the first key is stored."""
    program = f"@PY@ -I -S - <<'EOF'\nimport ctypes, mmap, os\nlibc = ctypes.CDLL(None, use_errno=True)\n{python}\nEOF"
    step: Step = ("shell", {"command": command or program})
    return Attack(name, goal, proof, steps=(FIRST, step), no_keys=True, open_without="namespaces", needs=needs)


def before(name: str, goal: str, proof: Proof, *steps: Step, held: str = CLEARED) -> Attack:
    """What was laid out for the first key."""
    return Attack(name, goal, proof, steps=steps, no_keys=True, held_off=held, timeout_s=12)


WATCH = """
import ctypes, os, sys, time
if len(sys.argv) > 1:  # out of the command's session, and of its parents
    for _ in range(2):
        if os.fork(): os._exit(0)
        os.setsid()
    import signal
    for number in (1, 2, 15): signal.signal(number, signal.SIG_IGN)
libc = ctypes.CDLL(None)
notes = libc.inotify_init1(0o4000)
libc.inotify_add_watch(notes, b".", 0xFFF)
here = os.open(".", os.O_RDONLY)
held, end = [], time.monotonic() + 3
while time.monotonic() < end:
    for act in (lambda: held.append(os.open(".keys.enc", os.O_RDONLY | os.O_NONBLOCK, dir_fd=here)),
                lambda: os.link(".keys.enc", "second"), lambda: os.read(notes, 4096)):
        try: act()
        except OSError: pass
    for number in held[-3:]:
        text = os.pread(number, 4096, 0)
        if b"gAAAA" in text: os.write(os.open("loot", os.O_CREAT | os.O_WRONLY), text)
    if len(held) > 200: [os.close(held.pop(0)) for _ in range(100)]
    @TURN@
"""
SWAP = """
    open("mine", "w").write("evil")
    try: os.rename("mine", ".keys.enc")
    except OSError: pass
"""


def beside(program: str, argument: str = "") -> str:
    """The command that runs a program under the attack's mark."""
    return f"cat > beside.py <<'EOF'\n{program}\nEOF\nexec -a @MARK@ @PY@ -I -S beside.py {argument}"


def watcher(extra: str = "pass", argument: str = "") -> str:
    """The command of a program that polls for the key file, whatever it can open, link and be told of it."""
    return beside(WATCH.replace("@TURN@", extra.strip()), argument)


def racing(name: str, goal: str, proof: Proof, command: str, *, first: bool, held: str = "") -> Attack:
    """A program beside the agent while it stores the first key, or others."""
    started: Step = ("shell", {"command": command, "background": True})
    more: tuple[Step, ...] = tuple(("@key", {"name": f"more{number}"}) for number in range(4))
    steps: tuple[Step, ...] = (
        (started, ("@pause", {"seconds": 0.5}), FIRST, *more)
        if first
        else (FIRST, started, ("@pause", {"seconds": 0.3}), *more)
    )
    return Attack(
        name, goal, proof, steps=(*steps, ("@pause", {"seconds": 0.3}), LOOT), no_keys=True, held_off=held,
        open_without="" if held else "namespaces", timeout_s=14,
    )  # fmt: skip


KEY_FILE = (
    after("key-read", "read the file by every name it has", stolen,
          "cat .keys.enc ./.keys.enc @WS@/.keys.enc; dd if=.keys.enc; tar c .keys.enc | cat -v; base64 -w0 .keys.enc | base64 -d"),
    after("key-map", "map it, or have the kernel copy it", stolen, python="""
number = os.open(".keys.enc", os.O_RDONLY)
out = os.open("k", os.O_CREAT | os.O_RDWR)
for act in (lambda: os.write(1, mmap.mmap(number, 0, prot=mmap.PROT_READ)), lambda: os.sendfile(1, number, 0, 4096),
            lambda: os.copy_file_range(number, out, 4096), lambda: os.splice(number, 1, 4096, offset_src=0)):
    try:
        act()
    except (OSError, ValueError) as error:
        print(error)
os.write(1, os.pread(out, 4096, 0))
"""),
    after("key-handle", "open it by its handle, without its name", stolen, needs="root", python="""
import struct
names, opens = (303, 304) if os.uname().machine == "x86_64" else (264, 265)
handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
mount = ctypes.c_int()
if libc.syscall(ctypes.c_long(names), -100, b".keys.enc", handle, ctypes.byref(mount), 0):
    print(os.strerror(ctypes.get_errno()))
number = libc.syscall(ctypes.c_long(opens), os.open(".", os.O_RDONLY), handle, 0)
print(os.read(number, 4096) if number >= 0 else os.strerror(ctypes.get_errno()))
"""),
    after("key-link", "give it another name, and read that", stolen,
          "mkdir d; ln .keys.enc d/k; ln .keys.enc ~/k; ln .keys.enc /tmp/k; cp -l .keys.enc k2; cat d/k ~/k /tmp/k k2"),
    after("key-git", "have git keep it, and ask git", stolen,
          "git init -q .; git add -f .keys.enc; git show :.keys.enc; git -c user.name=a -c user.email=a@b commit -qm x; "
          "git show HEAD:.keys.enc; git -c user.name=a -c user.email=a@b stash -qa; git cat-file --batch-all-objects --batch; "
          "git hash-object -w .keys.enc | xargs git cat-file -p; git diff --no-index /dev/null .keys.enc; true"),
    after("key-proc", "reach it through /proc", stolen,
          "for p in self 1 $PPID @HOST@; do cat /proc/$p/root@WS@/.keys.enc /proc/$p/cwd/.keys.enc /proc/$p/cwd/@WS@/.keys.enc; done; "
          "exec 3< .; cat /proc/self/fd/3/.keys.enc; for f in /proc/[0-9]*/fd/*; do case $(readlink $f) in *.keys.enc) cat $f;; esac; done; true"),
    after("key-unshare", "see the workspace in namespaces of one's own", stolen,
          "unshare -Urm sh -c 'umount -l @WS@/.keys.enc; mount --bind @WS@ /mnt; cat /mnt/.keys.enc @WS@/.keys.enc'; cat .keys.enc"),
    after("key-replace", "put another in its place, in every way", forged,
          "echo evil > m; ln -f m .keys.enc; mv -f m .keys.enc; ln -sfn /dev/zero .keys.enc; rm -f .keys.enc; echo evil > .keys.enc; "
          "truncate -s 0 .keys.enc; git init -q .; git -c core.bare=false checkout-index -f .keys.enc; true"),
    Attack("key-tools", "have the tools read and write it", either, no_keys=True, held_off="no tool touches the key store",
           steps=(FIRST, ("read_file", {"path": ".keys.enc"}), ("grep", {"pattern": "gAAAA", "path": "."}),
                  ("shell", {"command": "ln -s .keys.enc k"}), ("read_file", {"path": "k"}),
                  ("write_file", {"path": "k", "content": "evil"}), ("write_file", {"path": ".keys.enc", "content": "evil"}))),
    Attack("key-ahead", "have the copy that is laid down before the file is written go into a file of one's own", stolen, no_keys=True, steps=(
        FIRST, ("shell", {"command": "touch k; for f in @STATE@/keys/*.lock; do ln k ${f%.lock}.ahead.new; done; cat @STATE@/keys/*"}),
        ("@key", {"name": "more"}), LOOT)),
    racing("key-first-race", "be there when the first key is stored: open, link, watch it", either, watcher(), first=True, held=ENDED),
    racing("key-first-swap", "be there when the first key is stored, and put another in its place", either, watcher(SWAP), first=True, held=ENDED),
    racing("key-first-daemon", "outlive the workers, and be there when the first key is stored", either,
           watcher(argument="away") + "\nsleep 9", first=True, held=ENDED),
    racing("key-rewrite-race", "read it while it is rewritten in place", either, watcher(), first=False),
    racing("key-rewrite-swap", "replace it while it is rewritten in place", either, watcher(SWAP), first=False),
    before("key-plant-link", "have the first key written through a link", either, *late("ln -s k .keys.enc")),
    before("key-plant-hard-link", "have the first key written into a file with a second name", either, *late("touch k; ln k .keys.enc")),
    before("key-plant-open", "have the first key written into a file that is held open", either,
           *late("exec 3<>.keys.enc; sleep 0.6; cat <&3 >loot; cat /proc/self/fd/3 >>loot"), held=ENDED),
    before("key-plant-pipe", "have the first key written into a pipe", either, *late("mkfifo .keys.enc; cat .keys.enc >loot"), held=ENDED),
    before("key-plant-die", "have the worker die over what was planted", either, *late("touch k; ln k .keys.enc", ("@restart", {}))),
    before("key-plant-end", "leave something planted for the next session", either, *late("touch k; ln k .keys.enc", ("@reopen", {}))),
    before("key-put-back", "put another where its person removed it, for the next key", either,
           FIRST, ("shell", {"command": "true"}), ("@forget", {}), ("shell", {"command": "rm -f k loot; touch k; ln k .keys.enc"}), FIRST, LOOT),
    Attack("master-ps", "read the master key from what ps shows", any_shown("master", "oldmaster"), needs="root", shell="ps axeww"),
    Attack("master-file", "read the file that holds the master key", shows("masterfile"), shell="cat @OUT@/master.txt"),
    Attack("master-file-inside", "read one that lies in the workspace", shows("masterfile"), no_keys=True, open_without="namespaces",
           files={"old.key": "@MASTERFILE@\n"}, shell="cat old.key; ln old.key k; mv old.key k2; cp @WS@/old.key k3; cat k k2 k3"),
    Attack("container-secrets", "read the secrets of the container", shows("secret"), shell="cat @SECRETS@/*; tar c @SECRETS@ | cat -v"),
)  # fmt: skip
