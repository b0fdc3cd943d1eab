import os
import platform
import subprocess
import sys
from collections.abc import Iterator

import pytest

from py_mono.sandbox import confine, landlock
from py_mono.sandbox.profile import LAYERS, Limits, Profile
from tests.sandbox.locking import REPOSITORY, USERS, Arena, arena_for, victims

X86 = platform.machine() == "x86_64"
UNSHARE, MOUNT, OPEN_TREE, LANDLOCK = (272 if X86 else 97), (165 if X86 else 40), 428, 444
WITHOUT_NAMESPACES = {"change a mode outside", "read the keys", "replace the keys"}
REAL = {  # what needs no privilege works unconfined: each attack is real
    "read a file outside", "list a folder outside", "read through a symbolic link", "read through a hard link",
    "write a file outside", "create a file outside", "truncate a file outside", "remove a file outside",
    "change a mode outside", "change an owner outside", "change a time outside", "read the agent's environment",
    "signal a process outside", "connect over TCP", "connect over MPTCP", "send over UDP", "connect to a UNIX socket",
    "connect to an abstract socket", "open an audit socket", "read the keys", "replace the keys", "trace", "clone3",
    "bpf", "io_uring", "keyctl", "push into a terminal", "use much memory",
}  # fmt: skip
REAL_AS_ROOT = {"read /etc/shadow", "set a kernel parameter", "read the worker's environment", "mount", "make a device",
                "open a raw socket", "open a packet socket", "change the root", "unshare", "clone into a namespace",
                "read the worker's memory"}  # fmt: skip


@pytest.fixture(params=USERS)
def arena(request: pytest.FixtureRequest) -> Iterator[Arena]:
    with arena_for(request.param) as made:
        yield made


def outcomes(arena: Arena, profile: Profile, refused: tuple[int, ...] = ()) -> tuple[set[str], dict[str, object]]:
    """The attacks that got through, and the whole answer."""
    with victims(arena) as targets:
        result = arena.attack(profile, refused=refused, **targets)
    return {name for name, outcome in result["outcomes"].items() if outcome == "done"}, result


def test_the_attacks_are_real(arena: Arena) -> None:
    through, _ = outcomes(arena, arena.profile(()))
    assert REAL - through == set()
    if arena.user == 0:
        assert REAL_AS_ROOT - through == set()


def test_nothing_gets_through_the_whole_lock(arena: Arena) -> None:
    through, result = outcomes(arena, arena.profile())
    assert through == set()
    assert result["report"] == {
        "layers": {**dict.fromkeys(LAYERS, "on"), "landlock": f"on (ABI {landlock.abi()})"},
        "open": [],
    }
    assert result["ids"] == [arena.user, arena.user, []]
    assert result["status"] == {
        "CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapBnd": 0, "CapAmb": 0, "NoNewPrivs": 1,
    }  # fmt: skip
    assert (result["own_pid"], result["cwd"]) == (1, str(arena.workspace))
    assert (arena.outside / "other").read_text() == "untouched"
    assert (arena.workspace / ".keys.enc").read_text() == "secret"


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_holds_something_of_its_own(arena: Arena, layer: str) -> None:
    through, result = outcomes(arena, arena.profile([name for name in LAYERS if name != layer]))
    as_root = arena.user == 0
    expected = {
        "namespaces": WITHOUT_NAMESPACES,
        "capabilities": {"read the worker's environment", "open a raw socket"} if as_root else set(),
        "landlock": set(),
        "seccomp": {
            "open an audit socket", "trace", "unshare", "clone into a namespace", "clone3", "bpf", "io_uring",
            "keyctl", "userfaultfd", "push into a terminal", "open a vsock",
        },
        "limits": {"use much memory"},
    }  # fmt: skip
    assert through - {"open a vsock", "userfaultfd"} == expected[layer] - {"open a vsock", "userfaultfd"}
    assert bool(result["report"]["open"])  # type: ignore[index] # it is said


@pytest.mark.parametrize("refused", [UNSHARE, MOUNT, OPEN_TREE], ids=["unshare", "mount", "open_tree"])
def test_where_namespaces_are_refused_at_any_point_the_other_layers_stand_alone(arena: Arena, refused: int) -> None:
    through, result = outcomes(arena, arena.profile(), refused=(refused,))
    assert through == WITHOUT_NAMESPACES
    assert "pid" not in result
    layers = result["report"]["layers"]  # type: ignore[index]
    assert layers["namespaces"].startswith("off: ")
    assert "not permitted" in layers["namespaces"]
    assert {name for name, state in layers.items() if state.startswith("on")} == {*LAYERS} - {"namespaces"}


def test_without_landlock_the_mounts_decide_what_is_there(arena: Arena) -> None:
    through, result = outcomes(arena, arena.profile(), refused=(LANDLOCK,))
    assert through == set()
    assert result["report"]["layers"]["landlock"] == "off: this kernel has no Landlock"  # type: ignore[index]


def test_with_neither_namespaces_nor_landlock_it_fails_closed(arena: Arena) -> None:
    result = arena.run(arena.profile(), "/bin/true", refused=(UNSHARE, LANDLOCK))
    assert result["error"] == "this machine gives neither namespaces nor Landlock, so tools cannot be confined"
    assert "--sandbox off" in result["remedy"]
    assert result["returncode"] == 3


@pytest.mark.parametrize("workspace", ["/", "/proc", "/dev/shm", "/sys"])
def test_a_workspace_that_is_the_machine_itself_is_refused(workspace: str) -> None:
    with pytest.raises(confine.ConfineError, match=f"{workspace} cannot be a workspace"):
        confine.enter(Profile(workspace=workspace, private_tmp="/tmp"), lambda _pid: None)


def test_the_reported_pid_is_the_one_its_parent_sees(arena: Arena) -> None:
    result = arena.run(arena.profile(), "/bin/true")
    assert result["pid"] > 1
    assert result["own_pid"] == 1


def test_in_the_lock_ordinary_work_goes_on(arena: Arena) -> None:
    script = """
    set -e
    echo text > "$TMPDIR/a"; test "$(cat /tmp/a)" = text; test "$(cat /var/tmp/a)" = text
    touch "$HOME/b"; mkdir -p deep/er; mv deep/er deep/est; ln -s deep link; ln own hard; chmod 700 deep; touch -d 2020-01-01 own
    head -c 10 /dev/urandom > /dev/null; echo x > /dev/shm/y; test -n "$(ls /)"; cat /etc/passwd > /dev/null
    id > /dev/null; (sleep 0 &) ; wait; cat <<X | grep -q here
here
X
    """
    result = arena.run(arena.profile(), "/bin/sh", "-c", script)
    assert (result["exit_code"], result["stderr"]) == (0, "")


def test_without_namespaces_ordinary_work_goes_on(arena: Arena) -> None:
    script = """
    set -e
    echo text > "$TMPDIR/a"; touch "$HOME/b"; mkdir -p deep/er; mv deep/er deep/est; ln -s deep link; ln own hard
    chmod 700 deep; touch -d 2020-01-01 own; cp -p own copy; test ! copy -nt own
    head -c 10 /dev/urandom > /dev/null; cat /etc/passwd > /dev/null; (sleep 0 &) ; wait; cat <<X | grep -q here
here
X
    """
    result = arena.run(arena.profile(), "/bin/sh", "-c", script, refused=(UNSHARE,))
    assert (result["exit_code"], result["stderr"]) == (0, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("layers", [LAYERS, [name for name in LAYERS if name != "namespaces"]])
def test_root_becomes_the_owner_of_the_workspace(layers: list[str]) -> None:
    with arena_for(1000) as arena, victims(arena) as targets:
        profile = arena.profile(layers)
        profile.uid = profile.gid = 1000
        readable = not os.path.realpath(sys.executable).startswith("/root") or "namespaces" in layers
        result = arena.run(profile, "/usr/bin/id", "-u", as_root=True)
        if readable:
            assert result["output"] == ["1000"], (result, targets)
        else:
            assert "cannot read this Python" in result["error"]
            assert "Run py-mono as that user" in result["remedy"]


def test_with_the_network_on_the_machines_servers_are_reached_and_unix_sockets_are_not(arena: Arena) -> None:
    with victims(arena) as targets:
        attacks = ["connect over TCP", "connect to a UNIX socket", "connect to an abstract socket", "open a vsock"]
        result = arena.attack(arena.profile(network=True), *attacks, **targets)
    assert result["outcomes"] == {
        "connect over TCP": "done", "connect to a UNIX socket": "ENOENT", "connect to an abstract socket": "EPERM",
        "open a vsock": "EAFNOSUPPORT",
    }  # fmt: skip


def test_processes_files_and_sizes_are_limited(arena: Arena) -> None:
    limits = Limits(memory_bytes=1 << 30, processes=400, open_files=50, file_bytes=1 << 20)
    code = """
import os, resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def fails(action):
    try: action()
    except OSError as error: return error.errno
    return 0
def many():
    while True: os.open("/dev/null", os.O_RDONLY)
print(fails(lambda: open("big", "wb").write(b"x" * (2 << 20))))
children = []
def bomb():
    while True:
        child = os.fork()
        if child == 0: signal.pause()
        children.append(child)
print(fails(bomb))
for child in children: os.kill(child, 9)
print(fails(many))
"""
    result = arena.run(arena.profile(limits=limits), arena.python(), "-I", "-c", code)
    assert result["output"] == ["27", "11", "24"], result


def test_a_command_in_its_own_domain_cannot_signal_the_one_that_started_it(arena: Arena) -> None:
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(arena.base / "guest")!r})
from py_mono.sandbox import landlock
child = os.fork()
if child == 0:
    print(landlock.scope_signals())
    for target in (os.getppid(), 1):
        try: os.kill(target, signal.SIGTERM); print("done")
        except OSError as error: print(error.errno)
    own = os.fork()
    if own == 0: signal.pause()
    os.kill(own, signal.SIGKILL)
    print(os.waitpid(own, 0)[1], flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    result = arena.run(arena.profile(), arena.python(), "-I", "-c", code)
    assert result["output"] == ["True", "1", "1", "9"], result


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, py_mono.sandbox.confine; print(*sorted(sys.modules))"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); {code}"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert {"typing", "dataclasses", "subprocess", "socket", "pathlib", "tempfile", "logging"} & {*loaded} == set()
