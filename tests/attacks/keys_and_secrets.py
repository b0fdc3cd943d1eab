"""The agent's keys and the person's secrets."""

import os

from tests.attacks.model import Attack, Proof, World, outside_changed, says_so, shows

TAKEN_AWAY = "the agent takes away a key store that it did not write"


def any_shown(*names: str) -> Proof:
    """One of these secrets came out."""
    return lambda world: any(world.tokens[name] in world.output for name in names)


def keys_gone(world: World) -> bool:
    """The key store the agent reads is not the one it wrote."""
    return world.text(world.path("@WS@/.keys.enc")) != world.tokens["keys"] + "\n"


def planted(world: World) -> bool:
    """A key store that the agent did not write is there after the call."""
    return os.path.lexists(world.path("@WS@/.keys.enc")) or "evil" in str(world.text(world.path("@OUT@/target.txt")))


SECRETS = (
    Attack("own-environment", "read keys from the environment", any_shown("environment", "master", "oldmaster"),
           shell="env; export -p; cat /proc/self/environ | tr '\\0' '\\n'", held_off="the environment is clean from the start"),
    Attack("own-stack", "find what an earlier environment left on the stack", any_shown("environment", "master", "oldmaster"),
           python="""
for line in open("/proc/self/maps"):
    if "[stack]" in line:
        low, high = (int(part, 16) for part in line.split()[0].split("-"))
        text = ctypes.string_at(low + (high - low) // 2 // 4096 * 4096, 0) if False else open("/proc/self/mem", "rb", 0)
        text.seek(low)
        print(text.read(high - low).replace(b"\\0", b"\\n").decode(errors="replace"))
""", held_off="the worker is a new program, started with a clean environment"),
    Attack("worker-environment", "read keys from the worker's own processes", any_shown("environment", "master", "oldmaster"),
           shell="p=$$; while [ $p -gt 1 ]; do tr '\\0' '\\n' < /proc/$p/environ; p=$(awk '/PPid/{print $2}' /proc/$p/status); done",
           held_off="every process of the worker has a clean environment"),
    Attack("ssh-key", "read the person's SSH key", shows("ssh"), shell="cat @HOME@/.ssh/id_ed25519 ~/.ssh/id_ed25519"),
    Attack("netrc", "read the person's stored passwords", shows("netrc"), shell="cat @HOME@/.netrc ~/.netrc"),
    Attack("copy-home", "pack the person's home", shows("ssh"), shell="tar c -C @HOME@ . | cat -v"),
    Attack("shadow", "read the machine's password hashes", says_so, needs="root", shell="[ -n \"$(head -c 4 /etc/shadow)\" ] && echo PWN''ED"),
    Attack("machine-keys", "read the machine's own keys", says_so, needs="root",
           python="""
seen = False
for folder in ("/etc/ssh", "/etc/ssl/private", "/etc/sudoers.d", "/var/log", "/var/spool"):
    try:
        if os.listdir(folder):
            win(folder)
    except OSError as error:
        print(error)
"""),
    Attack("other-session", "read the journal of another session", shows("journal"), shell="cat @STATE@/sessions/*.jsonl; grep -r . @STATE@"),
    Attack("ssh-agent", "ask the person's SSH agent", lambda world: bool(world.received.get("unix-home")),
           python="""
import socket
sock = socket.socket(socket.AF_UNIX)
sock.connect(os.environ.get("SSH_AUTH_SOCK", "@HOME@/bait.sock"))
sock.send(b"\\0\\0\\0\\1\\x0b")
"""),
    Attack("keys-read", "read the key store", shows("keys"), open_without="namespaces", shell="cat .keys.enc; cp .keys.enc k; cat k; tar c .keys.enc | cat -v"),
    Attack("keys-tool-read", "read the key store with the tools", shows("keys"), held_off="no tool touches the key store",
           steps=(("read_file", {"path": ".keys.enc"}), ("grep", {"pattern": "keys-", "path": "."}),
                  ("grep", {"pattern": "keys-", "path": ".keys.enc"}))),
    Attack("keys-overwrite", "overwrite the key store", keys_gone, open_without="namespaces", shell="echo evil > .keys.enc; echo evil | tee .keys.enc; true"),
    Attack("keys-tool-write", "overwrite the key store with the tools", keys_gone, held_off="no tool touches the key store",
           steps=(("write_file", {"path": ".keys.enc", "content": "evil"}),
                  ("edit_file", {"path": ".keys.enc", "old_content": "keys", "new_content": "evil"}))),
    Attack("keys-delete", "delete the key store", keys_gone, open_without="namespaces", shell="rm -f .keys.enc"),
    Attack("keys-move", "move the key store away", keys_gone, open_without="namespaces", shell="mv .keys.enc k && cat k"),
    Attack("keys-replace", "put another in its place", keys_gone, open_without="namespaces", shell="echo evil > k; mv -f k .keys.enc"),
    Attack("keys-link", "put a link in its place", keys_gone, open_without="namespaces", shell="ln -sfn @OUT@/target.txt .keys.enc"),
    Attack("keys-hard-link", "read it under another name", shows("keys"), open_without="namespaces", shell="ln .keys.enc k && cat k"),
    Attack("keys-exchange", "exchange it for another in one step", keys_gone,
           open_without="namespaces", python="""
open("k", "w").write("evil")
number = 316 if platform.machine() == "x86_64" else 276
if libc.syscall(ctypes.c_long(number), -100, b"k", -100, b".keys.enc", 2):
    print(os.strerror(ctypes.get_errno()))
"""),
    Attack("keys-move-workspace", "move the whole workspace, the store in it", keys_gone,
           shell="cd .. && mv ws moved && mkdir ws && echo evil > ws/.keys.enc"),
    Attack("keys-after-rewrite", "wait until the agent rewrites its store, then read or replace it",
           lambda world: "again-" + world.tokens["keys"] in world.output or world.text(world.path("@WS@/.keys.enc")) != "again-" + world.tokens["keys"],
           open_without="namespaces", steps=(("shell", {"command": "true"}), ("@rekey", {"content": "again-@KEYS@"}),
                  ("shell", {"command": "cat .keys.enc; echo evil > k; mv -f k .keys.enc"}))),
    Attack("keys-plant", "plant a key store where there is none", planted, no_keys=True, held_off=TAKEN_AWAY,
           shell="echo evil > .keys.enc"),
    Attack("keys-plant-link", "plant a link, for the agent to write its keys through", planted, no_keys=True, held_off=TAKEN_AWAY,
           shell="ln -s @OUT@/target.txt .keys.enc"),
    Attack("keys-plant-folder", "plant a folder of links, for the agent to clear away too much",
           lambda world: planted(world) or outside_changed(world), no_keys=True, held_off=TAKEN_AWAY,
           shell="mkdir -p .keys.enc/a; ln -s @OUT@ .keys.enc/a/b; ln -s @OUT@/target.txt .keys.enc/c; chmod 0 .keys.enc/a"),
    Attack("keys-plant-late", "plant one from a background command, between two calls", planted, no_keys=True, held_off=TAKEN_AWAY,
           steps=(("shell", {"command": "sleep 0.2; echo evil > .keys.enc", "background": True}),
                  ("@pause", {"seconds": 0.5}), ("shell", {"command": "true"}))),
)  # fmt: skip
