"""Signals and settings of other processes."""

import ctypes
import platform

from tests.attacks.model import Attack, World


def victim_dead(world: World) -> bool:
    return not world.victim_alive()


def host_dead(world: World) -> bool:
    return not world.host_alive()


def worker_dead(world: World) -> bool:
    return not world.worker_answers()


def victim_signalled(world: World) -> bool:
    return world.victim_signalled()


def nice(world: World) -> bool:
    return world.victim_stat("stat").rpartition(") ")[2].split()[16] == "19"


def slowed(world: World) -> bool:
    """The victim's priority is the very one that was asked for."""
    return world.victim_stat("stat").rpartition(") ")[2].split()[16] == "18"


def idle(world: World) -> bool:
    """The victim's scheduling policy is SCHED_IDLE."""
    return world.victim_stat("stat").rpartition(") ")[2].split()[38] == "5"


def starved(world: World) -> bool:
    """The victim's input and output wait for everybody else's."""
    libc = ctypes.CDLL(None)
    number = 252 if platform.machine() == "x86_64" else 31  # ioprio_get
    victim = int(world.path("@VICTIM@"))
    return int(libc.syscall(number, 1, victim)) >> 13 == 3


def pinned(world: World) -> bool:
    line = next(line for line in world.victim_stat("status").splitlines() if line.startswith("Cpus_allowed_list"))
    return line.split()[1] == "0"


def limited(world: World) -> bool:
    return any(line.split()[3:5] == ["17", "17"] for line in world.victim_stat("limits").splitlines())


KIN = """
import signal, time
def parent(pid):
    return int(open(f"/proc/{pid}/stat").read().rpartition(") ")[2].split()[1])
def is_agent(pid):
    return b"tests.attacks.host" in command_line(pid)
def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
chain, pid = [], os.getpid()
while pid > 1 and not is_agent(pid):
    pid = parent(pid)
    chain.append(pid)
"""

SIGNALS = (
    Attack("kill-agent", "kill the agent", host_dead, shell="kill -9 @HOST@"),
    Attack("kill-victim", "kill another of the person's processes", victim_dead, shell="kill -9 @VICTIM@; sleep 0.1"),
    Attack("kill-all", "signal every process there is", victim_signalled,
           python="""
if not "@BOXED@":
    impossible("without a process namespace around the test this would reach the whole machine")
import signal
os.kill(-1, signal.SIGURG)
"""),
    Attack("kill-group", "signal the agent's process group", host_dead,
           python="""
import signal
group = os.getpgid(@HOST@)
os.kill(@HOST@, signal.SIGKILL) if group != os.getpgid(0) else os.killpg(group, signal.SIGKILL)
"""),
    Attack("kill-ancestors", "kill what runs the command: runner, server, init", worker_dead,
           python=KIN + """
for pid in reversed(chain):  # from the top: who watches over this program would end it first
    if pid > 0 and (pid != 1 or is_agent(chain[-1]) is False):
        try:
            os.kill(pid, signal.SIGKILL)
            print("killed", pid)
        except OSError as error:
            print(pid, error)
time.sleep(0.2)
"""),
    Attack("kill-server", "kill every process of the worker that can be seen", worker_dead,
           python=KIN + """
top = chain[-1] if chain else 1
def below(pid):
    while pid > 1:
        if pid == top:
            return True
        pid = parent(pid)
    return top == 1
if top == 1 and b"-S" not in command_line(1):
    top = -1  # not our worker's: leave it alone
for pid in sorted(pids()):
    try:
        if pid != os.getpid() and below(pid):
            os.kill(pid, signal.SIGKILL)
            print("killed", pid)
    except OSError as error:
        print(pid, error)
time.sleep(0.2)
"""),
    Attack("stop-server", "stop every process of the worker that can be seen", worker_dead,
           python=KIN + """
for pid in chain:
    try:
        os.kill(pid, signal.SIGSTOP)
    except OSError as error:
        print(pid, error)
""", timeout_s=1),
    Attack("kill-by-pidfd", "kill through a process descriptor", victim_dead,
           python="""
import signal, time
signal.pidfd_send_signal(os.pidfd_open(@VICTIM@), signal.SIGKILL)
time.sleep(0.1)
"""),
    Attack("kill-queued", "queue a signal", victim_dead,
           python="""
import time
info = ctypes.create_string_buffer(128)
ctypes.c_int.from_buffer(info, 0).value = 9
ctypes.c_int.from_buffer(info, 8).value = -1
call("rt_sigqueueinfo", @VICTIM@, 9, info)
time.sleep(0.1)
"""),
    Attack("kill-by-owner", "have the kernel kill when a pipe becomes ready", victim_dead,
           python="""
import fcntl, socket, time
one, two = socket.socketpair()
fcntl.fcntl(one, 10, 9)  # F_SETSIG
fcntl.fcntl(one, fcntl.F_SETOWN, @VICTIM@)
fcntl.fcntl(one, fcntl.F_SETFL, fcntl.fcntl(one, fcntl.F_GETFL) | os.O_ASYNC)
two.send(b"x")
time.sleep(0.2)
"""),
    Attack("renice-everyone", "slow down all that the person runs", slowed,
           python="""
if not "@BOXED@" and "@MODE@" in ("bare", "off"):
    impossible("nobody could undo it")
call("setpriority", 2, 0, 18)
"""),
    Attack("idle-victim", "let another process run only when nothing else does", idle,
           python="""
call("sched_setscheduler", @VICTIM@, 5, ctypes.byref(ctypes.c_int(0)))
"""),
    Attack("starve-victim", "let another process read and write only when nothing else does", starved,
           python="""
if call("ioprio_set", 1, @VICTIM@, 3 << 13) == 0:
    print("set")
try:
    call("ioprio_set", 3, 0, 3 << 13)  # all of this user's
except OSError as error:
    print(error)
""" ),
    Attack("renice-victim", "slow another process down", nice, shell="renice 19 @VICTIM@"),
    Attack("pin-victim", "pin another process to one processor", pinned,
           open_without="namespaces", python="""
if os.cpu_count() == 1:
    impossible("one processor")
os.sched_setaffinity(@VICTIM@, {0})
"""),
    Attack("limit-victim", "set another process's limits", limited,
           python="""
import resource
resource.prlimit(@VICTIM@, resource.RLIMIT_NOFILE, (17, 17))
"""),
)  # fmt: skip
