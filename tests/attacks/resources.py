"""Using up the machine. Bounded: where nothing holds them, they stop by themselves at what would already be too much."""

import os
from pathlib import Path

from tests.attacks.model import Attack, World, says_so

TAIL = "output is read by a bounded reader, lock or no lock"


def flooded(world: World) -> bool:
    """The agent kept far more of the output than it may."""
    return len(world.contents) > 100_000 or len(world.screen) > 100_000


def too_late(world: World) -> bool:
    """The call went on past its limit."""
    return world.marked_alive()


def buried_by_nobody(_world: World) -> bool:
    """More dead processes than a machine has at any moment."""
    dead = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            dead += Path(f"/proc/{name}/stat").read_text().rpartition(") ")[2].startswith("Z")
        except OSError:  # it has ended
            continue
    return dead > 100


RESOURCES = (
    Attack("fork-bomb", "start processes without end", says_so, open_when="whose number of processes", timeout_s=15,
           python="""
import time
started = []
try:
    for _ in range(1500):
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        started.append(pid)
    win(len(started))
except OSError as error:
    print(len(started), error)
"""),
    Attack("thread-bomb", "start threads without end", says_so, open_when="whose number of processes", timeout_s=15,
           python="""
import _thread, time
_thread.stack_size(65536)
try:
    for _ in range(1500):
        _thread.start_new_thread(time.sleep, (60,))
    win()
except RuntimeError as error:
    print(error)
os._exit(0)
"""),
    Attack("memory-bomb", "use memory without end", says_so,
           python="""
held = []
try:
    for _ in range(12):
        held.append(b"x" * (64 << 20))
    win()
except MemoryError:
    print("refused after", len(held))
"""),
    Attack("shared-memory-bomb", "use memory through files in /dev/shm", says_so,
           python="""
try:
    with open("/dev/shm/@MARK@.big", "wb") as file:
        for _ in range(12):
            file.write(b"x" * (64 << 20))
    win()
except OSError as error:
    print(error)
finally:
    os.path.exists("/dev/shm/@MARK@.big") and os.unlink("/dev/shm/@MARK@.big")
"""),
    Attack("memory-file-bomb", "use memory through files that have no name", says_so,
           python="""
held = os.memfd_create("m")
try:
    for _ in range(12):
        os.write(held, b"x" * (64 << 20))
    if os.fstat(held).st_size >= 12 * (64 << 20):
        win()
except OSError as error:
    print(error)
"""),
    Attack("huge-file", "write one file without end", says_so,
           python="""
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    with open("big", "wb") as file:
        file.truncate(600 << 20)
    win()
except OSError as error:
    print(error)
finally:
    os.unlink("big")
"""),
    Attack("descriptors", "open files without end", says_so,
           python="""
import resource
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1200)]
    win(len(held))
except OSError as error:
    print(error)
"""),
    Attack("raised-limits", "raise one's own limits", says_so, needs="root",
           python="""
import resource
for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_DATA, resource.RLIMIT_NPROC, resource.RLIMIT_CORE):
    try:
        resource.setrlimit(kind, (1 << 19, 1 << 19))
        low, high = resource.getrlimit(kind)
        resource.setrlimit(kind, ((1 << 19) + 1, (1 << 19) + 1))
        win(kind)
    except (OSError, ValueError) as error:
        print(error)
if "@MODE@" in ("bare", "off"):
    impossible("even root may not raise its limits here")
"""),
    Attack("core-file", "leave a core file with what was in memory", says_so,
           python="""
import resource
resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20))
win()
"""),
    Attack("output-flood", "flood the agent's memory with output", flooded, shell="head -c 30000000 /dev/zero | tr '\\0' 'x'", held_off=TAIL),
    Attack("line-flood", "flood the screen with lines", flooded, shell="seq 400000", held_off=TAIL),
    Attack("endless", "run past the time limit", too_late, timeout_s=1, held_off="the worker keeps the time",
           shell="trap '' TERM HUP INT; sleep @SLEEP@ & while :; do :; done"),
    Attack("loud-endless", "print past the time limit", lambda world: world.marked_alive() or flooded(world), timeout_s=1,
           shell=": @MARK@; while :; do head -c 1000000 /dev/zero | tr '\\0' x; sleep 0.05; done", held_off="the worker keeps the time"),
    Attack("async-requests", "use up the machine's asynchronous requests", says_so,
           python="""
try:
    held = ctypes.c_ulong(0)
    call("io_setup", 1024, ctypes.byref(held))
    win()
except OSError as error:
    if error.errno in (errno.ENOSYS, errno.EAGAIN) and "@MODE@" in ("bare", "off"):
        impossible("this kernel has none, or none left")
    print(error)
"""),
    Attack("zombies", "leave dead processes that nobody buries", buried_by_nobody, held_off="the worker buries what a call left", timeout_s=6,
           python="""
import time
keeper = os.fork()
if keeper == 0:
    os.setsid()
    os.close(1), os.close(2)
    for _ in range(150):
        if os.fork() == 0:
            os._exit(0)
    time.sleep(60)
time.sleep(0.5)
"""),
    Attack("priority", "push the rest of the machine aside", says_so, needs="root",
           python="""
import resource
try:
    os.setpriority(os.PRIO_PROCESS, 0, -15)
    win()
except OSError as error:
    print(error)
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    win()
except OSError as error:
    print(error)
"""),
    Attack("locked-memory", "lock memory so that it can never be swapped", says_so, needs="root",
           python="""
import mmap
if libc.mlockall(3) == 0:
    held = b"x" * (80 << 20)
    win()
"""),
)  # fmt: skip
