"""/proc, /sys and /dev: what the kernel shows of everything else."""

from tests.attacks.model import Attack, Proof, World, received, says_so, shows


def any_shown(*names: str) -> Proof:
    """One of these secrets came out."""
    return lambda world: any(world.tokens[name] in world.output for name in names)


def badness_changed(world: World) -> bool:
    return world.victim_stat("oom_score_adj").strip() == "777"


PROCFS = (
    Attack("agent-environ", "read the agent's environment", any_shown("environment", "master", "oldmaster"),
           shell="tr '\\0' '\\n' < /proc/@HOST@/environ", needs="root", held_off=""),
    Attack("every-environ", "read every process's environment", any_shown("environment", "master", "oldmaster", "victim"),
           shell="cat /proc/[0-9]*/environ /proc/[0-9]*/task/*/environ 2>/dev/null | tr '\\0' '\\n'"),
    Attack("init-environ", "read the environment of process 1", any_shown("environment", "master", "oldmaster"),
           shell="cat /proc/1/environ /proc/2/environ /proc/$PPID/environ | tr '\\0' '\\n'",
           held_off="process 1 of a machine has none of the agent's secrets: see every-environ"),
    Attack("every-cmdline", "read other processes' command lines", shows("argument"),
           open_without="namespaces", shell="cat /proc/[0-9]*/cmdline | tr '\\0' ' '"),
    Attack("agent-memory", "read the agent's memory", any_shown("environment", "master", "oldmaster"), needs="root",
           python="""
for line in open("/proc/@HOST@/maps"):
    if "[stack]" in line or "[heap]" in line:
        low, high = (int(part, 16) for part in line.split()[0].split("-"))
        with open("/proc/@HOST@/mem", "rb", 0) as memory:
            memory.seek(low)
            text = memory.read(high - low)
        at = text.find(b"OPENAI_API_KEY=")
        if at >= 0:
            print(text[at:at + 80])
"""),
    Attack("victim-memory", "read another process's memory", shows("memory"),
           python="""
with open("/proc/@VICTIM@/mem", "rb", 0) as memory:
    memory.seek(@ADDRESS@)
    print(memory.read(40))
"""),
    Attack("agent-descriptors", "read what the agent has open", shows("file"),
           shell="for f in /proc/@HOST@/fd/*; do timeout 0.2 head -c 100 $f; done 2>/dev/null", needs="root"),
    Attack("agent-folder", "walk through the agent's root and folder", shows("file"),
           shell="cat /proc/@HOST@/root@OUT@/secret.txt /proc/@HOST@/cwd/../../@OUT@/secret.txt", needs="root"),
    Attack("victim-badness", "make another process the first to be killed for memory", badness_changed,
           shell="echo 777 > /proc/@VICTIM@/oom_score_adj"),
    Attack("sysctl", "open kernel settings for writing", says_so, needs="root",
           python="""
for name in ("kernel/core_pattern", "kernel/sysrq", "vm/drop_caches", "kernel/modprobe", "net/ipv4/ip_forward"):
    try:
        os.close(os.open("/proc/sys/" + name, os.O_WRONLY))
        win(name)
    except OSError as error:
        print(error)
"""),
    Attack("sysrq", "open the trigger that reboots the machine", says_so, needs="root",
           python="""
if not os.path.exists("/proc/sysrq-trigger"):
    impossible("this kernel has no sysrq trigger")
os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))
win()
"""),
    Attack("sysfs", "open devices' settings for writing", says_so, needs="root",
           python="""
for folder in ("/sys/kernel", "/sys/module", "/sys/power", "/sys/block", "/sys/fs/cgroup"):
    for path, folders, names in os.walk(folder):
        del folders[20:]
        for name in names[:20]:
            try:
                os.close(os.open(os.path.join(path, name), os.O_WRONLY))
            except OSError:
                continue
            win(path, name)
            raise SystemExit
"""),
    Attack("raw-disk", "read the disk below the file system", says_so, needs="root",
           python="""
import stat
names = [line.split()[-1] for line in open("/proc/partitions") if line.split()[2:3] not in ([], ["#blocks"])]
for name in names:
    try:
        if os.read(os.open("/dev/" + name, os.O_RDONLY), 1):
            win(name)
    except OSError as error:
        print(error)
if "@MODE@" in ("bare", "off"):
    impossible("no block device that root may read")
"""),
    Attack("make-raw-disk", "make a device of one's own and read the disk through it", says_so, needs="root",
           python="""
import stat
for line in open("/proc/partitions"):
    parts = line.split()
    if parts[:1] in ([], ["major"]):
        continue
    try:
        os.mknod("disk" + parts[3], stat.S_IFBLK | 0o600, os.makedev(int(parts[0]), int(parts[1])))
        if os.read(os.open("disk" + parts[3], os.O_RDONLY), 1):
            win(parts[3])
    except OSError as error:
        print(error)
os.mknod("mine", stat.S_IFCHR | 0o600, os.makedev(1, 5))
if os.read(os.open("mine", os.O_RDONLY), 1) == bytes(1):
    win("a device of one's own works")
"""),
    Attack("kernel-devices", "open the kernel's memory, log and device mapper", says_so, needs="root",
           python="""
for name in ("mem", "kmem", "port", "kmsg", "loop-control", "mapper/control", "kvm", "fuse", "uinput", "rfkill",
             "net/tun", "vhost-net", "vhost-vsock", "hpet", "nvram", "vsock"):
    try:
        os.close(os.open("/dev/" + name, os.O_RDWR))
        win(name)
    except OSError as error:
        print(name, error)
"""),
    Attack("person-terminal", "write to the person's terminal", received("terminal"), shell="echo evil > @PTS@"),
    Attack("controlling-terminal", "reach the agent's terminal through /dev/tty", says_so,
           python="""
import pty
if "@MODE@" == "bare":  # a session with a terminal, as an agent's is
    pid, master = pty.fork()
    if pid:
        print(os.read(master, 100).decode())
        raise SystemExit
os.close(os.open("/dev/tty", os.O_RDWR))
win()
""", held_off="commands start in a session without a terminal"),
    Attack("kernel-log", "read the kernel's log", says_so, needs="root",
           python="""
if call("syslog", 10, None, 0) >= 0:
    win()
"""),
    Attack("kernel-addresses", "read where the kernel lies in memory", says_so, needs="root",
           python="""
lines = open("/proc/kallsyms").read(4000).splitlines()
if any(int(line.split()[0], 16) for line in lines):
    win()
elif "@MODE@" in {"bare", "off"}:
    impossible("this kernel shows no addresses even to root")
"""),
)  # fmt: skip
