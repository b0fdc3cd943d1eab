"""Processes that try to outlive their call."""

import time

from tests.attacks.model import Attack, World, outlives, received, says_so

SUPERVISOR = "a background command's supervisor ends all of it, lock or no lock"
RUNNER = "the worker ends whatever a call started, lock or no lock"


def beats(world: World) -> bool:
    """Something still writes its heartbeat, after the call."""
    before = len(world.text(world.path("@WS@/beats")) or "")
    time.sleep(0.15)
    return len(world.text(world.path("@WS@/beats")) or "") > before


def neighbour_dead(world: World) -> bool:
    """A call beside it did not end well."""
    return "neighbour-well" not in world.output


DAEMONS = (
    Attack("background-job", "leave a job behind", outlives, shell="sleep @SLEEP@ >/dev/null 2>&1 &", held_off=RUNNER),
    Attack("holding-the-pipe", "leave a job that holds the output open", outlives, shell="sleep @SLEEP@ & echo started", held_off=RUNNER, timeout_s=1),
    Attack("nohup", "leave a job with nohup", outlives, shell="nohup sleep @SLEEP@ >/dev/null 2>&1 & disown", held_off=RUNNER),
    Attack("setsid", "leave a job in a session of its own", outlives, shell="setsid -f sleep @SLEEP@ >/dev/null 2>&1", held_off=RUNNER),
    Attack("double-fork", "leave a daemon in the classic way", outlives, held_off=RUNNER,
           python="""
if os.fork():
    raise SystemExit
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
for number in range(3):
    os.close(number)
os.execv("/bin/sleep", ["sleep", "@SLEEP@"])
"""),
    Attack("ignoring-signals", "leave a job that ignores every signal it can", outlives, held_off=RUNNER,
           python="""
import signal, time
if os.fork():
    raise SystemExit
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
os.setsid()
os.close(1), os.close(2)
while True:
    time.sleep(100)
"""),
    Attack("stopped", "leave a job that is stopped", outlives, held_off=RUNNER,
           shell="setsid -f bash -c 'kill -STOP $$; sleep @SLEEP@' >/dev/null 2>&1; sleep 0.1"),
    Attack("hopping", "run ahead of the killer: fork again and again, the parent ending each time", beats, held_off=RUNNER,
           python="""
import time
if os.fork():
    time.sleep(0.2)
    raise SystemExit
os.setsid()
os.close(1), os.close(2)
end = time.monotonic() + 6
beat = os.open("beats", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while time.monotonic() < end:
    os.write(beat, b".")
    if os.fork():
        os._exit(0)
"""),
    Attack("many-hoppers", "the same, a hundred at once", beats, held_off=RUNNER,
           python="""
import time
for _ in range(100):
    if os.fork() == 0:
        os.setsid()
        os.close(1), os.close(2)
        end = time.monotonic() + 6
        beat = os.open("beats", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        while time.monotonic() < end:
            os.write(beat, b".")
            if os.fork():
                os._exit(0)
        os._exit(0)
"""),
    Attack("own-subreaper", "gather one's orphans, so that nobody else finds them", outlives, held_off=RUNNER,
           python="""
import time
if os.fork():
    raise SystemExit
libc.prctl(36, 1, 0, 0, 0)
os.setsid()
os.close(1), os.close(2)
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(300)
    os._exit(0)
time.sleep(300)
"""),
    Attack("after-timeout", "go on after the time limit", outlives, timeout_s=1, held_off=RUNNER,
           shell="trap '' TERM INT HUP; (trap '' TERM; setsid sleep @SLEEP@) & sleep @SLEEP@"),
    Attack("at-exit", "fork while being ended", outlives, timeout_s=1, held_off=RUNNER,
           shell="trap 'setsid -f sleep @SLEEP@ >/dev/null 2>&1' EXIT TERM INT HUP; sleep 5 & wait"),
    Attack("vfork-parent", "sit in the kernel between fork and exec", outlives, timeout_s=1, held_off=RUNNER,
           python="""
import time
pid = libc.vfork() if False else os.fork()
if pid == 0:
    os.setsid()
time.sleep(300)
"""),
    Attack("kill-runner", "kill the one that would clean up, then stay", outlives,
           python="""
import signal, time
runner = os.getppid()
stay = os.fork()
if stay == 0:
    os.setsid()
    os.close(1), os.close(2)
    time.sleep(300)
pid = os.getpid()
for _ in range(3):
    pid = int(open(f"/proc/{pid}/stat").read().rpartition(") ")[2].split()[1])
    if pid <= 1 or b"tests.attacks" in command_line(pid):
        break
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError as error:
        print(error)
time.sleep(0.2)
""", held_off="init ends what belongs to no living runner"),
    Attack("outlive-session", "have a background command outlive the session", outlives, held_off=RUNNER,
           steps=(("shell", {"command": "trap '' TERM HUP; setsid -f sleep @SLEEP@; sleep @SLEEP@", "background": True}),
                  ("shell", {"command": "sleep 0.3"}), ("@close", {}))),
    Attack("outlive-kill", "have a background command outlive its being ended", beats, held_off=SUPERVISOR, timeout_s=6, files={"hop.py": """
import os, signal, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
end = time.monotonic() + 8
beat = os.open("beats", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while time.monotonic() < end:
    os.write(beat, b".")
    if os.fork():
        os._exit(0)
    os.setsid()
"""}, steps=(("shell", {"command": "@PY@ -I -S hop.py", "background": True}), ("shell", {"command": "job kill 1; sleep 0.2"}))),
    Attack("outlive-limit", "have a background command outlive its time limit", outlives, held_off=SUPERVISOR, timeout_s=6,
           steps=(("shell", {"command": "trap '' TERM HUP; setsid -f sleep @SLEEP@; sleep @SLEEP@; sleep @SLEEP@", "background": True,
                             "timeout": 1}),
                  ("shell", {"command": "sleep 4"}))),
    Attack("cron", "be started again later by cron or at", says_so, needs="root",
           shell="for d in /etc/cron.d /etc/cron.daily /etc/cron.hourly /var/spool/cron /etc/systemd/system "
                 "/etc/init.d /etc/profile.d; do "
                 "[ -d $d ] && : > $d/@MARK@ && rm -f $d/@MARK@ && echo PWN''ED $d; done"),
    Attack("user-services", "be started again later by the person's own services", lambda world: world.outside_changed(),
           shell="mkdir -p @HOME@/.config/systemd/user @HOME@/.config/autostart && echo x > @HOME@/.config/autostart/a.desktop"),
    Attack("ask-service-manager", "have the service manager start it", received("unix-run"),
           python="""
import socket
sock = socket.socket(socket.AF_UNIX)
sock.connect("@RUN@/bait.sock")
sock.send(b"start me")
"""),
    Attack("take-neighbour-along", "end the call that runs beside it", neighbour_dead, timeout_s=6, held_off="each command is in a signal domain of its own",
           files={"hunt.py": """
import os, time
time.sleep(0.3)
for name in os.listdir("/proc"):
    try:
        if name.isdigit() and b"prey=@MARK@" in open(f"/proc/{name}/cmdline", "rb").read():
            os.kill(int(name), 9)
    except OSError as error:
        print(error)
"""},
           steps=(("@together", {}),
                  ("shell", {"command": "prey=@MARK@; sleep 0.9; echo neighbour-'well'"}),
                  ("shell", {"command": "@PY@ -I -S hunt.py"}))),
)  # fmt: skip
